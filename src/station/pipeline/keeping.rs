//! The result of a count: kept before anybody is told of it, and before the next sample begins.

use std::time::{Duration, Instant};

use super::Counting;
use crate::counting::session::snapshot::Snapshot;
use crate::station::trouble::Part;
use crate::store::records::Settings;

/// Pause between two tries to keep a result that could not be kept.
const KEEP_AGAIN: Duration = Duration::from_secs(5);

/// A result that is not on the disk yet.
pub(super) struct Unkept {
    result: Snapshot,
    /// What was in force when it came to be.
    settings: Settings,
    /// When to try again to keep it.
    pub(super) again: Instant,
}

/// A sample that somebody asked for, with its id if one was given.
pub(super) struct NextSample(pub(super) Option<String>);

impl Counting {
    /// Keeps the result that just came to be, before anybody is told that it stands.
    pub(super) fn ended(&mut self) {
        let result = self.snapshot();
        log::info!(
            "sample {}: {} white cells, {} in the differential, flags {:?}",
            result.sample,
            result.kinds.wbc,
            result.counted,
            result.flags
        );
        self.unkept = Some(Unkept { result, settings: self.current.settings.clone(), again: Instant::now() });
        self.keep();
        self.tell();
    }

    pub(super) fn keep(&mut self) {
        let Some(Unkept { result, settings, again }) = &mut self.unkept else { return };
        let named = self.session.named().collect();
        match self.connections.recorder.finish(named, result.clone(), settings.clone()) {
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

    /// Begins the sample that was asked for, unless the result before it is not safe yet: two sessions at once would mix.
    pub(super) fn begin_next(&mut self) {
        if self.unkept.is_none()
            && let Some(NextSample(id)) = self.next.take()
        {
            self.begin(id);
        }
    }
}
