//! Processing time of each stage of a frame, measured in the running program.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Processing stages of a frame, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Whether the frame shows anything new.
    Glance,
    /// Flat field, white balance and scale.
    Optics,
    /// Cell detection and frame quality.
    Detect,
    /// Motion of the microscope stage, and which cells are new.
    Track,
    /// Cutting and classifying crops.
    Classify,
    /// The whole frame, from arrival at the counting thread to the new counts.
    Frame,
}

impl Stage {
    /// All stages, in order.
    pub const ALL: [Self; 6] = [Self::Glance, Self::Optics, Self::Detect, Self::Track, Self::Classify, Self::Frame];

    /// Its name in files and on pages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Glance => "glance",
            Self::Optics => "optics",
            Self::Detect => "detect",
            Self::Track => "track",
            Self::Classify => "classify",
            Self::Frame => "frame",
        }
    }
}

/// Processing times of a stage over the latest frames.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StageTime {
    pub stage: Stage,
    /// Median, ms.
    pub median_ms: f64,
    /// 95th percentile, ms.
    pub p95_ms: f64,
}

/// Number of latest frames measured: a few seconds of a live camera.
const FRAMES: usize = 128;

/// The latest times of every stage.
#[derive(Clone, Debug, Default)]
pub struct Timings {
    /// Microseconds, oldest first, indexed as in [`Stage::ALL`].
    latest: [VecDeque<u32>; 6],
    /// Times of the newest frame.
    newest: Vec<(Stage, Duration)>,
}

impl Timings {
    /// Runs `work` and records how long it took.
    pub fn time<T>(&mut self, stage: Stage, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let result = work();
        self.note(stage, began.elapsed());
        result
    }

    /// Records how long a stage took for one frame.
    pub fn note(&mut self, stage: Stage, took: Duration) {
        let times = &mut self.latest[stage as usize];
        if times.len() == FRAMES {
            times.pop_front();
        }
        times.push_back(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
        self.newest.push((stage, took));
    }

    /// Begins another frame.
    pub(crate) fn begin(&mut self) {
        self.newest.clear();
    }

    /// The times of the frame that began last.
    pub(crate) fn newest(&self) -> &[(Stage, Duration)] {
        &self.newest
    }

    /// Times of every stage that has run, in processing order.
    #[must_use]
    pub fn summary(&self) -> Vec<StageTime> {
        let of = |stage: Stage| {
            let mut sorted: Vec<u32> = self.latest[stage as usize].iter().copied().collect();
            sorted.sort_unstable();
            let last = sorted.len().checked_sub(1)?;
            // Nearest rank: the smallest time that this share of the frames did not exceed.
            let at = |share: f64| {
                let rank = (share * sorted.len() as f64).ceil() as usize;
                f64::from(sorted[rank.saturating_sub(1).min(last)]) / 1000.0
            };
            Some(StageTime { stage, median_ms: at(0.5), p95_ms: at(0.95) })
        };
        Stage::ALL.into_iter().filter_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_frames_take_the_median_or_less_and_old_ones_are_forgotten() {
        let mut timings = Timings::default();
        (0..1000).for_each(|_| timings.note(Stage::Detect, Duration::from_secs(9)));
        (1..=100).for_each(|ms| timings.note(Stage::Track, Duration::from_millis(ms)));
        (0..FRAMES).for_each(|_| timings.note(Stage::Detect, Duration::from_millis(4)));
        assert_eq!(
            timings.summary(),
            [
                StageTime { stage: Stage::Detect, median_ms: 4.0, p95_ms: 4.0 },
                StageTime { stage: Stage::Track, median_ms: 50.0, p95_ms: 95.0 },
            ]
        );
    }

    #[test]
    fn work_that_is_timed_gives_its_result() {
        let mut timings = Timings::default();
        assert_eq!(timings.time(Stage::Optics, || 7), 7);
        assert_eq!(timings.summary().len(), 1);
    }
}
