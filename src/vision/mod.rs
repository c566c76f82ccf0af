//! One image to its cells: light, scale, detection, crops, classes. No memory from image to image.

pub mod adapt;
mod analysis;
pub mod annotate;
pub mod box_margin;
pub mod card_seal;
pub mod classify;
pub mod colour_map;
pub mod crop;
pub mod detect;
mod field;
pub mod models;
pub mod net;
pub mod optics;
pub mod parasites;
mod parasites_card;
pub mod prediction;
pub mod prevalence;
pub mod profile;
pub mod quality;
mod red_card;
pub mod red_cells;
mod red_measure;
pub mod stain;
pub mod tempering;

pub use analysis::{Lighting, Vision};
pub(crate) use field::SAME_PLATELET;
pub use field::{Cell, Field, VisionError};
