//! What stands beside the rows: the witness, and the guards in the file that keep a careless hand from changing them.

use std::collections::BTreeMap;

use rusqlite::{Connection, Transaction};

use super::super::identity;
use super::super::schema;
use super::super::witness::{WITNESS_FILE, Witness};
use super::{Findings, Halt, Trail, broken};

/// Compares the trail with the witness.
pub(super) fn witness(transaction: &Transaction<'_>, witness: Option<&Witness>, trail: &mut Trail) -> Result<(), Halt> {
    let store = identity::identity(transaction)?;
    match (witness, store) {
        (Some(witness), Some(store)) if witness.store == store => {
            if identity::lost(transaction, trail.number, witness)? {
                let words = format!(
                    "lines up to {} had been acknowledged and are missing, or are others now ({WITNESS_FILE}): `-wal` was \
                     deleted, or an older copy was put in the place of the store",
                    witness.line
                );
                return broken(trail.number + 1, words);
            }
        }
        (Some(_), _) => trail.notes.push(format!("{WITNESS_FILE} is of another store: this one is a copy")),
        (None, _) if identity::is_witnessed(transaction)? => {
            trail.notes.push(format!("{WITNESS_FILE} is missing: lines lost from the end would not be noticed"));
        }
        (None, _) => {}
    }
    Ok(())
}

/// Compares the triggers with those that the program makes: who changes rows by hand has to remove them first.
pub(super) fn guards(transaction: &Transaction<'_>, next: i64, findings: &mut Findings) -> Result<(), Halt> {
    let made = schema::in_memory(schema::form(transaction)?)?;
    let (made, found) = (triggers(&made)?, triggers(transaction)?);
    for name in made.keys().filter(|name| found.get(*name) != made.get(*name)) {
        findings.add(
            next,
            format!("the guard {name} was taken out of the file: something else than the program changed it"),
        );
    }
    for name in found.keys().filter(|name| !made.contains_key(*name)) {
        findings.add(next, format!("{name} was put into the file, which changes rows on its own"));
    }
    Ok(())
}

fn triggers(connection: &Connection) -> rusqlite::Result<BTreeMap<String, String>> {
    let mut select = connection.prepare("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}
