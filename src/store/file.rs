//! The database file: its lock, its connections, and whether it is ours and undamaged.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::error::{of_database, of_file};
use super::{Store, StoreError, recovered, schema};
use crate::system::holder;
use crate::system::stop::Stop;

/// File that the writing process holds locked.
pub(super) const LOCK_FILE: &str = "leukoscope.lock";

/// Content of the lock file once a store exists: if the store is missing then, it was lost.
const MADE: &[u8] = b"a store was made here\n";

/// How long a connection waits for a writer; only one thread writes at a time.
const PATIENCE: Duration = Duration::from_secs(5);

/// Interval between attempts to take a lock that another process holds.
const LOOK: Duration = Duration::from_millis(10);

/// Tables checked before anything is written: nothing works without them, and they are small.
const SMALL_TABLES: [&str; 7] = ["meta", "session", "result", "signature", "user", "token", "audit"];

/// `SQLite` steps between two checks of the stop while checking the whole file.
const STEPS: i32 = 1000;

/// Locks the folder for one writer, trying for up to `patience`.
pub(super) fn lock(folder: &Path, patience: Duration) -> Result<File, StoreError> {
    let path = folder.join(LOCK_FILE);
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(of_file(&path))?;
    let asked = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if asked.elapsed() < patience => thread::sleep(LOOK),
            Err(TryLockError::WouldBlock) => return Err(in_use(folder)),
            Err(TryLockError::Error(problem)) => return Err(of_file(&path)(problem)),
        }
    }
}

/// The error of a store that another process writes to, with that process as far as this one may see.
pub(super) fn in_use(folder: &Path) -> StoreError {
    let holder = File::open(folder.join(LOCK_FILE)).ok().and_then(|file| holder::of_lock(&file));
    let by = holder.map(|holder| format!(", {holder}")).unwrap_or_default();
    StoreError::InUse { folder: folder.to_owned(), by }
}

/// Whether a store ever existed at `path`.
pub(super) fn was_made(path: &Path) -> bool {
    fs::metadata(path.with_file_name(LOCK_FILE)).is_ok_and(|found| found.len() > 0)
}

/// Marks in the locked file that a store exists now.
pub(super) fn mark_made(lock: &mut File, folder: &Path) -> Result<(), StoreError> {
    lock.write_all(MADE).and_then(|()| lock.sync_all()).map_err(of_file(folder))
}

/// Whether a file is empty or does not exist.
pub(super) fn is_empty(path: &Path) -> Result<bool, StoreError> {
    match fs::metadata(path) {
        Ok(found) => Ok(found.len() == 0),
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(problem) => Err(of_file(path)(problem)),
    }
}

pub(super) fn lost(path: &Path) -> StoreError {
    StoreError::Lost { path: path.to_owned(), mark: path.with_file_name(LOCK_FILE) }
}

/// Opens a connection for reading. On a read-only or full disk, `SQLite` cannot create the shared-memory index it shares
/// with a writer; if nothing is pending in `-wal`, no index is needed and the file is read as it stands.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = match readable(open_to_read(path)) {
        Err(problem) if needs_to_write(&problem) && is_empty(&beside(path)).is_ok_and(|empty| empty) => {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            readable(Connection::open_with_flags(immutable(path), flags))?
        }
        done => done?,
    };
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
    // A reader of a file in WAL mode has to write the index beside it.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags).or_else(|_| {
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
    })
}

/// The connection, if it can be read: opening alone reads nothing.
fn readable(opened: rusqlite::Result<Connection>) -> rusqlite::Result<Connection> {
    let connection = opened?;
    connection.busy_timeout(PATIENCE)?;
    schema::form(&connection)?;
    Ok(connection)
}

fn needs_to_write(problem: &rusqlite::Error) -> bool {
    let code = problem.sqlite_error_code();
    matches!(code, Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::DiskFull | ErrorCode::SystemIoFailure))
}

/// The `-wal` file: changes not yet in the database file.
pub(super) fn beside(path: &Path) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// `SQLite` URI to read a file that nobody changes.
fn immutable(path: &Path) -> String {
    let mut address = "file:".to_owned();
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(byte) {
            address.push(char::from(*byte));
        } else {
            address.push('%');
            address.push_str(&super::hexadecimal(&[*byte]));
        }
    }
    address + "?immutable=1"
}

/// Checks that the file is ours and returns its format version; 0 for an empty one.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    let failed = of_database(path);
    let damaged = |problem: &str| StoreError::Damaged { path: path.to_owned(), problem: problem.to_owned() };
    let application: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(&failed)?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0)).map_err(&failed)?;
    let form = schema::form(connection).map_err(&failed)?;
    match (tables, form) {
        (1.., _) if application != schema::APPLICATION => Err(damaged("it is no file of this program")),
        (1.., 0) => Err(damaged("it does not say its form")),
        // The tables were only in `-wal`, which is lost.
        (_, 0) if was_made(path) => Err(lost(path)),
        (_, found) if found > schema::FORM => {
            Err(StoreError::Newer { path: path.to_owned(), found, known: schema::FORM })
        }
        (_, form) => Ok(form),
    }
}

/// Checks what must be intact before anything is written. The whole file would take too long on a memory card; that
/// is left to [`Store::check_whole`].
pub(super) fn check_small_tables(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    for table in SMALL_TABLES {
        quick_check(connection, path, &format!("PRAGMA quick_check(\"{table}\")"))?;
    }
    Ok(())
}

fn quick_check(connection: &Connection, path: &Path, sql: &str) -> Result<(), StoreError> {
    let verdict: rusqlite::Result<String> = connection.query_row(sql, [], |row| row.get(0));
    let problem = match verdict {
        Ok(verdict) if verdict == "ok" => return Ok(()),
        Ok(verdict) => verdict,
        // A table is missing.
        Err(problem) if problem.sqlite_error_code() == Some(ErrorCode::Unknown) => problem.to_string(),
        Err(problem) => return Err(of_database(path)(problem)),
    };
    Err(StoreError::Damaged { path: path.to_owned(), problem })
}

/// Configures a connection for writing; `form` is the format version of the file.
pub(super) fn prepare(connection: &Connection, form: i64) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    if form == 0 {
        // Must be set before the first table; later it would require rewriting the whole file.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)
}

/// Writes the content of `-wal` into the file. Busy readers may keep some of it back until the next time.
pub(super) fn write_through(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

impl Store {
    /// Writes everything of `-wal` into the file.
    pub(super) fn write_out(&self) -> Result<(), StoreError> {
        let Some(writer) = &self.0.writer else { return Ok(()) };
        write_through(&recovered(writer)).map_err(of_database(&self.0.path))
    }

    /// Checks every page of the file while others go on working, which takes as long as reading all of it. Stops
    /// early if told to.
    ///
    /// # Errors
    /// If it is damaged or cannot be read.
    pub fn check_whole(&self, stop: &Stop) -> Result<(), StoreError> {
        let path = &self.0.path;
        let mut connection = reader(path).map_err(of_database(path))?;
        let told = stop.clone();
        connection.progress_handler(STEPS, Some(move || told.requested())).map_err(of_database(path))?;
        match quick_check(&connection, path, "PRAGMA quick_check") {
            Err(_) if stop.requested() => Ok(()),
            Err(StoreError::Damaged { path, problem }) => {
                self.note_check(false);
                Err(StoreError::PartlyDamaged { path, problem })
            }
            done => done.inspect(|()| self.note_check(true)),
        }
    }
}
