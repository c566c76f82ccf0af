//! Starting, stopping and supervising the daemon.

mod backup;
mod clock;
#[path = "../common/mod.rs"]
mod common;
mod counting;
mod daemon;
mod ending;
mod service;
mod signing;
mod start;
mod wiring;
