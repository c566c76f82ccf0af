//! Retention: deletes crops first, then cells, then results. Signatures and signed results are kept for ever.
//!
//! What is deleted cannot be had again, so [`Store::due`] says what would be deleted, and [`Store::retain`] deletes no
//! more than was announced.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde_json::{Value, json};

use super::audit::{DEVICE, note};
use super::clock::days_before;
use super::file::write_through;
use super::keeping::{BY_AGE, BY_SIZE, Matter, Step, Why};
use super::records::SessionId;
use super::text::time;
use super::{Store, StoreError, StoreProblem, amendment, cell_hash, fields, recovered, sessions};
use crate::config::StoreConfig;
use crate::system::clock::EARLIEST;
use crate::system::stop::Stop;

/// Pages returned to the disk per step, so that the counting does not wait for long.
const PAGES_AT_ONCE: u32 = 256;

const HOURS_A_DAY: u64 = 24;

/// Sessions with a plausible time before `?2`, none later than `?3`.
const AGED: &str = "coalesce(ended, started) >= ?1 AND coalesce(ended, started) < ?2 AND id <= ?3";

/// What may be deleted, as it was announced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notice {
    /// What the rules call too old at this time; `None` if nothing may go for its age.
    pub age: Option<Timestamp>,
    /// Whether crops and cells may go because the store is too large.
    pub size: bool,
}

/// What would be deleted, in sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Sessions whose crops are too old.
    pub crops: usize,
    /// Sessions whose cells are too old.
    pub cells: usize,
    /// Sessions whose unsigned results are too old.
    pub results: usize,
    /// Amendments that nobody went on with, which are withdrawn.
    pub amendments: usize,
    /// Whether crops or cells have to go because the store is too large.
    pub size: bool,
}

/// What was deleted, in sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retained {
    /// Sessions whose crops were deleted.
    pub crops: usize,
    /// Sessions whose cells were deleted.
    pub cells: usize,
    /// Sessions deleted with their result.
    pub results: usize,
    /// Amendments that were withdrawn.
    pub amendments: usize,
    /// Bytes in use afterwards.
    pub bytes: u64,
    /// Whether that is above the limit, although all crops and cells that may be deleted are gone.
    pub too_large: bool,
    /// The same in words, for the log: what was deleted of which sessions, and why. Without sample ids.
    pub words: Vec<String>,
}

/// Sessions old enough to delete from, oldest first by their number: the clock may have been wrong when one ended.
pub(super) struct Old {
    /// Ended before this, or begun before this if they never ended.
    pub(super) before: String,
    /// Not later than this session.
    pub(super) newest: SessionId,
}

