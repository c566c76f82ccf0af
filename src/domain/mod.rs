//! The words that all rooms share. Data only: nothing here reads, writes or waits.

pub mod class;
pub mod counts;
pub mod flag;
pub mod frame;
pub mod geometry;
pub mod interval;
pub mod prevalence_mode;
pub mod scale;
