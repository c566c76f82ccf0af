//! Shared helpers: files written whole, backoff, the stop signal, threads, newest-value slots, contained panics, work on
//! all cores, the log, the clock, memory, text that is safe to print, stage times, the board's temperature, installed typefaces.

pub mod backoff;
pub mod board;
pub mod clock;
pub mod file;
pub mod fonts;
pub mod holder;
pub mod latest;
pub mod logging;
pub mod memory;
pub(crate) mod panics;
pub mod parallel;
pub mod printable;
pub mod recent_log;
pub mod stop;
pub mod threads;
pub mod timing;
pub mod zone;
