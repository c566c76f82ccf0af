//! Results of versions that kept them as lines of `results.jsonl`.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use rusqlite::{Transaction, params};
use serde_json::json;

use super::error::{of_database, of_file};
use super::results::{StoredResult, insert, with_finite_numbers};
use super::text::time;
use super::{Problem, StoreError, audit, sync_folder};

/// The file of those versions.
const OLD_FILE: &str = "results.jsonl";

/// What it is called once its results are in the store.
const DONE_FILE: &str = "results.jsonl.imported";

/// Takes every whole line over, under its number. Lines that cannot be read stay in the file, which is kept.
pub(super) fn results(transaction: &Transaction<'_>, folder: &Path) -> Result<(), StoreError> {
    let path = folder.join(OLD_FILE);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(problem) => return Err(of_file(&path)(problem)),
    };
    let (mut taken, mut unreadable) = (0, 0);
    for line in BufReader::new(file).split(b'\n') {
        let line = line.map_err(of_file(&path))?;
        match serde_json::from_slice::<StoredResult>(&line) {
            Ok(result) => {
                let taken_now = take(transaction, &result).map_err(|problem| match problem {
                    Problem::Database(problem) => of_database(&path)(problem),
                    Problem::Content(problem) | Problem::Refused(problem) => {
                        StoreError::Damaged { path: path.clone(), problem }
                    }
                    Problem::Review(problem) => problem.into(),
                })?;
                taken += usize::from(taken_now);
            }
            Err(_) if line.iter().all(u8::is_ascii_whitespace) => {}
            Err(_) => unreadable += 1,
        }
    }
    log::info!("{}: {taken} results of an earlier version are in the store now", path.display());
    if unreadable > 0 {
        log::warn!("{}: {unreadable} lines cannot be read; they stay in {DONE_FILE}", path.display());
    }
    Ok(())
}

/// Puts the file aside once its results are safe.
pub(super) fn done(folder: &Path) -> Result<(), StoreError> {
    let (old, done) = (folder.join(OLD_FILE), folder.join(DONE_FILE));
    match fs::rename(&old, done) {
        Ok(()) => sync_folder(folder).map_err(of_file(folder)),
        Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(problem) => Err(of_file(&old)(problem)),
    }
}

/// Whether the result was not there yet: a power cut may have come between two steps.
fn take(transaction: &Transaction<'_>, result: &StoredResult) -> Result<bool, Problem> {
    let Ok(sequence) = i64::try_from(result.sequence) else { return Ok(false) };
    let there: i64 =
        transaction.query_row("SELECT count(*) FROM result WHERE sequence = ?1", [sequence], |row| row.get(0))?;
    if there > 0 {
        return Ok(false);
    }
    let snapshot = with_finite_numbers(result.snapshot.clone());
    transaction.execute(
        "INSERT INTO session (sample, station, started, ended, state) VALUES (?1, ?2, ?3, ?4, 'done')",
        params![snapshot.sample, result.station, time(snapshot.started.unwrap_or(snapshot.time)), time(snapshot.time)],
    )?;
    let session = transaction.last_insert_rowid();
    insert(transaction, sequence, session, &snapshot)?;
    audit::note(transaction, "device", snapshot.time, "import", Some(session), &json!({"result": sequence}))?;
    Ok(true)
}
