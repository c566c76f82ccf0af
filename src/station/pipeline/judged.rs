//! Frame quality of a session: the newest frame, the number refused, and what goes to the log.

use std::time::{Duration, Instant};

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
}

impl QualityLog {
    pub(super) fn new() -> Self {
        Self { newest: None, refused: Refusals::default(), since: Instant::now(), logged: None }
    }

    /// Resets the refusals at the start of a session.
    pub(super) fn begin(&mut self) {
        self.refused = Refusals::default();
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
        self.newest = Some(quality);
    }
}
