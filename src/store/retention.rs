//! Retention: deletes crops first, then cells, then results. Signatures and signed results are kept for ever.

use jiff::{Timestamp, ToSpan as _};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde_json::json;

use super::audit::note;
use super::file::write_through;
use super::records::SessionId;
use super::text::time;
use super::{Store, StoreError, StoreProblem, recovered, sessions};
use crate::config::StoreConfig;
use crate::system::stop::Stop;

/// Pages returned to the disk per step, so that the counting does not wait for long.
const PAGES_AT_ONCE: u32 = 256;

const HOURS_A_DAY: i64 = 24;

/// Sorts after every stored time.
const LAST_TIME: &str = "A";

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
/// that was reviewed but not signed yet.
const PICTURES: &str = "state <> 'counting' AND EXISTS (SELECT 1 FROM crop WHERE crop.session = session.id)";
const CELLS: &str = "state <> 'counting' AND EXISTS (SELECT 1 FROM cell WHERE cell.session = session.id) \
     AND (EXISTS (SELECT 1 FROM signature WHERE signature.session = session.id) \
     OR NOT EXISTS (SELECT 1 FROM cell WHERE cell.session = session.id AND person_class IS NOT NULL))";
const RESULTS: &str = "state <> 'counting' AND NOT EXISTS (SELECT 1 FROM signature WHERE signature.session = session.id) \
     AND NOT EXISTS (SELECT 1 FROM cell WHERE cell.session = session.id AND person_class IS NOT NULL)";

/// Sessions old enough to delete from.
struct Old {
    /// Ended before this, or begun before this if they never ended.
    before: String,
    /// Not later than this session.
    newest: SessionId,
}

impl Store {
    /// Deletes what is older than the rules allow, and then, while the store is too large, crops and cells of the
    /// oldest sessions. Works one session at a time, so that the counting goes on and a stop takes effect soon. Each
    /// deletion is noted in the audit trail.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn retain(&self, rules: &StoreConfig, now: Timestamp, stop: &Stop) -> Result<Retained, StoreError> {
        let mut done = Retained::default();
        let crops = self.older_than(rules.crops_days, now);
        while let Some(id) = self.next(PICTURES, crops.as_ref(), stop)? {
            self.write(|transaction| without_crops(transaction, id, now, "age"))?;
            done.crops += 1;
        }
        let cells = self.older_than(rules.cells_days, now);
        while let Some(id) = self.next(CELLS, cells.as_ref(), stop)? {
            self.write(|transaction| without_cells(transaction, id, now, "age"))?;
            done.cells += 1;
        }
        let results = self.older_than(rules.results_days, now);
        while let Some(id) = self.next(RESULTS, results.as_ref(), stop)? {
            let gone = self.write(|transaction| without_result(transaction, id, now))?;
            if let Some(number) = gone {
                recovered(&self.0.numbers).remove(&number.cast_unsigned());
            }
            done.results += 1;
        }
        let most = u64::from(rules.megabytes) * 1_000_000;
        let any = Old { before: LAST_TIME.to_owned(), newest: SessionId::MAX };
        while rules.megabytes > 0 && self.in_use()? > most && !stop.requested() {
            if let Some(id) = self.next(PICTURES, Some(&any), stop)? {
                self.write(|transaction| without_crops(transaction, id, now, "size"))?;
                done.crops += 1;
            } else if let Some(id) = self.next(CELLS, Some(&any), stop)? {
                self.write(|transaction| without_cells(transaction, id, now, "size"))?;
                done.cells += 1;
            } else {
                done.too_large = !stop.requested();
                break;
            }
        }
        if done.crops + done.cells + done.results > 0 {
            self.give_back(stop)?;
        }
        done.bytes = self.in_use()?;
        Ok(done)
    }

    /// What is older than this many days; nothing if `days` is 0. On a board without a battery the clock may have
    /// been set after a session ended, so a session begun since the store was opened cannot be older than that.
    fn older_than(&self, days: u32, now: Timestamp) -> Option<Old> {
        if days == 0 {
            return None;
        }
        let before = now.checked_sub((HOURS_A_DAY * i64::from(days)).hours()).ok().map(time)?;
        let opened_before = self.0.opened.elapsed().as_secs() / 3600 >= HOURS_A_DAY.cast_unsigned() * u64::from(days);
        Some(Old { before, newest: if opened_before { SessionId::MAX } else { self.0.earlier } })
    }

    /// The oldest session that is old enough and meets the condition; `None` once told to stop.
    fn next(&self, condition: &str, old: Option<&Old>, stop: &Stop) -> Result<Option<SessionId>, StoreError> {
        let Some(Old { before, newest }) = old.filter(|_| !stop.requested()) else { return Ok(None) };
        self.read(|transaction| {
            let mut select = transaction.prepare_cached(&format!(
                "SELECT id FROM session WHERE coalesce(ended, started) < ?1 AND id <= ?2 AND {condition} \
                 ORDER BY coalesce(ended, started), id LIMIT 1"
            ))?;
            Ok(select.query_row(params![before, newest], |row| row.get(0)).optional()?)
        })
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
