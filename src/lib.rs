//! A blood-cell counter for a microscope and a small board.
//!
//! The path of a frame: a [`camera`] delivers it; [`vision`] corrects uneven light, finds the scale from the red cells,
//! boxes the cells and classifies the white ones; [`counting`] tracks the stage so that each cell is counted once, and
//! keeps the differential with its intervals and flags; the [`store`] keeps what was counted; the [`station`] runs all
//! of this, and the [`outputs`] show it: display, serial line, metrics, page, report. The command line is [`cli`].
//!
//! | room | what is in it |
//! |---|---|
//! | [`system`] | atomic file writes, retry pauses, the stop signal, threads, newest-value slots, log lines, the clock, times |
//! | [`domain`] | the types that all rooms share: class, frame, geometry |
//! | [`config`] | the configuration file: its keys, what each may hold, and what to write instead |
//! | [`camera`] | every source of frames |
//! | [`onnx`] | ONNX files: a network's layers, their attributes and constants |
//! | [`int8`] | operators for quantized networks; the only unsafe code |
//! | [`vision`] | finds and classifies the cells of one image |
//! | [`counting`] | counts each cell of a stream of frames once |
//! | [`store`] | `SQLite`: sessions, cells, results, signatures, users, audit trail |
//! | [`station`] | the daemon |
//! | [`outputs`] | one folder for each output |
//! | [`cli`] | one file for each command |
//!
//! A room imports only rooms above it in this table; `tests/architecture.rs` enforces this. The rooms down to [`counting`] are the package
//! `leukoscope-counter` (`counter.rs`): what a frame goes through is compiled for speed, the rest for size.
//!
//! Before detection only the newest frame of a live camera is kept; after it no white cell and no result is dropped.
//! Two things must never happen: counting a cell twice while it stays in view, and losing a result once it was shown.

pub mod cli;
pub mod outputs;
pub mod station;
pub mod store;

pub use leukoscope_counter::{camera, config, counting, domain, int8, onnx, system, vision};
