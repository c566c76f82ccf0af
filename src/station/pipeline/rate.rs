//! Frame rate that the vision can sustain.

use std::time::Duration;

/// Frames per second that the vision can process, detecting on one frame while counting another: a running mean over
/// about ten frames.
#[derive(Debug, Default)]
pub(super) struct Rate(Option<f64>);

impl Rate {
    /// Records the time one frame took.
    pub(super) fn step(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        self.0 = Some(self.0.map_or(seconds, |mean| 0.9 * mean + 0.1 * seconds));
    }

    pub(super) fn per_second(&self) -> Option<f64> {
        self.0.filter(|seconds| *seconds > 0.0).map(|seconds| 1.0 / seconds)
    }
}
