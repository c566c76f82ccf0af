//! Records of a count: its session, its cells, and its result.

use jiff::Timestamp;
use rusqlite::{Transaction, params};
use serde_json::{Value, json};

use super::audit::DEVICE;
use super::cell_hash::{self, COLUMNS, Sums};
use super::records::{CellChange, CellNumber, CellRecord, SessionId, SessionStart, Settings};
use super::text::time;
use super::{Store, StoreError, StoreProblem, alarms, audit, digest, fields, results};
use crate::counting::quality_control::QualityControl;
use crate::counting::session::snapshot::Snapshot;
use crate::domain::class::{CellClass, Kind};
use crate::domain::source::Source;

impl Store {
    /// Records the start of a count.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn begin(&self, start: &SessionStart) -> Result<SessionId, StoreError> {
        self.write_witnessed(|transaction| {
            transaction.execute(
                "INSERT INTO session (sample, station, started, settings, control) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    start.sample,
                    start.station,
                    time(start.started),
                    serde_json::to_string(&start.settings)?,
                    start.control
                ],
            )?;
            let id = transaction.last_insert_rowid();
            Sums::default().keep(transaction, id)?;
            let rows = digest::of_session(transaction, id, &[digest::SESSION, digest::CONTROL, digest::ALARM])?;
            let mut detail = json!({"sample": start.sample});
            if let Some(source) = start.settings.source.filter(|source| *source != Source::Camera) {
                detail["source"] = json!(source);
            }
            if start.settings.training {
                detail["training"] = json!(true);
            }
            if let Some(profile) = &start.settings.profile {
                detail["profile"] = json!(profile);
            }
            if let Some(lot) = start.control {
                detail["control"] = json!(lot);
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
            let (settings, result) = as_real_as_it_began(transaction, session, settings, &result)?;
            change(transaction, session, changes)?;
            let before = digest::of_session(transaction, session, &BEFORE)?;
            if let Some(by) = stopped_by {
                audit::note(transaction, by, result.time, "stop", Some(session), &json!({}))?;
            }
            without_withdrawn(transaction, session)?;
            let sequence = results::next(transaction)?;
            results::insert(transaction, sequence, session, &result)?;
            transaction.execute(
                "UPDATE session SET state = 'done', ended = ?2, sample = ?3, settings = ?4 WHERE id = ?1",
                params![session, time(result.time), result.sample, serde_json::to_string(&settings)?],
            )?;
            let mut detail = json!({
                "result": sequence, "sample": result.sample, "counted": result.counted, "flags": result.flags,
            });
            let alarm = alarms::settle(transaction, session, &result.critical)?;
            // The whole session is read once.
            let rows = vouched(transaction, session, before, &mut detail, false)?;
            cell_hash::without_sums(transaction, session)?;
            audit::vouch(transaction, DEVICE, result.time, "result", Some(session), &detail, Some(&rows))?;
            alarms::tell(transaction, session, alarm, result.time)?;
            Ok(sequence.cast_unsigned())
        })?;
        // Before anybody sees the number.
        self.witness();
        super::recovered(&self.0.numbers).insert(number);
        // A control's is no result for anybody outside.
        if !matches!(result.quality_control, Some(QualityControl::Run { .. })) {
            super::recovered(&self.0.unsigned).insert(number);
        }
        Ok(number)
    }
}

/// What nothing but this program changes while a session is counted, apart from its cells: there is no review yet.
const BEFORE: [usize; 5] = [digest::SESSION, digest::CONTROL, digest::CLASSES, digest::REVIEW, digest::ALARM];

