//! A blood-cell counter for a microscope and a small board.

pub mod annotate;
pub mod camera;
pub mod class;
pub mod classify;
pub mod config;
pub mod counter;
pub mod crop;
pub mod detect;
pub mod frame;
pub mod geometry;
pub mod hardware;
pub mod latest;
pub mod models;
pub mod net;
pub mod optics;
pub mod service;
pub mod session;
pub mod sink;
pub mod stop;
pub mod tally;
pub mod track;
pub mod validate;
pub mod vision;
