//! Every source of frames.

mod command;
#[path = "../common/mod.rs"]
mod common;
mod pan;
mod pictures;
mod replay;
mod simulated;
mod supervise;
