//! Holds a recorded or simulated camera to its frame rate.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

/// Longest interval between two frames, s: a slower pace would look like a stall.
const SLOWEST: f64 = 2.0;

/// Schedules the next frame.
#[derive(Debug)]
pub(super) struct Pace {
    /// Time between frames; none means as fast as frames are processed.
    interval: Option<Duration>,
    due: Option<Instant>,
}

impl Pace {
    /// `frame_rate` in frames a second; 0 or an invalid rate means no pacing.
    pub(super) fn new(frame_rate: f64) -> Self {
        let interval = (frame_rate.is_finite() && frame_rate > 0.0)
            .then(|| Duration::from_secs_f64((1.0 / frame_rate).clamp(0.000_1, SLOWEST)));
        Self { interval, due: None }
    }

    /// Whether frames come as fast as they are processed.
    pub(super) fn is_free(&self) -> bool {
        self.interval.is_none()
    }

    /// Waits until the next frame is due, and returns how many earlier ones were missed.
    pub(super) fn wait(&mut self) -> u64 {
        let Some(interval) = self.interval else { return 0 };
        let now = Instant::now();
        let due = *self.due.get_or_insert(now);
        let missed = (now.saturating_duration_since(due).as_nanos() / interval.as_nanos().max(1)) as u32;
        let due = due + interval * missed;
        thread::sleep(due.saturating_duration_since(now));
        self.due = Some(due + interval);
        u64::from(missed)
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.interval {
            Some(interval) => write!(f, "{:.4} frames a second", 1.0 / interval.as_secs_f64()),
            None => f.write_str("as fast as frames are used"),
        }
    }
}
