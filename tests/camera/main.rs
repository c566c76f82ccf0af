//! Every source of frames.

mod command;
#[path = "../common/mod.rs"]
mod common;
mod pan;
mod replay;
mod simulated;
mod supervise;
