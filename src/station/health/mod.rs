//! Whether this station may be trusted today, in findings that each say how good a sign they are. They are read where
//! monitoring reads its figures; nothing is measured here.

mod findings;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

pub use self::findings::{Finding, Grade, Topic};
use crate::camera::supervise::CameraState;
use crate::config::ControlRequired;
use crate::counting::quality_control::ControlState;
use crate::station::control::LotStanding;
use crate::station::monitor::Monitor;
use crate::station::trouble::{Part, Trouble};
use crate::store::ClockVerdict;
use crate::system::clock::synchronised;
use crate::vision::quality::Verdict;

/// Room on the disk below which somebody must act, bytes; the alert rules have the same.
const LITTLE_ROOM: u64 = 500_000_000;

/// How long a result may wait for its receiver; the alert rules have the same.
const WAITS: Duration = Duration::from_mins(15);

/// Temperature above which a board needs air, °C; the alert rules have the same.
const HOT: f64 = 75.0;

/// Age from which on a backup is an old one.
const OLD_BACKUP: SignedDuration = SignedDuration::from_hours(24 * 7);

/// Digits of a SHA-256 that are told: enough to tell files apart.
const DIGITS: usize = 12;

/// One thing found.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = HealthItem)]
pub struct Item {
    pub topic: Topic,
    pub grade: Grade,
    /// What was found; the page has its words and what to do.
    pub finding: Finding,
    /// Values for the words: times, numbers, names.
    #[schema(value_type = Object)]
    pub values: Map<String, Value>,
}

/// How the station is.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Health {
    /// When it was asked.
    pub at: Timestamp,
    /// The worst grade of all items.
    pub grade: Grade,
    pub items: Vec<Item>,
}

impl Health {
    /// Looks at the whole station. Reads the disk.
    #[must_use]
    pub fn of(monitor: &Monitor, at: Timestamp) -> Self {
        let mut look = Look { monitor, at, items: Vec::new() };
        look.camera();
        look.optics();
        look.control();
        look.models();
        look.store();
        look.queues();
        look.clock();
        look.board();
        look.troubles();
        look.add(Finding::Version, json!({"version": monitor.in_force.now().settings.version, "at": monitor.began}));
        let grade = look.items.iter().map(|item| item.grade).max().unwrap_or(Grade::Good);
        Self { at, grade, items: look.items }
    }
}

struct Look<'a> {
    monitor: &'a Monitor,
    at: Timestamp,
    items: Vec<Item>,
}

