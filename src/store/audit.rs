//! Audit trail: every line holds a hash over itself and the line before, so that a changed or missing one is
//! detected.
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
use super::{Store, StoreError, StoreProblem};

/// Hash before the first line.
const BEFORE_ALL: &str = "leukoscope";

/// Result of verifying the whole trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditVerdict {
    /// Nothing is missing or changed.
    Whole {
        /// Number of lines.
        entries: i64,
        /// Hash of the last line; empty if there is none.
        hash: String,
    },
    /// A line is missing or was changed.
    Broken {
        /// The first wrong line.
        number: i64,
        /// What is wrong, in words.
        why: String,
    },
}

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
        self.write(|transaction| Ok(note(transaction, by, at, action, session, detail).map(drop)?))
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
            let mut select = transaction.prepare_cached(
                "SELECT number, at, person, action, session, detail, hash FROM audit \
                 WHERE (?1 IS NULL OR session = ?1) AND number < ?2 ORDER BY number DESC LIMIT ?3",
            )?;
            let rows = select.query_map(params![session, before.unwrap_or(i64::MAX), limit], line)?;
            rows.map(|row| row?.entry()).collect()
        })
    }

    /// Verifies every line of the trail.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn verify_audit(&self) -> Result<AuditVerdict, StoreError> {
        self.read(|transaction| {
            let mut select = transaction
                .prepare("SELECT number, at, person, action, session, detail, hash FROM audit ORDER BY number")?;
            let broken = |number, why: &str| Ok(AuditVerdict::Broken { number, why: why.to_owned() });
            let (mut number, mut hash) = (0, String::new());
            for row in select.query_map([], line)? {
                let row = row?;
                number += 1;
                if row.number != number {
                    return broken(number, "the line is missing");
                }
                if row.hash != row.hash_after(&hash) {
                    return broken(number, "the line, or the one before it, was changed");
                }
                hash = row.hash;
            }
            if head(transaction)? != (number, hash.clone()) {
                return broken(number + 1, "lines at the end are missing, or what is kept of the last one was changed");
            }
            let mut signed = transaction.prepare(
                "SELECT signature.audit_number, signature.audit_hash, audit.hash, audit.detail, signature.session, \
                     signature.person, signature.at, comment, snapshot, sha256 FROM signature \
                     LEFT JOIN audit ON audit.number = signature.audit_number",
            )?;
            let mut rows = signed.query([])?;
            while let Some(row) = rows.next()? {
                let at: i64 = row.get(0)?;
                let (then, now): (String, Option<String>) = (row.get(1)?, row.get(2)?);
                if now != Some(then) {
                    return broken(at, "a signature holds another hash of the line");
                }
                let text = |column| row.get::<_, String>(column);
                let detail: Value = serde_json::from_str(&text(3)?)?;
                let hash = signature_hash(row.get(4)?, &text(5)?, &text(6)?, &text(7)?, &text(8)?);
                if hash != text(9)? || detail["sha256"] != hash {
                    return broken(at, "the result that was signed there, or its signature, was changed");
                }
            }
            let unsigned = "SELECT number FROM audit WHERE action = 'sign' \
                 AND number NOT IN (SELECT audit_number FROM signature) ORDER BY number LIMIT 1";
            if let Some(at) = transaction.query_row(unsigned, [], |row| row.get(0)).optional()? {
                return broken(at, "the signature that was made there is missing");
            }
            // A trail deleted as a whole has no broken line, so look for sessions and results without one.
            if let Some(what) = transaction.query_row(UNTOLD, [], |row| row.get::<_, String>(0)).optional()? {
                return broken(number + 1, &format!("{what} is not in the trail: lines are missing"));
            }
            Ok(AuditVerdict::Whole { entries: number, hash })
        })
    }
}

/// A session or a result that has no line.
const UNTOLD: &str = "SELECT 'the begin of session ' || id FROM session WHERE NOT EXISTS \
     (SELECT 1 FROM audit WHERE audit.session = id AND action = 'begin') \
     UNION ALL SELECT 'result ' || sequence FROM result WHERE NOT EXISTS (SELECT 1 FROM audit \
     WHERE audit.session = result.session AND action = 'result' \
     AND json_extract(detail, '$.result') = sequence) LIMIT 1";

/// Adds a line within a transaction; returns its number and hash.
pub(super) fn note(
    connection: &Connection,
    by: &str,
    at: Timestamp,
    action: &str,
    session: Option<SessionId>,
    detail: &Value,
) -> rusqlite::Result<(i64, String)> {
    let (last, before) = head(connection)?;
    let mut line = AuditLine {
        number: last + 1,
        at: time(at),
        by: by.to_owned(),
        action: action.to_owned(),
        session,
        detail: detail.to_string(),
        hash: String::new(),
    };
    line.hash = line.hash_after(&before);
    connection
        .prepare_cached(
            "INSERT INTO audit (number, at, person, action, session, detail, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![line.number, line.at, line.by, line.action, line.session, line.detail, line.hash])?;
    connection
        .prepare_cached(
            "INSERT INTO meta (name, value) VALUES ('audit_head', ?1) ON CONFLICT DO UPDATE SET value = ?1",
        )?
        .execute([format!("{} {}", line.number, line.hash)])?;
    Ok((line.number, line.hash))
}

/// Number and hash of the last line, as stored separately; 0 and an empty hash if there is none.
fn head(connection: &Connection) -> rusqlite::Result<(i64, String)> {
    let kept: Option<String> =
        connection.query_row("SELECT value FROM meta WHERE name = 'audit_head'", [], |row| row.get(0)).optional()?;
    let kept = kept.unwrap_or_default();
    let (number, hash) = kept.split_once(' ').unwrap_or(("0", ""));
    Ok((number.parse().unwrap_or(-1), hash.to_owned()))
}

/// A line as stored.
struct AuditLine {
    number: i64,
    at: String,
    by: String,
    action: String,
    session: Option<SessionId>,
    detail: String,
    hash: String,
}

fn line(row: &Row<'_>) -> rusqlite::Result<AuditLine> {
    Ok(AuditLine {
        number: row.get(0)?,
        at: row.get(1)?,
        by: row.get(2)?,
        action: row.get(3)?,
        session: row.get(4)?,
        detail: row.get(5)?,
        hash: row.get(6)?,
    })
}

impl AuditLine {
    /// SHA-256 over the previous hash and the line as a JSON list, hexadecimal.
    fn hash_after(&self, before: &str) -> String {
        let before = if before.is_empty() { BEFORE_ALL } else { before };
        let Self { number, at, by, action, session, detail, .. } = self;
        let words = serde_json::json!([before, number, at, by, action, session, detail]);
        hexadecimal(&Sha256::digest(words.to_string()))
    }

    fn entry(self) -> Result<AuditEntry, StoreProblem> {
        let Self { number, at, by, action, session, detail, hash } = self;
        Ok(AuditEntry {
            number,
            at: read_time(&at)?,
            by,
            action,
            session,
            detail: serde_json::from_str(&detail)?,
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
