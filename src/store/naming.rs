//! Classes that reviewers give to cells, white and red, and taking that back.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::{Transaction, params};
use serde_json::{Value, json};

use super::audit::vouch;
use super::records::{CellNumber, CellRecord, SessionId};
use super::review::ReviewError;
use super::said::{ClassChange, Said, change, set};
use super::text::{read_own, time};
use super::{Store, StoreError, StoreProblem, alarms, cells, digest, quickly, refused, second_look};
use crate::domain::class::{CellClass, Kind};
use crate::domain::own_class::{GivenClass, OwnName};
use crate::domain::red_class::RedClass;

/// What a person says of cells of one kind.
struct Saying<'a> {
    /// White or red.
    kind: Kind,
    /// Code of the class; `None` for the program's.
    code: Option<&'static str>,
    /// The laboratory's own class within it.
    own: Option<&'a OwnName>,
}

/// What was said of a cell before.
struct Before<'a> {
    code: &'static str,
    own: Option<&'a OwnName>,
    by: &'a str,
    at: Timestamp,
    quickly: bool,
}

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
        let (code, own) = (class.map(|given| given.class.code()), class.and_then(|given| given.own.as_ref()));
        self.give(session, cells, &Saying { kind: Kind::Wbc, code, own }, (by, at), quickly)
    }

    /// The same for red cells.
    ///
    /// # Errors
    /// As there, and if a cell is no red one that was named.
    pub fn reclassify_red(
        &self,
        session: SessionId,
        cells: &[CellNumber],
        class: Option<RedClass>,
        by: &str,
        at: Timestamp,
        quickly: impl Fn(CellNumber) -> bool,
    ) -> Result<Vec<CellRecord>, StoreError> {
        let saying = Saying { kind: Kind::Rbc, code: class.map(RedClass::code), own: None };
        self.give(session, cells, &saying, (by, at), quickly)
    }

    fn give(
        &self,
        session: SessionId,
        cells: &[CellNumber],
        saying: &Saying<'_>,
        (by, at): (&str, Timestamp),
        quickly: impl Fn(CellNumber) -> bool,
    ) -> Result<Vec<CellRecord>, StoreError> {
        // A cell named twice changes once.
        let cells: BTreeSet<CellNumber> = cells.iter().copied().collect();
        let stored_own = saying.own.map(ToString::to_string);
        self.write_witnessed(|transaction| {
            second_look::open_for_review_by(transaction, session, by)?;
            let before = review_hashes(transaction, session)?;
            let mut changes = Vec::new();
            let mut quick = Vec::new();
            for &cell in &cells {
                let record = cells::one(transaction, session, cell)?.ok_or(ReviewError::NoCell(session, cell))?;
                saying.fits(&record)?;
                let before = before_of(&record);
                let too_quick = saying.code.is_some() && quickly(cell);
                let the_same = before.as_ref().is_some_and(|before| {
                    !before.quickly && Some(before.code) == saying.code && before.own == saying.own
                });
                if too_quick && the_same {
                    continue;
                }
                transaction
                    .prepare_cached(
                        "INSERT INTO reclassification (session, cell, before_class, before_person, before_at, class, \
                         person, at, before_own, own) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                    )?
                    .execute(params![
                        session,
                        cell,
                        before.as_ref().map(|before| before.code),
                        before.as_ref().map(|before| before.by),
                        before.as_ref().map(|before| time(before.at)),
                        saying.code,
                        by,
                        time(at),
                        before.as_ref().and_then(|before| before.own).map(ToString::to_string),
                        stored_own
                    ])?;
                if too_quick {
                    quickly::note(transaction, session)?;
                    quick.push(cell);
                }
                let said =
                    |code: &str| Said { class: code.into(), by: by.into(), at: time(at), own: stored_own.clone() };
                set(transaction, session, cell, saying.code.map(said))?;
                let program = program_of(&record);
                let from = before.as_ref().map(|before| before.code).or(program);
                let mut change = json!({"cell": cell, "from": from, "program": program});
                if let Some(own) = before.as_ref().and_then(|before| before.own) {
                    change["from_own"] = json!(own);
                }
                changes.push(change);
            }
            if changes.is_empty() {
                return now(transaction, session, cells);
            }
            let alarm = alarms::after_review(transaction, session)?;
            let rows = digest::with_before(review_hashes(transaction, session)?, before);
            let mut detail = json!({"to": saying.code, "cells": changes});
            if let Some(own) = saying.own {
                detail["own"] = json!(own);
            }
            if !quick.is_empty() {
                detail["quickly"] = json!(quick);
            }
            if saying.kind == Kind::Rbc {
                detail["kind"] = json!(Kind::Rbc);
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
}

impl Saying<'_> {
    /// Refuses a cell that this says nothing of.
    fn fits(&self, cell: &CellRecord) -> Result<(), StoreProblem> {
        let number = cell.number;
        match (self.kind, cell.kind) {
            (Kind::Rbc, Kind::Rbc) if cell.red.is_none() => {
                refused(format!("red cell {number} was not named by the program, so it has no class to change"))
            }
            (said, found) if said == found => Ok(()),
            (Kind::Rbc, _) => {
                refused(format!("cell {number} is no red cell; classes of red cells are for those alone"))
            }
            (_, Kind::Rbc) => refused(format!(
                "cell {number} is a red cell; classes of white cells are for those alone, and both kinds are not changed \
                 in one step"
            )),
            _ => refused(format!("cell {number} is no white cell; only white and red cells have classes")),
        }
    }
}

/// What a person said of a cell of either kind.
fn before_of(cell: &CellRecord) -> Option<Before<'_>> {
    let red = cell.red.as_ref().and_then(|red| red.by_person.as_ref()).map(|person| Before {
        code: person.class.code(),
        own: None,
        by: &person.by,
        at: person.at,
        quickly: person.quickly,
    });
    red.or_else(|| {
        cell.by_person.as_ref().map(|person| Before {
            code: person.class.code(),
            own: person.own.as_ref(),
            by: &person.by,
            at: person.at,
            quickly: person.quickly,
        })
    })
}

/// The program's class of a cell of either kind.
fn program_of(cell: &CellRecord) -> Option<&'static str> {
    cell.class.map(CellClass::code).or_else(|| cell.red.as_ref().map(|red| red.class.code()))
}

/// Hashes of what a review changes.
fn review_hashes(transaction: &Transaction<'_>, session: SessionId) -> rusqlite::Result<Value> {
    let parts = [digest::CLASSES, digest::REVIEW, digest::QUICKLY, digest::ALARM, digest::OWN, digest::OWN_REVIEW];
    digest::of_session(transaction, session, &parts)
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
