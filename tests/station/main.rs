//! Starting, stopping and supervising the daemon.

mod backup;
mod clock;
#[path = "../common/mod.rs"]
mod common;
mod control;
mod counting;
mod daemon;
mod ending;
mod marks;
mod power_cut;
mod service;
mod signing;
mod start;
mod wiring;
