//! Review of a result: give cells another class, undo that, sign.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::audit::{hexadecimal, signature_hash, vouch};
use super::records::{CellNumber, CellRecord, SessionId, Signature};
pub use super::review_error::ReviewError;
use super::said::{ClassChange, Said, change, set};
use super::second_look::{self, Signed, Turn};
use super::text::{read_own, time};
use super::{Store, StoreError, StoreProblem, alarms, cells, control, digest, quickly, recovered, refused, sessions};
use crate::counting::quality_control::{ControlMark, QualityControl};
use crate::counting::session::snapshot::{CameraCheck, Snapshot};
use crate::domain::class::{CellClass, Kind};
use crate::domain::flag::must_be_looked_at;
use crate::domain::letters::unfit_in_comment;
use crate::domain::own_class::GivenClass;
use crate::domain::source::Mark;

/// Longest comment, characters.
const LONGEST_COMMENT: usize = 2000;

impl Store {
    /// Gives one white cell another class: see `Store::reclassify_all`.
    ///
    /// # Errors
    /// As there.
    pub fn reclassify(
        &self,
        session: SessionId,
        cell: CellNumber,
        class: Option<CellClass>,
        by: &str,
        at: Timestamp,
    ) -> Result<Vec<CellRecord>, StoreError> {
        self.reclassify_all(session, &[cell], class, by, at)
    }

    /// Gives white cells another class, or with `None` restores the program's: all of them or none, as one step that
    /// is undone as one. Returns the changed cells.
    ///
    /// # Errors
    /// A refusal if the session has no result yet or is signed, or a cell is not a white one; else if it cannot be
    /// written.
    pub(crate) fn reclassify_all(
        &self,
        session: SessionId,
        cells: &[CellNumber],
        class: Option<CellClass>,
        by: &str,
        at: Timestamp,
    ) -> Result<Vec<CellRecord>, StoreError> {
        self.reclassify_seen(session, cells, class.map(GivenClass::from).as_ref(), by, at, |_| false)
    }

    /// The same, where `quickly` tells of each cell whether the step came faster than anybody can look at it. A quick step
    /// that says the same again of a cell somebody looked at changes nothing of it. Whether an own class is one of the laboratory's
    /// is for the caller to see.
    ///
    /// # Errors
    /// As there.
    pub fn reclassify_seen(
        &self,
        session: SessionId,
        cells: &[CellNumber],
        class: Option<&GivenClass>,
        by: &str,
        at: Timestamp,
        quickly: impl Fn(CellNumber) -> bool,
    ) -> Result<Vec<CellRecord>, StoreError> {
        // A cell named twice changes once.
        let cells: BTreeSet<CellNumber> = cells.iter().copied().collect();
        let code = class.map(|given| given.class.code());
        let own = class.and_then(|given| given.own.as_ref());
        let stored_own = own.map(ToString::to_string);
        self.write_witnessed(|transaction| {
            second_look::open_for_review_by(transaction, session, by)?;
            let before = review_hashes(transaction, session)?;
            let mut changes = Vec::new();
            let mut quick = Vec::new();
            for &cell in &cells {
                let before =
                    cells::one(transaction, session, cell)?.ok_or(ReviewError::NoCell(session, cell))?;
                if before.kind != Kind::Wbc {
                    return refused(format!("cell {cell} is no white cell; only those have classes"));
                }
                let person = before.by_person.as_ref();
                let too_quick = class.is_some() && quickly(cell);
                if too_quick && before.is_looked_at() && before.given().as_ref() == class {
                    continue;
                }
                transaction.prepare_cached(
                    "INSERT INTO reclassification (session, cell, before_class, before_person, before_at, class, person, at, \
                     before_own, own) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                )?.execute(
                    params![
                        session,
                        cell,
                        person.map(|person| person.class.code()),
                        person.map(|person| person.by.as_str()),
                        person.map(|person| time(person.at)),
                        code,
                        by,
                        time(at),
                        before.own().map(ToString::to_string),
                        stored_own
                    ],
                )?;
                if too_quick {
                    quickly::note(transaction, session)?;
                    quick.push(cell);
                }
                let said = code.map(|code| Said { class: code.into(), by: by.into(), at: time(at), own: stored_own.clone() });
                set(transaction, session, cell, said)?;
                let from = before.class_in_force().map(CellClass::code);
                let mut change = json!({"cell": cell, "from": from, "program": before.class.map(CellClass::code)});
                if let Some(own) = before.own() {
                    change["from_own"] = json!(own);
                }
                changes.push(change);
            }
            if changes.is_empty() {
                return now(transaction, session, cells);
            }
            let alarm = alarms::after_review(transaction, session)?;
            let rows = digest::with_before(review_hashes(transaction, session)?, before);
            let mut detail = json!({"to": code, "cells": changes});
            if let Some(own) = own {
                detail["own"] = json!(own);
            }
            if !quick.is_empty() {
                detail["quickly"] = json!(quick);
            }
            vouch(transaction, by, at, "reclassify", Some(session), &detail, Some(&rows))?;
            alarms::tell(transaction, session, alarm, at)?;
            now(transaction, session, cells)
        })
    }

