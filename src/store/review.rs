//! What persons do with a result: give cells another class, take that back, sign.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde_json::json;

use super::audit::{note, signature_hash};
use super::records::{CellNumber, SessionId, Signature, Status};
use super::text::time;
use super::{Problem, Store, StoreError, cells, recovered, refused, sessions};
use crate::class::{CellClass, Kind};

/// Characters of a comment, at most.
pub const LONGEST_COMMENT: usize = 2000;

impl Store {
    /// A person gives a white cell another class, or with none goes back to the program's.
    ///
    /// # Errors
    /// A refusal where the session has no result yet or is signed, or the cell is no white one; else when it cannot be
    /// written.
    pub fn reclassify(
        &self,
        session: SessionId,
        cell: CellNumber,
        class: Option<CellClass>,
        by: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(|transaction| {
            open_for_review(transaction, session)?;
            let Some(before) = cells::one(transaction, session, cell)? else {
                return refused(format!("session {session} has no cell {cell}"));
            };
            if before.kind != Kind::Wbc {
                return refused(format!("cell {cell} is no white cell; only those have classes"));
            }
            let code = class.map(CellClass::code);
            let person = before.by_person.as_ref();
            transaction.execute(
                "INSERT INTO reclassification (session, cell, before_class, before_person, before_at, class, person, at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    session,
                    cell,
                    person.map(|person| person.class.code()),
                    person.map(|person| person.by.as_str()),
                    person.map(|person| time(person.at)),
                    code,
                    by,
                    time(at)
                ],
            )?;
            set(transaction, session, cell, code.map(|code| (code, by, time(at))))?;
            let from = before.class_in_force().map(CellClass::code);
            let detail = json!({"cell": cell, "from": from, "to": code, "program": before.class.map(CellClass::code)});
            note(transaction, by, at, "reclassify", Some(session), &detail)?;
            Ok(())
        })
    }

    /// Takes back the latest change of this person; gives the cell, or none where there is nothing to take back.
    ///
    /// # Errors
    /// A refusal where the session is signed, or somebody else changed the cell since; else when it cannot be written.
    pub fn undo(&self, session: SessionId, by: &str, at: Timestamp) -> Result<Option<CellNumber>, StoreError> {
        self.write(|transaction| {
            open_for_review(transaction, session)?;
            let latest = transaction
                .query_row(
                    "SELECT id, cell, before_class, before_person, before_at, EXISTS (SELECT 1 FROM reclassification AS later \
                     WHERE later.session = ?1 AND later.cell = mine.cell AND later.id > mine.id AND NOT later.undone) \
                     FROM reclassification AS mine WHERE session = ?1 AND person = ?2 AND NOT undone ORDER BY id DESC LIMIT 1",
                    params![session, by],
                    |row| Ok((row.get(0)?, row.get(1)?, (row.get(2)?, row.get(3)?, row.get(4)?), row.get(5)?)),
                )
                .optional()?;
            let Some((id, cell, before, overtaken)) = latest else { return Ok(None) };
            let (id, cell): (i64, CellNumber) = (id, cell);
            if overtaken {
                return refused(format!("cell {cell} was given another class by somebody else since"));
            }
            let before: (Option<String>, Option<String>, Option<String>) = before;
            let person = match &before {
                (Some(class), Some(person), Some(at)) => Some((class.as_str(), person.as_str(), at.clone())),
                _ => None,
            };
            set(transaction, session, cell, person)?;
            transaction.execute("UPDATE reclassification SET undone = 1 WHERE id = ?1", [id])?;
            note(transaction, by, at, "undo", Some(session), &json!({"cell": cell, "to": before.0}))?;
            Ok(Some(cell))
        })
    }

    /// Signs the result of a session as it stands with all persons' answers. It does not change any more.
    ///
    /// # Errors
    /// A refusal where the session has no result or is signed already, or the comment is too long; else when it cannot be
    /// written.
    pub fn sign(&self, session: SessionId, by: &str, at: Timestamp, comment: &str) -> Result<Signature, StoreError> {
        let (signature, number, of) = self.write(|transaction| {
            open_for_review(transaction, session)?;
            if comment.chars().count() > LONGEST_COMMENT {
                return refused(format!("the comment is longer than {LONGEST_COMMENT} characters; shorten it"));
            }
            let detail = sessions::one(transaction, session)?;
            let found = detail.and_then(|detail| Some((detail.summary.result?, detail.reviewed_result?)));
            let Some((of, result)) = found else {
                return refused(format!("session {session} has no result to sign"));
            };
            let snapshot = serde_json::to_string(&result)?;
            let sha256 = signature_hash(session, by, &time(at), comment, &snapshot);
            let detail = json!({"sha256": sha256, "counted": result.counted});
            let (number, hash) = note(transaction, by, at, "sign", Some(session), &detail)?;
            transaction.execute(
                "INSERT INTO signature (session, person, at, comment, snapshot, sha256, audit_number, audit_hash) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![session, by, time(at), comment, snapshot, sha256, number, hash],
            )?;
            Ok((Signature { by: by.to_owned(), at, comment: comment.to_owned(), sha256 }, number, of))
        })?;
        recovered(&self.0.signed).insert(number, of);
        Ok(signature)
    }
}

fn open_for_review(transaction: &Transaction<'_>, session: SessionId) -> Result<(), Problem> {
    let Some(detail) = sessions::one(transaction, session)? else {
        return refused(format!("there is no session {session}"));
    };
    match detail.summary.status {
        Status::Preliminary => Ok(()),
        Status::Final => refused(format!("session {session} is signed; a signed result does not change")),
        Status::Counting => refused(format!("session {session} is still being counted; end it first")),
        Status::Interrupted => refused(format!("session {session} was interrupted and has no result")),
    }
}

fn set(
    transaction: &Transaction<'_>,
    session: SessionId,
    cell: CellNumber,
    person: Option<(&str, &str, String)>,
) -> rusqlite::Result<()> {
    let (class, by, at) = match person {
        Some((class, by, at)) => (Some(class), Some(by), Some(at)),
        None => (None, None, None),
    };
    transaction.execute(
        "UPDATE cell SET person_class = ?3, person = ?4, person_at = ?5 WHERE session = ?1 AND number = ?2",
        params![session, cell, class, by, at],
    )?;
    Ok(())
}
