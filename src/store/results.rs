//! Results by number, as sent over the serial line.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use serde::Serialize;

use super::records::{SessionId, Settings, Signature};
use super::text::{read_time, time};
use super::{Store, StoreError, StoreProblem, amendment, camera_check, control, recovered, schema, second_look};
use crate::counting::session::snapshot::Snapshot;
use crate::domain::red_cell_colour::RedCellColour;

/// A result as stored.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoredResult {
    /// Number of the result, from 1, never reused in one folder.
    pub sequence: u64,
    /// Identity of the store that gave it: with it the number is unique for ever, also among copies of a store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// Number of its session.
    pub session: SessionId,
    /// Name of the counting station.
    pub station: String,
    /// The counts; with the review applied once signed. Before that, whether the camera was checked is as of now.
    #[serde(flatten)]
    pub snapshot: Snapshot,
    /// The signature; without one the result is preliminary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// Number of the signed amendment that took its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<u64>,
}

/// The store that numbered a result: results from versions that did not say belong to the first identity.
pub(super) const STORE: &str = "coalesce(result.store, (SELECT value FROM meta WHERE name = 'first_store'))";

fn select(connection: &Connection, end: &str) -> rusqlite::Result<String> {
    let store = schema::since_identity(connection, STORE)?;
    let later = amendment::later(connection)?;
    // A control's result is no sample's, and nobody outside asks for it.
    let control = control::column(connection)?;
    Ok(format!(
        "SELECT result.sequence, result.session, session.station, coalesce(signature.snapshot, result.snapshot), \
         signature.person, signature.at, signature.comment, signature.sha256, {store}, session.settings, \
         (SELECT later.sequence FROM result AS later JOIN signature AS own ON own.session = later.session WHERE {later}) \
         FROM result JOIN session ON session.id = result.session AND {control} IS NULL \
         LEFT JOIN signature ON signature.session = result.session {end}"
    ))
}

/// Text of a signature: person, time, comment, SHA-256.
type Signed = (String, String, String, String);

type Columns = (i64, SessionId, String, String, Option<Signed>, Option<String>, Option<String>, Option<i64>);

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    let person: Option<String> = row.get(4)?;
    let signature = match person {
        Some(person) => Some((person, row.get(5)?, row.get(6)?, row.get(7)?)),
        None => None,
    };
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, signature, row.get(8)?, row.get(9)?, row.get(10)?))
}

fn result(
    transaction: &Transaction<'_>,
    (sequence, session, station, snapshot, signature, store, settings, later): Columns,
) -> Result<StoredResult, StoreProblem> {
    let signature = match signature {
        Some((by, at, comment, sha256)) => Some(Signature { by, at: read_time(&at)?, comment, sha256 }),
        None => None,
    };
    let mut snapshot: Snapshot = serde_json::from_str(&snapshot)?;
    if signature.is_none() {
        let settings: Option<Settings> = settings.as_deref().map(serde_json::from_str).transpose()?;
        snapshot.camera_check = camera_check::of_settings(transaction, settings.as_ref())?;
        snapshot.first_reviewer = second_look::first(transaction, session)?;
    }
    let replaced_by = later.map(i64::cast_unsigned);
    Ok(StoredResult { sequence: sequence.cast_unsigned(), store, session, station, snapshot, signature, replaced_by })
}

impl Store {
    /// The result with this number, if it exists. An amendment has none for others before it is signed.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn find(&self, sequence: u64) -> Result<Option<StoredResult>, StoreError> {
        self.read(|transaction| {
            let amends = amendment::amends(transaction)?;
            let end = format!("WHERE result.sequence = ?1 AND (signature.session IS NOT NULL OR {amends} IS NULL)");
            let sql = select(transaction, &end)?;
            let found = transaction.query_row(&sql, [sequence.cast_signed()], columns).optional()?;
            found.map(|found| result(transaction, found)).transpose()
        })
    }

    /// The result of a session, if it has one.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn result_of(&self, session: SessionId) -> Result<Option<StoredResult>, StoreError> {
        self.read(|transaction| {
            let sql = select(transaction, "WHERE result.session = ?1")?;
            let found = transaction.query_row(&sql, [session], columns).optional()?;
            found.map(|found| result(transaction, found)).transpose()
        })
    }

    /// The newest result of exactly this sample id, or the newest signed one, in the version that is in force.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn latest_result(&self, sample: &str, signed_only: bool) -> Result<Option<StoredResult>, StoreError> {
        self.read(|transaction| {
            let amends = amendment::amends(transaction)?;
            let end = format!(
                "WHERE session.sample = ?1 AND (signature.session IS NOT NULL OR (NOT ?2 AND {amends} IS NULL)) \
                 ORDER BY coalesce(json_extract(signature.snapshot, '$.amends.first'), result.sequence) DESC, \
                 result.sequence DESC LIMIT 1"
            );
            let sql = select(transaction, &end)?;
            let found = transaction.query_row(&sql, (sample, signed_only), columns).optional()?;
            found.map(|found| result(transaction, found)).transpose()
        })
    }

    /// Every result, oldest first.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn all(&self) -> Result<Vec<StoredResult>, StoreError> {
        self.read(|transaction| {
            let mut select = transaction.prepare(&select(transaction, "ORDER BY result.sequence")?)?;
            let rows = select.query_map([], columns)?;
            rows.map(|row| result(transaction, row?)).collect()
        })
    }

    /// Number of the last result, 0 if there is none.
    #[must_use]
    pub fn last(&self) -> u64 {
        recovered(&self.0.numbers).last().copied().unwrap_or(0)
    }

    /// Lowest number above `sequence` of a result without a signature.
    #[must_use]
    pub fn unsigned_after(&self, sequence: u64) -> Option<u64> {
        recovered(&self.0.unsigned).range(sequence.saturating_add(1)..).next().copied()
    }

    /// Number of the last signature, 0 if there is none.
    #[must_use]
    pub fn last_signed(&self) -> i64 {
        recovered(&self.0.signed).last_key_value().map_or(0, |(signature, _)| *signature)
    }

    /// Unsigned results with a number above `counted`, if those matter, and signatures with one above `signature`: how many in
    /// all, and the time of the oldest of them, if there is one.
    ///
    /// # Errors
    /// If that time cannot be read.
    pub fn unsent(&self, counted: Option<u64>, signature: i64) -> Result<(u64, Option<Timestamp>), StoreError> {
        let after = counted.map_or(u64::MAX, |number| number.saturating_add(1))..;
        let (counted, first) = counted_from(recovered(&self.0.unsigned).range(after).copied());
        let (signed, first_signed) = {
            let numbers = recovered(&self.0.signed);
            counted_from(numbers.range(signature.saturating_add(1)..).map(|(number, _)| *number))
        };
        let oldest = self.read(|transaction| {
            let time = |sql: &str, number: Option<i64>| {
                let Some(number) = number else { return Ok(None) };
                let text: Option<String> = transaction.query_row(sql, [number], |row| row.get(0)).optional()?;
                text.map(|text| read_time(&text)).transpose()
            };
            let counted = time("SELECT at FROM result WHERE sequence = ?1", first.map(u64::cast_signed))?;
            let signed = time("SELECT at FROM signature WHERE audit_number = ?1", first_signed)?;
            Ok(counted.into_iter().chain(signed).min())
        })?;
        Ok((counted + signed, oldest))
    }

    /// First signature with a number above `signature`, and the number of its result.
    #[must_use]
    pub(crate) fn signed_after(&self, signature: i64) -> Option<(i64, u64)> {
        let signed = recovered(&self.0.signed);
        signed.range(signature.saturating_add(1)..).next().map(|(signature, result)| (*signature, *result))
    }
}

