//! What reviewers said of cells, as it is stored: with the cell, and in the record of the review.

use rusqlite::{Row, Transaction, params};

use super::records::{CellNumber, SessionId};

/// What a reviewer said of a cell, as it is stored.
pub(super) struct Said {
    pub(super) class: String,
    pub(super) by: String,
    pub(super) at: String,
    /// Own class of the laboratory.
    pub(super) own: Option<String>,
}

/// A class given by a reviewer, and what it replaced.
pub(super) struct ClassChange {
    pub(super) id: i64,
    pub(super) cell: CellNumber,
    /// An earlier review, if any.
    pub(super) before: Option<Said>,
    /// Whether somebody changed the cell since.
    pub(super) overtaken: bool,
}

pub(super) fn change(row: &Row<'_>) -> rusqlite::Result<ClassChange> {
    let before = match (row.get(2)?, row.get(3)?, row.get(4)?) {
        (Some(class), Some(by), Some(at)) => Some(Said { class, by, at, own: row.get(5)? }),
        _ => None,
    };
    Ok(ClassChange { id: row.get(0)?, cell: row.get(1)?, before, overtaken: row.get(6)? })
}

pub(super) fn set(
    transaction: &Transaction<'_>,
    session: SessionId,
    cell: CellNumber,
    said: Option<Said>,
) -> rusqlite::Result<()> {
    let (class, by, at, own) = match said {
        Some(Said { class, by, at, own }) => (Some(class), Some(by), Some(at), own),
        None => (None, None, None, None),
    };
    let mut update = transaction.prepare_cached(
        "UPDATE cell SET person_class = ?3, person = ?4, person_at = ?5, person_own = ?6 WHERE session = ?1 AND number = ?2",
    )?;
    update.execute(params![session, cell, class, by, at, own])?;
    Ok(())
}
