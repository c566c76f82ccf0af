//! Puts the store of a backup in the place of the present one, which stays beside it.
//!
//! The new store is made whole first, in a folder of its own: unpacked, every byte compared with the backup's description,
//! every page checked, and given a line in its trail that says what it was restored from and what is not in it any more.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::audit::AuditLine;
use super::backup::{self, BackupError, FORMER, Identities, Manifest, READY, TEMPORARY};
use super::error::{of_database, of_file};
use super::identity::Arrival;
use super::text::several;
use super::witness::Witness;
use super::{
    AuditVerdict, FILE, LOCK_PATIENCE, Store, StoreError, audit, file, identity, placing, results, sync_folder,
};
use crate::system::holder;

/// A store that was put in its place.
#[derive(Clone, Debug)]
pub struct Restored {
    pub manifest: Manifest,
    /// Where the store before is, if there was one.
    pub former: Option<PathBuf>,
    /// The restored trail, with its new last line.
    pub verdict: AuditVerdict,
    /// Whether something was acknowledged after the backup, which is not in the store now: trail lines and results.
    pub lost: Option<(i64, i64)>,
}

/// Marks of what an outside host was sent: they tell of the host, not of the store, so those in the folder stay.
const MARK: &str = ".sent";

/// Restores the backup in the file `from` into the state folder `folder`.
///
/// # Errors
/// If another program has the store open, the backup is not whole or of a later version, or the disk fails. Nothing in
/// the folder has changed then.
pub fn restore(
    folder: &Path,
    from: &Path,
    identities: &Identities,
    by: &str,
    at: Timestamp,
) -> Result<Restored, BackupError> {
    let backup = open(from)?;
    fs::create_dir_all(folder).map_err(of_file(folder))?;
    let mut lock = file::lock(folder, LOCK_PATIENCE).map_err(while_running)?;
    placing::finish(folder)?;
    nobody_reads(&folder.join(FILE))?;
    let staged = staging(folder)?;
    let manifest = backup::unpack(backup_reader(backup, from, identities)?, from, staged.path())?;
    check(&manifest, from, staged.path())?;

    let witness = Witness::read(folder)?;
    if let Some(witness) = &witness {
        witness.keep(staged.path()).map_err(of_file(staged.path()))?;
    }
    let time = free_time(folder, at);
    let former = placing::is_occupied(folder)?.then(|| format!("{FORMER}{time}"));
    let verdict = arrive(staged.path(), &manifest, from, by, at, former.as_deref())?;
    keep_marks(folder, staged.path())?;

    let Manifest { line, result, .. } = &manifest;
    let lost = witness.filter(|witness| manifest.store.as_ref() == Some(&witness.store));
    let lost = lost.map(|witness| ((witness.line - line).max(0), (witness.result - result).max(0)));
    let ready = folder.join(format!("{READY}{time}"));
    sync_all(staged.path())?;
    fs::rename(staged.keep(), &ready).map_err(of_file(&ready))?;
    sync_folder(folder).map_err(of_file(folder))?;
    placing::finish(folder)?;
    if !file::was_made(&folder.join(FILE)) {
        file::mark_made(&mut lock, folder)?;
    }
    let former = former.map(|name| folder.join(name));
    Ok(Restored { manifest, former, verdict, lost: lost.filter(|lost| *lost != (0, 0)) })
}

/// What a line says of a restore.
pub(super) fn in_words(line: &AuditLine, detail: &Value) -> String {
    let backup = &detail["backup"];
    let made = backup["made"].as_str().unwrap_or("an unknown time");
    let since = match (detail["lost"]["lines"].as_i64(), detail["lost"]["results"].as_i64()) {
        (Some(0), Some(0)) => "nothing had been acknowledged since".to_owned(),
        (Some(lines), Some(results)) => {
            let last = backup["result"].as_i64().unwrap_or_default();
            let named = match results {
                0 => String::new(),
                1 => format!(" (number {})", last + 1),
                _ => format!(" (numbers {} to {})", last + 1, last + results),
            };
            let (lines, results) = (several(lines, "line"), several(results, "result"));
            format!("{lines} and {results}{named} of the time after it are not in the store")
        }
        _ => "it was not known what had been kept after it, and the store numbers its results as one of its own since"
            .to_owned(),
    };
    format!("line {} says that {} restored the store from a backup of {made}: {since}", line.number, line.by)
}

fn open(from: &Path) -> Result<File, BackupError> {
    let refused = |what: &str| BackupError::Refused(format!("{}: {what}", from.display()));
    let found = fs::metadata(from).map_err(|problem| match problem.kind() {
        io::ErrorKind::NotFound => refused("there is no such file; is the disk plugged in and mounted?"),
        _ => refused(&problem.to_string()),
    })?;
    if found.is_dir() {
        return Err(refused("this is a folder; name one of the backups in it"));
    }
    if !found.is_file() {
        return Err(refused("this is a device or a pipe; name the file of a backup"));
    }
    File::open(from).map_err(|problem| refused(&problem.to_string()))
}

fn backup_reader<'a>(file: File, from: &Path, identities: &Identities) -> Result<Box<dyn io::Read + 'a>, BackupError> {
    backup::opened(BufReader::with_capacity(1 << 20, file), from, identities)
}

