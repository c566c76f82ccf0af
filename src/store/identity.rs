//! Identity of the store and the numbers of its results, also after a copy was put in its place.
//!
//! Together with the identity a result's number is unique for ever; in one folder the number alone is. A store that
//! opens beside the witness of another store, or without the witness it once had, is a copy: it gets an identity of
//! its own for the results to come.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::json;

use super::audit::DEVICE;
use super::witness::Witness;
use super::{Store, StoreError, StoreProblem, audit, recovered, results};

/// The trail ends before a line that was acknowledged.
pub(super) const LOST: &str = "lines lost";
/// The store is a copy, or another one was here before.
pub(super) const COPY: &str = "copy";

/// The store was put here by a restore.
pub(super) const RESTORE: &str = "restore";

/// Name of the present identity among the `meta` values.
const STORE: &str = "store";
/// The identity of results from versions that stored none with them.
const FIRST: &str = "first_store";
/// Set once the witness was written for the first time.
const WITNESSED: &str = "witnessed";

/// A store that comes from a backup, for its line in the trail.
#[derive(Clone, Debug)]
pub(super) struct Arrival<'a> {
    /// Who restores it, and when.
    pub(super) by: &'a str,
    pub(super) at: Timestamp,
    /// What it is restored from.
    pub(super) backup: serde_json::Value,
    /// Where the store before is kept, a folder in that of the store.
    pub(super) former: Option<&'a str>,
}

/// Gives a new store its identity, compares it with the witness, and notes in the trail what does not fit.
pub(super) fn settle(
    connection: &Connection,
    witness: Option<&Witness>,
    arrival: Option<&Arrival<'_>>,
) -> Result<(), StoreProblem> {
    let now = Timestamp::now();
    let before = meta(connection, STORE)?;
    if before.is_none() {
        let store = random()?;
        set(connection, FIRST, &store)?;
        set(connection, STORE, &store)?;
    }
    let head = audit::head(connection)?;
    match (witness, arrival) {
        (_, Some(arrival)) => restored(connection, arrival, before.as_deref(), witness, head.0)?,
        (None, _) if meta(connection, WITNESSED)?.is_some() => copy(connection, now, before.as_deref(), None)?,
        (Some(witness), _) if before.as_ref() != Some(&witness.store) => {
            copy(connection, now, before.as_deref(), Some(witness))?;
        }
        (Some(witness), _) if lost(connection, head.0, witness)? => {
            let detail = json!({"line": witness.line, "hash": witness.hash, "last": head.0});
            audit::note(connection, DEVICE, now, LOST, None, &detail)?;
        }
        _ => {}
    }
    if let Some(witness) = witness {
        results::give_after(connection, witness.result)?;
    }
    Ok(())
}

/// Whether the line that the witness names is not in the trail.
pub(super) fn lost(connection: &Connection, last: i64, witness: &Witness) -> rusqlite::Result<bool> {
    if witness.line == 0 || witness.line > last {
        return Ok(witness.line > last);
    }
    let hash: Option<String> = connection
        .query_row("SELECT hash FROM audit WHERE number = ?1", [witness.line], |row| row.get(0))
        .optional()?;
    Ok(hash.as_ref() != Some(&witness.hash))
}

fn copy(
    connection: &Connection,
    now: Timestamp,
    before: Option<&str>,
    witness: Option<&Witness>,
) -> Result<(), StoreProblem> {
    // A store that has just got its identity needs no other.
    if before.is_some() {
        set(connection, STORE, &random()?)?;
    }
    let here = witness.map(|witness| json!({"store": witness.store, "line": witness.line, "result": witness.result}));
    let detail = json!({"store": identity(connection)?, "copy of": before, "here before": here});
    audit::note(connection, DEVICE, now, COPY, None, &detail)?;
    Ok(())
}

