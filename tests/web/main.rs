//! The page and its API.

mod adapting;
mod amendments;
mod api;
mod calibrating;
#[path = "../common/mod.rs"]
mod common;
mod connections;
mod live;
mod logins;
mod monitoring;
mod review;
mod security;
mod station;
mod two_reviewers;
mod worklist;
