//! Amendments: a new version of a signed result. The signed one stays as it is, to the last byte, and in force until the
//! new one is signed.
//!
//! A version is a session of its own with copies of the cells, pictures and whole fields. So it is reviewed, signed, verified and sent
//! like any other, and nothing that keeps signed rows from changing had to be loosened. What it replaces stands in its
//! result, which its signature covers.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde_json::json;

use super::audit::{note, vouch};
use super::records::{SessionDetail, SessionId, SessionSummary};
use super::review::ReviewError;
use super::{Store, StoreError, StoreProblem, alarms, counting, digest, refused, results, schema, sessions};
use crate::counting::session::snapshot::{Amends, Snapshot};
use crate::domain::letters::unfit_in_comment;

/// Longest reason, characters.
const LONGEST_REASON: usize = 500;

/// Columns of a session that are not copied: its number, and what retention took away of it alone.
const OWN: [&str; 4] = ["id", "crops_removed", "cells_removed", "reclassified"];

impl Store {
    /// Begins an amendment of a signed result: a new version with its cells and the classes that persons gave them.
    /// Returns its session.
    ///
    /// # Errors
    /// A refusal without a reason, if there is no signed result, if another version amends it already, or if retention has
    /// taken its cells; else if it cannot be written.
    pub fn amend(&self, session: SessionId, reason: &str, by: &str, at: Timestamp) -> Result<SessionId, StoreError> {
        self.amend_with_sample(session, reason, None, by, at)
    }

    /// The same, where `sample` is the id that the sample has in truth, if it was counted under a wrong one. The caller has checked it
    /// as any other id.
    ///
    /// # Errors
    /// As [`Store::amend`].
    pub fn amend_with_sample(
        &self,
        session: SessionId,
        reason: &str,
        sample: Option<&str>,
        by: &str,
        at: Timestamp,
    ) -> Result<SessionId, StoreError> {
        let reason = checked(reason, "write why the result is amended; the corrected report says it")?;
        self.write_witnessed(|transaction| {
            let detail = sessions::one(transaction, session)?.ok_or(ReviewError::NoSession(session))?;
            let SessionDetail { summary, counted_result, signature, .. } = detail;
            if let Some(amended) = summary.amended_by {
                return Err(ReviewError::Amended(session, amended.session).into());
            }
            let (Some(counted), Some(number), Some(signature)) = (counted_result, summary.result, signature) else {
                return refused(format!("session {session} is not signed; change its cells and sign it instead"));
            };
            let sql = "SELECT cells_removed IS NOT NULL FROM session WHERE id = ?1";
            if transaction.query_row(sql, [session], |row| row.get::<_, bool>(0))? {
                return refused(format!(
                    "the cells of session {session} were removed to make room, so it cannot be amended; count the sample again"
                ));
            }
            let other = sample.filter(|sample| **sample != counted.sample);
            let first = counted.amends.as_ref().map_or(number, |amends| amends.first);
            let amends = Amends {
                version: summary.version + 1,
                session,
                result: number,
                by: signature.by,
                at: signature.at,
                reason: reason.clone(),
                amended_by: by.to_owned(),
                since: at,
                first,
                sample: other.map(|_| counted.sample.clone()),
            };
            let mut words = json!({"version": amends.version, "replaces": session, "reason": amends.reason});
            let mut snapshot = Snapshot { amends: Some(amends), ..counted };
            if let Some(sample) = other {
                words["was"] = json!(snapshot.sample);
                snapshot.earlier = sessions::signed_before(transaction, sample)?;
                sample.clone_into(&mut snapshot.sample);
            }
            copy(transaction, session, &snapshot, &words, by, at)
        })
    }

