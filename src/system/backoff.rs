//! Growing pauses between retries: each twice as long as the one before, up to a maximum.

use std::time::Duration;

/// Retry pauses of one device. Pure: the caller does the waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    /// Failed tries since the start or the last [`Backoff::reset`].
    tries: u32,
}

impl Backoff {
    /// Pauses from `first`, doubling up to `longest`.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, tries: 0 }
    }

    /// The pause before the next try.
    pub fn pause(&mut self) -> Duration {
        let factor = 2_u32.saturating_pow(self.tries);
        self.tries = self.tries.saturating_add(1);
        self.first.saturating_mul(factor).min(self.longest)
    }

    /// Starts over with the first pause, because the device worked.
    pub fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_again_after_a_success() {
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(5));
        let mut pauses = |count: usize| (0..count).map(|_| backoff.pause().as_millis()).collect::<Vec<_>>();
        assert_eq!(pauses(6), [500, 1000, 2000, 4000, 5000, 5000]);
        assert_eq!(pauses(100), [5000; 100], "however often it fails");
        backoff.reset();
        assert_eq!(backoff.pause(), Duration::from_millis(500));
    }
}
