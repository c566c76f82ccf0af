//! Final results, kept for ever: one JSON line each in `results.jsonl` of the state folder.
//!
//! A result is written and forced to the disk before anybody hears of it, so what was shown or sent is there after a
//! power cut. Numbers go up by one for the whole life of the folder. A line that a power cut tore was never announced: it
//! is kept aside in `results.jsonl.torn`, reported, and its number is given again. A damaged line with a line end after it
//! may have been announced: it stays where it is, is reported, and its number is not given again.
//!
//! [`SentMark`] remembers up to which result the serial host got them.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::snapshot::Snapshot;

/// The file of the results.
pub const FILE: &str = "results.jsonl";

/// Where torn lines are kept aside.
pub const TORN_FILE: &str = "results.jsonl.torn";

/// The file of the [`SentMark`].
pub const SENT_FILE: &str = "serial.sent";

/// A final result as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredResult {
    /// Number of the result, from 1, never given twice in one folder.
    pub sequence: u64,
    /// Name of the station that counted.
    pub station: String,
    /// The state of the session when it was done.
    #[serde(flatten)]
    pub snapshot: Snapshot,
}

/// Why results cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// The folder or a file in it cannot be used.
    #[error("results cannot be kept in {}: {problem}; {}", path.display(), remedy(problem))]
    Unusable {
        /// Folder or file.
        path: PathBuf,
        /// What the system said.
        problem: io::Error,
    },
    /// Another process writes there.
    #[error(
        "results in {} are being written by another leukoscope; stop that one, or give this one its own folder with \
         `state` in [station]", .0.display()
    )]
    InUse(PathBuf),
}

fn remedy(problem: &io::Error) -> &'static str {
    match problem.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "the disk is full: free some space",
        io::ErrorKind::ReadOnlyFilesystem => "the disk is read-only: check it, and mount it writable",
        io::ErrorKind::PermissionDenied => "let this user write there, or set `state` in [station] to another folder",
        io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory | io::ErrorKind::AlreadyExists => {
            "set `state` in [station] to a folder"
        }
        _ => "check the disk, or set `state` in [station] to another folder",
    }
}

fn unusable(path: &Path) -> impl Fn(io::Error) -> ResultsError + '_ {
    move |problem| ResultsError::Unusable { path: path.to_owned(), problem }
}

/// The results of one folder, open to be written. Clones share them.
#[derive(Clone, Debug)]
pub struct Results(Arc<Mutex<Store>>);

#[derive(Debug)]
struct Store {
    folder: PathBuf,
    path: PathBuf,
    /// Open to read and append, and locked.
    file: File,
    /// Bytes of whole lines; what lies beyond is a write that failed.
    length: u64,
    /// Sequence and byte offset of every good line, in the order of the file.
    index: Vec<(u64, u64)>,
    /// The number of the next result.
    next: u64,
}

