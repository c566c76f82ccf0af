//! Shared helpers: files written whole, backoff, the stop signal, newest-value slots, the log, stage times.

pub mod backoff;
pub mod file;
pub mod latest;
pub mod logging;
pub mod stop;
pub mod timing;
pub mod zone;
