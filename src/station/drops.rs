//! What was given up so that the count goes on: each counted, for the metrics, and named in the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What can be given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// A request to the count, while too many waited; whoever asked heard of it.
    Command,
    /// A request for a calibration, while another waited; whoever asked heard of it.
    CalibrationRequest,
    /// A white cell's picture, while the store could not follow.
    Picture,
    /// What is kept of a red cell or platelet, while the store could not follow. It counts all the same.
    Cell,
}

impl Dropped {
    /// Everything that can be given up.
    pub const ALL: [Self; 4] = [Self::Command, Self::CalibrationRequest, Self::Picture, Self::Cell];

    /// The word for it in metrics and log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::CalibrationRequest => "calibration_request",
            Self::Picture => "picture",
            Self::Cell => "cell",
        }
    }
}

/// How many of each, since the program began; clones share the counts.
#[derive(Clone, Debug, Default)]
pub struct Drops(Arc<[AtomicU64; Dropped::ALL.len()]>);

impl Drops {
    /// Counts one more. The log names the first, and then each time that their number has doubled.
    pub fn note(&self, what: Dropped) {
        let count = self.0[what as usize].fetch_add(1, Ordering::Relaxed) + 1;
        if count.is_power_of_two() {
            log::warn!("given up so that the count goes on: {} x {count} since the start", what.name());
        }
    }

    /// How many so far.
    #[must_use]
    pub fn of(&self, what: Dropped) -> u64 {
        self.0[what as usize].load(Ordering::Relaxed)
    }
}
