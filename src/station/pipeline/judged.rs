//! Frame quality of a session: the newest frame, the number refused, and what goes to the log.

use std::time::{Duration, Instant};

use crate::counting::quality_control::Look;
use crate::vision::quality::{Quality, Refusals, Verdict};

/// How long a verdict must hold before it is logged.
const LASTING: Duration = Duration::from_secs(2);

/// The quality verdicts of one session's frames.
pub(super) struct QualityLog {
    pub(super) newest: Option<Quality>,
    pub(super) refused: Refusals,
    /// When the current verdict began, and the verdict last logged.
    since: Instant,
    logged: Option<Verdict>,
    /// Good frames of the session, and the sums of their background and sharpness.
    good: u32,
    background: f64,
    sharpness: f64,
}

impl QualityLog {
    pub(super) fn new() -> Self {
        Self {
            newest: None,
            refused: Refusals::default(),
            since: Instant::now(),
            logged: None,
            good: 0,
            background: 0.0,
            sharpness: 0.0,
        }
    }

    /// Resets the refusals at the start of a session.
    pub(super) fn begin(&mut self) {
        self.refused = Refusals::default();
        (self.good, self.background, self.sharpness) = (0, 0.0, 0.0);
    }

    /// How the frames of the session were, of `used` in all.
    pub(super) fn look(&self, um_per_px: Option<f64>, used: u64) -> Look {
        let mean = |sum: f64| (self.good > 0).then(|| sum / f64::from(self.good));
        let blurred = self.refused.get(Verdict::OutOfFocus) as f64;
        Look {
            um_per_px,
            background: mean(self.background),
            sharpness: mean(self.sharpness),
            out_of_focus_percent: if used == 0 { 0.0 } else { 100.0 * blurred / used as f64 },
        }
    }

    /// Records one frame's quality. `counts`: frames that are not good enough are left out.
    pub(super) fn note(&mut self, quality: Quality, counts: bool) {
        if self.newest.is_none_or(|before| before.verdict != quality.verdict) {
            self.since = Instant::now();
        }
        // Single frames fail whenever the stage moves; only lasting verdicts are logged.
        let (verdict, logged) = (quality.verdict, self.logged);
        if logged != Some(verdict) && self.since.elapsed() >= LASTING {
            match verdict.advice() {
                Some(advice) => log::info!("{advice}"),
                None if logged.is_some() => log::info!("frames are good again"),
                None => {}
            }
            self.logged = Some(verdict);
        }
        if counts {
            self.refused.note(verdict);
        }
        if !verdict.refuses() {
            self.good = self.good.saturating_add(1);
            self.background += quality.background;
            self.sharpness += quality.sharpness;
        }
        self.newest = Some(quality);
    }
}
