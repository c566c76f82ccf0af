//! How good the frames of a session are: the newest, those refused, and what the log says of it.

use std::time::{Duration, Instant};

use crate::vision::quality::{Quality, Refusals, Verdict};

/// How long frames must be judged alike before the log says so.
const LASTING: Duration = Duration::from_secs(2);

/// The judgements of one session's frames.
pub(super) struct QualityLog {
    pub(super) newest: Option<Quality>,
    pub(super) refused: Refusals,
    /// Since when frames are judged as the latest one, and the judgement that the log holds.
    since: Instant,
    logged: Option<Verdict>,
}

impl QualityLog {
    pub(super) fn new() -> Self {
        Self { newest: None, refused: Refusals::default(), since: Instant::now(), logged: None }
    }

    /// A session begins: none of its frames was refused yet.
    pub(super) fn begin(&mut self) {
        self.refused = Refusals::default();
    }

    /// A frame was judged; `counts`: frames that are not good enough are left out.
    pub(super) fn note(&mut self, quality: Quality, counts: bool) {
        if self.newest.is_none_or(|before| before.verdict != quality.verdict) {
            self.since = Instant::now();
        }
        // Single frames fail whenever the stage moves; the log keeps what lasts.
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
