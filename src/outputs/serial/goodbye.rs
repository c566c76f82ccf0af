//! When a port that takes no more bytes is given up after the stop signal.

use std::time::{Duration, Instant};

/// After the stop signal, how long a port may take no bytes before the rest is abandoned.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// After the stop signal, how long results may still go out in all: the program ends within 5 s, and what did not go
/// out is sent after the next start.
const LONGEST_GOODBYE: Duration = Duration::from_secs(3);

/// Tracks the time between the stop signal and closing the port.
pub(super) struct Goodbye {
    began: Instant,
    progress: (u64, u64, u64),
    since: Instant,
}

impl Goodbye {
    pub(super) fn new(now: Instant) -> Self {
        Self { began: now, progress: Default::default(), since: now }
    }

    pub(super) fn is_over(&mut self, progress: (u64, u64, u64), now: Instant) -> bool {
        if progress != self.progress {
            (self.progress, self.since) = (progress, now);
        }
        now >= self.since + LAST_WORDS || now >= self.began + LONGEST_GOODBYE
    }
}
