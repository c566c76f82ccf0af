//! Current problems, part by part, for the display and the log, and those of the last days.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// Parts of the station that can have problems, most important first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A result meets a critical value, and nobody has said who was told.
    Critical,
    Camera,
    Results,
    /// Stored data is damaged.
    Store,
    /// Cells of the running session cannot be written.
    Cells,
    Vision,
    Optics,
    /// The control failed or is due.
    QualityControl,
    /// The clock may be wrong.
    Clock,
    Serial,
    /// The laboratory system on a serial port does not take results.
    AstmSerial,
    /// The one on the network does not.
    AstmTcp,
    /// Results do not reach the HL7 host, or orders do not arrive.
    Hl7,
    Orders,
    /// Results do not reach the FHIR server or folder.
    Fhir,
    Mqtt,
    Display,
    Controls,
    /// A button asked for a count without an id, which this laboratory does not allow.
    Samples,
    Metrics,
    /// Old records cannot be deleted, or the store stays too large.
    Retention,
}

impl Part {
    /// All parts, most important first.
    pub const ALL: [Self; 21] = [
        Self::Critical,
        Self::Camera,
        Self::Results,
        Self::Store,
        Self::Cells,
        Self::Vision,
        Self::Optics,
        Self::QualityControl,
        Self::Clock,
        Self::Serial,
        Self::AstmSerial,
        Self::AstmTcp,
        Self::Hl7,
        Self::Orders,
        Self::Fhir,
        Self::Mqtt,
        Self::Display,
        Self::Controls,
        Self::Samples,
        Self::Metrics,
        Self::Retention,
    ];

    /// Its name in monitoring.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Camera => "camera",
            Self::Results => "results",
            Self::Store => "store",
            Self::Cells => "cells",
            Self::Vision => "vision",
            Self::Optics => "optics",
            Self::QualityControl => "quality-control",
            Self::Clock => "clock",
            Self::Serial => "serial",
            Self::AstmSerial => "astm-serial",
            Self::AstmTcp => "astm-tcp",
            Self::Hl7 => "hl7",
            Self::Orders => "hl7-orders",
            Self::Fhir => "fhir",
            Self::Mqtt => "mqtt",
            Self::Display => "display",
            Self::Controls => "controls",
            Self::Samples => "samples",
            Self::Metrics => "metrics",
            Self::Retention => "retention",
        }
    }

    /// How its problem keeps the station from counting samples and delivering their results, in a sentence that names
    /// no file and no sample; `None` for parts whose problem only needs a look.
    #[must_use]
    pub(crate) const fn stops(self) -> Option<&'static str> {
        match self {
            Self::Camera => Some("the camera gives no frames that can be read; the page and the log say why"),
            Self::Results => Some("a result cannot be stored; the page and the log say why"),
            Self::Store => Some("the store is damaged; the log says where"),
            Self::Cells => Some("cells cannot be written to the store; the page and the log say why"),
            Self::Vision => Some("frames cannot be looked at; the page and the log say why"),
            Self::Serial => Some("the serial line does not work; results wait, and the log says why"),
            Self::Mqtt => Some("the broker cannot be reached; results wait, and the log says why"),
            Self::Orders => Some("orders do not arrive; the log says why"),
            Self::AstmSerial | Self::AstmTcp | Self::Hl7 | Self::Fhir => {
                Some("the laboratory system takes no results; they wait, and the log says why")
            }
            Self::Display => Some("the display does not work; the log says why"),
            Self::Controls => Some("buttons and lights do not work; the log says why"),
            Self::Metrics => Some("the metrics file cannot be written; the log says why"),
            Self::Critical | Self::Optics | Self::QualityControl | Self::Clock | Self::Samples | Self::Retention => {
                None
            }
        }
    }
}

/// Ended problems that are remembered.
const REMEMBERED: usize = 50;

/// How long an ended problem is remembered.
const DAYS: i64 = 7;

/// One that comes back within this time goes on: a loose cable is one trouble, not a hundred.
const SAME: SignedDuration = SignedDuration::from_mins(1);

/// A problem, and when it was there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub part: Part,
    /// What was wrong; may name files.
    pub words: String,
    pub since: Timestamp,
    /// `None` while it lasts.
    pub until: Option<Timestamp>,
}

