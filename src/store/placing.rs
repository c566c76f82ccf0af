//! Puts a restored store in the place of the one before, so that a power cut at any point leaves the old one or the new.
//!
//! The new one lies complete in `restore-ready-TIME` before anything else happens. Then everything that it replaces moves
//! to `before-restore-TIME`; the folder is renamed `restore-placing-TIME`; and its files move to their places. Whoever
//! opens the store goes on where that was cut off.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::backup::{FORMER, PLACING, READY, belongs};
use super::error::of_file;
use super::witness::WITNESS_FILE;
use super::{FILE, StoreError, file, sync_folder};

/// Whether a name is of something that a restore replaces: what belongs in a backup, the witness, and what `SQLite` keeps
/// beside the database.
fn is_replaced(name: &str) -> bool {
    belongs(name) || name == WITNESS_FILE || name.strip_prefix(FILE).is_some_and(|rest| rest.starts_with('-'))
}

/// Whether anything of a store is in the folder.
pub(super) fn is_occupied(folder: &Path) -> Result<bool, StoreError> {
    Ok(entries(folder, is_replaced)?.next().is_some())
}

/// Completes a restore that was cut off; the folder is locked.
pub(super) fn finish(folder: &Path) -> Result<(), StoreError> {
    for ready in entries(folder, |name| name.starts_with(READY))? {
        let time = suffix(&ready, READY);
        let former = folder.join(format!("{FORMER}{time}"));
        for old in entries(folder, is_replaced)? {
            fs::create_dir_all(&former).map_err(of_file(&former))?;
            rename(&old, &former.join(old.file_name().unwrap_or_default()))?;
        }
        if former.exists() {
            sync_folder(&former).map_err(of_file(&former))?;
        }
        rename(&ready, &folder.join(format!("{PLACING}{time}")))?;
        sync_folder(folder).map_err(of_file(folder))?;
    }
    for placing in entries(folder, |name| name.starts_with(PLACING))? {
        for new in entries(&placing, |_| true)? {
            rename(&new, &folder.join(new.file_name().unwrap_or_default()))?;
        }
        sync_folder(folder).map_err(of_file(folder))?;
        fs::remove_dir(&placing).map_err(of_file(&placing))?;
    }
    Ok(())
}

/// The same for a command that only reads, if no other program works in the folder.
pub(super) fn finish_if_free(folder: &Path) {
    let is_cut = |name: &str| name.starts_with(READY) || name.starts_with(PLACING);
    if entries(folder, is_cut).is_ok_and(|mut cut| cut.next().is_some())
        && let Ok(_lock) = file::lock(folder, Duration::ZERO)
        && let Err(problem) = finish(folder)
    {
        log::warn!("a restore that was cut off cannot be completed: {problem}");
    }
}

fn suffix(path: &Path, prefix: &str) -> String {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    name.strip_prefix(prefix).unwrap_or_default().to_owned()
}

fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(of_file(to))
}

/// The entries of a folder whose names are such, sorted; none if it does not exist.
fn entries(folder: &Path, is_such: impl Fn(&str) -> bool) -> Result<impl Iterator<Item = PathBuf>, StoreError> {
    let read = match fs::read_dir(folder) {
        Ok(read) => read.collect::<io::Result<Vec<_>>>().map_err(of_file(folder))?,
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(problem) => return Err(of_file(folder)(problem)),
    };
    let mut found: Vec<PathBuf> = read
        .into_iter()
        .filter(|entry| entry.file_name().to_str().is_some_and(&is_such))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    Ok(found.into_iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: [&str; 4] = ["leukoscope.sqlite", "leukoscope.sqlite-wal", "leukoscope.witness", "profiles"];
    const NEW: [&str; 3] = ["leukoscope.sqlite", "leukoscope.witness", "limits.json"];
    const STAY: [&str; 3] = ["leukoscope.lock", "web.pem", "before-restore-earlier"];

    fn put(folder: &Path, names: &[&str], content: &str) {
        fs::create_dir_all(folder).unwrap();
        for name in names {
            fs::write(folder.join(name), content).unwrap();
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_power_cut_after_any_step_is_made_good_at_the_next_start() {
        let steps = OLD.len() + 1 + NEW.len();
        for cut in 0..=steps {
            let folder = tempfile::tempdir().unwrap();
            let folder = folder.path();
            let (ready, placing) = (folder.join("restore-ready-T"), folder.join("restore-placing-T"));
            let former = folder.join("before-restore-T");
            put(folder, &OLD, "old");
            put(folder, &STAY, "stays");
            put(&ready, &NEW, "new");
            // The steps in their order, as far as the power lasts.
            fs::create_dir_all(&former).unwrap();
            for name in OLD.iter().take(cut) {
                fs::rename(folder.join(name), former.join(name)).unwrap();
            }
            if cut > OLD.len() {
                fs::rename(&ready, &placing).unwrap();
            }
            for name in NEW.iter().take(cut.saturating_sub(OLD.len() + 1)) {
                fs::rename(placing.join(name), folder.join(name)).unwrap();
            }
            finish(folder).unwrap();
            let mut wanted: Vec<&str> = [&NEW[..], &STAY[..], &["before-restore-T"]].concat();
            wanted.sort_unstable();
            assert_eq!(names(folder), wanted, "cut after {cut} of {steps}");
            assert_eq!(names(&former), OLD, "cut after {cut} of {steps}");
            assert!(NEW.iter().all(|name| fs::read(folder.join(name)).unwrap() == b"new"), "cut after {cut}");
            finish(folder).unwrap();
            assert_eq!(names(folder), wanted, "nothing is done twice");
        }
    }
}
