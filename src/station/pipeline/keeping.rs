//! Storing a result: before anything shows it, and before the next sample begins.

use std::time::{Duration, Instant};

use super::{Calibrator, Counting};
use crate::counting::session::snapshot::{EarlierResult, Snapshot};
use crate::station::calibrate::taken_with;
use crate::station::trouble::Part;
use crate::store::records::Settings;
use crate::vision::optics::calibration::Setup;

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
        let settings = self.settings();
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
                if !result.is_control() {
                    self.connections.tallies.result(result);
                }
                let of = settings.taken_with.clone();
                self.unkept = None;
                self.look_up_check(of.as_ref());
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

    /// Settings in force, with the camera as it is called now: one that is plugged in late tells its name late.
    pub(super) fn settings(&self) -> Settings {
        let Calibrator { camera, optics, .. } = &self.connections.calibrator;
        Settings { taken_with: Some(taken_with(camera, optics)), ..self.current.settings.clone() }
    }

    /// Looks up whether the camera of a sample was checked, for everybody to see beside it.
    pub(super) fn look_up_check(&mut self, of: Option<&Setup>) {
        let found = self.connections.store.as_ref().zip(of).map(|(store, of)| store.camera_check(of)).transpose();
        self.camera_check = found.unwrap_or_else(|problem| {
            log::error!("whether the camera was checked cannot be read: {problem}");
            None
        });
    }

    /// Begins the requested sample, unless the result before it is not stored yet: the recorder holds one session at a
    /// time.
    pub(super) fn begin_next(&mut self) {
        if self.unkept.is_none()
            && let Some(NextSample { id, by }) = self.next.take()
        {
            self.begin(id, None, by);
        }
    }
}
