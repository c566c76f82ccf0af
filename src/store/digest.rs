//! SHA-256 hashes of rows, for the lines of the audit trail that speak of them.

use std::borrow::Cow;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, Params, Row, params};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::audit::hexadecimal;
use super::records::SessionId;
use super::schema;

/// One kind of rows of a session.
#[derive(Debug)]
pub(super) struct Part {
    /// Name in the line.
    pub(super) name: &'static str,
    /// What changed, in words, if the hash differs.
    pub(super) what: &'static str,
    /// Nearly all of the file: takes long to hash.
    pub(super) large: bool,
    sql: &'static str,
}

/// The session itself. What retention takes away from it is told by the lines of retention.
pub(super) const SESSION: usize = 0;
/// The result as counted.
pub(super) const RESULT: usize = 1;
/// Cells as counted.
pub(super) const CELLS: usize = 2;
/// Crops of the cells.
pub(super) const PICTURES: usize = 3;
/// Classes that reviewers gave to the cells.
pub(super) const CLASSES: usize = 4;
/// Record of those classes, with what was undone.
pub(super) const REVIEW: usize = 5;

/// Short hashes of single cells and pictures: see [`super::cell_hash`].
pub(super) const MARKS: usize = 6;
/// Steps of the review that were too quick for a look.
pub(super) const QUICKLY: usize = 7;

/// The control that the session is a run of, if it is one.
pub(super) const CONTROL: usize = 8;

/// Its alarm for critical values.
pub(super) const ALARM: usize = 9;
/// Whole fields, and where cells lie in them.
pub(super) const FIELDS: usize = 10;
pub(super) const PLACES: usize = 11;
/// Own classes of the laboratory that reviewers gave within the fixed ones.
pub(super) const OWN: usize = 12;
/// The same in the record of the review.
pub(super) const OWN_REVIEW: usize = 13;

/// All kinds of rows of a session. A signature has columns of its own for its hash.
pub(super) const PARTS: [Part; 14] = [
    Part {
        name: "session",
        what: "the sample, the times or the settings",
        large: false,
        sql: "SELECT id, sample, station, started, ended, state, settings FROM session WHERE id = ?1",
    },
    Part {
        name: "result",
        what: "the result",
        large: false,
        sql: "SELECT sequence, session, at, snapshot, store FROM result WHERE session = ?1",
    },
    Part {
        name: "cells",
        what: "a cell",
        large: true,
        sql: "SELECT number, kind, withdrawn, patch, x, y, w, h, class, probability, ranked, \
              graded, diameter_um, pallor FROM cell WHERE session = ?1 ORDER BY number",
    },
    Part {
        name: "pictures",
        what: "a picture",
        large: true,
        sql: "SELECT number, jpeg FROM crop WHERE session = ?1 ORDER BY number",
    },
    Part {
        name: "classes",
        what: "a class that a reviewer gave",
        large: false,
        sql: "SELECT number, person_class, person, person_at FROM cell WHERE session = ?1 AND person_class IS NOT NULL \
              ORDER BY number",
    },
    Part {
        name: "review",
        what: "the record of the review",
        large: false,
        sql: "SELECT cell, before_class, before_person, before_at, class, person, at, undone FROM reclassification \
              WHERE session = ?1 ORDER BY id",
    },
    Part {
        name: "marks",
        what: "the list of short hashes of the cells",
        large: false,
        sql: "SELECT marks FROM cell_hash WHERE session = ?1",
    },
    Part {
        name: "quickly",
        what: "whether a cell was seen quickly",
        large: false,
        sql: "SELECT cell, at FROM reclassification JOIN seen_quickly ON seen_quickly.change = reclassification.id \
              WHERE seen_quickly.session = ?1 ORDER BY change",
    },
    Part {
        name: "control",
        what: "whether it is a control",
        large: false,
        sql: "SELECT control FROM session WHERE id = ?1",
    },
    Part {
        name: "alarm",
        what: "its alarm for critical values",
        large: false,
        sql: "SELECT critical, open FROM alarm WHERE session = ?1",
    },
    Part {
        name: "fields",
        what: "a whole field",
        large: true,
        sql: "SELECT number, taken, width, height, um_per_px, jpeg FROM field WHERE session = ?1 ORDER BY number",
    },
    Part {
        name: "places",
        what: "where a cell lies in a whole field",
        large: true,
        sql: "SELECT field, cell, x, y, w, h FROM field_cell WHERE session = ?1 ORDER BY cell, field",
    },
    Part {
        name: "own classes",
        what: "a laboratory's own class of a cell",
        large: false,
        sql: "SELECT number, person_own FROM cell WHERE session = ?1 AND person_class IS NOT NULL AND person_own IS NOT NULL \
              ORDER BY number",
    },
    Part {
        name: "own review",
        what: "a laboratory's own class in the record of the review",
        large: false,
        sql: "SELECT cell, before_own, own FROM reclassification WHERE session = ?1 \
              AND (before_own IS NOT NULL OR own IS NOT NULL) ORDER BY id",
    },
];

