//! Quality control: lots, runs, and why signing was opened without one that passed.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::audit::hexadecimal;
use super::numbered::{LOTS, Line, OVERRIDES, RUNS, vouch};
use super::records::SessionId;
use super::text::{read_time, time};
use super::{Store, StoreError, StoreProblem, refused};
use crate::counting::quality_control::{ControlLot, ControlRun, NewLot, Override, Target};
use crate::domain::letters::unfit_in_comment;

/// Lots in use at once, at most.
const MOST_LOTS: usize = 12;

/// Longest reason, characters.
const LONGEST_REASON: usize = 500;

const LOT: &str = "id, at, person, lot, retired";

/// The column of a session that names its lot, or `NULL` in a file of an earlier version that was opened for reading.
pub(super) fn column(connection: &Connection) -> rusqlite::Result<&'static str> {
    let there: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM pragma_table_info('session') WHERE name = 'control')")?
        .query_row([], |row| row.get(0))?;
    Ok(if there { "session.control" } else { "NULL" })
}

/// Numbers of the results that are of controls: no laboratory system gets them.
pub(super) fn results(connection: &Connection) -> rusqlite::Result<BTreeSet<u64>> {
    let control = column(connection)?;
    let mut select = connection.prepare(&format!(
        "SELECT sequence FROM result JOIN session ON session.id = result.session WHERE {control} IS NOT NULL"
    ))?;
    let rows = select.query_map([], |row| row.get::<_, i64>(0))?;
    rows.map(|row| row.map(i64::cast_unsigned)).collect()
}

/// Whether a session is a control's.
pub(super) fn is_control(transaction: &Transaction<'_>, session: SessionId) -> rusqlite::Result<bool> {
    let found: Option<Option<i64>> = transaction
        .prepare_cached("SELECT control FROM session WHERE id = ?1")?
        .query_row([session], |row| row.get(0))
        .optional()?;
    Ok(found.flatten().is_some())
}

/// The lines of versions before, which hash only what a control run says: those of a run which is not as it was kept, and what is
/// wrong.
pub(super) fn changed(transaction: &Transaction<'_>) -> Result<Vec<(i64, String)>, StoreProblem> {
    let mut found = Vec::new();
    if column(transaction)? == "NULL" {
        return Ok(found);
    }
    let mut select = transaction.prepare_cached(
        "SELECT number, json_extract(detail, '$.run'), json_extract(detail, '$.sha256'), \
         (SELECT run FROM control_run WHERE id = json_extract(detail, '$.run')) FROM audit WHERE action = 'control run' \
         AND row_hashes IS NULL ORDER BY number",
    )?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (number, run, sha256): (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        match row.get::<_, Option<String>>(3)? {
            None => found.push((number, format!("control run {run} is missing"))),
            Some(text) if hexadecimal(&Sha256::digest(&text)) != sha256 => {
                found.push((number, format!("control run {run} was changed")));
            }
            Some(_) => {}
        }
    }
    Ok(found)
}

impl Store {
    /// Defines a lot; returns its number.
    ///
    /// # Errors
    /// A refusal if it is wrong, a lot of this name and level is in use, or there are too many; or if it cannot be written.
    pub fn add_control_lot(&self, lot: &NewLot, by: &str, at: Timestamp) -> Result<i64, StoreError> {
        let lot = NewLot { name: lot.name.trim().to_owned(), ..lot.clone() };
        if let Err(problem) = lot.check() {
            return Err(StoreError::Refused(problem.to_string()));
        }
        self.write_witnessed(|transaction| {
            let in_use = lots(transaction, "WHERE retired IS NULL")?;
            if in_use.iter().any(|known| known.lot.name == lot.name && known.lot.level == lot.level) {
                return refused(format!(
                    "lot {} of this level is in use already; take that one out of use first",
                    lot.name
                ));
            }
            if in_use.len() >= MOST_LOTS {
                return refused(format!("{MOST_LOTS} lots are in use; take one out of use first"));
            }
            let text = serde_json::to_string(&lot)?;
            transaction.execute(
                "INSERT INTO control_lot (at, person, lot) VALUES (?1, ?2, ?3)",
                params![time(at), by, text],
            )?;
            let id = transaction.last_insert_rowid();
            vouch(transaction, &line(by, at, "control lot"), &json!({"lot": id, "defined": lot}), &LOTS, &[id])?;
            Ok(id)
        })
    }

