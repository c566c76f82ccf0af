//! Where a backup goes: one file, written beside itself, read back, and renamed; or a folder of dated ones.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{Advice, fadvise};
use sha2::{Digest as _, Sha256};

use super::archive::{self, Copied, PREFIX};
use super::{BackupError, Recipients, TEMPORARY, Taken, of_disk};
use crate::store::error::of_file;
use crate::store::{Store, StoreError, hexadecimal, sync_folder};

/// Where to write a backup.
#[derive(Clone, Debug)]
pub struct Target {
    /// A file, or a folder that dated ones are kept in.
    pub path: PathBuf,
    /// Number of backups of this station to leave in the folder; `None`: all.
    pub keep: Option<usize>,
}

/// Start and ends of the names in a folder.
const NAME: &str = "backup-";
const CLEAR: &str = ".tar";
const SEALED: &str = ".tar.age";

/// How a time is written in a name: no colons, which FAT does not take.
const TIME: &str = "%Y-%m-%dT%H-%M-%SZ";

impl Target {
    /// The file to write, for a station of this name.
    fn file(&self, state: &Path, station: &str, at: Timestamp, sealed: bool) -> Result<PathBuf, BackupError> {
        let path = &self.path;
        let refused = |words: String| Err(BackupError::Refused(format!("{}: {words}", path.display())));
        let found = fs::metadata(path);
        let is_folder = found.as_ref().is_ok_and(fs::Metadata::is_dir);
        let named_as_folder = self.keep.is_some() || path.as_os_str().as_encoded_bytes().ends_with(b"/");
        match &found {
            Ok(found) if found.is_file() && named_as_folder => {
                return refused("this is a file, and --keep needs a folder".into());
            }
            Ok(found) if !found.is_file() && !found.is_dir() => {
                let kind = found.file_type();
                let what = if kind.is_block_device() {
                    "a disk itself; mount it, and name a file or folder on it"
                } else if kind.is_char_device() {
                    "a device; name a file or a folder"
                } else {
                    "a pipe or socket; name a file or a folder"
                };
                return refused(format!("this is {what}"));
            }
            Err(problem) if problem.kind() == io::ErrorKind::NotFound && !named_as_folder => {}
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => {
                return refused("there is no such folder; is the disk plugged in and mounted?".into());
            }
            Err(problem) => return refused(problem.to_string()),
            Ok(_) => {}
        }
        let file = if is_folder { path.join(name(station, at, sealed)) } else { path.clone() };
        let folder = folder_of(&file);
        let whole = match folder.canonicalize() {
            Ok(whole) => whole,
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => {
                return refused(format!(
                    "there is no folder {}; is the disk plugged in and mounted?",
                    folder.display()
                ));
            }
            Err(problem) => return Err(of_disk(folder)(problem)),
        };
        if state.canonicalize().is_ok_and(|state| whole.starts_with(state)) {
            return refused("this is in the folder of the store itself; a backup belongs on another disk".into());
        }
        // A link names the file behind it, which is what is replaced.
        match file.canonicalize() {
            Ok(file) => Ok(file),
            Err(_) => Ok(whole.join(file.file_name().unwrap_or_default())),
        }
    }