impl Store {
    /// Counts what the rules call too old at `age` (nothing if `None`), and tells whether the store is too large and
    /// something can be deleted for that.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn due(&self, rules: &StoreConfig, age: Option<Timestamp>) -> Result<Due, StoreError> {
        let mut due = Due::default();
        for step in BY_AGE {
            let Some(old) = self.older_than(step.days(rules), age)? else { continue };
            *counter(step.matter, &mut due.crops, &mut due.cells, &mut due.results) += self.aged(step, &old)?.len();
        }
        due.amendments = self.abandoned(age)?.len();
        due.size = self.too_large(rules)? && self.any_by_size()?;
        Ok(due)
    }

    /// Deletes what was announced: what is older than the rules allow, and then, while the store is too large, crops
    /// and cells of the oldest sessions, those of notable ones last (`keeping.rs` has the order). Works one session at a
    /// time, so that the counting goes on and a stop takes effect soon. Each deletion is noted in the audit trail at `now`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn retain(
        &self,
        rules: &StoreConfig,
        notice: Notice,
        now: Timestamp,
        stop: &Stop,
    ) -> Result<Retained, StoreError> {
        let amendments = self.withdraw_abandoned(notice.age, now, stop)?;
        let mut done = Retained { amendments, ..Retained::default() };
        if amendments > 0 {
            done.words.push(format!("amendments that nobody went on with: {amendments}"));
        }
        for step in BY_AGE {
            let days = step.days(rules);
            let Some(old) = self.older_than(days, notice.age)? else { continue };
            let why = Reason { why: Why::Age, limit: days, now };
            self.take(step, &self.aged(step, &old)?, &why, &mut done, || Ok(!stop.requested()))?;
        }
        if notice.size && !stop.requested() && self.too_large(rules)? {
            let why = Reason { why: Why::Size, limit: rules.megabytes, now };
            for step in BY_SIZE {
                let more = || Ok(!stop.requested() && self.too_large(rules)?);
                self.take(step, &self.takeable(step)?, &why, &mut done, more)?;
            }
        }
        if done.crops + done.cells + done.results + done.amendments > 0 {
            self.witness();
            self.give_back(stop)?;
        }
        done.bytes = self.in_use()?;
        done.too_large = !stop.requested() && self.too_large(rules)? && !self.any_by_size()?;
        Ok(done)
    }

    /// Takes a step with these sessions, as long as `more` says so.
    fn take(
        &self,
        step: Step,
        sessions: &[SessionId],
        why: &Reason,
        done: &mut Retained,
        more: impl Fn() -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let mut taken = Vec::new();
        for &id in sessions {
            if !more()? {
                break;
            }
            let gone = self.write(|transaction| {
                // Somebody may have begun to review it since.
                if !may_go(transaction, id, step)? {
                    return Ok(None);
                }
                let number = match step.matter {
                    Matter::Fields => without_fields(transaction, id, why).map(|()| None),
                    Matter::Pictures => without_crops(transaction, id, why).map(|()| None),
                    Matter::Cells => without_cells(transaction, id, why).map(|()| None),
                    Matter::Results => without_result(transaction, id, why),
                };
                Ok(Some(number?))
            })?;
            let Some(number) = gone else { continue };
            taken.push(id);
            if let Some(number) = number {
                recovered(&self.0.numbers).remove(&number.cast_unsigned());
                recovered(&self.0.unsigned).remove(&number.cast_unsigned());
            }
        }
        *counter(step.matter, &mut done.crops, &mut done.cells, &mut done.results) += taken.len();
        if let (Some(first), Some(last)) = (taken.first(), taken.last()) {
            done.words.push(in_words(step, taken.len(), *first, *last, why));
        }
        Ok(())
    }

    /// What is older than this many days at `now`; nothing if `days` is 0 or there is no `now`.
    ///
    /// A session's times alone do not show its age, because the clock may have been wrong. So it must also have begun
    /// before every session that is young, and before the store was opened, unless that is as long ago; and a time
    /// before 2026 shows nothing at all.
    pub(super) fn older_than(&self, days: u32, now: Option<Timestamp>) -> Result<Option<Old>, StoreError> {
        let Some((now, before)) = now.filter(|_| days > 0).and_then(|now| Some((now, days_before(now, days)?))) else {
            return Ok(None);
        };
        let young: Option<SessionId> = self.read(|transaction| {
            let sql = "SELECT min(id) FROM session WHERE coalesce(ended, started) BETWEEN ?1 AND ?2";
            Ok(transaction.query_row(sql, params![before, time(now)], |row| row.get(0))?)
        })?;
        let opened_before = self.0.opened.elapsed().as_secs() / 3600 >= HOURS_A_DAY * u64::from(days);
        let newest = if opened_before { SessionId::MAX } else { self.0.earlier };
        Ok(Some(Old { before, newest: young.map_or(newest, |young| newest.min(young - 1)) }))
    }

    /// Sessions that are old enough for a step, oldest first.
    fn aged(&self, step: Step, old: &Old) -> Result<Vec<SessionId>, StoreError> {
        self.read(|transaction| {
            let kept = amendment::is_under_way(transaction)?;
            let sql =
                format!("SELECT id FROM session WHERE {AGED} AND {} AND NOT {kept} ORDER BY id", step.condition());
            let mut select = transaction.prepare_cached(&sql)?;
            let ids = select.query_map(params![earliest()?, old.before, old.newest], |row| row.get(0))?;
            Ok(ids.collect::<Result<_, _>>()?)
        })
    }

    /// All sessions that a step may take from, oldest first.
    fn takeable(&self, step: Step) -> Result<Vec<SessionId>, StoreError> {
        self.read(|transaction| {
            let kept = amendment::is_under_way(transaction)?;
            let sql = format!("SELECT id FROM session WHERE {} AND NOT {kept} ORDER BY id", step.condition());
            let mut select = transaction.prepare_cached(&sql)?;
            let ids = select.query_map([], |row| row.get(0))?;
            Ok(ids.collect::<Result<_, _>>()?)
        })
    }

    /// Whether anything can go because the store is too large.
    fn any_by_size(&self) -> Result<bool, StoreError> {
        for step in BY_SIZE {
            if !self.takeable(step)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn too_large(&self, rules: &StoreConfig) -> Result<bool, StoreError> {
        Ok(rules.megabytes > 0 && self.in_use()? > u64::from(rules.megabytes) * 1_000_000)
    }

    /// Bytes in use in the file.
    pub(super) fn in_use(&self) -> Result<u64, StoreError> {
        self.read(|transaction| {
            let of = |name| transaction.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
            Ok((of("page_size")? * (of("page_count")? - of("freelist_count")?)).cast_unsigned())
        })
    }

    /// Returns freed space to the disk.
    fn give_back(&self, stop: &Stop) -> Result<(), StoreError> {
        let Some(writer) = &self.0.writer else { return Ok(()) };
        let mut free = i64::MAX;
        while !stop.requested() {
            let left = vacuum(&recovered(writer)).map_err(|problem| self.failed(problem.into()))?;
            // A file rebuilt by hand may be unable to shrink; its free pages are reused instead.
            if left == 0 || left >= free {
                break;
            }
            free = left;
        }
        write_through(&recovered(writer)).map_err(|problem| self.failed(problem.into()))
    }
}

/// Returns some pages to the disk; the result is the number of free pages left.
fn vacuum(writer: &Connection) -> rusqlite::Result<i64> {
    let mut step = writer.prepare(&format!("PRAGMA incremental_vacuum({PAGES_AT_ONCE})"))?;
    let mut rows = step.query([])?;
    while rows.next()?.is_some() {}
    writer.pragma_query_value(None, "freelist_count", |row| row.get(0))
}

/// The earliest time that shows a session's age, as stored.
pub(super) fn earliest() -> Result<String, StoreProblem> {
    Ok(time(Timestamp::from_second(EARLIEST)?))
}

/// Why something goes, for the trail and the log.
struct Reason {
    why: Why,
    /// Days or megabytes that the rules allow.
    limit: u32,
    now: Timestamp,
}

impl Reason {
    /// Adds itself and the sample to the detail of a line.
    fn into(&self, sample: Option<String>, mut detail: Value) -> Value {
        let (why, limit) = match self.why {
            Why::Age => ("age", "days"),
            Why::Size => ("size", "megabytes"),
        };
        detail["sample"] = sample.into();
        detail["why"] = why.into();
        detail[limit] = self.limit.into();
        detail
    }
}

fn counter<'a>(matter: Matter, pictures: &'a mut usize, cells: &'a mut usize, results: &'a mut usize) -> &'a mut usize {
    match matter {
        Matter::Fields | Matter::Pictures => pictures,
        Matter::Cells => cells,
        Matter::Results => results,
    }
}

