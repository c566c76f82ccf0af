//! Current problems, part by part, for the display and the log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Parts of the station that can have problems, most important first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Camera,
    Results,
    /// Stored data is damaged.
    Store,
    /// Cells of the running session cannot be written.
    Cells,
    Vision,
    Optics,
    /// The clock may be wrong.
    Clock,
    Serial,
    Mqtt,
    Display,
    Controls,
    Metrics,
    /// Old records cannot be deleted, or the store stays too large.
    Retention,
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

    /// The most important problem, if there is any.
    #[must_use]
    pub fn worst(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().next().cloned()
    }
}
