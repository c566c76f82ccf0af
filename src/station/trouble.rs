//! What does not work right now, part by part, for the display and the log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The parts of the station that can be in trouble, the one that matters most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Camera,
    Results,
    /// What is kept is damaged.
    Store,
    /// The cells of the running session cannot be kept.
    Cells,
    Vision,
    Optics,
    Serial,
    Display,
    Controls,
    Metrics,
    /// What is old cannot be taken away, or the store stays too large.
    Retention,
}

/// A board that every part writes its trouble on; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Troubles(Arc<Mutex<BTreeMap<Part, String>>>);

impl Troubles {
    /// Notes a part's trouble, or its end.
    pub fn set(&self, part: Part, words: Option<String>) {
        let mut board = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match words {
            Some(words) => board.insert(part, words),
            None => board.remove(&part),
        };
    }

    /// A place for one part to tell its trouble to.
    pub(crate) fn teller(&self, part: Part) -> impl Fn(Option<String>) + Send + use<> {
        let board = self.clone();
        move |words| board.set(part, words)
    }

    /// The trouble that matters most, if there is any.
    #[must_use]
    pub fn worst(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().next().cloned()
    }
}
