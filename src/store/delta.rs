//! The delta check: how far a result differs from the latest signed one before of the same patient.

use std::sync::OnceLock;

use jiff::Timestamp;
use regex::Regex;
use rusqlite::{Transaction, params};
use serde_json::json;

use super::records::{SessionDetail, SessionId};
use super::review::ReviewError;
use super::text::time;
use super::{Store, StoreError, StoreProblem, amendment, audit, refused, sessions};
use crate::counting::delta::{Delta, changes};
use crate::domain::flag::Flag;
use crate::domain::letters::unfit_in_comment;

/// Signed results that are looked through for one of the same patient, newest first.
const MOST: u32 = 2000;

/// Longest reason to show an earlier result, characters.
const LONGEST_REASON: usize = 500;

/// What a review asks for. Each is set once, at the start; a later call changes nothing.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// Flags whose results two persons sign.
    pub(super) two_for: OnceLock<Vec<Flag>>,
    /// How earlier results are compared; by the whole sample id until somebody says so.
    compare: OnceLock<Compare>,
}

/// How results of one patient are told, and what is a change.
#[derive(Debug)]
struct Compare {
    /// Its group is the patient's part of a sample id; without one the whole id is.
    key: Option<Regex>,
    /// Percentage points that are a change whatever chance allows; 0: none.
    points: f64,
}

impl Store {
    /// From now on sample ids of one patient are those in which the group of `key` matches the same text, and a share that
    /// moves by `points` percentage points is a change whatever chance allows, unless that is 0.
    pub fn compare_by(&self, key: Option<Regex>, points: f64) {
        let _ = self.0.review.compare.set(Compare { key, points });
    }

    /// Notes in the trail that somebody looks at two results side by side, and why.
    ///
    /// # Errors
    /// A refusal without a reason or a session; else if it cannot be written.
    pub fn note_comparison(
        &self,
        sessions: [SessionId; 2],
        by: &str,
        at: Timestamp,
        reason: &str,
    ) -> Result<(), StoreError> {
        let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
        if reason.is_empty() || reason.chars().count() > LONGEST_REASON || unfit_in_comment(&reason).is_some() {
            return Err(StoreError::Refused(
                "write why you compare, in up to 500 letters that reports can print".to_owned(),
            ));
        }
        let [id, with] = sessions;
        self.write(|transaction| {
            for session in sessions {
                let sql = "SELECT EXISTS (SELECT 1 FROM session WHERE id = ?1)";
                if !transaction.query_row(sql, [session], |row| row.get::<_, bool>(0))? {
                    return Err(ReviewError::NoSession(session).into());
                }
            }
            if id == with {
                return refused("name two sessions");
            }
            let detail = json!({"with": with, "reason": reason});
            Ok(audit::note(transaction, by, at, "compare", Some(id), &detail).map(drop)?)
        })
    }
}

/// How far a result differs from the latest signed one of the same patient whose count began before; `None` without one.
pub(super) fn of(
    store: &Store,
    transaction: &Transaction<'_>,
    detail: &SessionDetail,
) -> Result<Option<Delta>, StoreProblem> {
    let rules = store.0.review.compare.get();
    let Some(now) = &detail.reviewed_result else { return Ok(None) };
    let key = rules.and_then(|rules| rules.key.as_ref());
    let Some(before) = earlier(transaction, detail, key)? else { return Ok(None) };
    let Some(before) = sessions::one(transaction, before)? else { return Ok(None) };
    let (Some(result), Some(number)) = (&before.reviewed_result, before.summary.result) else { return Ok(None) };
    Ok(Some(Delta {
        session: before.summary.id,
        result: number,
        sample: before.summary.sample,
        started: before.summary.started,
        changes: changes(result, now, rules.map_or(0.0, |rules| rules.points)),
    }))
}

/// The latest session before whose signed result is in force and of the same patient.
fn earlier(
    transaction: &Transaction<'_>,
    detail: &SessionDetail,
    key: Option<&Regex>,
) -> Result<Option<SessionId>, StoreProblem> {
    let patient = |sample: &str| key.map_or(Some(sample.to_owned()), |key| patient(key, sample));
    let Some(own) = patient(&detail.summary.sample) else { return Ok(None) };
    let sample = key.is_none().then_some(own.as_str());
    let replaced = amendment::is_replaced(transaction)?;
    let mut select = transaction.prepare_cached(&format!(
        "SELECT session.id, session.sample FROM session JOIN signature ON signature.session = session.id \
         WHERE session.started < ?1 AND (?2 IS NULL OR session.sample = ?2) AND NOT {replaced} \
         ORDER BY session.started DESC, session.id DESC LIMIT ?3"
    ))?;
    let rows = select.query_map(params![time(detail.summary.started), sample, MOST], |row| {
        Ok((row.get::<_, SessionId>(0)?, row.get::<_, String>(1)?))
    })?;
    for row in rows {
        let (id, sample) = row?;
        if patient(&sample).as_deref() == Some(own.as_str()) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// The patient's part of a sample id; `None` where the id does not have the form.
fn patient(key: &Regex, sample: &str) -> Option<String> {
    let found = key.captures(sample)?;
    Some(found.get(1).or_else(|| found.get(0))?.as_str().to_owned())
}