    /// Undoes the latest step of this person. Returns its cells as they are now; empty if there is nothing to undo.
    ///
    /// # Errors
    /// A refusal if the session is signed, or somebody else changed one of the cells since; else if it cannot be
    /// written.
    pub fn undo(&self, session: SessionId, by: &str, at: Timestamp) -> Result<Vec<CellRecord>, StoreError> {
        self.write_witnessed(|transaction| {
            second_look::open_for_review_by(transaction, session, by)?;
            let before = review_hashes(transaction, session)?;
            // All changes by one person at one time are one step.
            let mut select = transaction.prepare_cached(
                "SELECT id, cell, before_class, before_person, before_at, before_own, EXISTS (SELECT 1 FROM reclassification AS later \
                 WHERE later.session = ?1 AND later.cell = mine.cell AND later.id > mine.id AND NOT later.undone) \
                 FROM reclassification AS mine WHERE session = ?1 AND person = ?2 AND NOT undone AND at = \
                 (SELECT at FROM reclassification WHERE session = ?1 AND person = ?2 AND NOT undone ORDER BY id DESC LIMIT 1)",
            )?;
            let step: Vec<ClassChange> = select.query_map(params![session, by], change)?.collect::<Result<_, _>>()?;
            if step.is_empty() {
                return Ok(Vec::new());
            }
            if let Some(ClassChange { cell, .. }) = step.iter().find(|change| change.overtaken) {
                return refused(format!("cell {cell} was given another class by somebody else since"));
            }
            let mut changes = Vec::new();
            let numbers: Vec<CellNumber> = step.iter().map(|change| change.cell).collect();
            for ClassChange { id, cell, before, .. } in step {
                let mut change = json!({"cell": cell, "to": before.as_ref().map(|said| said.class.as_str())});
                if let Some(own) = before.as_ref().and_then(|said| said.own.as_deref()).map(read_own).transpose()? {
                    change["own"] = json!(own);
                }
                set(transaction, session, cell, before)?;
                transaction.execute("UPDATE reclassification SET undone = 1 WHERE id = ?1", [id])?;
                changes.push(change);
            }
            let alarm = alarms::after_review(transaction, session)?;
            let rows = digest::with_before(review_hashes(transaction, session)?, before);
            vouch(transaction, by, at, "undo", Some(session), &json!({"cells": changes}), Some(&rows))?;
            alarms::tell(transaction, session, alarm, at)?;
            now(transaction, session, numbers)
        })
    }