fn in_words(step: Step, count: usize, first: SessionId, last: SessionId, why: &Reason) -> String {
    let what = match step.matter {
        Matter::Fields => "whole fields",
        Matter::Pictures => "pictures",
        Matter::Cells => "cells",
        Matter::Results => "unsigned results",
    };
    let key = match step.matter {
        Matter::Fields | Matter::Pictures => "crops_days",
        Matter::Cells => "cells_days",
        Matter::Results => "results_days",
    };
    let notable = if step.notable { "notable " } else { "" };
    let of =
        if count == 1 { format!("session {first}") } else { format!("{count} {notable}sessions ({first} to {last})") };
    let why = match why.why {
        Why::Age => format!("older than [store] {key}, {} days", why.limit),
        Why::Size => format!("the store is larger than [store] megabytes, {}", why.limit),
    };
    format!("{what} of {of}: {why}")
}

fn may_go(transaction: &Transaction<'_>, id: SessionId, step: Step) -> rusqlite::Result<bool> {
    let sql = format!("SELECT EXISTS (SELECT 1 FROM session WHERE id = ?1 AND {})", step.condition());
    transaction.prepare_cached(&sql)?.query_row([id], |row| row.get(0))
}

fn sample(transaction: &Transaction<'_>, id: SessionId) -> rusqlite::Result<Option<String>> {
    transaction.query_row("SELECT sample FROM session WHERE id = ?1", [id], |row| row.get(0)).optional()
}

