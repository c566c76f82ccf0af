//! One sample from start to result.

pub mod results;
pub mod snapshot;
