//! Finding and classifying the cells of one image.

mod colour;
#[path = "../common/mod.rs"]
mod common;
mod field_of_view;
mod int8_kernels;
mod int8_networks;
mod models;
mod networks;
mod pictures;
mod prevalence;
mod quality;
mod saliency;
