//! The outbox of one receiver. The store is the queue: a result waits in it until the receiver has it, so an outbox is
//! two marks on disk, and a receiver that is down costs no room.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use crate::config::Sends;
use crate::station::queues::Unsent;
use crate::store::{Store, StoreError, StoredResult, of_file};
use crate::system::file;

/// No device gives so many results: a higher mark is nonsense.
const MOST: u64 = 1 << 40;

/// Why a result is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// It was counted, and nobody has signed it: the result's number.
    Counted(u64),
    /// It was signed: the signature's number.
    Signed(i64),
}

/// Numbers of the last result and the last signature that a receiver has, kept across restarts.
///
/// [`Outbox::delivered`] is called once the receiver has acknowledged, so that a result goes out again after a power
/// cut in between: every receiver must be able to tell it by its number and the store's identity.
#[derive(Debug)]
pub struct Outbox {
    path: PathBuf,
    store: Store,
    sends: Sends,
    marks: Arc<Marks>,
}

#[derive(Debug)]
struct Marks {
    counted: AtomicU64,
    signed: AtomicI64,
}

impl Marks {
    fn new(counted: u64, signed: i64) -> Arc<Self> {
        Arc::new(Self { counted: counted.into(), signed: signed.into() })
    }

    fn now(&self) -> (u64, i64) {
        (self.counted.load(Ordering::Relaxed), self.signed.load(Ordering::Relaxed))
    }
}

impl Outbox {
    /// Opens the outbox of a receiver, `NAME.sent` in `folder`.
    ///
    /// A folder without that file has never served this receiver: its marks are created at the newest result, so that a new
    /// receiver does not get the whole past. An unreadable file counts as nothing sent: sending a result twice is better than
    /// losing it.
    ///
    /// # Errors
    /// If the disk fails while the file is read or created.
    pub fn open(folder: &Path, receiver: &str, sends: Sends, store: &Store) -> Result<Self, StoreError> {
        let path = folder.join(format!("{receiver}.sent"));
        let store = store.clone();
        let mut text = Vec::new();
        match File::open(&path).and_then(|file| file.take(64).read_to_end(&mut text)) {
            Ok(_) => {}
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => {
                let marks = Marks::new(store.last(), store.last_signed());
                let outbox = Self { path, store, sends, marks };
                outbox.write()?;
                return Ok(outbox);
            }
            Err(problem) => return Err(of_file(&path)(problem)),
        }
        let (counted, signed) = numbers(&text).unwrap_or_else(|| {
            log::warn!("{}: holds no numbers; every result is sent again", path.display());
            (0, Some(0))
        });
        // The receiver has results up to this number, even if an older copy of the store was put in its place since: the
        // store goes on after it, and the mark never goes back.
        store.number_after(counted)?;
        // A signature is numbered by its line of the trail. In an older copy those start earlier, and a mark must not
        // hold back new ones. Versions without signatures stored no number.
        let newest = store.last_signed();
        let marks = Marks::new(counted, signed.unwrap_or(newest).min(newest));
        Ok(Self { path, store, sends, marks })
    }

    /// Name of the receiver.
    #[must_use]
    pub fn receiver(&self) -> String {
        self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Number of the last result sent, and of the last signature.
    #[must_use]
    pub fn marks(&self) -> (u64, i64) {
        self.marks.now()
    }

    /// What is sent next: results just counted first, then those just signed. With it the number of the result.
    ///
    /// A result that was signed before it could be sent as preliminary is sent once, as final. With [`Sends::Signed`] there
    /// are final ones alone.
    #[must_use]
    pub fn due(&self) -> Option<(Due, u64)> {
        let (counted, signed) = self.marks.now();
        let counted = match self.sends {
            Sends::All => self.store.unsigned_after(counted).map(|number| (Due::Counted(number), number)),
            Sends::Signed => None,
        };
        counted.or_else(|| {
            let (signature, number) = self.store.signed_after(signed)?;
            Some((Due::Signed(signature), number))
        })
    }

    /// The same with the result itself.
    ///
    /// # Errors
    /// If the store cannot read it; it stays due.
    pub fn next(&self) -> Result<Option<(Due, StoredResult)>, StoreError> {
        let Some((due, number)) = self.due() else { return Ok(None) };
        Ok(self.store.find(number)?.map(|result| (due, result)))
    }

    /// Moves the mark past what the receiver has acknowledged. It holds for this run even if it cannot be written.
    ///
    /// # Errors
    /// If it cannot be written; after a restart a result may then be sent again.
    pub fn delivered(&mut self, due: Due) -> Result<(), StoreError> {
        match due {
            Due::Counted(number) => self.marks.counted.store(number, Ordering::Relaxed),
            Due::Signed(signature) => self.marks.signed.store(signature, Ordering::Relaxed),
        }
        self.write()
    }

    /// Looks at what the receiver lacks, for monitoring, wherever the marks are by then.
    pub fn unsent(&self) -> impl Fn() -> Option<Unsent> + Send + use<> {
        let (store, marks, path) = (self.store.clone(), Arc::clone(&self.marks), self.path.clone());
        let all = self.sends == Sends::All;
        move || {
            let (counted, signed) = marks.now();
            match store.unsent(all.then_some(counted), signed) {
                Ok((results, oldest)) => {
                    // A clock that was put back makes nothing younger than new.
                    let age =
                        |at: Timestamp| Duration::try_from(Timestamp::now().duration_since(at)).unwrap_or_default();
                    Some(Unsent { results, oldest: oldest.map(age) })
                }
                Err(problem) => {
                    log::warn!("{}: what this receiver lacks cannot be told: {problem}", path.display());
                    None
                }
            }
        }
    }

    fn write(&self) -> Result<(), StoreError> {
        let (counted, signed) = self.marks.now();
        let line = format!("{counted} {signed}\n");
        file::keep(&self.path, line.as_bytes()).map_err(of_file(&self.path))
    }
}

/// Parses the result number and, if present, the signature number.
fn numbers(text: &[u8]) -> Option<(u64, Option<i64>)> {
    let mut words = std::str::from_utf8(text).ok()?.split_whitespace();
    let counted = words.next()?.parse().ok().filter(|number| *number <= MOST)?;
    let signed = words.next().map(str::parse).transpose().ok()?;
    Some((counted, signed))
}