impl Look<'_> {
    fn add(&mut self, finding: Finding, values: Value) {
        let values = if let Value::Object(values) = values { values } else { Map::new() };
        self.items.push(Item { topic: finding.topic(), grade: finding.grade(), finding, values });
    }

    fn camera(&mut self) {
        let camera = &self.monitor.in_force.now().settings.camera;
        let finding = match self.monitor.camera.state() {
            CameraState::Opening => Finding::CameraOpening,
            CameraState::Lost(_) => Finding::CameraLost,
            CameraState::Ended => Finding::CameraEnded,
            CameraState::Running(_) if is_microscope(camera) => Finding::CameraRunning,
            CameraState::Running(_) => Finding::CameraNoMicroscope,
        };
        self.add(finding, json!({"camera": camera}));
    }

    /// Light, focus and scale: of the calibration, and of the newest frame.
    fn optics(&mut self) {
        let calibration = self.monitor.in_force.now().calibration.clone();
        let snapshot = self.monitor.live.state().snapshot;
        let doubted = self.monitor.troubles.parts().contains(&Part::Optics);
        match &calibration {
            _ if doubted => self.add(Finding::LightDoubted, json!({})),
            Some(calibration) if calibration.light.is_some() => {
                self.add(Finding::LightCalibrated, json!({"at": calibration.taken}));
            }
            _ => self.add(Finding::LightNotCalibrated, json!({})),
        }
        match snapshot.as_ref().and_then(|snapshot| snapshot.quality.as_ref()) {
            None => self.add(Finding::FocusUnknown, json!({})),
            Some(quality) if quality.verdict == Verdict::Good => {
                self.add(Finding::FocusSharp, json!({"percent": (quality.focus * 100.0).round()}));
            }
            Some(quality) => self.add(Finding::PictureRefused, json!({"verdict": quality.verdict})),
        }
        let measured = snapshot.as_ref().and_then(|snapshot| snapshot.um_per_px);
        match calibration.and_then(|calibration| Some((calibration.um_per_px?, calibration.taken))) {
            Some((um, taken)) => self.add(Finding::ScaleCalibrated, json!({"um": um, "at": taken})),
            None => match measured {
                Some(um) => self.add(Finding::ScaleMeasured, json!({"um": um})),
                None => self.add(Finding::ScaleUnknown, json!({})),
            },
        }
    }

    /// Quality control, of each lot in use.
    fn control(&mut self) {
        let standing = match self.monitor.controls.as_judged(self.at) {
            Ok(standing) => standing,
            Err(problem) => {
                log::warn!("health: {problem}");
                self.add(Finding::ControlUnknown, json!({}));
                return;
            }
        };
        if standing.lots.is_empty() {
            let asked = standing.required != ControlRequired::Nothing;
            let finding = if asked { Finding::ControlNotDefined } else { Finding::ControlNotAsked };
            self.add(finding, json!({}));
        }
        for LotStanding { lot, last, state, .. } in standing.lots {
            let at = last.as_ref().map(|run| run.at);
            let finding = match (state, at) {
                (ControlState::Failed, _) => Finding::ControlFailed,
                (_, None) => Finding::ControlNever,
                // By a clock that is behind, nothing is known to be of today.
                _ if standing.state == ControlState::ClockDoubted => Finding::ControlDue,
                (ControlState::Passed, _) => Finding::ControlPassed,
                (ControlState::Learning, _) => Finding::ControlLearning,
                _ => Finding::ControlDue,
            };
            self.add(finding, json!({"lot": lot.words(), "at": at}));
        }
    }

    fn models(&mut self) {
        let current = self.monitor.in_force.now();
        let settings = &current.settings;
        let noted = self.monitor.store.last_upkeep().unwrap_or_else(|problem| {
            log::warn!("health: {problem}");
            std::collections::BTreeMap::new()
        });
        let classifier: String =
            settings.models.get("classifier").map(|sha256| sha256.chars().take(DIGITS).collect()).unwrap_or_default();
        let installed = noted.get("install models").max(noted.get("models back"));
        match installed {
            _ if self.monitor.in_force.vision().is_none() => self.add(Finding::ModelsNotRunning, json!({})),
            Some(at) => self.add(Finding::ModelsInstalled, json!({"classifier": classifier, "at": at})),
            None => self.add(Finding::ModelsShipped, json!({"classifier": classifier})),
        }
        match (&settings.profile, noted.get("profile")) {
            (None, _) => self.add(Finding::ProfileNone, json!({})),
            (Some(profile), Some(at)) => {
                self.add(Finding::ProfileSwitched, json!({"name": profile.name, "cells": profile.cells, "at": at}));
            }
            (Some(profile), None) => {
                self.add(Finding::ProfileConfigured, json!({"name": profile.name, "cells": profile.cells}));
            }
        }
        match noted.get("backup") {
            None => self.add(Finding::BackupNever, json!({})),
            Some(at) if self.at.duration_since(*at) > OLD_BACKUP => self.add(Finding::BackupOld, json!({"at": at})),
            Some(at) => self.add(Finding::BackupRecent, json!({"at": at})),
        }
    }

    fn store(&mut self) {
        let Ok(space) = self.monitor.store.space() else {
            self.add(Finding::StoreUnreadable, json!({}));
            return;
        };
        let values = json!({"bytes": space.taken, "free": space.free});
        let checked = self.monitor.store.last_check();
        let damaged = self.monitor.troubles.parts().contains(&Part::Store);
        match checked {
            _ if damaged => self.add(Finding::StoreDamaged, values),
            Some(checked) if !checked.whole => self.add(Finding::StoreDamaged, values),
            Some(checked) => {
                let values = json!({"bytes": space.taken, "free": space.free, "at": checked.at});
                self.add(Finding::StoreWhole, values);
            }
            None => self.add(Finding::StoreUnchecked, values),
        }
        if space.free < LITTLE_ROOM {
            self.add(Finding::StoreLittleRoom, json!({"free": space.free}));
        }
    }

    fn queues(&mut self) {
        let unsent = self.monitor.queues.unsent();
        if unsent.is_empty() {
            self.add(Finding::QueueNone, json!({}));
        }
        for (receiver, unsent) in unsent {
            let oldest = unsent.oldest.unwrap_or_default();
            let values = json!({"receiver": receiver, "n": unsent.results, "minutes": oldest.as_secs() / 60});
            let finding = match unsent.results {
                0 => Finding::QueueEmpty,
                _ if oldest > WAITS => Finding::QueueOld,
                _ => Finding::QueueWaiting,
            };
            self.add(finding, values);
        }
    }

    fn clock(&mut self) {
        match self.monitor.store.clock(self.at, synchronised()) {
            Ok(ClockVerdict::Believed) => self.add(Finding::ClockBelieved, json!({"at": self.at})),
            Ok(ClockVerdict::Doubted { latest }) => {
                self.add(Finding::ClockDoubted, json!({"at": self.at, "latest": latest}));
            }
            Err(problem) => {
                log::warn!("health: {problem}");
                self.add(Finding::ClockDoubted, json!({"at": self.at, "latest": null}));
            }
        }
    }

    fn board(&mut self) {
        let hottest = self.monitor.board.temperatures().into_iter().map(|one| one.celsius).max_by(f64::total_cmp);
        match hottest {
            None => self.add(Finding::BoardUnknown, json!({})),
            Some(celsius) if celsius > HOT => self.add(Finding::BoardHot, json!({"celsius": celsius.round()})),
            Some(celsius) => self.add(Finding::BoardFine, json!({"celsius": celsius.round()})),
        }
        for throttling in self.monitor.board.throttling() {
            let reason = json!({"reason": throttling.reason});
            if throttling.now && throttling.reason == "under-voltage" {
                self.add(Finding::BoardUnderVoltage, reason);
            } else if throttling.now {
                self.add(Finding::BoardThrottled, reason);
            } else if throttling.since_start == Some(true) {
                self.add(Finding::BoardWasThrottled, reason);
            }
        }
    }

    fn troubles(&mut self) {
        if let Err(stuck) = self.monitor.alive() {
            self.add(Finding::PartStuck, json!({"part": stuck.part}));
        }
        let all = self.monitor.troubles.all(self.at);
        if all.is_empty() {
            self.add(Finding::TroubleNone, json!({"at": self.monitor.began}));
        }
        for Trouble { part, words, since, until } in all {
            let finding = match until {
                Some(_) => Finding::TroublePast,
                None if part.stops().is_some() => Finding::TroubleStops,
                None => Finding::TroubleOpen,
            };
            self.add(finding, json!({"part": part.name(), "words": words, "since": since, "until": until}));
        }
    }
}

/// Whether what a camera is configured as can be a real one.
fn is_microscope(camera: &str) -> bool {
    !matches!(camera, "simulated" | "choose") && !camera.starts_with("replay:") && !camera.starts_with("pan:")
}