    /// Withdraws an amendment that is not signed, with what was changed in it. Returns the session of the version that it
    /// was to replace.
    ///
    /// # Errors
    /// A refusal without a reason, or if the session is no amendment, or signed; else if it cannot be written.
    pub fn withdraw_amendment(
        &self,
        session: SessionId,
        reason: &str,
        by: &str,
        at: Timestamp,
    ) -> Result<SessionId, StoreError> {
        let reason = checked(reason, "write why the amendment is withdrawn; the audit trail keeps it")?;
        self.write_witnessed(|transaction| {
            let detail = sessions::one(transaction, session)?.ok_or(ReviewError::NoSession(session))?;
            let Some(amends) = detail.counted_result.and_then(|result| result.amends) else {
                return refused(format!("session {session} is no amendment"));
            };
            if detail.signature.is_some() {
                return Err(ReviewError::Signed(session).into());
            }
            withdrawn(transaction, session, amends.session, &reason, by, at)?;
            Ok(amends.session)
        })
    }
}

/// Deletes an amendment. Its cells, pictures and reviews are deleted with it; the trail keeps what was said of them.
pub(super) fn withdrawn(
    transaction: &Transaction<'_>,
    session: SessionId,
    replaces: SessionId,
    reason: &str,
    by: &str,
    at: Timestamp,
) -> rusqlite::Result<()> {
    let words = json!({"session": session, "reason": reason});
    note(transaction, by, at, "withdraw amendment", Some(replaces), &words)?;
    let number: Option<i64> = transaction
        .query_row("DELETE FROM result WHERE session = ?1 RETURNING sequence", [session], |row| row.get(0))
        .optional()?;
    transaction.execute("DELETE FROM session WHERE id = ?1", [session])?;
    let words = json!({"result": number, "why": "amendment withdrawn"});
    note(transaction, by, at, "remove result", Some(session), &words).map(drop)
}

impl SessionSummary {
    /// Whether a signed amendment has taken the place of this result.
    #[must_use]
    pub fn is_replaced(&self) -> bool {
        self.amended_by.as_ref().is_some_and(|later| later.signed_by.is_some())
    }

    /// Whether it is an amendment that nobody has signed yet: the version before is in force.
    #[must_use]
    pub fn is_open_amendment(&self) -> bool {
        self.version > 1 && self.signed_by.is_none()
    }
}

/// A reason on one line, in letters that print.
fn checked(reason: &str, without: &str) -> Result<String, StoreError> {
    let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    let wrong = |words: String| Err(StoreError::Refused(words));
    if reason.is_empty() {
        return wrong(without.to_owned());
    }
    if reason.chars().count() > LONGEST_REASON {
        return wrong(format!("the reason is longer than {LONGEST_REASON} characters; shorten it"));
    }
    match unfit_in_comment(&reason) {
        Some(letters) => wrong(format!("the reason holds {letters}, which reports cannot print; write it without")),
        None => Ok(reason),
    }
}

/// Copies a session with its cells and pictures, and stores this result of it.
fn copy(
    transaction: &Transaction<'_>,
    session: SessionId,
    snapshot: &Snapshot,
    words: &serde_json::Value,
    by: &str,
    at: Timestamp,
) -> Result<SessionId, StoreProblem> {
    let names = columns(transaction, "session", &OWN)?;
    transaction
        .execute(&format!("INSERT INTO session ({names}) SELECT {names} FROM session WHERE id = ?1"), [session])?;
    let id = transaction.last_insert_rowid();
    transaction.execute("UPDATE session SET sample = ?2 WHERE id = ?1", params![id, snapshot.sample])?;
    let begun = digest::of_session(transaction, id, &[digest::SESSION])?;
    let mut detail = words.clone();
    detail["sample"] = json!(snapshot.sample);
    vouch(transaction, by, at, "begin", Some(id), &detail, Some(&begun))?;
    for table in ["cell", "crop", "field", "field_cell"] {
        let names = columns(transaction, table, &["session"])?;
        let sql = format!("INSERT INTO {table} (session, {names}) SELECT ?2, {names} FROM {table} WHERE session = ?1");
        transaction.execute(&sql, params![session, id])?;
    }
    let number = results::next(transaction)?;
    results::insert(transaction, number, id, snapshot)?;
    let Snapshot { sample, counted, flags, .. } = snapshot;
    let alarm = alarms::settle(transaction, id, &snapshot.critical)?;
    let mut detail = json!({"result": number, "sample": sample, "counted": counted, "flags": flags});
    // It was not counted, so nothing was summed meanwhile.
    let rows = counting::vouched(transaction, id, begun, &mut detail, true)?;
    vouch(transaction, by, at, "result", Some(id), &detail, Some(&rows))?;
    alarms::tell(transaction, id, alarm, at)?;
    // Among the lines of the version that it replaces, too: who reads that one must find it.
    let mut detail = words.clone();
    detail["session"] = json!(id);
    if snapshot.amends.as_ref().is_some_and(|amends| amends.sample.is_some()) {
        detail["sample"] = json!(snapshot.sample);
    }
    note(transaction, by, at, "amend", Some(session), &detail)?;
    Ok(id)
}

