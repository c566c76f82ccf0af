//! Tells systemd that the program is alive, but only while every part of it makes progress.
//!
//! A part that loops beats its [`Pulse`] once a turn, also when it has nothing to do. When one has not beaten for longer
//! than its allowance, no more notice goes to systemd, which then ends the program and starts it anew; the log says
//! which part was stuck.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sd_notify::NotifyState;

use crate::system::stop::Stop;

/// When a part last made progress, and how long it may take until it does again.
#[derive(Clone, Copy, Debug)]
pub struct Beat {
    /// Name of the part, for the log.
    pub part: &'static str,
    /// The longest it may be silent.
    pub allowance: Duration,
    /// When it last made progress.
    pub last: Instant,
}

/// Decides whether every part is alive.
///
/// # Errors
/// The name of the part that is stuck; of several, the one longest over its allowance.
pub fn alive(now: Instant, beats: &[Beat]) -> Result<(), &'static str> {
    let over = |beat: &Beat| now.saturating_duration_since(beat.last).checked_sub(beat.allowance);
    let stuck = beats.iter().filter_map(|beat| Some((over(beat).filter(|over| !over.is_zero())?, beat.part)));
    stuck.max_by_key(|(over, _)| *over).map_or(Ok(()), |(_, part)| Err(part))
}

/// The parts that are watched. Clones watch the same parts.
#[derive(Clone, Debug)]
pub struct Watchdog(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    began: Instant,
    parts: Mutex<Vec<WatchedPart>>,
}

#[derive(Debug)]
struct WatchedPart {
    name: &'static str,
    allowance: Duration,
    /// Milliseconds from `began` to the last beat.
    last: Arc<AtomicU64>,
}

/// What a part beats.
#[derive(Clone, Debug)]
pub struct Pulse {
    began: Instant,
    last: Arc<AtomicU64>,
}

impl Pulse {
    /// Says that the part made progress.
    pub fn beat(&self) {
        self.last.store(self.began.elapsed().as_millis() as u64, Ordering::Relaxed);
    }
}

impl Default for Watchdog {
    fn default() -> Self {
        Self(Arc::new(Parts { began: Instant::now(), parts: Mutex::default() }))
    }
}

impl Watchdog {
    /// Watches a part from now on.
    #[must_use]
    pub fn watch(&self, part: &'static str, allowance: Duration) -> Pulse {
        let pulse = Pulse { began: self.0.began, last: Arc::default() };
        pulse.beat();
        let part = WatchedPart { name: part, allowance, last: Arc::clone(&pulse.last) };
        self.0.parts.lock().unwrap_or_else(PoisonError::into_inner).push(part);
        pulse
    }

    /// The beats as they stand.
    #[must_use]
    pub fn beats(&self) -> Vec<Beat> {
        let parts = self.0.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let beat = |part: &WatchedPart| {
            let last = self.0.began + Duration::from_millis(part.last.load(Ordering::Relaxed));
            Beat { part: part.name, allowance: part.allowance, last }
        };
        parts.iter().map(beat).collect()
    }

    /// Tells systemd at half its interval that all is alive, until the stop. Returns at once when systemd does not ask.
    pub fn run(&self, stop: &Stop) {
        let Some(interval) = sd_notify::watchdog_enabled() else { return };
        // Never quicker than a thousand times a second, whatever the unit says.
        let pause = (interval / 2).max(Duration::from_millis(1));
        let mut stuck = None;
        while !stop.told() {
            let now = alive(Instant::now(), &self.beats());
            match now {
                Ok(()) => {
                    if let Some(part) = stuck {
                        log::warn!("watchdog: {part} goes on");
                    }
                    super::notify(&[NotifyState::Watchdog]);
                }
                Err(part) if stuck != Some(part) => {
                    log::error!("watchdog: {part} is stuck; systemd will start the program anew");
                    super::status(&format!("{part} is stuck"));
                }
                Err(_) => {}
            }
            stuck = now.err();
            if stop.wait(pause) {
                break;
            }
        }
    }
}
