//! Scores of practice. They belong to nobody's sample and stand in no list of sessions, no trail and no output.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::params;

use super::text::{read_time, time};
use super::{Store, StoreError};
use crate::domain::class::CellClass;

/// Scores kept of each person; the oldest make room.
const KEPT: i64 = 200;

/// One score.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PracticeScore {
    pub person: String,
    pub at: Timestamp,
    /// Where the cells came from.
    pub source: String,
    /// Of each class: cells named right, and cells in all.
    pub classes: BTreeMap<CellClass, (u32, u32)>,
}

impl Store {
    /// Keeps a score.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn keep_score(&self, score: &PracticeScore) -> Result<(), StoreError> {
        let PracticeScore { person, at, source, classes } = score;
        self.write(|transaction| {
            transaction.execute(
                "INSERT INTO practice (person, at, source, classes) VALUES (?1, ?2, ?3, ?4)",
                params![person, time(*at), source, serde_json::to_string(classes)?],
            )?;
            transaction.execute(
                "DELETE FROM practice WHERE person = ?1 AND number NOT IN \
                 (SELECT number FROM practice WHERE person = ?1 ORDER BY number DESC LIMIT ?2)",
                params![person, KEPT],
            )?;
            Ok(())
        })
    }

    /// The newest scores of one person or of all, newest first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn scores(&self, person: Option<&str>, limit: u32) -> Result<Vec<PracticeScore>, StoreError> {
        self.read(|transaction| {
            let mut select = transaction.prepare_cached(
                "SELECT person, at, source, classes FROM practice WHERE ?1 IS NULL OR person = ?1 \
                 ORDER BY number DESC LIMIT ?2",
            )?;
            let rows = select.query_map(params![person, limit], |row| {
                Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get::<_, String>(3)?))
            })?;
            rows.map(|row| {
                let (person, at, source, classes) = row?;
                Ok(PracticeScore { person, at: read_time(&at)?, source, classes: serde_json::from_str(&classes)? })
            })
            .collect()
        })
    }
}