    /// Gives a lot the targets that its runs taught.
    ///
    /// # Errors
    /// A refusal if there is no such lot in use; or if it cannot be written.
    pub fn set_control_targets(
        &self,
        id: i64,
        targets: &[(String, Target)],
        by: &str,
        at: Timestamp,
    ) -> Result<ControlLot, StoreError> {
        self.write_witnessed(|transaction| {
            let Some(mut lot) = lots(transaction, "WHERE retired IS NULL")?.into_iter().find(|lot| lot.id == id) else {
                return refused(format!("no lot {id} is in use"));
            };
            let before = lot.lot.targets.clone();
            lot.lot.targets.extend(targets.iter().cloned());
            transaction.execute(
                "UPDATE control_lot SET lot = ?2 WHERE id = ?1",
                params![id, serde_json::to_string(&lot.lot)?],
            )?;
            let detail = json!({"lot": id, "before": before, "now": lot.lot.targets});
            vouch(transaction, &line(by, at, "control limits"), &detail, &LOTS, &[id])?;
            Ok(lot)
        })
    }

    /// Takes a lot out of use; its runs stay. Returns whether it was in use.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn retire_control_lot(&self, id: i64, by: &str, at: Timestamp) -> Result<bool, StoreError> {
        self.write_witnessed(|transaction| {
            let sql = "UPDATE control_lot SET retired = ?2 WHERE id = ?1 AND retired IS NULL";
            let done = transaction.execute(sql, params![id, time(at)])? > 0;
            if done {
                vouch(transaction, &line(by, at, "control lot out of use"), &json!({"lot": id}), &LOTS, &[id])?;
            }
            Ok(done)
        })
    }

    /// Every lot, those out of use too, oldest first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn control_lots(&self) -> Result<Vec<ControlLot>, StoreError> {
        self.read(|transaction| lots(transaction, ""))
    }

    /// Keeps a run as judged; returns it with its number.
    ///
    /// # Errors
    /// A refusal if its session is a run already: one count is entered once; or if it cannot be written.
    pub fn add_control_run(&self, run: &ControlRun) -> Result<ControlRun, StoreError> {
        self.write_witnessed(|transaction| {
            if let Some(session) = run.session
                && transaction.query_row("SELECT EXISTS (SELECT 1 FROM control_run WHERE session = ?1)", [session], |row| {
                    row.get(0)
                })?
            {
                return refused(format!("session {session} is entered as a control run already"));
            }
            let next = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'control_run'), 0) + 1";
            let id: i64 = transaction.query_row(next, [], |row| row.get(0))?;
            let run = ControlRun { id, ..run.clone() };
            let text = serde_json::to_string(&run)?;
            transaction.execute(
                "INSERT INTO control_run (id, lot, session, at, run) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![id, run.lot, run.session, time(run.at), text],
            )?;
            let sha256 = hexadecimal(&Sha256::digest(&text));
            let detail = json!({
                "run": id, "lot": run.lot, "name": run.lot_name, "outcome": run.outcome, "causes": run.causes,
                "rules": run.broken().iter().map(|(rule, chart)| format!("{} {chart}", rule.code())).collect::<Vec<_>>(),
                "try": run.try_number, "sha256": sha256,
            });
            let line = Line { session: run.session, ..line(&run.by, run.at, "control run") };
            vouch(transaction, &line, &detail, &RUNS, &[id])?;
            Ok(run)
        })
    }

    /// Runs of a lot or of all, in the order they were entered; the newest `most`.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn control_runs(&self, lot: Option<i64>, most: u32) -> Result<Vec<ControlRun>, StoreError> {
        self.read(|transaction| {
            if column(transaction)? == "NULL" {
                return Ok(Vec::new());
            }
            let mut select = transaction
                .prepare_cached("SELECT run FROM control_run WHERE ?1 IS NULL OR lot = ?1 ORDER BY id DESC LIMIT ?2")?;
            let rows = select.query_map(params![lot, most], |row| row.get::<_, String>(0))?;
            let mut runs =
                rows.map(|row| Ok(serde_json::from_str(&row?)?)).collect::<Result<Vec<_>, StoreProblem>>()?;
            runs.reverse();
            Ok(runs)
        })
    }

    /// Controls that were counted and not judged yet, oldest first: session, lot, and who began it.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn controls_to_judge(&self) -> Result<Vec<(SessionId, i64, String)>, StoreError> {
        self.read(|transaction| {
            let mut select = transaction.prepare_cached(
                "SELECT session.id, session.control, coalesce((SELECT person FROM audit WHERE audit.session = session.id \
                 AND action = 'begin'), 'device') FROM session WHERE control IS NOT NULL AND state = 'done' \
                 AND NOT EXISTS (SELECT 1 FROM control_run WHERE control_run.session = session.id) ORDER BY session.id",
            )?;
            let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Opens signing although the control did not pass.
    ///
    /// # Errors
    /// A refusal without a reason that prints; or if it cannot be written.
    pub fn override_control(&self, reason: &str, by: &str, at: Timestamp) -> Result<Override, StoreError> {
        let reason = reason.trim();
        if reason.chars().count() < 5 || reason.chars().count() > LONGEST_REASON {
            return Err(StoreError::Refused(format!(
                "write the reason in 5 to {LONGEST_REASON} characters: it stands on every report that is signed on it"
            )));
        }
        if let Some(letters) = unfit_in_comment(reason) {
            return Err(StoreError::Refused(format!("the reason holds {letters}, which reports cannot print")));
        }
        self.write_witnessed(|transaction| {
            transaction.execute(
                "INSERT INTO control_override (at, person, reason) VALUES (?1, ?2, ?3)",
                params![time(at), by, reason],
            )?;
            let id = transaction.last_insert_rowid();
            vouch(transaction, &line(by, at, "control override"), &json!({"reason": reason}), &OVERRIDES, &[id])?;
            Ok(Override { at, by: by.to_owned(), reason: reason.to_owned() })
        })
    }

    /// The last reason for which signing was opened.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn last_override(&self) -> Result<Option<Override>, StoreError> {
        self.read(|transaction| {
            let sql = "SELECT at, person, reason FROM control_override ORDER BY id DESC LIMIT 1";
            let found = transaction
                .prepare_cached(sql)?
                .query_row([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            found.map(|(at, by, reason)| Ok(Override { at: read_time(&at)?, by, reason })).transpose()
        })
    }

    /// How many runs of a lot ended within these times.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn count_control_runs(&self, lot: i64, from: Timestamp, to: Timestamp) -> Result<u32, StoreError> {
        self.read(|transaction| {
            let sql = "SELECT count(*) FROM control_run WHERE lot = ?1 AND at BETWEEN ?2 AND ?3";
            Ok(transaction.prepare_cached(sql)?.query_row(params![lot, time(from), time(to)], |row| row.get(0))?)
        })
    }

    /// Latest time of the trail's last thousand lines, since a person last confirmed the clock: it was at least there.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn last_noted(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read(|transaction| {
            let sql = "WITH late AS (SELECT number, at, action FROM audit ORDER BY number DESC LIMIT 1000) SELECT max(at) FROM \
                late WHERE number > coalesce((SELECT max(number) FROM late WHERE action = 'confirm clock'), 0)";
            let found: Option<String> = transaction.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
            found.map(|at| read_time(&at)).transpose()
        })
    }
}

fn line<'a>(by: &'a str, at: Timestamp, action: &'a str) -> Line<'a> {
    Line { by, at, action, session: None }
}

fn lots(transaction: &Transaction<'_>, end: &str) -> Result<Vec<ControlLot>, StoreProblem> {
    let mut select = transaction.prepare_cached(&format!("SELECT {LOT} FROM control_lot {end} ORDER BY id"))?;
    let rows = select.query_map([], columns)?;
    rows.map(|row| lot(row?)).collect()
}

type Columns = (i64, String, String, String, Option<String>);

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
}

fn lot((id, at, by, text, retired): Columns) -> Result<ControlLot, StoreProblem> {
    let retired = retired.as_deref().map(read_time).transpose()?;
    Ok(ControlLot { id, lot: serde_json::from_str(&text)?, at: read_time(&at)?, by, retired })
}
