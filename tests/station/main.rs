//! Starting, stopping and supervising the daemon.

#[path = "../common/mod.rs"]
mod common;
mod counting;
mod daemon;
mod service;
mod start;
mod wiring;
