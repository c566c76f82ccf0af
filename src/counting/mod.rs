//! A stream of frames to cells that are each counted once: the stage followed, the count, its statistics, the session.

pub mod counter;
mod critical;
pub mod delta;
pub mod platelets;
pub mod quality_control;
mod readings;
pub mod red_morphology;
pub mod session;
pub mod statistics;
pub mod tally;
pub mod track;