fn without_fields(transaction: &Transaction<'_>, id: SessionId, why: &Reason) -> Result<(), StoreProblem> {
    let gone = fields::remove(transaction, id)?;
    let detail = why.into(sample(transaction, id)?, json!({"fields": gone}));
    note(transaction, DEVICE, why.now, "remove fields", Some(id), &detail)?;
    Ok(())
}

fn without_crops(transaction: &Transaction<'_>, id: SessionId, why: &Reason) -> Result<(), StoreProblem> {
    fields::remove(transaction, id)?;
    let gone = transaction.execute("DELETE FROM crop WHERE session = ?1", [id])?;
    transaction.execute("UPDATE session SET crops_removed = ?2 WHERE id = ?1", params![id, time(why.now)])?;
    cell_hash::without_pictures(transaction, id)?;
    let detail = why.into(sample(transaction, id)?, json!({"pictures": gone}));
    note(transaction, DEVICE, why.now, "remove pictures", Some(id), &detail)?;
    Ok(())
}

fn without_cells(transaction: &Transaction<'_>, id: SessionId, why: &Reason) -> Result<(), StoreProblem> {
    fields::remove(transaction, id)?;
    transaction.execute("DELETE FROM crop WHERE session = ?1", [id])?;
    let sql = format!(
        "UPDATE session SET crops_removed = coalesce(crops_removed, ?2), cells_removed = ?2, reclassified = ({}) WHERE id = ?1",
        sessions::RECLASSIFIED
    );
    transaction.execute(&sql, params![id, time(why.now)])?;
    let gone = transaction.execute("DELETE FROM cell WHERE session = ?1", [id])?;
    transaction.execute("DELETE FROM cell_hash WHERE session = ?1", [id])?;
    let reclassified: Option<u32> =
        transaction.query_row("SELECT reclassified FROM session WHERE id = ?1", [id], |row| row.get(0))?;
    let detail = why.into(sample(transaction, id)?, json!({"cells": gone, "reclassified": reclassified}));
    note(transaction, DEVICE, why.now, "remove cells", Some(id), &detail)?;
    Ok(())
}

/// Deletes a session; returns the number of its result.
fn without_result(transaction: &Transaction<'_>, id: SessionId, why: &Reason) -> Result<Option<i64>, StoreProblem> {
    let number: Option<i64> =
        transaction.query_row("SELECT sequence FROM result WHERE session = ?1", [id], |row| row.get(0)).optional()?;
    let detail = why.into(sample(transaction, id)?, json!({"result": number}));
    transaction.execute("DELETE FROM result WHERE session = ?1", [id])?;
    // Its cells, crops and reviews are deleted with it.
    transaction.execute("DELETE FROM session WHERE id = ?1", [id])?;
    note(transaction, DEVICE, why.now, "remove result", Some(id), &detail)?;
    Ok(number)
}
