//! Current problems, part by part, for the display and the log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

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
    Metrics,
    /// Old records cannot be deleted, or the store stays too large.
    Retention,
}

impl Part {
    /// All parts, most important first.
    pub const ALL: [Self; 20] = [
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
            Self::Critical | Self::Optics | Self::QualityControl | Self::Clock | Self::Retention => None,
        }
    }
}

/// The current problem of every part; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Troubles(Arc<Mutex<BTreeMap<Part, String>>>);

impl Troubles {
    /// Sets a part's problem, or clears it with `None`.
    pub fn set(&self, part: Part, words: Option<String>) {
        let mut board = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match words {
            Some(words) => board.insert(part, words),
            None => board.remove(&part),
        };
    }

    /// A function through which one part reports its problem.
    pub(crate) fn reporter(&self, part: Part) -> impl Fn(Option<String>) + Send + use<> {
        let board = self.clone();
        move |words| board.set(part, words)
    }

    /// The parts that have a problem, most important first.
    #[must_use]
    pub fn parts(&self) -> Vec<Part> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// The most important problem, if there is any.
    #[must_use]
    pub fn worst(&self) -> Option<String> {
        let board = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut words = board.iter();
        let (part, first) = words.next()?;
        // An alarm may stand for hours, and must not hide that the camera is gone.
        match words.next().filter(|_| *part == Part::Critical) {
            Some((_, next)) => Some(format!("{first} · {next}")),
            None => Some(first.clone()),
        }
    }
}