/// Notes that the store was restored, and what that lost. In the folder it is from it remains the same store.
fn restored(
    connection: &Connection,
    arrival: &Arrival<'_>,
    before: Option<&str>,
    witness: Option<&Witness>,
    last: i64,
) -> Result<(), StoreProblem> {
    let is_same = witness.is_some_and(|witness| before == Some(witness.store.as_str()));
    if !is_same && before.is_some() {
        set(connection, STORE, &random()?)?;
    }
    let here = witness.map(
        |witness| json!({"store": witness.store, "line": witness.line, "hash": witness.hash, "result": witness.result}),
    );
    let mut detail = json!({"backup": arrival.backup, "here before": here, "former": arrival.former});
    match witness {
        Some(witness) if is_same && lost(connection, last, witness)? => {
            let results = witness.result - (results::next(connection)? - 1);
            detail["lost"] = json!({"lines": (witness.line - last).max(0), "results": results.max(0)});
        }
        Some(_) if is_same => detail["lost"] = json!({"lines": 0, "results": 0}),
        _ => {
            detail["store"] = identity(connection)?.into();
            detail["copy of"] = before.into();
        }
    }
    audit::note(connection, arrival.by, arrival.at, RESTORE, None, &detail)?;
    Ok(())
}

/// The store's present identity, 32 hexadecimal digits; none before the first start of a version that makes one.
pub(super) fn identity(connection: &Connection) -> rusqlite::Result<Option<String>> {
    meta(connection, STORE)
}

/// Whether a witness was ever written for this store.
pub(super) fn is_witnessed(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(meta(connection, WITNESSED)?.is_some())
}

/// How far the store has come; `None` if it has no identity yet.
fn so_far(connection: &Connection) -> rusqlite::Result<Option<Witness>> {
    let Some(store) = identity(connection)? else { return Ok(None) };
    let (line, hash) = audit::head(connection)?;
    let result = results::next(connection)? - 1;
    Ok(Some(Witness { store, line, hash, result }))
}

impl Store {
    /// Brings the witness up to date after the store was opened.
    pub(super) fn witness_start(&self, found: Option<&Witness>) -> Result<(), StoreError> {
        let Some(writer) = &self.0.writer else { return Ok(()) };
        let (now, witnessed) = {
            let writer = recovered(writer);
            let read = || Ok::<_, StoreProblem>((so_far(&writer)?, is_witnessed(&writer)?));
            read().map_err(|problem| self.failed(problem))?
        };
        let kept = now.as_ref() == found || self.witness();
        if !kept || witnessed {
            return Ok(());
        }
        // Only now: a start that is cut off between the two must not take the store for a copy.
        self.write(|transaction| Ok(set(transaction, WITNESSED, "1")?))
    }

    /// Writes the witness; returns whether it could be written. The disk may be full: then it lags behind until the
    /// next time.
    pub(super) fn witness(&self) -> bool {
        let (Some(writer), Some(folder)) = (&self.0.writer, self.0.path.parent()) else { return false };
        // Held, so that a later state is not overwritten by an earlier one.
        let writer = recovered(writer);
        let kept = match so_far(&writer) {
            Ok(Some(witness)) => witness.keep(folder).map_err(|problem| super::of_file(folder)(problem)),
            Ok(None) => return false,
            Err(problem) => Err(self.failed(problem.into())),
        };
        if let Err(problem) = &kept {
            log::warn!("the witness beside the store could not be written: {problem}");
        }
        kept.is_ok()
    }

    /// Gives no number up to this one to a result any more: a host has results with them.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn number_after(&self, number: u64) -> Result<(), StoreError> {
        if number <= self.last() {
            return Ok(());
        }
        self.write(|transaction| Ok(results::give_after(transaction, number.cast_signed())?))?;
        self.witness();
        Ok(())
    }
}

fn meta(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    connection.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0)).optional()
}

fn set(connection: &Connection, name: &str, value: &str) -> rusqlite::Result<()> {
    let sql = "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2";
    connection.execute(sql, params![name, value]).map(drop)
}

/// 16 random bytes, hexadecimal.
fn random() -> Result<String, StoreProblem> {
    let mut bytes = [0; 16];
    let filled = getrandom::fill(&mut bytes);
    filled.map_err(|problem| StoreProblem::Refused(format!("no random numbers: {problem}")))?;
    Ok(audit::hexadecimal(&bytes))
}