/// Names of a table's columns but these: a column that a later form adds is copied, too.
fn columns(connection: &Connection, table: &str, but: &[&str]) -> rusqlite::Result<String> {
    let mut select = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
    let names: Vec<String> = select.query_map([table], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(names.into_iter().filter(|name| !but.contains(&name.as_str())).collect::<Vec<_>>().join(", "))
}

/// Whether the rows called `result` are of an amendment, as SQL: the session that it amends, or null.
pub(super) fn amends(connection: &Connection) -> rusqlite::Result<&'static str> {
    Ok(if schema::has_amendments(connection)? { "result.amends" } else { "NULL" })
}

/// As SQL: the rows called `later` are of the version that amends `session`, signed or not.
pub(super) fn later(connection: &Connection) -> rusqlite::Result<&'static str> {
    Ok(if schema::has_amendments(connection)? { "later.amends = session.id" } else { "later.sequence = NULL" })
}

/// As SQL: another version amends `session`, signed or not. Its cells are that version's, and must not count twice.
pub(super) fn is_amended(connection: &Connection) -> rusqlite::Result<String> {
    Ok(format!("EXISTS (SELECT 1 FROM result AS later WHERE {})", later(connection)?))
}

/// As SQL: a signed version has taken the place of `session`.
pub(super) fn is_replaced(connection: &Connection) -> rusqlite::Result<String> {
    Ok(format!(
        "EXISTS (SELECT 1 FROM result AS later JOIN signature AS own ON own.session = later.session WHERE {})",
        later(connection)?
    ))
}

/// As SQL: no signed version has taken the place of `session`, and it is no amendment that nobody has signed yet.
pub(super) fn is_in_force(connection: &Connection) -> rusqlite::Result<String> {
    if !schema::has_amendments(connection)? {
        return Ok("1".to_owned());
    }
    Ok(format!(
        "NOT {} AND NOT EXISTS (SELECT 1 FROM result AS made WHERE made.session = session.id AND made.amends IS NOT NULL \
         AND NOT EXISTS (SELECT 1 FROM signature WHERE signature.session = made.session))",
        is_replaced(connection)?
    ))
}

/// As SQL: somebody works on `session` whatever its age: it takes part in an amendment that nobody has signed yet, or waits
/// for its second reviewer. Their cells must stay.
pub(super) fn is_under_way(connection: &Connection) -> rusqlite::Result<&'static str> {
    const UNDER_WAY: &str = "(EXISTS (SELECT 1 FROM result AS made WHERE made.amends IS NOT NULL \
         AND session.id IN (made.session, made.amends) \
         AND NOT EXISTS (SELECT 1 FROM signature WHERE signature.session = made.session)) \
         OR (EXISTS (SELECT 1 FROM audit WHERE audit.session = session.id AND action = 'first sign') \
         AND NOT EXISTS (SELECT 1 FROM signature WHERE signature.session = session.id)))";
    Ok(if schema::has_amendments(connection)? { UNDER_WAY } else { "0" })
}
