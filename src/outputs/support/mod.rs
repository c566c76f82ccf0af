//! A file for whoever helps from afar: what runs, how it is, and what its log says, without patients, people, comments,
//! addresses, paths or secrets. One text, so that the person who sends it can read all of it first.

mod gather;
mod journal;
mod scrub;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use self::gather::{figures, health, lines_of_log, timings, version};
pub use self::journal::read as journal;
use self::scrub::Private;
use crate::config::Config;
use crate::outputs::metrics;
use crate::station::health::Health;
use crate::station::monitor::Monitor;
use crate::store::StoreError;
use crate::system::recent_log::{self, LogLine};

/// What the file is made of, before anything is taken out.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The health of the station as the page tells it; none if the program does not answer.
    pub health: Option<Value>,
    /// The figures for monitoring.
    pub figures: Option<String>,
    /// Stage times of the newest frames, as in a snapshot.
    pub stages: Option<Value>,
    /// Lines of the log, or why there are none.
    pub log: Result<Vec<LogLine>, String>,
    /// Ids, names and comments.
    pub private: BTreeSet<String>,
}

/// One part of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SupportPart)]
pub struct Part {
    pub name: &'static str,
    /// Lines of text.
    pub lines: usize,
}

/// The file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SupportBundle)]
pub struct Bundle {
    /// What is in it, in its order.
    pub parts: Vec<Part>,
    /// All of it.
    pub text: String,
}

impl Sources {
    /// Everything that the running program knows of itself.
    ///
    /// # Errors
    /// If the ids and names to take out cannot be read.
    pub fn of(monitor: &Monitor, now: Timestamp) -> Result<Self, StoreError> {
        let stages = monitor.live.state().snapshot.map(|snapshot| snapshot.stages.clone());
        let mut private = monitor.store.private_words()?;
        private.insert(monitor.station.clone());
        Ok(Self {
            health: serde_json::to_value(Health::of(monitor, now)).ok(),
            figures: metrics::render(monitor).ok(),
            stages: stages.and_then(|stages| serde_json::to_value(stages).ok()),
            log: Ok(recent_log::recent()),
            private,
        })
    }
}

impl Bundle {
    /// Makes the file.
    #[must_use]
    pub fn new(sources: &Sources, config: &Config, made: Timestamp) -> Self {
        let private = Private::new(sources.private.iter().cloned().chain(config.private_words()));
        let contents = [
            ("version", version()),
            ("health", sources.health.as_ref().map_or_else(not_running, |found| health(found, &private))),
            ("configuration", config.for_support()),
            ("timings", sources.stages.as_ref().map_or_else(not_running, timings)),
            ("figures", sources.figures.as_ref().map_or_else(not_running, |text| figures(text))),
            ("log", lines_of_log(&sources.log, &private)),
        ];
        let mut text = format!(
            "leukoscope, file for support, made {made:.0}.\n\
             It holds: version, health with troubles, configuration, timings, figures, log.\n\
             Sample ids, names, comments, addresses, paths and secrets are taken out and stand as {}.\n\
             Read it before you send it.\n",
            scrub::OUT
        );
        let mut parts = Vec::new();
        for (name, content) in contents {
            // Writing to a String cannot fail.
            let _ = write!(text, "\n== {name} ==\n{}\n", content.trim_end());
            parts.push(Part { name, lines: content.trim_end().lines().count() });
        }
        Self { parts, text }
    }
}

fn not_running() -> String {
    "not known: the program does not run, or its page does not answer at this device".to_owned()
}
