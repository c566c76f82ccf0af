//! Store: samples, sessions, cells, results, signatures, users and the audit trail in one `SQLite` file.
//!
//! One process writes, any number read. When a writing method returns, its data is on disk. A damaged file, or one of
//! a later version, is refused and left as it is: the store never starts afresh in its place.

mod abandoned;
mod alarms;
mod amendment;
mod audit;
pub mod backup;
mod camera_check;
mod cell_hash;
mod cell_record;
mod cells;
mod clock;
mod control;
mod counting;
mod delta;
mod digest;
mod error;
pub mod export;
mod fields;
mod file;
mod first_use;
mod identity;
mod interrupted;
mod keeping;
mod naming;
mod numbered;
mod of_camera;
mod password_rules;
mod passwords;
mod placing;
mod practice;
mod private;
mod quickly;
pub mod records;
pub mod restore;
mod results;
mod retention;
mod review;
mod review_error;
pub mod reviewed;
mod said;
mod schema;
mod second_look;
mod sessions;
mod space;
mod taking_in;
mod text;
pub mod told;
mod trail;
mod upkeep;
mod users;
mod verify;
mod version;
mod witness;
mod worklist;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

pub(crate) use audit::hexadecimal;
pub use clock::ClockVerdict;
pub use error::StoreError;
use error::of_database;
pub(crate) use error::of_file;
pub use interrupted::InterruptedSession;
pub(crate) use interrupted::{Kept, Reopened};
pub use keeping::{Going, Keeping, Matter, Why};
pub use practice::PracticeScore;
use records::SessionId;
pub use results::StoredResult;
pub use retention::{Due, Notice, Retained};
pub use review::ReviewError;
pub use second_look::Signed;
pub use space::{Checked, Space};
pub(crate) use text::several;
pub use trail::TrailQuery;
pub use users::Stamp;
pub(crate) use users::token_hash;
pub use verify::{AuditVerdict, Finding, Verified};
use witness::Witness;

/// File name of the database.
pub const FILE: &str = "leukoscope.sqlite";

/// How long to try for the lock. Between fork and exec, a child process still holds its parent's open files, so the
/// lock of a store just closed may stay held for some milliseconds.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);

/// The store of one folder; clones share it.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// `None` if the store was opened for reading.
    writer: Option<Mutex<Connection>>,
    /// Separate, so that long lists do not hold up the counting.
    reader: Mutex<Connection>,
    /// Cached numbers of all results: read far more often than they change.
    numbers: Mutex<BTreeSet<u64>>,
    /// The same of those without a signature.
    unsigned: Mutex<BTreeSet<u64>>,
    /// Signatures by their increasing number, each with the number of its result.
    signed: Mutex<BTreeMap<i64, u64>>,
    /// When it was opened, by the monotonic clock, and the last session that existed then.
    opened: Instant,
    earlier: SessionId,
    /// Time of that session.
    newest: Option<Timestamp>,
    /// What a review asks for; nothing until somebody says so.
    review: delta::Rules,
    /// The last check of the whole file, if there was one since it was opened.
    checked: Mutex<Option<Checked>>,
    /// Whether the station is for training.
    training: AtomicBool,
    /// Held while this process may write.
    _lock: Option<File>,
}

