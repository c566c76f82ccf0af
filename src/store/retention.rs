//! Retention: deletes crops first, then cells, then results. Signatures and signed results are kept for ever.
//!
//! What is deleted cannot be had again, so [`Store::due`] says what would be deleted, and [`Store::retain`] deletes no
//! more than was announced.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde_json::json;

use super::audit::note;
use super::clock::days_before;
use super::file::write_through;
use super::records::SessionId;
use super::text::time;
use super::{Store, StoreError, StoreProblem, amendment, recovered, sessions};
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
    /// Whether crops or cells have to go because the store is too large.
    pub size: bool,
}

/// What was deleted, in sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retained {
    /// Sessions whose crops were deleted.
    pub crops: usize,
    /// Sessions whose cells were deleted.
    pub cells: usize,
    /// Sessions deleted with their result.
    pub results: usize,
    /// Bytes in use afterwards.
    pub bytes: u64,
    /// Whether that is above the limit, although all crops and cells that may be deleted are gone.
    pub too_large: bool,
}

/// Sessions whose crops, cells or results may be deleted: none being counted, and neither cells nor results of one
/// that was reviewed but not signed yet. Nothing of one that takes part in an amendment under way, which every query adds.
const PICTURES: &str = "state <> 'counting' AND EXISTS (SELECT 1 FROM crop WHERE crop.session = session.id)";
const CELLS: &str = "state <> 'counting' AND EXISTS (SELECT 1 FROM cell WHERE cell.session = session.id) \
     AND (EXISTS (SELECT 1 FROM signature WHERE signature.session = session.id) \
     OR NOT EXISTS (SELECT 1 FROM cell WHERE cell.session = session.id AND person_class IS NOT NULL))";
const RESULTS: &str = "state <> 'counting' AND NOT EXISTS (SELECT 1 FROM signature WHERE signature.session = session.id) \
     AND NOT EXISTS (SELECT 1 FROM cell WHERE cell.session = session.id AND person_class IS NOT NULL)";

/// Sessions old enough to delete from, oldest first by their number: the clock may have been wrong when one ended.
struct Old {
    /// Ended before this, or begun before this if they never ended.
    before: String,
    /// Not later than this session.
    newest: SessionId,
}