/// The current problem of every part, and those of the last days; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Troubles(Arc<Mutex<Board>>);

#[derive(Debug, Default)]
struct Board {
    now: BTreeMap<Part, Trouble>,
    /// Oldest first.
    ended: VecDeque<Trouble>,
}

impl Troubles {
    /// Sets a part's problem, or clears it with `None`.
    pub fn set(&self, part: Part, words: Option<String>) {
        self.set_at(part, words, Timestamp::now());
    }

    fn set_at(&self, part: Part, words: Option<String>, at: Timestamp) {
        let mut board = self.locked();
        let Some(words) = words else {
            if let Some(trouble) = board.now.remove(&part) {
                if board.ended.len() == REMEMBERED {
                    board.ended.pop_front();
                }
                board.ended.push_back(Trouble { until: Some(at), ..trouble });
            }
            return;
        };
        if let Some(trouble) = board.now.get_mut(&part) {
            trouble.words = words;
            return;
        }
        let goes_on = |ended: &Trouble| {
            ended.part == part && ended.until.is_some_and(|until| at.duration_since(until).abs() < SAME)
        };
        let before = board.ended.iter().rposition(goes_on).and_then(|place| board.ended.remove(place));
        let since = before.map_or(at, |before| before.since);
        board.now.insert(part, Trouble { part, words, since, until: None });
    }

    /// A function through which one part reports its problem.
    pub(crate) fn reporter(&self, part: Part) -> impl Fn(Option<String>) + Send + use<> {
        let board = self.clone();
        move |words| board.set(part, words)
    }

    /// The parts that have a problem, most important first.
    #[must_use]
    pub fn parts(&self) -> Vec<Part> {
        self.locked().now.keys().copied().collect()
    }

    /// The most important problem, if there is any.
    #[must_use]
    pub fn worst(&self) -> Option<String> {
        let board = self.locked();
        let mut troubles = board.now.values();
        let first = troubles.next()?;
        // An alarm may stand for hours, and must not hide that the camera is gone.
        match troubles.next().filter(|_| first.part == Part::Critical) {
            Some(next) => Some(format!("{} · {}", first.words, next.words)),
            None => Some(first.words.clone()),
        }
    }

    /// Every current problem, most important first, then those that ended within a week before `now`, newest first: 50 at
    /// most, and none from before the program started.
    #[must_use]
    pub fn all(&self, now: Timestamp) -> Vec<Trouble> {
        let board = self.locked();
        let lately = |trouble: &&Trouble| {
            trouble.until.is_some_and(|until| now.duration_since(until) < SignedDuration::from_hours(24 * DAYS))
        };
        board.now.values().chain(board.ended.iter().rev().filter(lately)).cloned().collect()
    }

    fn locked(&self) -> MutexGuard<'_, Board> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_trouble_that_ended_is_remembered_and_one_that_comes_and_goes_is_one() {
        let troubles = Troubles::default();
        troubles.set_at(Part::Serial, Some("no reader".into()), at(0));
        troubles.set_at(Part::Camera, Some("gone".into()), at(10));
        for second in 11..200 {
            troubles.set_at(Part::Camera, (second % 2 == 0).then(|| "gone".into()), at(second));
        }
        let all = troubles.all(at(300));
        let told: Vec<_> = all.iter().map(|t| (t.part, t.since, t.until)).collect();
        assert_eq!(told, [(Part::Serial, at(0), None), (Part::Camera, at(10), Some(at(199)))]);
        troubles.set_at(Part::Camera, Some("gone".into()), at(400));
        assert_eq!(troubles.all(at(401)).len(), 3, "this is another one");
        assert_eq!(troubles.all(at(199 + 8 * 86_400)).len(), 2, "after a week it is forgotten");
    }

    #[test]
    fn no_more_than_fifty_are_remembered() {
        let troubles = Troubles::default();
        for minute in 0..200 {
            troubles.set_at(Part::Mqtt, Some(format!("{minute}")), at(minute * 600));
            troubles.set_at(Part::Mqtt, None, at(minute * 600 + 1));
        }
        let all = troubles.all(at(200 * 600));
        assert_eq!((all.len(), all[0].words.as_str()), (REMEMBERED, "199"));
    }
}
