//! Keeps a recorded or simulated camera at its frame rate.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

/// Longest time between two frames, s: slower would look like a stall.
const SLOWEST: f64 = 2.0;

/// When the next frame is due.
#[derive(Debug)]
pub(super) struct Pace {
    /// Time between frames; none means as fast as frames are used.
    interval: Option<Duration>,
    due: Option<Instant>,
}

impl Pace {
    /// `frame_rate` in frames a second; 0, or what is no rate, means no pace.
    pub(super) fn new(frame_rate: f64) -> Self {
        let interval = (frame_rate.is_finite() && frame_rate > 0.0)
            .then(|| Duration::from_secs_f64((1.0 / frame_rate).clamp(0.000_1, SLOWEST)));
        Self { interval, due: None }
    }

    /// Whether frames come as fast as they are used.
    pub(super) fn is_free(&self) -> bool {
        self.interval.is_none()
    }

    /// Waits until the next frame is due, and says how many were due before it and missed.
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