impl Part {
    pub(super) fn hash(&self, connection: &Connection, session: SessionId) -> rusqlite::Result<String> {
        let mut hash = Sha256::new();
        self.each(connection, session, |row, columns| take_row(&mut hash, row, columns))?;
        Ok(hexadecimal(&hash.finalize()))
    }

    /// Gives every row in its order, with the number of its columns that are hashed.
    pub(super) fn each(
        &self,
        connection: &Connection,
        session: SessionId,
        mut take: impl FnMut(&Row<'_>, usize) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let of_cells = self.name == PARTS[CELLS].name;
        // A file of an earlier version that was opened for reading has no such columns.
        let sql = if of_cells && !schema::has_red_cells(connection)? {
            Cow::Owned(self.sql.replace("graded, diameter_um, pallor", "NULL, NULL, NULL"))
        } else {
            Cow::Borrowed(self.sql)
        };
        let mut select = connection.prepare_cached(&sql)?;
        let columns = select.column_count();
        let mut rows = select.query([session])?;
        while let Some(row) = rows.next()? {
            take(row, if of_cells { of_cell(row, columns)? } else { columns })?;
        }
        Ok(())
    }
}

/// Hashes of these parts of a session, by name.
pub(super) fn of_session(connection: &Connection, session: SessionId, parts: &[usize]) -> rusqlite::Result<Value> {
    let mut hashes = Map::new();
    for part in parts.iter().filter_map(|part| PARTS.get(*part)) {
        let hash = if_readable(part.hash(connection, session))?;
        hashes.insert(part.name.to_owned(), hash.map_or(Value::Null, Value::from));
    }
    Ok(Value::Object(hashes))
}

/// `None` where the store is damaged. Damage among the cells must keep neither a result from being stored nor the station
/// from counting: the line says that it does not know, and verifying the trail reports that.
pub(super) fn if_readable<T>(read: rusqlite::Result<T>) -> rusqlite::Result<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(problem) if problem.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => Ok(None),
        Err(problem) => Err(problem),
    }
}

/// Every part.
pub(super) fn of_all(connection: &Connection, session: SessionId) -> rusqlite::Result<Value> {
    let all: [usize; PARTS.len()] = std::array::from_fn(|part| part);
    of_session(connection, session, &all)
}

/// Adds the hashes of the same parts before a lawful change.
pub(super) fn with_before(mut hashes: Value, before: Value) -> Value {
    if let Some(hashes) = hashes.as_object_mut() {
        hashes.insert("before".to_owned(), before);
    }
    hashes
}

/// A user's role, password hash and whether they may log in, for the line that changes them.
pub(super) fn of_user(connection: &Connection, name: &str) -> rusqlite::Result<String> {
    let sql = "SELECT name, role, password, enabled, (SELECT value FROM meta WHERE meta.name = 'shut out ' || user.name) \
               FROM user WHERE name = ?1";
    of_rows(connection, sql, params![name])
}

/// A token's role and the hash of its secret.
pub(super) fn of_token(connection: &Connection, name: &str) -> rusqlite::Result<String> {
    of_rows(connection, "SELECT name, role, sha256 FROM token WHERE name = ?1", params![name])
}

/// The hash of no rows.
pub(super) fn of_nothing() -> String {
    hexadecimal(&Sha256::digest(b""))
}

/// SHA-256 over every value of the rows, each with its type and, if it has one, its length.
pub(super) fn of_rows(connection: &Connection, sql: &str, parameters: impl Params) -> rusqlite::Result<String> {
    let mut select = connection.prepare_cached(sql)?;
    let columns = select.column_count();
    let mut rows = select.query(parameters)?;
    let mut hash = Sha256::new();
    while let Some(row) = rows.next()? {
        take_row(&mut hash, row, columns)?;
    }
    Ok(hexadecimal(&hash.finalize()))
}

/// Columns at the end of a cell that tell what a red one looks like.
const OF_RED: usize = 3;

/// How many of the columns of a cell are hashed: those of a named red cell only where one of them holds something, so that the
/// hashes of every other cell are those of before.
pub(super) fn of_cell(row: &Row<'_>, columns: usize) -> rusqlite::Result<usize> {
    let others = columns.saturating_sub(OF_RED);
    for column in others..columns {
        if row.get_ref(column)? != ValueRef::Null {
            return Ok(columns);
        }
    }
    Ok(others)
}

/// Adds the first `columns` values of a row.
pub(super) fn take_row(hash: &mut Sha256, row: &Row<'_>, columns: usize) -> rusqlite::Result<()> {
    for column in 0..columns {
        match row.get_ref(column)? {
            ValueRef::Null => hash.update([0]),
            ValueRef::Integer(number) => {
                hash.update([1]);
                hash.update(number.to_be_bytes());
            }
            ValueRef::Real(number) => {
                hash.update([2]);
                hash.update(number.to_bits().to_be_bytes());
            }
            ValueRef::Text(bytes) => long(hash, 3, bytes),
            ValueRef::Blob(bytes) => long(hash, 4, bytes),
        }
    }
    Ok(())
}

fn long(hash: &mut Sha256, kind: u8, bytes: &[u8]) {
    hash.update([kind]);
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}
