//! Backups: the database and the files beside it in one archive, checked, and encrypted on request.
//!
//! A backup is a tar archive: `backup.json`, which says what it is of and holds the SHA-256 of every other file, then the
//! database as `SQLite`'s online backup gives it, then the small files of the state folder. Encrypted it is an age file
//! around that. So `age`, `tar` and `sqlite3` open one where this program is not at hand.

mod archive;
mod seal;
mod target;

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(super) use archive::check;
pub use archive::unpack;
pub(super) use seal::opened;
pub use seal::{Identities, Recipients};
pub use target::Target;

use super::{FILE, StoreError};
use crate::system::file;

/// File of the archive that describes the others; its first.
pub(super) const MANIFEST: &str = "backup.json";

/// Form of the archive that this program writes, and the latest that it reads.
const FORM: u32 = 1;

/// What starts the names of our temporary files and folders.
pub(super) const TEMPORARY: &str = ".leukoscope-";

/// What a backup is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Form of the archive.
    pub form: u32,
    /// When the backup was begun; what was counted later is not in it.
    pub made: Timestamp,
    /// Version of the program that made it.
    pub version: String,
    /// Name of the station.
    pub station: String,
    /// Format version of the database.
    pub store_form: i64,
    /// Identity of the store; none in stores of versions that made none.
    pub store: Option<String>,
    /// Number and hash of the last line of the audit trail.
    pub line: i64,
    pub hash: String,
    /// Highest number given to a result.
    pub result: i64,
    /// Every other file of the archive, in its order.
    pub files: Vec<Entry>,
}

/// A file of the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Path in the state folder.
    pub name: PathBuf,
    pub bytes: u64,
    /// Hexadecimal.
    pub sha256: String,
}

/// A backup that was written.
#[derive(Clone, Debug)]
pub struct Taken {
    pub path: PathBuf,
    pub bytes: u64,
    /// SHA-256 of the file as written, and as read back, hexadecimal.
    pub sha256: String,
    pub manifest: Manifest,
    /// Whether it lies on the disk of the store, which may take both along.
    pub same_disk: bool,
    /// Older backups that were removed.
    pub removed: Vec<PathBuf>,
}

/// Why a backup was not written or not read.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// What was asked for cannot be done.
    #[error("{0}")]
    Refused(String),
    /// The store, or a file of the state folder.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The backup cannot be written or read.
    #[error("{}: {problem}; {remedy}", path.display())]
    Disk { path: PathBuf, problem: String, remedy: String },
    /// The file is no whole backup.
    #[error("{} is no whole backup ({problem}); nothing was changed: take another one", path.display())]
    Damaged { path: PathBuf, problem: String },
    /// A later version of the program wrote it.
    #[error("{} was written by a later version of leukoscope ({what}); install that version", path.display())]
    Newer { path: PathBuf, what: String },
}

impl BackupError {
    /// Whether the request is at fault rather than a disk or a file.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_)) || matches!(self, Self::Store(error) if error.is_refusal())
    }
}

/// Converts a system error about the disk with the backup.
pub(super) fn of_disk(path: &Path) -> impl Fn(io::Error) -> BackupError + '_ {
    move |problem| {
        let remedy = match problem.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "the disk is full: free some space, or take another"
            }
            io::ErrorKind::FileTooLarge => {
                "this disk's file system takes no file of this size (FAT ends at 4 GB): take exFAT or ext4"
            }
            io::ErrorKind::ReadOnlyFilesystem => "the disk is read-only: mount it writable, or take another",
            io::ErrorKind::PermissionDenied => "let this user read and write there",
            io::ErrorKind::NotFound => "mount the disk, or name a folder that is there",
            _ => "check that the disk is plugged in and mounted, or take another",
        };
        BackupError::Disk { path: path.to_owned(), problem: problem.to_string(), remedy: remedy.to_owned() }
    }
}

/// What lies beside the database and is in no backup: `SQLite`'s own files, whose content is in the copy; lock and witness,
/// which belong to the folder; the page's private key, which is of no use to anybody but this board; and networks, which
/// are installed again from their signed file.
const OUTSIDE: [&str; 8] = [
    "leukoscope.sqlite-wal",
    "leukoscope.sqlite-shm",
    "leukoscope.sqlite-journal",
    "leukoscope.lock",
    "leukoscope.witness",
    "web.pem",
    "web-certificate.pem",
    "models",
];

/// What a restore puts beside the store that it replaces.
pub(super) const FORMER: &str = "before-restore-";
/// A restored store that is about to take its place, and then takes it.
pub(super) const READY: &str = "restore-ready-";
pub(super) const PLACING: &str = "restore-placing-";

/// Whether a file or folder of the state folder belongs in a backup.
pub(super) fn belongs(name: &str) -> bool {
    // The folder may be the home of the service's user, or a disk of its own.
    let is_other = name.starts_with('.') || name == "lost+found";
    !is_other && !OUTSIDE.contains(&name) && ![FORMER, READY, PLACING].iter().any(|start| name.starts_with(start))
}

/// Whether a path of an archive stays within the folder it is unpacked to, and is one that belongs in a backup.
fn is_ours(path: &Path) -> bool {
    file::names_below(path)
        .is_some_and(|parts| (1..=DEEPEST).contains(&parts.len()) && belongs(parts[0]) && parts[0] != MANIFEST)
}

/// Folders within each other, at most.
const DEEPEST: usize = 4;

/// Largest file beside the database, and most of them: profiles and calibrations are some hundred kilobytes.
const LARGEST: u64 = 64 << 20;
const MOST: usize = 10_000;

/// Whether this is the database.
fn is_database(name: &Path) -> bool {
    name == Path::new(FILE)
}