/// The settings and the result of a session's end, no more real than what it began with: a session that goes on with another
/// camera keeps its mark.
fn as_real_as_it_began(
    transaction: &Transaction<'_>,
    session: SessionId,
    settings: &Settings,
    result: &Snapshot,
) -> Result<(Settings, Snapshot), StoreProblem> {
    let began: Option<String> = rusqlite::OptionalExtension::optional(transaction.query_row(
        "SELECT settings FROM session WHERE id = ?1",
        [session],
        |row| row.get(0),
    ))?
    .flatten();
    let began: Option<Settings> = began.as_deref().map(serde_json::from_str).transpose()?;
    let training = settings.training || began.as_ref().is_some_and(|began| began.training);
    let source = began.and_then(|began| began.source).max(settings.source);
    let (of, result) = (settings.clone(), result.clone());
    Ok((Settings { source, training, ..of }, Snapshot { source: source.max(result.source), training, ..result }))
}

/// Marks sessions that were being counted when the power failed. `before_sums`: the file is from a version that kept no
/// sums of a running count.
pub(super) fn interrupt(transaction: &Transaction<'_>, before_sums: bool) -> rusqlite::Result<()> {
    let mut open = transaction.prepare("SELECT id FROM session WHERE state = 'counting'")?;
    let open: Vec<SessionId> = open.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for session in open {
        let before = digest::of_session(transaction, session, &BEFORE)?;
        transaction.execute("UPDATE session SET state = 'interrupted' WHERE id = ?1", [session])?;
        let sql = "SELECT count(*) FROM cell WHERE session = ?1 AND kind = 'WBC' AND NOT withdrawn";
        // Damage among the cells must not keep the station from starting.
        let cells: Option<i64> = transaction.query_row(sql, [session], |row| row.get(0)).ok();
        let mut detail = json!({"cells": cells});
        let rows = vouched(transaction, session, before, &mut detail, before_sums)?;
        audit::vouch(transaction, DEVICE, Timestamp::now(), "interrupted", Some(session), &detail, Some(&rows))?;
    }
    Ok(())
}

/// Everything of a session that is small.
const SMALL: [usize; 9] = [
    digest::SESSION,
    digest::RESULT,
    digest::CLASSES,
    digest::REVIEW,
    digest::MARKS,
    digest::CONTROL,
    digest::ALARM,
    digest::OWN,
    digest::OWN_REVIEW,
];

/// Hashes of all rows of a session whose count has ended. Says in the line if something else changed its cells while it
/// was counted: they are kept as they are, and verifying the trail reports it for ever.
pub(super) fn vouched(
    transaction: &Transaction<'_>,
    session: SessionId,
    before: Value,
    detail: &mut Value,
    before_sums: bool,
) -> rusqlite::Result<Value> {
    let (large, changed) = cell_hash::ended(transaction, session, before_sums)?;
    if !changed.is_empty() {
        log::error!("session {session}: {} were changed by something else while it was counted", changed.join(" and "));
        detail[audit::CHANGED] = json!(changed);
    }
    let mut rows = digest::of_session(transaction, session, &SMALL)?;
    if let Some(rows) = rows.as_object_mut() {
        rows.extend(large);
    }
    Ok(digest::with_before(rows, before))
}

/// Deletes the cells that do not count any more.
fn without_withdrawn(transaction: &Transaction<'_>, session: SessionId) -> rusqlite::Result<()> {
    let mut select = transaction.prepare_cached("SELECT number FROM cell WHERE session = ?1 AND withdrawn")?;
    let numbers: Vec<CellNumber> = select.query_map([session], |row| row.get(0))?.collect::<Result<_, _>>()?;
    if let (Some(mut sums), false) = (Sums::kept(transaction, session)?, numbers.is_empty()) {
        for number in numbers {
            sums.take_picture(transaction, session, number)?;
            sums.take_cell(transaction, session, number)?;
        }
        sums.keep(transaction, session)?;
    }
    let crops = "DELETE FROM crop WHERE session = ?1 AND number IN \
                 (SELECT number FROM cell WHERE session = ?1 AND withdrawn)";
    transaction.execute(crops, [session])?;
    transaction.execute("DELETE FROM cell WHERE session = ?1 AND withdrawn", [session]).map(drop)
}

