//! What a frame goes through, from the camera to the count: the lower rooms of leukoscope, whose map is in `lib.rs`.

pub mod camera;
pub mod config;
pub mod counting;
pub mod domain;
pub mod int8;
pub mod onnx;
pub mod system;
pub mod vision;
