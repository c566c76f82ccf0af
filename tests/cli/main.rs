//! The command line and the configuration file.

mod analyze;
mod cameras;
mod closed_output;
#[path = "../common/mod.rs"]
mod common;
mod config;
mod users;
mod validate;
mod validate_images;
