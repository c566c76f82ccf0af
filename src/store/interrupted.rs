//! Counts that the power cut off: which there are, and opening one again. What became of each is in the audit trail,
//! which also holds what was entered for its sample.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::cell_hash::Sums;
use super::records::{CellRecord, SessionDetail, SessionId};
use super::text::read_time;
use super::{Store, StoreError, StoreProblem, audit, cells, digest, refused, sessions};
use crate::counting::session::snapshot::Interruption;
use crate::counting::statistics::absolute::{Entered, WhiteCount};
use crate::counting::statistics::per_red_cell::RedCount;
use crate::counting::tally::Tally;
use crate::domain::class::Kind;

/// Interrupted counts in a list, at most: the newest.
const MOST: u32 = 20;

/// A count that broke off, and that nobody has closed or gone on with yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InterruptedSession {
    #[schema(value_type = i64)]
    pub id: SessionId,
    /// Sample id.
    pub sample: String,
    /// When the count began.
    pub started: Timestamp,
    /// Cells of the differential that are kept.
    pub counted: u32,
    /// Cells to count; unknown for sessions of versions that did not store it.
    pub target: Option<u32>,
}

/// What a session that broke off holds.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) detail: SessionDetail,
    /// Every cell, in the order they were numbered.
    pub(crate) cells: Vec<CellRecord>,
    /// Oldest first.
    pub(crate) interruptions: Vec<Interruption>,
    /// What was entered for the sample, oldest first: what, by whom, when.
    pub(crate) entered: Vec<(Entered, String, Timestamp)>,
}

/// What an interrupted session is opened again for: the action in the audit trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reopened {
    /// To be counted on.
    Resume,
    /// To be closed with the cells it has.
    Close,
}

impl Reopened {
    const fn action(self) -> &'static str {
        match self {
            Self::Resume => "resume",
            Self::Close => "close",
        }
    }
}

impl Store {
    /// Counts that broke off and have neither gone on nor been closed, newest first; 20 at most.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn interrupted(&self) -> Result<Vec<InterruptedSession>, StoreError> {
        self.read(|transaction| {
            let mut select = transaction
                .prepare_cached("SELECT id FROM session WHERE state = 'interrupted' ORDER BY id DESC LIMIT ?1")?;
            let ids: Vec<SessionId> = select.query_map([MOST], |row| row.get(0))?.collect::<Result<_, _>>()?;
            let found = ids.into_iter().filter_map(|id| sessions::one(transaction, id).transpose());
            // A control is counted anew.
            let found = found.filter(|found| !matches!(found, Ok(detail) if detail.summary.control.is_some()));
            found
                .map(|detail| {
                    let SessionDetail { summary, settings, .. } = detail?;
                    let target = settings.map(|settings| settings.session.target);
                    let (id, sample, started, counted) = (summary.id, summary.sample, summary.started, summary.counted);
                    Ok(InterruptedSession { id, sample, started, counted, target })
                })
                .collect()
        })
    }

    /// Whether the latest count broke off, and nobody has decided yet what becomes of it.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn last_was_interrupted(&self) -> Result<bool, StoreError> {
        self.read(|transaction| {
            let sql = "SELECT state = 'interrupted' FROM session ORDER BY id DESC LIMIT 1";
            Ok(transaction.query_row(sql, [], |row| row.get(0)).optional()?.unwrap_or(false))
        })
    }

    /// Opens an interrupted session again, in the name of `by`, and returns what it holds.
    ///
    /// # Errors
    /// A refusal if it is not interrupted; else if it cannot be read or written.
    pub(crate) fn reopen(
        &self,
        session: SessionId,
        by: &str,
        at: Timestamp,
        what: Reopened,
    ) -> Result<Kept, StoreError> {
        self.write_witnessed(|transaction| {
            let sql = "SELECT state FROM session WHERE id = ?1";
            let state: Option<String> = transaction.query_row(sql, [session], |row| row.get(0)).optional()?;
            if state.as_deref() != Some("interrupted") {
                return refused(format!("session {session} is no interrupted one, or somebody else was quicker"));
            }
            // All of it, so that the line also says that nothing was changed since it broke off.
            let before = digest::of_all(transaction, session)?;
            transaction.execute("UPDATE session SET state = 'counting' WHERE id = ?1", [session])?;
            // A version that kept no sums may have begun it.
            if Sums::kept(transaction, session)?.is_none_or(|sums| sums.fields.is_none()) {
                Sums::present(transaction, session)?.keep(transaction, session)?;
            }
            let kept = kept(transaction, session)?;
            let rows = digest::with_before(digest::of_session(transaction, session, &[digest::SESSION])?, before);
            let detail = json!({"cells": white(&kept.cells), "interruptions": kept.interruptions.len()});
            audit::vouch(transaction, by, at, what.action(), Some(session), &detail, Some(&rows))?;
            Ok(kept)
        })
    }
}

fn white(cells: &[CellRecord]) -> usize {
    cells.iter().filter(|cell| cell.kind == Kind::Wbc).count()
}

fn kept(transaction: &Transaction<'_>, session: SessionId) -> Result<Kept, StoreProblem> {
    let Some(detail) = sessions::one(transaction, session)? else {
        return refused(format!("there is no session {session}"));
    };
    let mut cells = cells::select(transaction, session, None, None)?;
    cells.sort_by_key(|cell| cell.number);
    let mut select = transaction
        .prepare_cached("SELECT action, at, detail, person FROM audit WHERE session = ?1 ORDER BY number")?;
    let mut rows = select.query([session])?;
    let (mut interruptions, mut entered) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        let (action, at): (String, String) = (row.get(0)?, row.get(1)?);
        let (said, by): (String, String) = (row.get(2)?, row.get(3)?);
        let (said, at): (Value, Timestamp) = (serde_json::from_str(&said)?, read_time(&at)?);
        let number = |name: &str| said[name].as_f64();
        let told = match action.as_str() {
            "interrupted" => {
                let cells = said["cells"].as_u64().and_then(|cells| u32::try_from(cells).ok());
                interruptions.push(Interruption { at, cells });
                None
            }
            "red count" => number("red_count").and_then(RedCount::new).map(Entered::Red),
            "white count" => number("white_count").and_then(WhiteCount::new).map(Entered::White),
            "group" => said["group"].as_str().map(|group| Entered::Group(group.to_owned())),
            _ => None,
        };
        entered.extend(told.map(|told| (told, by, at)));
    }
    Ok(Kept { detail, cells, interruptions, entered })
}

/// Cells of the differential that a session without a result has so far.
pub(super) fn counted(transaction: &Transaction<'_>, session: SessionId) -> Result<u32, StoreProblem> {
    let mut tally = Tally::default();
    for cell in cells::select(transaction, session, Some(Kind::Wbc), None)? {
        tally.add(Kind::Wbc, cell.class_in_force());
    }
    Ok(tally.differential())
}
