//! What the store keeps, and how it behaves when things go wrong.

mod amendments;
mod audit;
mod camera_check;
#[path = "../common/mod.rs"]
mod common;
mod copies;
mod delta;
mod export;
mod kill;
mod of_camera;
mod recorder;
mod retention;
mod store;
mod tampering;
mod trouble;
mod two_reviewers;
mod worklist;
