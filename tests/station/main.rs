//! The daemon as it is started, stopped and supervised.

#[path = "../common/mod.rs"]
mod common;
mod counting;
mod daemon;
mod service;
mod start;
mod wiring;
