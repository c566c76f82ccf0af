//! How fast the vision gets through frames.

use std::time::Duration;

/// Frames a second the vision can get through, one looked at while another is counted: a running mean over about ten.
#[derive(Debug, Default)]
pub(super) struct Rate(Option<f64>);

impl Rate {
    /// A frame took so long.
    pub(super) fn step(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        self.0 = Some(self.0.map_or(seconds, |mean| 0.9 * mean + 0.1 * seconds));
    }

    pub(super) fn per_second(&self) -> Option<f64> {
        self.0.filter(|seconds| *seconds > 0.0).map(|seconds| 1.0 / seconds)
    }
}
