//! The command line and the configuration file.

mod cameras;
mod closed_output;
#[path = "../common/mod.rs"]
mod common;
mod config;
mod hostile;
mod pictures;
mod users;
mod validate;
mod validate_images;
