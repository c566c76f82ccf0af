//! Records of a count: its session, its cells, and its result.

use rusqlite::{Transaction, params};
use serde_json::json;

use super::audit::DEVICE;
use super::records::{CellChange, CellRecord, SessionId, SessionStart, Settings};
use super::text::time;
use super::{Store, StoreError, StoreProblem, audit, digest, results};
use crate::counting::session::snapshot::Snapshot;

impl Store {
    /// Records the start of a count.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn begin(&self, start: &SessionStart) -> Result<SessionId, StoreError> {
        self.write(|transaction| {
            transaction.execute(
                "INSERT INTO session (sample, station, started, settings) VALUES (?1, ?2, ?3, ?4)",
                params![start.sample, start.station, time(start.started), serde_json::to_string(&start.settings)?],
            )?;
            let id = transaction.last_insert_rowid();
            let rows = digest::of_session(transaction, id, &[digest::SESSION])?;
            let mut detail = json!({"sample": start.sample});
            if let Some(profile) = &start.settings.profile {
                detail["profile"] = json!(profile);
            }
            audit::vouch(transaction, &start.by, start.started, "begin", Some(id), &detail, Some(&rows))?;
            Ok(id)
        })
    }

    /// Changes the cells of a running session: cells are added, reclassified or withdrawn, all together or not at
    /// all.
    ///
    /// # Errors
    /// If it cannot be written, or the session is not being counted.
    pub fn change_cells(&self, session: SessionId, changes: &[CellChange]) -> Result<(), StoreError> {
        self.write(|transaction| change(transaction, session, changes))
    }

    /// Stores the last changes and the result of a session, with the settings in force at its end, from which a
    /// review recomputes the result later. Returns the result's number.
    ///
    /// # Errors
    /// If it cannot be written, or the session is not being counted.
    pub fn finish(
        &self,
        session: SessionId,
        changes: &[CellChange],
        result: &Snapshot,
        settings: &Settings,
    ) -> Result<u64, StoreError> {
        self.finish_stopped(session, changes, result, settings, None)
    }

    /// Same for a count that `stopped_by` ended, by the name for the audit trail.
    ///
    /// # Errors
    /// As [`Store::finish`].
    pub(crate) fn finish_stopped(
        &self,
        session: SessionId,
        changes: &[CellChange],
        result: &Snapshot,
        settings: &Settings,
        stopped_by: Option<&str>,
    ) -> Result<u64, StoreError> {
        let result = results::with_finite_numbers(result.clone());
        let number = self.write(|transaction| {
            change(transaction, session, changes)?;
            let before = digest::of_session(transaction, session, &[digest::SESSION])?;
            if let Some(by) = stopped_by {
                audit::note(transaction, by, result.time, "stop", Some(session), &json!({}))?;
            }
            transaction.execute("DELETE FROM crop WHERE session = ?1 AND number IN (SELECT number FROM cell WHERE session = ?1 AND withdrawn)", [session])?;
            transaction.execute("DELETE FROM cell WHERE session = ?1 AND withdrawn", [session])?;
            let sequence = results::next(transaction)?;
            results::insert(transaction, sequence, session, &result)?;
            transaction.execute(
                "UPDATE session SET state = 'done', ended = ?2, sample = ?3, settings = ?4 WHERE id = ?1",
                params![session, time(result.time), result.sample, serde_json::to_string(settings)?],
            )?;
            let detail = json!({"result": sequence, "counted": result.counted});
            // Here and not with every cell, so that recording one stays quick: the whole session is read once.
            let rows = digest::with_before(digest::of_all(transaction, session)?, before);
            audit::vouch(transaction, DEVICE, result.time, "result", Some(session), &detail, Some(&rows))?;
            Ok(sequence.cast_unsigned())
        })?;
        // Before anybody sees the number.
        self.witness();
        super::recovered(&self.0.numbers).insert(number);
        super::recovered(&self.0.unsigned).insert(number);
        Ok(number)
    }
}

fn change(transaction: &Transaction<'_>, session: SessionId, changes: &[CellChange]) -> Result<(), StoreProblem> {
    let state: Option<String> = rusqlite::OptionalExtension::optional(transaction.query_row(
        "SELECT state FROM session WHERE id = ?1",
        [session],
        |row| row.get(0),
    ))?;
    if state.as_deref() != Some("counting") {
        return super::refused(format!("session {session} is not being counted"));
    }
    let mut put = transaction.prepare_cached(
        "INSERT INTO cell (session, number, kind, patch, x, y, w, h, class, probability, ranked)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT DO UPDATE SET withdrawn = 0, kind = ?3, patch = ?4, x = ?5, y = ?6, w = ?7, h = ?8, class = ?9,
             probability = ?10, ranked = ?11",
    )?;
    let mut picture = transaction.prepare_cached(
        "INSERT INTO crop (session, number, jpeg) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET jpeg = ?3",
    )?;
    let mut withdraw =
        transaction.prepare_cached("UPDATE cell SET withdrawn = 1 WHERE session = ?1 AND number = ?2")?;
    for change in changes {
        match change {
            CellChange::Put { cell, crop } => {
                let CellRecord { number, kind, patch, x, y, w, h, class, probability, ranked, .. } = cell;
                let class = class.map(crate::domain::class::CellClass::code);
                let ranked = if ranked.is_empty() { None } else { Some(serde_json::to_string(ranked)?) };
                let probability = probability.filter(|probability| probability.is_finite());
                put.execute(params![session, number, kind.code(), patch, x, y, w, h, class, probability, ranked])?;
                if let Some(jpeg) = crop {
                    picture.execute(params![session, number, jpeg])?;
                }
            }
            CellChange::Withdrawn(number) => {
                withdraw.execute([session, *number])?;
            }
        }
    }
    Ok(())
}
