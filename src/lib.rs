//! A blood-cell counter for a microscope and a small board.
//!
//! The way of a frame: a [`camera`] gives it; [`vision`] takes out uneven light, finds the scale by the red cells, boxes
//! the cells and names the white ones; [`counting`] follows the stage so that each cell is counted once, and keeps the
//! differential with its intervals and flags; the [`store`] keeps what was counted; the [`station`] runs all of this, and
//! [`outputs`] show it: display, serial line, metrics, page, report. The command line is [`cli`].
//!
//! | room | what is in it |
//! |---|---|
//! | [`system`] | files written whole, pauses between tries, the stop signal, the newest value, log lines, times |
//! | [`domain`] | the words all share: class, frame, geometry |
//! | [`config`] | the configuration file: its keys, what each may hold, and what to write instead |
//! | [`camera`] | every source of frames |
//! | [`int8`] | operators for quantized networks; the only unsafe code |
//! | [`vision`] | one image to its cells |
//! | [`counting`] | a stream of frames to cells counted once |
//! | [`store`] | `SQLite`: sessions, cells, results, signatures, users, audit trail |
//! | [`station`] | the daemon |
//! | [`outputs`] | a folder for each medium |
//! | [`cli`] | a file for each command |
//!
//! A room imports only rooms above it in this table; `tests/architecture.rs` holds that order.
//!
//! Before detection only a live camera's newest frame is kept; after it no white cell and no result is dropped. Two
//! things must not happen: a cell counted twice while it stays in view, and a result lost once it was shown.

pub mod camera;
pub mod cli;
pub mod config;
pub mod counting;
pub mod domain;
pub mod int8;
pub mod outputs;
pub mod station;
pub mod store;
pub mod system;
pub mod vision;
