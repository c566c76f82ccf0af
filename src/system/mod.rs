//! Shared helpers: files written whole, backoff, the stop signal, newest-value slots, contained panics, the log, stage times.

pub mod backoff;
pub mod file;
pub mod latest;
pub mod logging;
pub(crate) mod panics;
pub mod stop;
pub mod timing;
pub mod zone;
