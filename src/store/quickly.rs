//! Cells that a person confirmed or named faster than anybody can look: they count as looked at by nobody.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, Transaction, params};

use super::StoreProblem;
use super::records::{CellNumber, CellRecord, SessionId};
use crate::counting::session::snapshot::{LookedAt, LookedAtOf};
use crate::domain::class::{CellClass, Kind};

/// Cells whose latest step that was not taken back was too quick.
const QUICK: &str = "SELECT step.session, step.cell FROM seen_quickly JOIN reclassification AS step \
     ON step.id = seen_quickly.change WHERE NOT step.undone AND NOT EXISTS (SELECT 1 FROM reclassification AS later \
     WHERE later.session = step.session AND later.id > step.id AND later.cell = step.cell AND NOT later.undone)";

/// Cells of a session that were seen quickly.
pub(super) fn cells(connection: &Connection, session: SessionId) -> rusqlite::Result<BTreeSet<CellNumber>> {
    if !is_there(connection)? {
        return Ok(BTreeSet::new());
    }
    let mut select = connection.prepare_cached(&format!("{QUICK} AND seen_quickly.session = ?1"))?;
    let rows = select.query_map([session], |row| row.get(1))?;
    rows.collect()
}

/// Whether one cell was seen quickly.
pub(super) fn is_quick(connection: &Connection, session: SessionId, cell: CellNumber) -> rusqlite::Result<bool> {
    if !is_there(connection)? {
        return Ok(false);
    }
    let mut select = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM seen_quickly WHERE change = (SELECT max(id) FROM reclassification \
         WHERE session = ?1 AND cell = ?2 AND NOT undone))",
    )?;
    select.query_row(params![session, cell], |row| row.get(0))
}

/// A part of a condition on rows of `cell`: that it was not seen quickly.
pub(super) fn not_quickly(connection: &Connection) -> rusqlite::Result<String> {
    if !is_there(connection)? {
        return Ok("TRUE".to_owned());
    }
    Ok(format!("(cell.session, cell.number) NOT IN ({QUICK})"))
}

/// Files of earlier versions, opened for reading, do not have the table.
fn is_there(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'seen_quickly')";
    connection.prepare_cached(sql)?.query_row([], |row| row.get(0))
}

/// Notes that the step just written to the record of the review was too quick for this cell.
pub(super) fn note(transaction: &Transaction<'_>, session: SessionId) -> rusqlite::Result<()> {
    let change = transaction.last_insert_rowid();
    let mut insert = transaction.prepare_cached("INSERT INTO seen_quickly (change, session) VALUES (?1, ?2)")?;
    insert.execute(params![change, session]).map(drop)
}

/// How many white cells a person looked at, and of which classes in force. `counted` is how many the result has: those
/// whose cells are not kept were looked at by nobody.
pub(super) fn looked_at(cells: &[CellRecord], counted: u32) -> LookedAt {
    let mut classes: BTreeMap<CellClass, LookedAtOf> = BTreeMap::new();
    for cell in cells.iter().filter(|cell| cell.kind == Kind::Wbc) {
        let of = classes.entry(cell.class_in_force().unwrap_or(CellClass::Unk)).or_default();
        of.of += 1;
        match &cell.by_person {
            Some(person) if person.quickly => of.quickly += 1,
            Some(_) => of.cells += 1,
            None => {}
        }
    }
    let all = |count: fn(&LookedAtOf) -> u32| classes.values().map(count).sum();
    let (cells, quickly, stored): (u32, u32, u32) = (all(|of| of.cells), all(|of| of.quickly), all(|of| of.of));
    LookedAt { cells, of: stored.max(counted), quickly, classes }
}

/// Cells that somebody must look at and nobody did: blasts, unclassified ones, and those of a flag, by the program's class or
/// the one in force.
pub(super) fn unseen(cells: &[CellRecord], demands: impl Fn(CellClass) -> bool) -> Result<u32, StoreProblem> {
    let unseen = cells.iter().filter(|cell| cell.kind == Kind::Wbc && !cell.is_looked_at()).filter(|cell| {
        let program = cell.class.unwrap_or(CellClass::Unk);
        demands(program) || cell.class_in_force().is_some_and(&demands)
    });
    u32::try_from(unseen.count()).map_err(|_| StoreProblem::Content("too many cells".to_owned()))
}