    /// Removes all but the newest backups of this station from the folder, never `newest`. Returns what was removed.
    fn prune(&self, newest: &Path, station: &str) -> Vec<PathBuf> {
        let (Some(keep), Ok(folder)) = (self.keep, fs::read_dir(folder_of(newest))) else { return Vec::new() };
        let ours = |path: &PathBuf| {
            let named = path.file_name().and_then(OsStr::to_str).is_some_and(|name| is_of(station, name));
            named && path != newest && fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
        };
        let mut old: Vec<PathBuf> = folder.flatten().map(|entry| entry.path()).filter(ours).collect();
        // By the times in their names, newest first.
        old.sort_unstable_by(|a, b| b.cmp(a));
        let mut removed = Vec::new();
        for path in old.into_iter().skip(keep.saturating_sub(1)) {
            match fs::remove_file(&path) {
                Ok(()) => removed.push(path),
                Err(problem) => log::warn!("{}: the old backup cannot be removed: {problem}", path.display()),
            }
        }
        removed
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn start(station: &str) -> String {
    let word = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    format!("{NAME}{}-", station.chars().map(word).collect::<String>())
}

fn name(station: &str, at: Timestamp, sealed: bool) -> String {
    format!("{}{}{}", start(station), at.strftime(TIME), if sealed { SEALED } else { CLEAR })
}

/// Whether a file of this name is a dated backup of the station.
fn is_of(station: &str, name: &str) -> bool {
    let time = name
        .strip_prefix(&start(station))
        .and_then(|rest| rest.strip_suffix(SEALED).or_else(|| rest.strip_suffix(CLEAR)));
    time.is_some_and(|time| {
        time.len() == "2026-11-29T12-00-00Z".len()
            && time.bytes().zip(b"0000-00-00T00-00-00Z").all(|(found, form)| match form {
                b'0' => found.is_ascii_digit(),
                form => found == *form,
            })
    })
}

impl Store {
    /// Writes a backup while others go on writing to the store: copied by `SQLite`'s online backup, every page checked,
    /// read back from the disk, and only then given its name. An older file of that name stays whole until then.
    ///
    /// # Errors
    /// If the store is damaged, the target cannot be, or a disk is full or fails. Nothing is left behind then.
    pub fn back_up(
        &self,
        target: &Target,
        recipients: &Recipients,
        station: &str,
        made: Timestamp,
    ) -> Result<Taken, BackupError> {
        let state = folder_of(self.path());
        let path = target.file(state, station, made, recipients.any())?;
        let _alone = alone(state)?;
        let copied = copied(self, state)?;
        let (manifest, contents) = archive::describe(&copied, state, made, station)?;
        let folder = folder_of(&path);
        let prefix = unfinished(station);
        sweep(folder, &prefix);
        let beside = tempfile::Builder::new().prefix(&prefix).tempfile_in(folder).map_err(of_disk(&path))?;
        let write = |mut into: &mut dyn Write| archive::write(&manifest, &copied, &contents, &mut into).map(drop);
        let (bytes, sha256) = written(beside.as_file(), recipients, write).map_err(of_disk(&path))?;
        let again = File::open(beside.path()).and_then(archive::sum).map_err(of_disk(&path))?;
        if again != (bytes, sha256.clone()) {
            return Err(BackupError::Disk {
                path,
                problem: "what was written is read back as something else".into(),
                remedy: "the disk fails: take another".into(),
            });
        }
        beside.persist(&path).map_err(|problem| of_disk(&path)(problem.error))?;
        match sync_folder(folder_of(&path)) {
            // Not every file system syncs folders; the file itself is on the disk.
            Err(problem) if problem.kind() != io::ErrorKind::InvalidInput => return Err(of_disk(&path)(problem)),
            _ => {}
        }
        let device = |path: &Path| fs::metadata(path).map(|found| found.dev()).ok();
        let same_disk = device(&path).is_some() && device(&path) == device(state);
        let removed = target.prune(&path, station);
        Ok(Taken { path, bytes, sha256, manifest, same_disk, removed })
    }
}

/// Writes a file through to the disk, encrypted if there are keys; returns its length and SHA-256.
fn written(
    file: &File,
    recipients: &Recipients,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<(u64, String)> {
    let into = BufWriter::with_capacity(1 << 20, file);
    let mut counted = recipients.through(Counted { into, hash: Sha256::new(), bytes: 0 }, write)?;
    counted.flush()?;
    file.sync_all()?;
    // So that it is read back from the disk, not from what the system remembers of it: bad sticks forget what they took.
    let _ = fadvise(file, 0, None, Advice::DontNeed);
    Ok((counted.bytes, hexadecimal(&counted.hash.finalize())))
}

/// Keeps a second backup from being made at the same time, and removes what one left that was killed.
fn alone(state: &Path) -> Result<File, BackupError> {
    let folder = File::open(state).map_err(of_file(state))?;
    match folder.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            return Err(BackupError::Refused("another backup is being made; wait until it is done".into()));
        }
        Err(fs::TryLockError::Error(problem)) => return Err(of_file(state)(problem).into()),
    }
    sweep(state, PREFIX);
    Ok(folder)
}

/// Start of the name of a backup that is being written, on a disk that several stations may share.
fn unfinished(station: &str) -> String {
    format!("{TEMPORARY}{}", start(station))
}

/// Removes temporary files and folders whose names are this start and six random characters.
fn sweep(folder: &Path, start: &str) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_str().and_then(|name| name.strip_prefix(start)).is_some_and(|rest| rest.len() == RANDOM) {
            let path = entry.path();
            // What cannot be removed is in nobody's way.
            let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
        }
    }
}

/// Random characters in the name of a temporary file.
const RANDOM: usize = 6;

/// The copy of the database: in the state folder, or, where nothing can be written any more, among temporary files.
fn copied(store: &Store, state: &Path) -> Result<Copied, StoreError> {
    Copied::of(store, state).or_else(|problem| match problem {
        StoreError::Unusable { .. } => Copied::of(store, &std::env::temp_dir()).map_err(|_| problem),
        problem => Err(problem),
    })
}

/// Counts and hashes what passes.
struct Counted<W> {
    into: W,
    hash: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.into.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.into.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_dated_backups_of_this_station_are_taken_for_old_ones() {
        let at: Timestamp = "2026-11-29T12:34:56Z".parse().unwrap();
        for station in ["leukoscope", "lab 2", "lab/../x"] {
            for sealed in [false, true] {
                let name = name(station, at, sealed);
                assert!(is_of(station, &name) && !name.contains('/'), "{name}");
                assert!(!is_of("other", &name) && !is_of("leuko", &name));
            }
        }
        assert_eq!(name("lab 2", at, false), "backup-lab-2-2026-11-29T12-34-56Z.tar");
        for other in
            ["backup-a-b-2026-11-29T12-34-56Z.tar", "backup-a-2026-11-29.tar", "backup-a-x.tar", "backup-a-.tar"]
        {
            assert!(!is_of("a", other), "{other}");
        }
    }
}