impl Results {
    /// Opens the results of `folder`, makes both when they are not there, and puts a torn last line aside.
    ///
    /// # Errors
    /// When the folder cannot be made or written, or another process writes there.
    pub fn open(folder: &Path) -> Result<Self, ResultsError> {
        fs::create_dir_all(folder).map_err(unusable(folder))?;
        let path = folder.join(FILE);
        let new = !path.exists();
        let file = OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(unusable(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ResultsError::InUse(folder.to_owned())),
            Err(TryLockError::Error(problem)) => return Err(unusable(&path)(problem)),
        }
        if new {
            // A file whose name is lost in a power cut is as lost as its content.
            sync_folder(folder).map_err(unusable(folder))?;
            if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                // The folder may be new too. Its parent need not be readable, so this is best effort.
                let _ = sync_folder(parent);
            }
        }
        let scan = Scan::of(&file).map_err(unusable(&path))?;
        scan.report(&path);
        let mut store =
            Store { folder: folder.to_owned(), path, file, length: scan.length, index: scan.index, next: scan.next };
        if let Some(tail) = scan.tail {
            store.settle_tail(&tail).map_err(unusable(&store.path))?;
        }
        Ok(Self(Arc::new(Mutex::new(store))))
    }

    /// Keeps a final result and gives its number, once it is safely on the disk. Announce it after that only.
    ///
    /// # Errors
    /// When it could not be written; nothing of it is kept then, and it can be tried again.
    pub fn append(&self, station: &str, snapshot: &Snapshot) -> Result<u64, ResultsError> {
        let mut store = self.store();
        let snapshot = with_finite_numbers(snapshot.clone());
        let result = StoredResult { sequence: store.next, station: station.to_owned(), snapshot };
        store.append(&result).map_err(unusable(&store.path))?;
        Ok(result.sequence)
    }

    /// The result of this number, or `None` when there is none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn find(&self, sequence: u64) -> Result<Option<StoredResult>, ResultsError> {
        let store = self.store();
        store.find(sequence).map_err(unusable(&store.path))
    }

    /// Every result, oldest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn all(&self) -> Result<Vec<StoredResult>, ResultsError> {
        let folder = self.store().folder.clone();
        read(&folder)
    }

    /// The number of the last good result, 0 when there is none.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.store().index.iter().map(|(sequence, _)| *sequence).max().unwrap_or(0)
    }

    /// The lowest number of a good result above `sequence`.
    #[must_use]
    pub fn after(&self, sequence: u64) -> Option<u64> {
        let store = self.store();
        store.index.iter().rev().map(|(number, _)| *number).take_while(|number| *number > sequence).last()
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the results of a folder while another process may be writing them. No folder and no file give no results.
///
/// # Errors
/// When the file is there and cannot be read.
pub fn read(folder: &Path) -> Result<Vec<StoredResult>, ResultsError> {
    let path = folder.join(FILE);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(problem) => return Err(unusable(&path)(problem)),
    };
    let mut results = Vec::new();
    for line in BufReader::new(file).split(b'\n') {
        results.extend(serde_json::from_slice::<StoredResult>(&line.map_err(unusable(&path))?).ok());
    }
    Ok(results)
}

/// JSON has no "not a number": written as `null` it would make the line unreadable, so the counts would be lost with it.
fn with_finite_numbers(mut snapshot: Snapshot) -> Snapshot {
    snapshot.frame_rate = snapshot.frame_rate.filter(|rate| rate.is_finite());
    snapshot.um_per_px = snapshot.um_per_px.filter(|scale| scale.is_finite());
    for count in &mut snapshot.classes {
        for number in [&mut count.percent, &mut count.low, &mut count.high] {
            if !number.is_finite() {
                *number = 0.0;
            }
        }
    }
    snapshot
}

impl Store {
    fn append(&mut self, result: &StoredResult) -> io::Result<()> {
        let mut line = serde_json::to_vec(result)?;
        line.push(b'\n');
        // What an earlier write that failed left behind must not stand before this line.
        if self.file.metadata()?.len() != self.length {
            self.file.set_len(self.length)?;
        }
        if let Err(problem) = self.file.write_all(&line).and_then(|()| self.file.sync_data()) {
            // Best effort: should this fail too, the next append or the next start does it.
            let _ = self.file.set_len(self.length);
            return Err(problem);
        }
        self.index.push((result.sequence, self.length));
        self.length += line.len() as u64;
        self.next = result.sequence + 1;
        Ok(())
    }

    fn find(&self, sequence: u64) -> io::Result<Option<StoredResult>> {
        let Some((_, offset)) = self.index.iter().rev().find(|(number, _)| *number == sequence) else {
            return Ok(None);
        };
        let mut file = &self.file;
        file.seek(SeekFrom::Start(*offset))?;
        let mut line = Vec::new();
        BufReader::new(file).read_until(b'\n', &mut line)?;
        Ok(Some(serde_json::from_slice(&line)?))
    }

