//! Results of versions that kept them as lines of `results.jsonl`.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension as _, Transaction, params};
use serde_json::json;

use super::error::{of_database, of_file};
use super::results::{StoredResult, insert, with_finite_numbers};
use super::text::time;
use super::{StoreError, StoreProblem, audit, sync_folder};

/// The file of those versions.
const OLD_FILE: &str = "results.jsonl";

/// What it is called once its results are in the store; a number follows where there is such a file already.
const DONE_FILE: &str = "results.jsonl.imported";

/// What became of a line.
enum Taken {
    Now,
    /// It was in the store: a power cut may have come between two steps.
    Before,
    /// Another result has its number.
    Not,
}

/// Takes every whole line over, under its number. Lines that cannot be taken stay in the file, which is kept.
pub(super) fn results(transaction: &Transaction<'_>, folder: &Path) -> Result<(), StoreError> {
    let path = folder.join(OLD_FILE);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(problem) => return Err(of_file(&path)(problem)),
    };
    let (mut taken, mut unreadable) = (0, 0);
    let kept = aside(folder);
    for line in BufReader::new(file).split(b'\n') {
        let line = line.map_err(of_file(&path))?;
        let read = serde_json::from_slice::<StoredResult>(&line).ok();
        match read.and_then(|result| Some((i64::try_from(result.sequence).ok()?, result))) {
            Some((sequence, result)) => {
                let done = take(transaction, sequence, result).map_err(|problem| match problem {
                    StoreProblem::Database(problem) => of_database(&path)(problem),
                    StoreProblem::Content(problem) | StoreProblem::Refused(problem) => {
                        StoreError::Damaged { path: path.clone(), problem }
                    }
                    StoreProblem::Review(problem) => problem.into(),
                })?;
                match done {
                    Taken::Now => taken += 1,
                    Taken::Before => {}
                    Taken::Not => log::warn!(
                        "{}: the store has another result {sequence}; this one stays in {}",
                        path.display(),
                        kept.display()
                    ),
                }
            }
            None if line.iter().all(u8::is_ascii_whitespace) => {}
            None => unreadable += 1,
        }
    }
    log::info!("{}: {taken} results of an earlier version are in the store now", path.display());
    if unreadable > 0 {
        log::warn!("{}: {unreadable} lines cannot be read; they stay in {}", path.display(), kept.display());
    }
    Ok(())
}

/// Puts the file aside once its results are safe.
pub(super) fn done(folder: &Path) -> Result<(), StoreError> {
    let old = folder.join(OLD_FILE);
    match fs::rename(&old, aside(folder)) {
        Ok(()) => sync_folder(folder).map_err(of_file(folder)),
        Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(problem) => Err(of_file(&old)(problem)),
    }
}

/// Where the file is put: never over one that was put aside before.
fn aside(folder: &Path) -> PathBuf {
    let mut path = folder.join(DONE_FILE);
    let mut number = 1;
    while path.exists() {
        number += 1;
        path.set_file_name(format!("{DONE_FILE}-{number}"));
    }
    path
}

fn take(transaction: &Transaction<'_>, sequence: i64, result: StoredResult) -> Result<Taken, StoreProblem> {
    let snapshot = with_finite_numbers(result.snapshot);
    let there: Option<(String, String)> = transaction
        .query_row(
            "SELECT station, snapshot FROM result JOIN session ON session.id = result.session WHERE sequence = ?1",
            [sequence],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    if let Some(there) = there {
        let same = there == (result.station, serde_json::to_string(&snapshot)?);
        return Ok(if same { Taken::Before } else { Taken::Not });
    }
    transaction.execute(
        "INSERT INTO session (sample, station, started, ended, state) VALUES (?1, ?2, ?3, ?4, 'done')",
        params![snapshot.sample, result.station, time(snapshot.started.unwrap_or(snapshot.time)), time(snapshot.time)],
    )?;
    let session = transaction.last_insert_rowid();
    insert(transaction, sequence, session, &snapshot)?;
    audit::note(transaction, "device", snapshot.time, "import", Some(session), &json!({"result": sequence}))?;
    Ok(Taken::Now)
}
