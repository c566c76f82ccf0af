//! What the store keeps, and how it behaves when things go wrong.

mod alarms;
mod amended_sample;
mod amendments;
mod audit;
mod camera_check;
#[path = "../common/mod.rs"]
mod common;
mod copies;
mod cost;
mod delta;
mod every_edit;
mod export;
mod fields;
mod keeping;
mod kill;
mod of_camera;
mod own_classes;
mod recorder;
mod red_cells;
mod retention;
mod source;
mod store;
mod tampering;
mod trouble;
mod two_reviewers;
mod worklist;
