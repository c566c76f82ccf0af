//! The command line and the configuration file.

#[path = "../common/mod.rs"]
mod common;
mod config;
mod users;
mod validate;
mod validate_images;
