//! Remembers which results were sent to the serial host.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use super::outbox::Due;
use crate::station::queues::Unsent;
use crate::store::{Store, StoreError, of_file};
use crate::system::file;

/// Name of the [`SentMark`] file.
pub(crate) const SENT_FILE: &str = "serial.sent";

/// No device gives so many results: a higher mark is nonsense.
const MOST: u64 = 1 << 40;

/// Numbers of the last result and the last signature sent, kept across restarts.
#[derive(Debug)]
pub struct SentMark {
    path: PathBuf,
    numbers: Arc<SentNumbers>,
}

#[derive(Debug)]
struct SentNumbers {
    sequence: AtomicU64,
    signature: AtomicI64,
}

impl SentNumbers {
    fn new(sequence: u64, signature: i64) -> Arc<Self> {
        Arc::new(Self { sequence: sequence.into(), signature: signature.into() })
    }
}

impl SentMark {
    /// Reads the mark from `folder`.
    ///
    /// A folder without a mark has never served a serial host: the mark is created at the newest result, so that a new
    /// host does not get the whole past. An unreadable mark counts as 0: sending a result twice is better than losing
    /// it.
    ///
    /// # Errors
    /// If the disk fails while the mark is read or created.
    pub fn open(folder: &Path, results: &Store) -> Result<Self, StoreError> {
        let path = folder.join(SENT_FILE);
        let mut text = Vec::new();
        match File::open(&path).and_then(|file| file.take(64).read_to_end(&mut text)) {
            Ok(_) => {}
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => {
                let mark = Self { path, numbers: SentNumbers::new(results.last(), results.last_signed()) };
                mark.write()?;
                return Ok(mark);
            }
            Err(problem) => return Err(of_file(&path)(problem)),
        }
        let (sequence, signature) = numbers(&text).unwrap_or_else(|| {
            log::warn!("{}: holds no numbers; every result goes to the serial host again", path.display());
            (0, Some(0))
        });
        // The host has results up to this number, even if an older copy of the store was put in its place since: the
        // store goes on after it, and the mark never goes back.
        results.number_after(sequence)?;
        // A signature is numbered by its line of the trail. In an older copy those start earlier, and a mark must not
        // hold back new ones. Versions without signatures stored no number.
        let newest = results.last_signed();
        Ok(Self { path, numbers: SentNumbers::new(sequence, signature.unwrap_or(newest).min(newest)) })
    }

    /// Number of the last result sent.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.numbers.sequence.load(Ordering::Relaxed)
    }

    /// Number of the last signature sent.
    #[must_use]
    pub fn signature(&self) -> i64 {
        self.numbers.signature.load(Ordering::Relaxed)
    }

    /// Looks at what the host does not have yet, for monitoring, wherever the mark is by then.
    pub fn unsent(&self, results: Store) -> impl Fn() -> Option<Unsent> + Send + use<> {
        let numbers = Arc::clone(&self.numbers);
        move || {
            let (sequence, signature) =
                (numbers.sequence.load(Ordering::Relaxed), numbers.signature.load(Ordering::Relaxed));
            match results.unsent(sequence, signature) {
                Ok((results, oldest)) => {
                    // A clock that was put back makes nothing younger than new.
                    let age =
                        |at: Timestamp| Duration::try_from(Timestamp::now().duration_since(at)).unwrap_or_default();
                    Some(Unsent { results, oldest: oldest.map(age) })
                }
                Err(problem) => {
                    log::warn!("what the serial host lacks cannot be told: {problem}");
                    None
                }
            }
        }
    }

    /// Moves the mark. It holds for this run even if it cannot be written.
    ///
    /// # Errors
    /// If it cannot be written; a restart may then send results again.
    pub(super) fn advance(&mut self, sent: Due) -> Result<(), StoreError> {
        match sent {
            Due::Counted(sequence) => self.numbers.sequence.store(sequence, Ordering::Relaxed),
            Due::Signed(signature) => self.numbers.signature.store(signature, Ordering::Relaxed),
        }
        self.write()
    }

    fn write(&self) -> Result<(), StoreError> {
        let line = format!("{} {}\n", self.sequence(), self.signature());
        file::keep(&self.path, line.as_bytes()).map_err(of_file(&self.path))
    }
}

/// Parses the result number and, if present, the signature number.
fn numbers(text: &[u8]) -> Option<(u64, Option<i64>)> {
    let mut words = std::str::from_utf8(text).ok()?.split_whitespace();
    let sequence = words.next()?.parse().ok().filter(|sequence| *sequence <= MOST)?;
    let signature = words.next().map(str::parse).transpose().ok()?;
    Some((sequence, signature))
}