fn while_running(problem: StoreError) -> BackupError {
    match problem {
        StoreError::InUse { folder, by } => BackupError::Refused(format!(
            "the store in {} is in use{by}; stop that program first (sudo systemctl stop leukoscope), and start it again after",
            folder.display()
        )),
        problem => problem.into(),
    }
}

/// Refuses while a program that only reads has the database open: when it ends it would remove the new one's `-wal`.
fn nobody_reads(path: &Path) -> Result<(), BackupError> {
    let Ok(ours) = fs::metadata(path) else { return Ok(()) };
    match holder::with_open(|found| (found.dev(), found.ino()) == (ours.dev(), ours.ino())) {
        None => Ok(()),
        Some(holder) => Err(BackupError::Refused(format!("{holder} has {} open; let it end first", path.display()))),
    }
}

/// Start of the name of the folder in which the new store is made.
const STAGING: &str = "restore-";

fn staging(folder: &Path) -> Result<TempDir, StoreError> {
    let prefix = format!("{TEMPORARY}{STAGING}");
    // Of a restore that was killed: the lock says that none runs.
    for entry in fs::read_dir(folder).map_err(of_file(folder))?.flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(prefix.as_bytes()) {
            fs::remove_dir_all(entry.path()).map_err(of_file(&entry.path()))?;
        }
    }
    tempfile::Builder::new().prefix(&prefix).tempdir_in(folder).map_err(of_file(folder))
}

/// Checks that the unpacked database is whole, of a version that is known, and the one that the backup describes.
fn check(manifest: &Manifest, from: &Path, staged: &Path) -> Result<(), BackupError> {
    let path = staged.join(FILE);
    let in_backup = |problem: StoreError| match problem {
        StoreError::Newer { found, known, .. } => {
            BackupError::Newer { path: from.to_owned(), what: format!("form {found}, this one knows {known}") }
        }
        StoreError::Damaged { problem, .. } => BackupError::Damaged { path: from.to_owned(), problem },
        problem => problem.into(),
    };
    let failed = of_database(&path);
    let database = Connection::open(&path).map_err(|problem| in_backup(failed(problem)))?;
    let form = file::check(&database, &path).map_err(in_backup)?;
    backup::check(&database, &path).map_err(in_backup)?;
    let read = || {
        let identity = identity::identity(&database)?;
        Ok((identity, audit::head(&database)?, results::next(&database)? - 1))
    };
    let found: rusqlite::Result<(Option<String>, (i64, String), i64)> = read();
    let (store, head, result) = found.map_err(|problem| in_backup(failed(problem)))?;
    let described = (&manifest.store, (manifest.line, manifest.hash.clone()), manifest.result, manifest.store_form);
    if form == 0 || (&store, head, result, form) != described {
        let problem = "the database in it is not the one that it describes".to_owned();
        return Err(BackupError::Damaged { path: from.to_owned(), problem });
    }
    Ok(())
}

/// Gives the new store its line in the trail, and its witness; returns whether its trail is whole.
fn arrive(
    staged: &Path,
    manifest: &Manifest,
    from: &Path,
    by: &str,
    at: Timestamp,
    former: Option<&str>,
) -> Result<AuditVerdict, StoreError> {
    let Manifest { made, version, station, store, line, hash, result, .. } = manifest;
    let file = from.file_name().map(OsStr::to_string_lossy);
    let backup = json!({
        "file": file, "made": made, "version": version, "station": station, "store": store, "line": line, "hash": hash,
        "result": result,
    });
    let arrival = Arrival { by, at, backup, former };
    let lock = file::lock(staged, LOCK_PATIENCE)?;
    let store = Store::open_locked(staged, lock, Some(&arrival))?;
    let verdict = store.verify_audit()?;
    store.write_out()?;
    drop(store);
    // The folder has a lock of its own, and everything of `-wal` is in the database.
    for name in [file::LOCK_FILE, "leukoscope.sqlite-wal", "leukoscope.sqlite-shm"] {
        match fs::remove_file(staged.join(name)) {
            Err(problem) if problem.kind() != io::ErrorKind::NotFound => return Err(of_file(staged)(problem)),
            _ => {}
        }
    }
    Ok(verdict)
}

/// Takes the marks of the folder in place of the backup's.
fn keep_marks(folder: &Path, staged: &Path) -> Result<(), StoreError> {
    for entry in fs::read_dir(folder).map_err(of_file(folder))?.flatten() {
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.ends_with(MARK)) && entry.path().is_file() {
            fs::copy(entry.path(), staged.join(&name)).map_err(of_file(&entry.path()))?;
        }
    }
    Ok(())
}

/// A time for the names of the folders, at which no store was put aside yet.
fn free_time(folder: &Path, at: Timestamp) -> String {
    let time = at.strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
    let mut free = time.clone();
    for again in 2..u32::MAX {
        if !folder.join(format!("{FORMER}{free}")).exists() {
            break;
        }
        free = format!("{time}-{again}");
    }
    free
}

/// Everything in a folder, on the disk.
fn sync_all(folder: &Path) -> Result<(), StoreError> {
    for entry in fs::read_dir(folder).map_err(of_file(folder))? {
        let path = entry.map_err(of_file(folder))?.path();
        if path.is_dir() {
            sync_all(&path)?;
        } else {
            File::open(&path).and_then(|file| file.sync_all()).map_err(of_file(&path))?;
        }
    }
    sync_folder(folder).map_err(of_file(folder))
}