/// How many there are, and the first.
fn counted_from<T>(numbers: impl Iterator<Item = T>) -> (u64, Option<T>) {
    numbers.fold((0, None), |(count, first), number| (count + 1, first.or(Some(number))))
}

/// Numbers of all results but amendments that nobody has signed.
pub(super) fn numbers(connection: &Connection) -> rusqlite::Result<BTreeSet<u64>> {
    let amends = amendment::amends(connection)?;
    let mut select = connection.prepare(&format!(
        "SELECT sequence FROM result WHERE {amends} IS NULL \
         OR EXISTS (SELECT 1 FROM signature WHERE signature.session = result.session)"
    ))?;
    let rows = select.query_map([], |row| row.get::<_, i64>(0))?;
    rows.map(|row| row.map(i64::cast_unsigned)).collect()
}

/// Signatures by their line in the audit trail, each with the number of its result.
pub(super) fn signed(connection: &Connection) -> rusqlite::Result<BTreeMap<i64, u64>> {
    let mut select = connection.prepare(
        "SELECT signature.audit_number, result.sequence FROM signature JOIN result ON result.session = signature.session",
    )?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())))?;
    rows.collect()
}

/// Number of the next result: never reused, even if retention deleted the result, or an older copy took the place of
/// the store.
pub(super) fn next(connection: &Connection) -> rusqlite::Result<i64> {
    let given: Option<String> =
        connection.query_row("SELECT value FROM meta WHERE name = 'last_result'", [], |row| row.get(0)).optional()?;
    let kept: i64 = connection.query_row("SELECT coalesce(max(sequence), 0) FROM result", [], |row| row.get(0))?;
    Ok(given.and_then(|given| given.parse::<i64>().ok()).unwrap_or(0).max(kept).saturating_add(1))
}

/// Gives no number up to this one any more.
pub(super) fn give_after(connection: &Connection, number: i64) -> rusqlite::Result<()> {
    if number < next(connection)? { Ok(()) } else { given(connection, number) }
}

fn given(connection: &Connection, number: i64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO meta (name, value) VALUES ('last_result', ?1) ON CONFLICT DO UPDATE SET value = ?1";
    connection.execute(sql, [number.to_string()]).map(drop)
}

pub(super) fn insert(
    transaction: &Transaction<'_>,
    sequence: i64,
    session: SessionId,
    snapshot: &Snapshot,
) -> Result<(), StoreProblem> {
    transaction.execute(
        "INSERT INTO result (sequence, session, at, snapshot, store) \
         VALUES (?1, ?2, ?3, ?4, (SELECT value FROM meta WHERE name = 'store'))",
        params![sequence, session, time(snapshot.time), serde_json::to_string(snapshot)?],
    )?;
    Ok(given(transaction, sequence)?)
}

/// Replaces NaN and infinite numbers: JSON would write them as `null`, and the result could not be read back.
pub(super) fn with_finite_numbers(mut snapshot: Snapshot) -> Snapshot {
    snapshot.frame_rate = snapshot.frame_rate.filter(|rate| rate.is_finite());
    snapshot.um_per_px = snapshot.um_per_px.filter(|scale| scale.is_finite());
    snapshot.red_cell_density = snapshot.red_cell_density.filter(RedCellColour::is_plausible);
    for count in &mut snapshot.classes {
        for number in [&mut count.percent, &mut count.low, &mut count.high] {
            if !number.is_finite() {
                *number = 0.0;
            }
        }
    }
    snapshot
}
