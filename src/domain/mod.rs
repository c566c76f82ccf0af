//! The words that all rooms share. Data only: nothing here reads, writes or waits.

pub mod class;
pub mod frame;
pub mod geometry;