impl Store {
    /// Opens the store of `folder` for writing, and creates both if they do not exist. Migrates earlier formats of
    /// the file. Sessions that were being counted are marked as interrupted.
    ///
    /// # Errors
    /// If folder or file cannot be used or are damaged, the file is of a later version, or another process is
    /// writing.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        Self::open_within(folder, LOCK_PATIENCE)
    }

    fn open_within(folder: &Path, patience: Duration) -> Result<Self, StoreError> {
        fs::create_dir_all(folder).map_err(of_file(folder))?;
        let lock = file::lock(folder, patience)?;
        placing::finish(folder)?;
        Self::open_locked(folder, lock, None)
    }

    /// Opens the store of a locked folder; `arrival` if it was just unpacked from a backup.
    fn open_locked(folder: &Path, mut lock: File, arrival: Option<&identity::Arrival<'_>>) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        let failed = of_database(&path);
        let made = file::was_made(&path);
        if made && file::is_empty(&path)? {
            return Err(file::lost(&path));
        }
        // Password hashes are for this user only.
        let own = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        drop(own.map_err(of_file(&path))?);
        let mut writer = Connection::open(&path).map_err(&failed)?;
        let form = file::check(&writer, &path)?;
        if form > 0 {
            file::check_small_tables(&writer, &path)?;
        }
        file::prepare(&writer, form).map_err(&failed)?;
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
        schema::migrate(&transaction, form).map_err(&failed)?;
        let witness = Witness::read(folder)?;
        identity::settle(&transaction, witness.as_ref(), arrival).map_err(|problem| failed_at(&path, problem))?;
        numbered::take_in(&transaction, form).map_err(|problem| failed_at(&path, problem))?;
        counting::interrupt(&transaction, form < schema::AS_IT_COMES).map_err(&failed)?;
        transaction.commit().map_err(&failed)?;
        if !made {
            // Checkpoint before the store is marked as made: if `-wal` is lost then, not everything is lost.
            file::write_through(&writer).map_err(&failed)?;
            // Sync the folder as well: without its name, a file is lost in a power cut.
            sync_folder(folder).map_err(of_file(folder))?;
            if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                // The folder may be new, too. Its parent may not be readable, so this is best effort.
                let _ = sync_folder(parent);
            }
            file::mark_made(&mut lock, folder)?;
        }
        drop(failed);
        let store = Self::with(path, Some(writer), Some(lock))?;
        store.witness_start(witness.as_ref())?;
        Ok(store)
    }

    /// Opens the store of `folder` for occasional writes (users, tokens, the audit trail), even while another process
    /// is counting. Creates it if it does not exist.
    ///
    /// # Errors
    /// As [`Store::open`], and if the counting process is of another version.
    pub fn open_beside(folder: &Path) -> Result<Self, StoreError> {
        // A daemon holds the lock for long, so waiting for it would only make the person wait.
        match Self::open_within(folder, Duration::ZERO) {
            Err(StoreError::InUse { .. }) => {}
            done => return done,
        }
        let path = folder.join(FILE);
        let failed = of_database(&path);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let writer = Connection::open_with_flags(&path, flags).map_err(&failed)?;
        if schema::form(&writer).map_err(&failed)? != schema::FORM {
            return Err(file::in_use(folder));
        }
        file::prepare(&writer, schema::FORM).map_err(&failed)?;
        drop(failed);
        Self::with(path, Some(writer), None)
    }

    /// Opens the store of `folder` for reading, even while another process is writing, or if nothing can be written.
    /// `None` if there is no store yet.
    ///
    /// # Errors
    /// If it existed and is gone, or cannot be read.
    pub fn open_to_read(folder: &Path) -> Result<Option<Self>, StoreError> {
        placing::finish_if_free(folder);
        let path = folder.join(FILE);
        if file::is_empty(&path)? {
            return if file::was_made(&path) { Err(file::lost(&path)) } else { Ok(None) };
        }
        let reader = file::reader(&path).map_err(of_database(&path))?;
        let form = file::check(&reader, &path)?;
        drop(reader);
        if form == 0 { Ok(None) } else { Self::with(path, None, None).map(Some) }
    }

    fn with(path: PathBuf, writer: Option<Connection>, lock: Option<File>) -> Result<Self, StoreError> {
        let failed = of_database(&path);
        let reader = file::reader(&path).map_err(&failed)?;
        let numbers = results::numbers(&reader).map_err(&failed)?;
        let signed = results::signed(&reader).map_err(&failed)?;
        let with_signature: BTreeSet<u64> = signed.values().copied().collect();
        let sent: BTreeSet<u64> = &numbers - &control::results(&reader).map_err(&failed)?;
        let unsigned = Mutex::new(&sent - &with_signature);
        let (numbers, signed) = (Mutex::new(numbers), Mutex::new(signed));
        let earlier = reader.query_row("SELECT coalesce(max(id), 0) FROM session", [], |row| row.get(0));
        let earlier = earlier.map_err(&failed)?;
        let newest = clock::newest(&reader).map_err(&failed)?;
        drop(failed);
        let (writer, reader) = (writer.map(Mutex::new), Mutex::new(reader));
        let opened = Instant::now();
        let checked = Mutex::default();
        Ok(Self(Arc::new(Inner {
            path,
            writer,
            reader,
            numbers,
            unsigned,
            signed,
            opened,
            earlier,
            newest,
            review: delta::Rules::default(),
            checked,
            training: AtomicBool::new(false),
            _lock: lock,
        })))
    }

    /// Whether this is the store of a station for training: only there may counts of simulated and replayed slides be signed, and
    /// every signature carries the word.
    pub fn of_training_station(&self, training: bool) {
        self.0.training.store(training, Ordering::Relaxed);
    }

    fn in_training(&self) -> bool {
        self.0.training.load(Ordering::Relaxed)
    }

    /// Path of the database file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Lets the write in progress end, for up to `patience`, and admits no other: the process may be ended then without
    /// losing half a transaction. Returns whether none is in progress any more.
    #[must_use]
    pub fn halt(&self, patience: Duration) -> bool {
        let Some(writer) = &self.0.writer else { return true };
        let asked = Instant::now();
        loop {
            match writer.try_lock() {
                Ok(writer) => {
                    // Never given back.
                    std::mem::forget(writer);
                    return true;
                }
                Err(TryLockError::Poisoned(_)) => return true,
                Err(TryLockError::WouldBlock) if asked.elapsed() >= patience => return false,
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    /// Runs `work` in a transaction that is on disk when this returns, or did not happen.
    fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreProblem>) -> Result<T, StoreError> {
        let Some(writer) = &self.0.writer else {
            return Err(StoreError::Refused("the store was opened to be read".to_owned()));
        };
        let mut writer = recovered(writer);
        let done = (|| {
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        })();
        done.map_err(|problem| self.failed(problem))
    }

    /// Same for what must not be lost without a trace: the witness beside the store is written, too.
    fn write_witnessed<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreProblem>,
    ) -> Result<T, StoreError> {
        let done = self.write(work)?;
        self.witness();
        Ok(done)
    }

    /// Runs `work` on the current state.
    fn read<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreProblem>) -> Result<T, StoreError> {
        let mut reader = recovered(&self.0.reader);
        let done = (|| {
            // A transaction, so that all reads see one state.
            let transaction = reader.transaction()?;
            work(&transaction)
        })();
        done.map_err(|problem| self.failed(problem))
    }

    fn failed(&self, problem: StoreProblem) -> StoreError {
        failed_at(&self.0.path, problem)
    }
}

