//! The page and its API.

mod adapting;
mod alarms;
mod api;
mod calibrating;
#[path = "../common/mod.rs"]
mod common;
mod connections;
mod fields;
mod health;
mod laboratory;
mod live;
mod logins;
mod manual;
mod monitoring;
mod practice;
mod quality;
mod review;
mod security;
mod station;
mod support;
mod trail;
mod worklist;
