//! Review of a result: signing it, and whether it is open for a review.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::audit::{hexadecimal, signature_hash, vouch};
use super::records::{SessionId, Signature};
pub use super::review_error::ReviewError;
use super::second_look::{self, Signed, Turn};
use super::text::time;
use super::{Store, StoreError, StoreProblem, cells, control, digest, quickly, recovered, refused, sessions};
use crate::counting::quality_control::{ControlMark, QualityControl};
use crate::counting::session::snapshot::{CameraCheck, Snapshot};
use crate::domain::class::Kind;
use crate::domain::flag::must_be_looked_at;
use crate::domain::letters::unfit_in_comment;
use crate::domain::source::Mark;

/// Longest comment, characters.
const LONGEST_COMMENT: usize = 2000;

impl Store {
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