fn failed_at(path: &Path, problem: StoreProblem) -> StoreError {
    match problem {
        StoreProblem::Database(problem) => of_database(path)(problem),
        StoreProblem::Content(problem) => StoreError::Damaged { path: path.to_owned(), problem },
        StoreProblem::Refused(words) => StoreError::Refused(words),
        StoreProblem::Review(problem) => StoreError::Review(problem),
    }
}

/// Error within a transaction.
enum StoreProblem {
    Database(rusqlite::Error),
    /// A stored value cannot be read.
    Content(String),
    Refused(String),
    Review(ReviewError),
}

impl From<ReviewError> for StoreProblem {
    fn from(problem: ReviewError) -> Self {
        Self::Review(problem)
    }
}

impl From<rusqlite::Error> for StoreProblem {
    fn from(problem: rusqlite::Error) -> Self {
        Self::Database(problem)
    }
}

impl From<serde_json::Error> for StoreProblem {
    fn from(problem: serde_json::Error) -> Self {
        Self::Content(problem.to_string())
    }
}

impl From<jiff::Error> for StoreProblem {
    fn from(problem: jiff::Error) -> Self {
        Self::Content(problem.to_string())
    }
}

fn refused<T>(words: impl Into<String>) -> Result<T, StoreProblem> {
    Err(StoreProblem::Refused(words.into()))
}

fn recovered<T>(connection: &Mutex<T>) -> MutexGuard<'_, T> {
    // A transaction interrupted by a panic was rolled back when it was dropped.
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests;
