//! Storing a result: before anything shows it, and before the next sample begins.

use std::time::{Duration, Instant};

use super::Counting;
use crate::counting::session::snapshot::{EarlierResult, Snapshot};
use crate::station::trouble::Part;
use crate::store::records::Settings;

/// Delay before storing a result is retried.
const KEEP_AGAIN: Duration = Duration::from_secs(5);

/// A result that is not on disk yet.
pub(super) struct Unkept {
    result: Snapshot,
    /// Settings in force when the count ended.
    settings: Settings,
    /// Who stopped the count, if somebody did.
    stopped_by: Option<String>,
    /// When to try to store it again.
    pub(super) again: Instant,
}

/// A requested sample, with its id if one was given.
pub(super) struct NextSample {
    pub(super) id: Option<String>,
    /// Who requested it, by the name for the audit trail.
    pub(super) by: String,
}

impl Counting {
    /// Stores the result of a count that just ended, before any sink shows it as done.
    pub(super) fn ended(&mut self, stopped_by: Option<String>) {
        let result = self.snapshot();
        log::info!(
            "sample {}: {} white cells, {} in the differential, flags {:?}",
            result.sample,
            result.kinds.wbc,
            result.counted,
            result.flags
        );
        let settings = self.current.settings.clone();
        self.unkept = Some(Unkept { result, settings, stopped_by, again: Instant::now() });
        self.keep();
        self.publish();
    }

    pub(super) fn keep(&mut self) {
        let Some(Unkept { result, settings, stopped_by, again }) = &mut self.unkept else { return };
        let named = self.session.named().collect();
        let (kept, of, by) = (result.clone(), settings.clone(), stopped_by.clone());
        match self.connections.recorder.finish_stopped(named, kept, of, by) {
            Ok(number) => {
                log::info!("sample {}: result {number} is kept", result.sample);
                self.unkept = None;
                self.connections.troubles.set(Part::Results, None);
                self.begin_next();
            }
            Err(error) => {
                log::error!("{error}");
                self.connections.troubles.set(Part::Results, Some(error.to_string()));
                *again = Instant::now() + KEEP_AGAIN;
            }
        }
    }

    /// Looks up whether the sample has a signed result already, for everybody to see while it is counted again.
    pub(super) fn look_up_earlier(&mut self, sample: &str) {
        let found = self.connections.store.as_ref().map(|store| store.signed_before(sample)).transpose();
        self.earlier = found
            .unwrap_or_else(|problem| {
                log::error!("whether sample {sample} has an earlier result cannot be read: {problem}");
                None
            })
            .flatten();
        if let Some(EarlierResult { session, by, .. }) = &self.earlier {
            log::warn!("sample {sample} has a signed result already: session {session}, signed by {by}");
        }
    }

    /// Begins the requested sample, unless the result before it is not stored yet: the recorder holds one session at a
    /// time.
    pub(super) fn begin_next(&mut self) {
        if self.unkept.is_none()
            && let Some(NextSample { id, by }) = self.next.take()
        {
            self.begin(id, by);
        }
    }
}
