//! The newest lines of the log, kept in memory for whoever helps from afar: a station without a journal has no others.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use log::{Level, Record};

/// Lines kept; the oldest make room.
const LINES: usize = 500;

/// Longest text kept of a line, bytes.
const LONGEST: usize = 2000;

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    pub at: Timestamp,
    pub level: Level,
    /// The place in the program's source that wrote it, as `file.rs:12`.
    pub place: String,
    /// What it says. May name samples, people and files.
    pub words: String,
}

static RECENT: Mutex<VecDeque<LogLine>> = Mutex::new(VecDeque::new());

/// Keeps a line that is being logged.
pub(super) fn note(record: &Record<'_>, words: &str) {
    let place = format!("{}:{}", record.file().unwrap_or("?"), record.line().unwrap_or(0));
    let words = words.get(..words.floor_char_boundary(LONGEST)).unwrap_or_default().to_owned();
    let mut recent = RECENT.lock().unwrap_or_else(PoisonError::into_inner);
    if recent.len() >= LINES {
        recent.pop_front();
    }
    recent.push_back(LogLine { at: Timestamp::now(), level: record.level(), place, words });
}

/// The newest lines, oldest first.
#[must_use]
pub fn recent() -> Vec<LogLine> {
    RECENT.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
}
