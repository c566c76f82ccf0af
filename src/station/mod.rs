//! The daemon: wiring, counting thread, recorder, live view, calibration, adapting and supervision.

pub mod adapt;
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
pub mod worklist;
