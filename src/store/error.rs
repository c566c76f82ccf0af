//! Store errors, in words for the person at the device.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;

use super::review::ReviewError;

/// Why a store operation was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder or the file cannot be used.
    #[error("results cannot be kept in {}: {problem}; {remedy}", path.display())]
    Unusable {
        /// Folder or file.
        path: PathBuf,
        /// Error from the system.
        problem: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The file is damaged.
    #[error(
        "{} is damaged ({problem}); nothing of it was changed: copy it to another disk, take the last good copy in its \
         place, and check the memory card", path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is damaged.
        problem: String,
    },
    /// A part of the file that is not checked at start-up is damaged.
    #[error(
        "{} is damaged ({problem}): end the program, copy the file to another disk, take the last good copy in its place, \
         and check the memory card", path.display()
    )]
    PartlyDamaged {
        /// The file.
        path: PathBuf,
        /// What is damaged.
        problem: String,
    },
    /// The file existed and is gone.
    #[error(
        "{} is gone, although results were kept there: put the last good copy in its place; to begin anew without them, \
         remove {}", path.display(), mark.display()
    )]
    Lost {
        /// The file.
        path: PathBuf,
        /// The lock file, which shows that it existed.
        mark: PathBuf,
    },
    /// The file was written by a later version of the program.
    #[error("{} was written by a later version of leukoscope (form {found}, this one knows {known}); install that version", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format version.
        found: i64,
        /// Latest format version known to this program.
        known: i64,
    },
    /// Another process is writing to the store.
    #[error(
        "results in {} are being written by another leukoscope{by}; stop that one, or give this one its own folder with \
         `state` in [station]", folder.display()
    )]
    InUse {
        /// The state folder.
        folder: PathBuf,
        /// `, NAME (process N)`, if known.
        by: String,
    },
    /// The request is not allowed, or what it names does not exist.
    #[error("{0}")]
    Refused(String),
    /// The result cannot be reviewed in its current state.
    #[error(transparent)]
    Review(#[from] ReviewError),
    /// The thread that writes has ended.
    #[error("results cannot be kept: the program is ending")]
    Closed,
}

impl StoreError {
    /// Whether the request is at fault rather than the store.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Review(_))
    }
}

/// Converts a system error about a file or folder.
pub(crate) fn of_file(path: &Path) -> impl Fn(io::Error) -> StoreError + '_ {
    move |problem| {
        let remedy = match problem.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FULL,
            io::ErrorKind::ReadOnlyFilesystem => READ_ONLY,
            io::ErrorKind::PermissionDenied => {
                "let this user write there, or set `state` in [station] to another folder"
            }
            io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory | io::ErrorKind::AlreadyExists => {
                "set `state` in [station] to a folder"
            }
            _ => CHECK,
        };
        StoreError::Unusable { path: path.to_owned(), problem: problem.to_string(), remedy }
    }
}

/// Converts an `SQLite` error about the file.
pub(super) fn of_database(path: &Path) -> impl Fn(rusqlite::Error) -> StoreError + '_ {
    move |problem| {
        let words = problem.to_string();
        let remedy = match problem.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                return StoreError::Damaged { path: path.to_owned(), problem: words };
            }
            Some(ErrorCode::DiskFull) => FULL,
            // There is no room for the shared-memory index beside the file.
            _ if problem.sqlite_error().is_some_and(|error| error.extended_code == SQLITE_IOERR_SHMSIZE) => FULL,
            Some(ErrorCode::ReadOnly) => READ_ONLY,
            _ => CHECK,
        };
        StoreError::Unusable { path: path.to_owned(), problem: words, remedy }
    }
}

const FULL: &str = "the disk is full: free some space";
const READ_ONLY: &str = "the disk is read-only: check it, and mount it writable";
const CHECK: &str = "check the disk, or set `state` in [station] to another folder";
