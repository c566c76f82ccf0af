//! The page and its API.

#[path = "../common/mod.rs"]
mod common;
mod api;
mod calibrating;
mod connections;
mod live;
mod review;
mod security;
mod station;
