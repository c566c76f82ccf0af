//! The daemon: the counting thread, what it records, what it shows live, calibration, supervision.

pub mod calibrate;
pub mod live_view;
pub mod pipeline;
pub mod recorder;
pub mod service;
pub mod trouble;