impl Store {
    /// Counts what the rules call too old at `age` (nothing if `None`), and tells whether the store is too large and
    /// something can be deleted for that.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn due(&self, rules: &StoreConfig, age: Option<Timestamp>) -> Result<Due, StoreError> {
        let too_old = |days: u32, condition: &str| -> Result<usize, StoreError> {
            self.older_than(days, age)?.map_or(Ok(0), |old| self.count(condition, &old))
        };
        let size = self.too_large(rules)? && (self.first(PICTURES)?.is_some() || self.first(CELLS)?.is_some());
        Ok(Due {
            crops: too_old(rules.crops_days, PICTURES)?,
            cells: too_old(rules.cells_days, CELLS)?,
            results: too_old(rules.results_days, RESULTS)?,
            size,
        })
    }

    /// Deletes what was announced: what is older than the rules allow, and then, while the store is too large, crops
    /// and cells of the oldest sessions. Works one session at a time, so that the counting goes on and a stop takes
    /// effect soon. Each deletion is noted in the audit trail at `now`.
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
        let mut done = Retained::default();
        let crops = self.older_than(rules.crops_days, notice.age)?;
        while let Some(id) = self.next(PICTURES, crops.as_ref(), stop)? {
            self.write(|transaction| without_crops(transaction, id, now, "age"))?;
            done.crops += 1;
        }
        let cells = self.older_than(rules.cells_days, notice.age)?;
        while let Some(id) = self.next(CELLS, cells.as_ref(), stop)? {
            self.write(|transaction| without_cells(transaction, id, now, "age"))?;
            done.cells += 1;
        }
        let results = self.older_than(rules.results_days, notice.age)?;
        while let Some(id) = self.next(RESULTS, results.as_ref(), stop)? {
            let gone = self.write(|transaction| without_result(transaction, id, now))?;
            if let Some(number) = gone {
                recovered(&self.0.numbers).remove(&number.cast_unsigned());
                recovered(&self.0.unsigned).remove(&number.cast_unsigned());
            }
            done.results += 1;
        }
        while notice.size && !stop.requested() && self.too_large(rules)? {
            if let Some(id) = self.first(PICTURES)? {
                self.write(|transaction| without_crops(transaction, id, now, "size"))?;
                done.crops += 1;
            } else if let Some(id) = self.first(CELLS)? {
                self.write(|transaction| without_cells(transaction, id, now, "size"))?;
                done.cells += 1;
            } else {
                break;
            }
        }
        if done.crops + done.cells + done.results > 0 {
            self.give_back(stop)?;
        }
        done.bytes = self.in_use()?;
        done.too_large = !stop.requested()
            && self.too_large(rules)?
            && self.first(PICTURES)?.is_none()
            && self.first(CELLS)?.is_none();
        Ok(done)
    }

    /// What is older than this many days at `now`; nothing if `days` is 0 or there is no `now`.
    ///
    /// A session's times alone do not show its age, because the clock may have been wrong. So it must also have begun
    /// before every session that is young, and before the store was opened, unless that is as long ago; and a time
    /// before 2026 shows nothing at all.
    fn older_than(&self, days: u32, now: Option<Timestamp>) -> Result<Option<Old>, StoreError> {
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

    /// The oldest session that is old enough and meets the condition; `None` once told to stop.
    fn next(&self, condition: &str, old: Option<&Old>, stop: &Stop) -> Result<Option<SessionId>, StoreError> {
        let Some(old) = old.filter(|_| !stop.requested()) else { return Ok(None) };
        self.read(|transaction| {
            let kept = amendment::is_under_way(transaction)?;
            let sql = format!("SELECT id FROM session WHERE {AGED} AND {condition} AND NOT {kept} ORDER BY id LIMIT 1");
            let mut select = transaction.prepare_cached(&sql)?;
            Ok(select.query_row(params![earliest()?, old.before, old.newest], |row| row.get(0)).optional()?)
        })
    }

    /// How many sessions are old enough and meet the condition.
    fn count(&self, condition: &str, old: &Old) -> Result<usize, StoreError> {
        self.read(|transaction| {
            let kept = amendment::is_under_way(transaction)?;
            let sql = format!("SELECT count(*) FROM session WHERE {AGED} AND {condition} AND NOT {kept}");
            let count: i64 =
                transaction.query_row(&sql, params![earliest()?, old.before, old.newest], |row| row.get(0))?;
            Ok(usize::try_from(count).unwrap_or_default())
        })
    }

    /// The oldest session of all that meets the condition.
    fn first(&self, condition: &str) -> Result<Option<SessionId>, StoreError> {
        self.read(|transaction| {
            let kept = amendment::is_under_way(transaction)?;
            let sql = format!("SELECT id FROM session WHERE {condition} AND NOT {kept} ORDER BY id LIMIT 1");
            Ok(transaction.prepare_cached(&sql)?.query_row([], |row| row.get(0)).optional()?)
        })
    }

    fn too_large(&self, rules: &StoreConfig) -> Result<bool, StoreError> {
        Ok(rules.megabytes > 0 && self.in_use()? > u64::from(rules.megabytes) * 1_000_000)
    }

    /// Bytes in use in the file.
    fn in_use(&self) -> Result<u64, StoreError> {
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
fn earliest() -> Result<String, StoreProblem> {
    Ok(time(Timestamp::from_second(EARLIEST)?))
}

fn without_crops(transaction: &Transaction<'_>, id: SessionId, now: Timestamp, why: &str) -> Result<(), StoreProblem> {
    let gone = transaction.execute("DELETE FROM crop WHERE session = ?1", [id])?;
    transaction.execute("UPDATE session SET crops_removed = ?2 WHERE id = ?1", params![id, time(now)])?;
    note(transaction, "device", now, "remove pictures", Some(id), &json!({"pictures": gone, "why": why}))?;
    Ok(())
}

fn without_cells(transaction: &Transaction<'_>, id: SessionId, now: Timestamp, why: &str) -> Result<(), StoreProblem> {
    transaction.execute("DELETE FROM crop WHERE session = ?1", [id])?;
    let sql = format!(
        "UPDATE session SET crops_removed = coalesce(crops_removed, ?2), cells_removed = ?2, reclassified = ({}) WHERE id = ?1",
        sessions::RECLASSIFIED
    );
    transaction.execute(&sql, params![id, time(now)])?;
    let gone = transaction.execute("DELETE FROM cell WHERE session = ?1", [id])?;
    let reclassified: Option<u32> =
        transaction.query_row("SELECT reclassified FROM session WHERE id = ?1", [id], |row| row.get(0))?;
    let detail = json!({"cells": gone, "reclassified": reclassified, "why": why});
    note(transaction, "device", now, "remove cells", Some(id), &detail)?;
    Ok(())
}

/// Deletes a session; returns the number of its result.
fn without_result(transaction: &Transaction<'_>, id: SessionId, now: Timestamp) -> Result<Option<i64>, StoreProblem> {
    let number: Option<i64> =
        transaction.query_row("SELECT sequence FROM result WHERE session = ?1", [id], |row| row.get(0)).optional()?;
    transaction.execute("DELETE FROM result WHERE session = ?1", [id])?;
    // Its cells, crops and reviews are deleted with it.
    transaction.execute("DELETE FROM session WHERE id = ?1", [id])?;
    note(transaction, "device", now, "remove result", Some(id), &json!({"result": number, "why": "age"}))?;
    Ok(number)
}
