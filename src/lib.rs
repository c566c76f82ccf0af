//! A blood-cell counter for a microscope and a small board.

pub mod camera;
pub mod class;
pub mod config;
pub mod frame;
pub mod hardware;
pub mod latest;
pub mod logging;
pub mod service;
pub mod session;
pub mod sink;
pub mod stop;