    /// Whether the result of a session is signed.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn is_signed(&self, session: SessionId) -> Result<bool, StoreError> {
        self.read(|transaction| Ok(is_signed(transaction, session)?))
    }

    /// Signs the current result of a session, with the review applied. It cannot change any more after that.
    ///
    /// # Errors
    /// A refusal if the session has no result or is already signed, or the comment is too long; else if it cannot be
    /// written.
    pub fn sign(&self, session: SessionId, by: &str, at: Timestamp, comment: &str) -> Result<Signature, StoreError> {
        self.sign_if(session, (by, at), comment, None, |_| true, false)?.only()
    }

    /// Signs the result only if its fingerprint is `seen`, with how quality control stands. The comment is a person's: every letter of it must print.
    ///
    /// # Errors
    /// As [`Store::sign`]; a refusal if the result has another fingerprint, a letter of the comment does not print, or there is no
    /// comment although blasts, unclassified cells or cells of a flag were looked at by nobody or seen quickly.
    pub(crate) fn sign_seen(
        &self,
        session: SessionId,
        by: &str,
        at: Timestamp,
        comment: &str,
        control: Option<ControlMark>,
        seen: &str,
    ) -> Result<Signed, StoreError> {
        let comment = comment.replace("\r\n", "\n");
        if let Some(letters) = unfit_in_comment(&comment) {
            let package = if letters.contains("package") {
                ", or have the package installed on it (sudo apt install PACKAGE) and sign again"
            } else {
                ""
            };
            return Err(StoreError::Refused(format!(
                "the comment holds {letters}, which this station cannot print; write it without{package}"
            )));
        }
        self.sign_if(session, (by, at), &comment, control, |fingerprint| fingerprint == seen, true)
    }

    /// `by` and `at`: who signs, and when.
    fn sign_if(
        &self,
        session: SessionId,
        (by, at): (&str, Timestamp),
        comment: &str,
        control: Option<ControlMark>,
        seen: impl FnOnce(&str) -> bool,
        explained: bool,
    ) -> Result<Signed, StoreError> {
        let done = self.write(|transaction| {
            open_for_review(transaction, session)?;
            if comment.chars().count() > LONGEST_COMMENT {
                return refused(format!("the comment is longer than {LONGEST_COMMENT} characters; shorten it"));
            }
            let detail = sessions::one(transaction, session)?;
            let asked = detail.as_ref().is_some_and(|detail| second_look::asks(self, detail));
            let found = detail.and_then(|detail| {
                let result = Snapshot {
                    // Part of what is signed: reports and hosts show them beside the signature.
                    looked_at: detail.looked_at.clone(),
                    camera_check: detail.camera_check,
                    quality_control: control.map(QualityControl::Mark),
                    training: self.in_training() || detail.reviewed_result.as_ref()?.training,
                    ..detail.reviewed_result?
                };
                Some((detail.summary.result?, result, detail.fingerprint?))
            });
            let Some((of, mut result, fingerprint)) = found else {
                return refused(format!("session {session} has no result to sign"));
            };
            if !seen(&fingerprint) {
                return Err(ReviewError::Changed(session).into());
            }
            if let Some(source) = result.source.filter(|source| Mark::of(*source).is_some() && !self.in_training()) {
                return Err(ReviewError::NotReal(session, source).into());
            }
            if explained && comment.trim().is_empty() {
                let cells = cells::select(transaction, session, Some(Kind::Wbc), None)?;
                let unseen = quickly::unseen(&cells, |class| must_be_looked_at(class, &result.flags))?;
                if unseen > 0 {
                    return Err(ReviewError::Unexplained(session, unseen).into());
                }
            }
            match second_look::turn(transaction, session, asked, by, at, comment)? {
                Turn::First(first) => return Ok(Err(first)),
                Turn::Last(first) => result.first_reviewer = first,
            }
            let snapshot = serde_json::to_string(&result)?;
            let sha256 = signature_hash(session, by, &time(at), comment, &snapshot);
            let mut detail = json!({"sha256": sha256, "counted": result.counted});
            if let Some(looked_at) = &result.looked_at {
                detail["looked_at"] = json!(looked_at);
                if let Some(words) = looked_at.signed_unseen() {
                    detail["unseen"] = json!(words);
                }
            }
            if let Some(CameraCheck { cells, agree, .. }) = &result.camera_check {
                detail["camera_check"] = json!({"cells": cells, "agree": agree});
            }
            if let Some(QualityControl::Mark(mark)) = &result.quality_control {
                detail["control"] = json!(mark);
            }
            let marks = result.marks();
            if !marks.is_empty() {
                detail["marks"] = json!(marks);
            }
            let rows = digest::of_all(transaction, session)?;
            let (number, hash) = vouch(transaction, by, at, "sign", Some(session), &detail, Some(&rows))?;
            transaction.execute(
                "INSERT INTO signature (session, person, at, comment, snapshot, sha256, audit_number, audit_hash) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![session, by, time(at), comment, snapshot, sha256, number, hash],
            )?;
            Ok(Ok((Signature { by: by.to_owned(), at, comment: comment.to_owned(), sha256 }, number, of)))
        })?;
        self.witness();
        let (signature, number, of) = match done {
            Ok(signed) => signed,
            Err(first) => return Ok(Signed::First(first)),
        };
        // An amendment is known by its number from now on.
        recovered(&self.0.numbers).insert(of);
        recovered(&self.0.signed).insert(number, of);
        recovered(&self.0.unsigned).remove(&of);
        Ok(Signed::Final(signature))
    }
}

/// Hashes of what a review changes.
fn review_hashes(transaction: &Transaction<'_>, session: SessionId) -> rusqlite::Result<Value> {
    let parts = [digest::CLASSES, digest::REVIEW, digest::QUICKLY, digest::ALARM, digest::OWN, digest::OWN_REVIEW];
    digest::of_session(transaction, session, &parts)
}

/// SHA-256 of a result as served, hexadecimal.
pub(super) fn fingerprint(result: &Snapshot) -> Result<String, StoreProblem> {
    Ok(hexadecimal(&Sha256::digest(serde_json::to_string(result)?)))
}

fn is_signed(transaction: &Transaction<'_>, session: SessionId) -> rusqlite::Result<bool> {
    let mut select = transaction.prepare_cached("SELECT EXISTS (SELECT 1 FROM signature WHERE session = ?1)")?;
    select.query_row([session], |row| row.get(0))
}

pub(super) fn open_for_review(transaction: &Transaction<'_>, session: SessionId) -> Result<(), StoreProblem> {
    let state: Option<String> =
        transaction.query_row("SELECT state FROM session WHERE id = ?1", [session], |row| row.get(0)).optional()?;
    let state = state.ok_or(ReviewError::NoSession(session))?;
    if is_signed(transaction, session)? {
        return Err(ReviewError::Signed(session).into());
    }
    if control::is_control(transaction, session)? {
        return Err(ReviewError::Control(session).into());
    }
    match state.as_str() {
        "done" => Ok(()),
        "counting" => Err(ReviewError::Counting(session).into()),
        _ => Err(ReviewError::Interrupted(session).into()),
    }
}

/// These cells as they are now.
fn now(
    transaction: &Transaction<'_>,
    session: SessionId,
    cells: impl IntoIterator<Item = CellNumber>,
) -> Result<Vec<CellRecord>, StoreProblem> {
    let found = |cell| cells::one(transaction, session, cell)?.ok_or_else(|| ReviewError::NoCell(session, cell).into());
    cells.into_iter().map(found).collect()
}
