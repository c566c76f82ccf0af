//! One image to its cells.

#[path = "../common/mod.rs"]
mod common;
mod int8;
mod models;
mod pictures;
mod prevalence;
mod quality;
mod saliency;
