//! Every source of frames.

#[path = "../common/mod.rs"]
mod common;
mod command;
mod pan;
mod replay;
mod simulated;
mod supervise;
