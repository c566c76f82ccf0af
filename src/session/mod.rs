//! One sample from start to result.

pub mod snapshot;
