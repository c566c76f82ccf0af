//! The page and its API.

mod adapting;
mod api;
mod calibrating;
#[path = "../common/mod.rs"]
mod common;
mod connections;
mod health;
mod live;
mod logins;
mod manual;
mod monitoring;
mod practice;
mod review;
mod security;
mod station;
mod support;
mod worklist;
