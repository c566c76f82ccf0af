//! Audit trail: every line holds a hash over itself and the line before, so that a changed or missing one is
//! detected. A line that changes a session, a user or a token also holds hashes of the rows it speaks of, as they are
//! after it; `verify` compares them with the rows.
//!
//! Number and hash of the last line are also stored separately, and in every signature. Whoever can write the file
//! and knows its format can forge a whole new trail; only a hash written down elsewhere reveals that (`leukoscope
//! audit verify` prints it).

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::records::{AuditEntry, SessionId};
use super::text::{read_time, time};
use super::{Store, StoreError, StoreProblem, schema};

/// Name in the trail for what the program does on its own, and for a person at the device without a login.
pub(super) const DEVICE: &str = "device";

/// Names in the details what something else changed while it was counted.
pub(super) const CHANGED: &str = "changed";

/// Hash before the first line.
const BEFORE_ALL: &str = "leukoscope";

impl Store {
    /// Adds a line to the trail.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn note(
        &self,
        by: &str,
        at: Timestamp,
        action: &str,
        session: Option<SessionId>,
        detail: &Value,
    ) -> Result<(), StoreError> {
        self.write_witnessed(|transaction| Ok(note(transaction, by, at, action, session, detail).map(drop)?))
    }

    /// Lines of the trail, newest first: of one session or of all, with numbers below `before`, at most `limit`.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn audit(
        &self,
        session: Option<SessionId>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        self.read(|transaction| {
            let mut select = transaction.prepare_cached(&format!(
                "SELECT {} FROM audit WHERE (?1 IS NULL OR session = ?1) AND number < ?2 ORDER BY number DESC LIMIT ?3",
                columns(transaction)?
            ))?;
            let rows = select.query_map(params![session, before.unwrap_or(i64::MAX), limit], line)?;
            rows.map(|row| row?.entry()).collect()
        })
    }
}

/// Adds a line within a transaction; returns its number and hash.
pub(super) fn note(
    connection: &Connection,
    by: &str,
    at: Timestamp,
    action: &str,
    session: Option<SessionId>,
    detail: &Value,
) -> rusqlite::Result<(i64, String)> {
    vouch(connection, by, at, action, session, detail, None)
}

/// Same, for a line that holds hashes of the rows it speaks of.
pub(super) fn vouch(
    connection: &Connection,
    by: &str,
    at: Timestamp,
    action: &str,
    session: Option<SessionId>,
    detail: &Value,
    rows: Option<&Value>,
) -> rusqlite::Result<(i64, String)> {
    let (last, before) = head(connection)?;
    let mut line = AuditLine {
        number: last + 1,
        at: time(at),
        by: by.to_owned(),
        action: action.to_owned(),
        session,
        detail: detail.to_string(),
        rows: rows.map(Value::to_string),
        hash: String::new(),
    };
    line.hash = line.hash_after(&before);
    connection
        .prepare_cached(
            "INSERT INTO audit (number, at, person, action, session, detail, hash, row_hashes) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            line.number,
            line.at,
            line.by,
            line.action,
            line.session,
            line.detail,
            line.hash,
            line.rows
        ])?;
    connection
        .prepare_cached(
            "INSERT INTO meta (name, value) VALUES ('audit_head', ?1) ON CONFLICT DO UPDATE SET value = ?1",
        )?
        .execute([format!("{} {}", line.number, line.hash)])?;
    Ok((line.number, line.hash))
}

/// Number and hash of the last line, as stored separately; 0 and an empty hash if there is none.
pub(super) fn head(connection: &Connection) -> rusqlite::Result<(i64, String)> {
    let kept: Option<String> =
        connection.query_row("SELECT value FROM meta WHERE name = 'audit_head'", [], |row| row.get(0)).optional()?;
    let kept = kept.unwrap_or_default();
    let (number, hash) = kept.split_once(' ').unwrap_or(("0", ""));
    Ok((number.parse().unwrap_or(-1), hash.to_owned()))
}

/// Columns of [`line`].
pub(super) fn columns(connection: &Connection) -> rusqlite::Result<String> {
    let rows = schema::since_identity(connection, "row_hashes")?;
    Ok(format!("number, at, person, action, session, detail, hash, {rows}"))
}

/// A line as stored.
pub(super) struct AuditLine {
    pub(super) number: i64,
    pub(super) at: String,
    pub(super) by: String,
    pub(super) action: String,
    pub(super) session: Option<SessionId>,
    pub(super) detail: String,
    pub(super) hash: String,
    /// Hashes of the rows it speaks of, as JSON.
    pub(super) rows: Option<String>,
}

pub(super) fn line(row: &Row<'_>) -> rusqlite::Result<AuditLine> {
    Ok(AuditLine {
        number: row.get(0)?,
        at: row.get(1)?,
        by: row.get(2)?,
        action: row.get(3)?,
        session: row.get(4)?,
        detail: row.get(5)?,
        hash: row.get(6)?,
        rows: row.get(7)?,
    })
}

impl AuditLine {
    /// SHA-256 over the previous hash and the line as a JSON list, hexadecimal.
    pub(super) fn hash_after(&self, before: &str) -> String {
        let before = if before.is_empty() { BEFORE_ALL } else { before };
        let Self { number, at, by, action, session, detail, rows, .. } = self;
        let words = match rows {
            Some(rows) => serde_json::json!([before, number, at, by, action, session, detail, rows]),
            None => serde_json::json!([before, number, at, by, action, session, detail]),
        };
        hexadecimal(&Sha256::digest(words.to_string()))
    }

    pub(super) fn entry(self) -> Result<AuditEntry, StoreProblem> {
        let Self { number, at, by, action, session, detail, rows, hash } = self;
        Ok(AuditEntry {
            number,
            at: read_time(&at)?,
            by,
            action,
            session,
            detail: serde_json::from_str(&detail)?,
            rows: rows.as_deref().map(serde_json::from_str).transpose()?,
            hash,
        })
    }
}

/// SHA-256 over a signed result as a JSON list, hexadecimal.
pub(super) fn signature_hash(session: SessionId, by: &str, at: &str, comment: &str, snapshot: &str) -> String {
    hexadecimal(&Sha256::digest(serde_json::json!([session, by, at, comment, snapshot]).to_string()))
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