    /// Deals with what stands after the last line end: a whole result that lacks only its line end is kept, anything else
    /// goes aside.
    fn settle_tail(&mut self, tail: &[u8]) -> io::Result<()> {
        if let Ok(result) = serde_json::from_slice::<StoredResult>(tail)
            && result.sequence >= self.next
        {
            self.file.write_all(b"\n")?;
            self.file.sync_data()?;
            self.index.push((result.sequence, self.length));
            self.length += tail.len() as u64 + 1;
            self.next = result.sequence.saturating_add(1);
            return Ok(());
        }
        let aside = self.folder.join(TORN_FILE);
        log::warn!(
            "{}: the last line was torn, as after a power cut; its {} bytes are kept in {}, earlier results are whole",
            self.path.display(),
            tail.len(),
            aside.display()
        );
        let mut torn = OpenOptions::new().append(true).create(true).open(&aside)?;
        torn.write_all(tail)?;
        torn.write_all(b"\n")?;
        torn.sync_all()?;
        sync_folder(&self.folder)?;
        self.file.set_len(self.length)?;
        self.file.sync_all()
    }
}

/// What a pass over the file found.
struct Scan {
    index: Vec<(u64, u64)>,
    next: u64,
    length: u64,
    /// Numbers of the lines that hold no result.
    damaged: Vec<usize>,
    /// What stands after the last line end.
    tail: Option<Vec<u8>>,
}

impl Scan {
    fn of(file: &File) -> io::Result<Self> {
        let mut scan = Self { index: Vec::new(), next: 1, length: 0, damaged: Vec::new(), tail: None };
        let mut reader = BufReader::new(file);
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            if reader.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            if line.last() != Some(&b'\n') {
                scan.tail = Some(std::mem::take(&mut line));
                break;
            }
            if let Ok(result) = serde_json::from_slice::<StoredResult>(&line) {
                scan.index.push((result.sequence, scan.length));
                scan.next = scan.next.max(result.sequence.saturating_add(1));
            } else {
                scan.damaged.push(number);
                scan.next = scan.next.saturating_add(1);
            }
            scan.length += line.len() as u64;
        }
        Ok(scan)
    }

    fn report(&self, path: &Path) {
        for line in &self.damaged {
            log::error!("{}:{line}: this line holds no result any more; the others are read", path.display());
        }
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Up to which result the serial host got them, kept across restarts.
#[derive(Debug)]
pub struct SentMark {
    folder: PathBuf,
    sequence: u64,
}

impl SentMark {
    /// Reads the mark of `folder`.
    ///
    /// A folder without one has never served a serial host: the mark is made at the newest result, so that a new host does
    /// not get the whole past. A mark that cannot be read counts as 0: getting a result twice is better than losing it.
    ///
    /// # Errors
    /// When the mark cannot be read or made for a reason of the disk.
    pub fn open(folder: &Path, results: &Results) -> Result<Self, ResultsError> {
        let path = folder.join(SENT_FILE);
        let mut text = Vec::new();
        match File::open(&path).and_then(|file| file.take(64).read_to_end(&mut text)) {
            Ok(_) => {}
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => {
                let mut mark = Self { folder: folder.to_owned(), sequence: 0 };
                mark.advance(results.last())?;
                return Ok(mark);
            }
            Err(problem) => return Err(unusable(&path)(problem)),
        }
        let read = std::str::from_utf8(&text).ok().and_then(|text| text.trim().parse().ok());
        let sequence = read.unwrap_or_else(|| {
            log::warn!("{}: holds no number; every result goes to the serial host again", path.display());
            0
        });
        // A mark from another folder's life must not hold back new results.
        Ok(Self { folder: folder.to_owned(), sequence: sequence.min(results.last()) })
    }

    /// The number up to which results were sent.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Moves the mark. It holds for this run even when it cannot be written.
    ///
    /// # Errors
    /// When it cannot be written; a restart may then send results again.
    pub fn advance(&mut self, sequence: u64) -> Result<(), ResultsError> {
        self.sequence = sequence;
        let path = self.folder.join(SENT_FILE);
        self.write(&path).map_err(unusable(&path))
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let mut new = tempfile::NamedTempFile::new_in(&self.folder)?;
        writeln!(new, "{}", self.sequence)?;
        new.as_file().sync_all()?;
        new.persist(path).map_err(|error| error.error)?;
        sync_folder(&self.folder)
    }
}
