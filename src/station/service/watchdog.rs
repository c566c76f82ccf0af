//! Tells systemd that the program is alive, but only while every part makes progress.
//!
//! Each looping part beats its [`Pulse`] once per iteration, even when idle. When one misses its allowance, no more
//! notices go to systemd, which then kills and restarts the program; the log names the part that is stuck.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sd_notify::NotifyState;

use crate::system::stop::Stop;

/// When a part last made progress, and how long it may take until the next time.
#[derive(Clone, Copy, Debug)]
pub struct Beat {
    /// Name of the part, for the log.
    pub part: &'static str,
    /// Longest time allowed between beats.
    pub allowance: Duration,
    /// When it last made progress.
    pub last: Instant,
}

/// Checks that every part is alive.
///
/// # Errors
/// The name of the part that is stuck; if several are, the one longest over its allowance.
pub fn alive(now: Instant, beats: &[Beat]) -> Result<(), &'static str> {
    let over = |beat: &Beat| now.saturating_duration_since(beat.last).checked_sub(beat.allowance);
    let stuck = beats.iter().filter_map(|beat| Some((over(beat).filter(|over| !over.is_zero())?, beat.part)));
    stuck.max_by_key(|(over, _)| *over).map_or(Ok(()), |(_, part)| Err(part))
}

/// The watched parts. Clones watch the same ones.
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

/// The heartbeat of one part.
#[derive(Clone, Debug)]
pub struct Pulse {
    began: Instant,
    last: Arc<AtomicU64>,
}

impl Pulse {
    /// Records that the part made progress.
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
    /// Starts watching a part.
    #[must_use]
    pub fn watch(&self, part: &'static str, allowance: Duration) -> Pulse {
        let pulse = Pulse { began: self.0.began, last: Arc::default() };
        pulse.beat();
        let part = WatchedPart { name: part, allowance, last: Arc::clone(&pulse.last) };
        self.0.parts.lock().unwrap_or_else(PoisonError::into_inner).push(part);
        pulse
    }

    /// The last beat of every part.
    #[must_use]
    pub fn beats(&self) -> Vec<Beat> {
        let parts = self.0.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let beat = |part: &WatchedPart| {
            let last = self.0.began + Duration::from_millis(part.last.load(Ordering::Relaxed));
            Beat { part: part.name, allowance: part.allowance, last }
        };
        parts.iter().map(beat).collect()
    }

    /// Notifies systemd at half its watchdog interval until the stop. Returns at once if systemd runs no watchdog.
    pub fn run(&self, stop: &Stop) {
        let Some(interval) = sd_notify::watchdog_enabled() else { return };
        // At most a thousand times a second, whatever the unit says.
        let pause = (interval / 2).max(Duration::from_millis(1));
        let mut stuck = None;
        while !stop.requested() {
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
