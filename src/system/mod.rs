//! What every room may use of the machine: files written whole, pauses between tries, the stop signal, the newest value, log lines, times.

pub mod backoff;
pub mod file;
pub mod latest;
pub mod logging;
pub mod stop;
pub mod timing;
