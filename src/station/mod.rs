//! The daemon: wiring, counting thread, recorder, live view, calibration, adapting, supervision and what monitoring sees.

pub mod adapt;
mod alarms;
pub mod calibrate;
pub mod camera_choice;
pub mod control;
pub mod drops;
pub mod health;
pub mod import;
pub mod in_force;
pub mod interrupted;
pub mod live_view;
pub mod monitor;
pub mod pipeline;
pub mod practice;
pub mod queues;
pub mod recorder;
pub mod requests;
pub mod retention;
pub mod service;
pub mod tallies;
pub mod trouble;
pub mod wiring;
pub mod worklist;
