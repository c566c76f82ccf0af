//! A stream of frames, with each cell counted once.

#[path = "../common/mod.rs"]
mod common;
mod control;
mod coverage;
mod coverage_correction;
mod live_count;
mod objective;
mod platelets;
mod rivals;
mod statistics;
mod track;
