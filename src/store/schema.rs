//! Format versions of the database file, and migration between them.

use rusqlite::{Connection, Transaction};

/// "LEUK", the `SQLite` application id of our files.
pub(super) const APPLICATION: i64 = 0x4C45_554B;

/// Migrations from each version to the next, starting with the empty file. Never changed once released; new ones are
/// appended.
pub(super) const STEPS: &[&str] = &[
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
    include_str!("schema/5.sql"),
    include_str!("schema/6.sql"),
    include_str!("schema/7.sql"),
    include_str!("schema/8.sql"),
    include_str!("schema/9.sql"),
    include_str!("schema/10.sql"),
    include_str!("schema/11.sql"),
    include_str!("schema/12.sql"),
    include_str!("schema/13.sql"),
    include_str!("schema/14.sql"),
];

/// Format version that this program writes.
#[expect(clippy::cast_possible_wrap, reason = "a handful")]
pub(super) const FORM: i64 = STEPS.len() as i64;

/// Format version of a file, 0 for an empty one.
pub(super) fn form(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// First version whose lines of the trail hash rows, and whose results name their store.
const IDENTITY: i64 = 3;

/// First version with hashes of what a running count writes, and of orders.
pub(super) const AS_IT_COMES: i64 = 5;

/// First version whose lines hash fields, alarms, and what quality control keeps.
pub(super) const ALL_HASHED: i64 = 12;

/// A column as it is called in this file, or `NULL` in a file of an earlier version that was opened for reading.
pub(super) fn since_identity(connection: &Connection, column: &'static str) -> rusqlite::Result<&'static str> {
    Ok(if form(connection)? >= IDENTITY { column } else { "NULL" })
}

/// Whether a file knows the own classes of laboratories; one of an earlier version may have been opened for reading.
pub(super) fn has_own_classes(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM pragma_table_info('cell') WHERE name = 'person_own')";
    connection.prepare_cached(sql)?.query_row([], |row| row.get(0))
}

/// Whether a file knows what red cells look like; one of an earlier version may have been opened for reading.
pub(super) fn has_red_cells(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM pragma_table_info('cell') WHERE name = 'graded')";
    connection.prepare_cached(sql)?.query_row([], |row| row.get(0))
}

/// Whether a file is of a version that knows amendments; one of an earlier version may have been opened for reading.
pub(super) fn has_amendments(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM pragma_table_xinfo('result') WHERE name = 'amends')";
    connection.prepare_cached(sql)?.query_row([], |row| row.get(0))
}

/// Migrates a file to the current version, within one transaction. A current file is not touched: such a start writes
/// nothing and needs no free space.
pub(super) fn migrate(transaction: &Transaction<'_>, from: i64) -> rusqlite::Result<()> {
    if from == FORM {
        return Ok(());
    }
    for step in STEPS.iter().skip(usize::try_from(from).unwrap_or(usize::MAX)) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", FORM)
}

/// An empty database of this format version.
pub(super) fn in_memory(form: i64) -> rusqlite::Result<Connection> {
    let database = Connection::open_in_memory()?;
    for step in STEPS.iter().take(usize::try_from(form).unwrap_or_default()) {
        database.execute_batch(step)?;
    }
    Ok(database)
}
