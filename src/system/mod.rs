//! Shared helpers: files written whole, backoff, the stop signal, newest-value slots, the log, text that
//! is safe to print, stage times.

pub mod backoff;
pub mod file;
pub mod latest;
pub mod logging;
pub mod printable;
pub mod stop;
pub mod timing;
