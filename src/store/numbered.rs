//! Rows that belong to no session and have a number of their own: orders of the worklist, and what quality control keeps. Lines of
//! the trail hash each of them, as it is after the line.

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, params};
use serde_json::{Map, Value, json};

use super::audit::{self, DEVICE};
use super::records::SessionId;
use super::worklist::TAKEN_IN;
use super::{StoreProblem, digest, schema};

/// A table of such rows.
#[derive(Debug)]
pub(super) struct Numbered {
    /// Name of its hashes in a line.
    pub(super) name: &'static str,
    /// Every row: number, and what it is called.
    pub(super) all: &'static str,
    /// What is hashed of row `?1`.
    pub(super) row: &'static str,
    /// What a row is called once it is gone.
    pub(super) gone: &'static str,
    /// First form of the file whose lines hash it.
    since: i64,
}

pub(super) const ORDERS: Numbered = Numbered {
    name: "orders",
    all: "SELECT number, 'order ' || number || ' of sample ' || sample FROM ordered ORDER BY number",
    row: "SELECT number, sample, host, order_id, urgent, at, cancelled FROM ordered WHERE number = ?1",
    gone: "order {} of the worklist",
    since: schema::AS_IT_COMES,
};

pub(super) const LOTS: Numbered = Numbered {
    name: "lots",
    all: "SELECT id, 'control lot ' || id FROM control_lot ORDER BY id",
    row: "SELECT id, at, person, lot, retired FROM control_lot WHERE id = ?1",
    gone: "control lot {}",
    since: schema::ALL_HASHED,
};

pub(super) const RUNS: Numbered = Numbered {
    name: "runs",
    all: "SELECT id, 'control run ' || id FROM control_run ORDER BY id",
    row: "SELECT id, lot, session, at, run FROM control_run WHERE id = ?1",
    gone: "control run {}",
    since: schema::ALL_HASHED,
};

pub(super) const OVERRIDES: Numbered = Numbered {
    name: "overrides",
    all: "SELECT id, 'reason ' || id || ' to sign without a control that passed' FROM control_override ORDER BY id",
    row: "SELECT id, at, person, reason FROM control_override WHERE id = ?1",
    gone: "reason {} to sign without a control that passed",
    since: schema::ALL_HASHED,
};

/// All of them.
pub(super) const TABLES: [&Numbered; 4] = [&ORDERS, &LOTS, &RUNS, &OVERRIDES];

impl Numbered {
    pub(super) fn hash(&self, connection: &Connection, number: i64) -> rusqlite::Result<String> {
        digest::of_rows(connection, self.row, params![number])
    }

    /// Whether lines of this file hash its rows.
    pub(super) fn is_hashed(&self, connection: &Connection) -> rusqlite::Result<bool> {
        Ok(schema::form(connection)? >= self.since)
    }

    fn hashes(&self, connection: &Connection, numbers: &[i64]) -> rusqlite::Result<Value> {
        let mut hashes = Map::new();
        for number in numbers {
            hashes.insert(number.to_string(), self.hash(connection, *number)?.into());
        }
        Ok(hashes.into())
    }
}

/// A line that speaks of such rows: who did what when, and to which session it belongs.
pub(super) struct Line<'a> {
    pub(super) by: &'a str,
    pub(super) at: Timestamp,
    pub(super) action: &'a str,
    pub(super) session: Option<SessionId>,
}

/// Adds a line about rows of a table, with the hash of each as it is now.
pub(super) fn vouch(
    transaction: &Transaction<'_>,
    line: &Line<'_>,
    detail: &Value,
    of: &Numbered,
    numbers: &[i64],
) -> rusqlite::Result<()> {
    let rows = json!({of.name: of.hashes(transaction, numbers)?});
    let Line { by, at, action, session } = line;
    audit::vouch(transaction, by, *at, action, *session, detail, Some(&rows)).map(drop)
}

/// Hashes the rows of a file of an earlier form, whose lines do not.
pub(super) fn take_in(transaction: &Transaction<'_>, form: i64) -> Result<(), StoreProblem> {
    let (mut rows, mut detail) = (Map::new(), Map::new());
    for table in TABLES.into_iter().filter(|table| form < table.since) {
        let mut select = transaction.prepare(table.all)?;
        let numbers: Vec<i64> = select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        if !numbers.is_empty() {
            rows.insert(table.name.to_owned(), table.hashes(transaction, &numbers)?);
            detail.insert(table.name.to_owned(), numbers.len().into());
        }
    }
    if !rows.is_empty() {
        let (detail, rows) = (Value::Object(detail), Value::Object(rows));
        audit::vouch(transaction, DEVICE, Timestamp::now(), TAKEN_IN, None, &detail, Some(&rows))?;
    }
    Ok(())
}
