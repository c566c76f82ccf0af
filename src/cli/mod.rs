//! Commands: what they read, what they print, and their exit codes.

pub mod adapt;
pub mod analyze;

pub mod args;
pub mod at_device;
pub mod audit;
pub mod backup;
pub mod beforehand;
pub mod calibrate;
pub mod check_config;
pub mod classify;
pub mod clock;
pub mod control;
pub mod count;
pub mod devices;
pub mod export;
pub mod failure;
mod flags;
pub mod keeping;
pub mod light_form;
pub mod lighting;
pub mod model;
pub mod output;
pub mod pictures;
mod quality_line;
pub mod report;
pub mod run;
pub mod saliency;
pub mod sessions;
pub mod station;
pub mod support;
pub mod users;
pub mod validate;
pub mod worklist;