/// What a cell was named, as it is stored. Numbers that are none are left out.
struct Named {
    class: Option<&'static str>,
    probability: Option<f64>,
    ranked: Option<String>,
    /// Of a red cell: whether it is graded, its diameter and its pallor.
    red: Option<(Option<bool>, Option<f64>, Option<f64>)>,
}

fn named(cell: &CellRecord) -> Result<Named, StoreProblem> {
    let finite = |number: &f64| number.is_finite();
    if cell.kind == Kind::Rbc {
        // Without a diameter nothing is known of its size, and it is not graded by half.
        let Some(red) = cell.red.as_ref().filter(|red| red.diameter_um.is_finite()) else {
            return Ok(Named { class: None, probability: None, ranked: None, red: None });
        };
        // JSON has no word for what is no number, and the cell could not be read back.
        let ranked: Vec<_> = red.ranked.iter().filter(|(_, probability)| probability.is_finite()).collect();
        let ranked = if ranked.is_empty() { None } else { Some(serde_json::to_string(&ranked)?) };
        return Ok(Named {
            class: Some(red.class.code()),
            probability: Some(red.probability).filter(finite),
            ranked,
            red: Some((Some(red.graded), Some(red.diameter_um), red.pallor.filter(finite))),
        });
    }
    let ranked = if cell.ranked.is_empty() { None } else { Some(serde_json::to_string(&cell.ranked)?) };
    let class = cell.class.map(CellClass::code);
    Ok(Named { class, probability: cell.probability.filter(finite), ranked, red: None })
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
    if changes.is_empty() {
        return Ok(());
    }
    // None are kept of a count of an earlier version that goes on.
    let mut sums = match Sums::kept(transaction, session)? {
        Some(sums) => sums,
        None => Sums::present(transaction, session)?,
    };
    let mut put = transaction.prepare_cached(&format!(
        "INSERT INTO cell (session, number, kind, patch, x, y, w, h, class, probability, ranked, graded, \
         diameter_um, pallor) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
         ON CONFLICT DO UPDATE SET withdrawn = 0, kind = ?3, patch = ?4, x = ?5, y = ?6, w = ?7, h = ?8, class = ?9,
             probability = ?10, ranked = ?11, graded = ?12, diameter_um = ?13, pallor = ?14 RETURNING {COLUMNS}",
    ))?;
    let mut picture = transaction.prepare_cached(
        "INSERT INTO crop (session, number, jpeg) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET jpeg = ?3 \
         RETURNING number, jpeg",
    )?;
    let mut withdraw = transaction.prepare_cached(&format!(
        "UPDATE cell SET withdrawn = 1 WHERE session = ?1 AND number = ?2 RETURNING {COLUMNS}"
    ))?;
    for change in changes {
        match change {
            CellChange::Put { cell, crop } => {
                let CellRecord { number, kind, patch, x, y, w, h, .. } = cell;
                let Named { class, probability, ranked, red } = named(cell)?;
                let (graded, diameter_um, pallor) = red.unwrap_or_default();
                sums.take_cell(transaction, session, *number)?;
                put.query_row(
                    params![
                        session,
                        number,
                        kind.code(),
                        patch,
                        x,
                        y,
                        w,
                        h,
                        class,
                        probability,
                        ranked,
                        graded,
                        diameter_um,
                        pallor
                    ],
                    |row| sums.add_cell(row),
                )?;
                if let Some(jpeg) = crop {
                    sums.take_picture(transaction, session, *number)?;
                    picture.query_row(params![session, number, jpeg], |row| sums.add_picture(row))?;
                }
            }
            CellChange::Withdrawn(number) => {
                sums.take_cell(transaction, session, *number)?;
                let mut rows = withdraw.query([session, *number])?;
                while let Some(row) = rows.next()? {
                    sums.add_cell(row)?;
                }
            }
            CellChange::Field { field, jpeg } => fields::add(transaction, session, field, jpeg, &mut sums)?,
        }
    }
    Ok(sums.keep(transaction, session)?)
}
