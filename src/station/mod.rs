//! The daemon: its wiring, the counting thread, what it records, what it shows live, calibration, supervision.

pub mod calibrate;
pub mod drops;
pub mod in_force;
pub mod live_view;
pub mod pipeline;
pub mod recorder;
pub mod requests;
pub mod retention;
pub mod service;
pub mod trouble;
pub mod wiring;
