//! The command line and the configuration file.

mod adapt;
mod analyze;
mod audit;
mod backup;
mod backup_refused;
mod camera_check;
mod cameras;
mod check_config;
mod check_config_and_run;
mod closed_output;
#[path = "../common/mod.rs"]
mod common;
mod config;
mod config_sources;
mod count;
mod hostile;
mod model;
mod model_bench;
mod pictures;
mod red_cells;
mod remedies;
mod special_files;
mod support;
mod users;
mod validate;
mod validate_images;
mod worklist;
