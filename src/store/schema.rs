//! The form of the file, and how earlier forms become it.

use rusqlite::{Connection, Transaction};

/// "LEUK": tells our files from others.
pub(super) const APPLICATION: i64 = 0x4C45_554B;

/// What turns each form into the next, the empty file first. Never changed once released; new ones are added.
pub(super) const STEPS: &[&str] = &[include_str!("schema/1.sql"), include_str!("schema/2.sql")];

/// The form this version writes.
#[expect(clippy::cast_possible_wrap, reason = "a handful")]
pub(super) const FORM: i64 = STEPS.len() as i64;

/// The form of a file, 0 for an empty one.
pub(super) fn form(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings a file to the present form, within one transaction. One that has it is left as it is: a start that has nothing
/// to bring in does not write, and so needs no room.
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
