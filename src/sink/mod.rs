//! Results out: one file a medium.

pub mod display;
pub mod metrics;
pub mod serial_lines;
