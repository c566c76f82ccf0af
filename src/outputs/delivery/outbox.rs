//! The outbox of one receiver. The store is the queue: a result waits in it until the receiver has it, so an outbox is
//! two marks on disk, and a receiver that is down costs no room.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::config::Sends;
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

/// What still waits for a receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Results to send.
    pub results: usize,
    /// When the first of them was counted or signed.
    pub since: Option<Timestamp>,
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
    counted: u64,
    signed: i64,
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
                let (counted, signed) = (store.last(), store.last_signed());
                let outbox = Self { path, store, sends, counted, signed };
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
        Ok(Self { path, store, sends, counted, signed: signed.unwrap_or(newest).min(newest) })
    }

    /// Number of the last result sent, and of the last signature.
    #[must_use]
    pub fn marks(&self) -> (u64, i64) {
        (self.counted, self.signed)
    }

    /// What is sent next: results just counted first, then those just signed. With it the number of the result.
    ///
    /// A result that was signed before it could be sent as preliminary is sent once, as final. With [`Sends::Signed`] there
    /// are final ones alone.
    #[must_use]
    pub fn due(&self) -> Option<(Due, u64)> {
        let counted = match self.sends {
            Sends::All => self.store.unsigned_after(self.counted).map(|number| (Due::Counted(number), number)),
            Sends::Signed => None,
        };
        counted.or_else(|| {
            let (signature, number) = self.store.signed_after(self.signed)?;
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
            Due::Counted(number) => self.counted = number,
            Due::Signed(signature) => self.signed = signature,
        }
        self.write()
    }

    /// What waits, and since when.
    ///
    /// # Errors
    /// If the first one cannot be read.
    pub fn waiting(&self) -> Result<Waiting, StoreError> {
        let counted = match self.sends {
            Sends::All => self.store.unsigned_from(self.counted),
            Sends::Signed => 0,
        };
        let results = counted + self.store.signed_from(self.signed);
        let since = match self.next()? {
            Some((Due::Signed(_), result)) => result.signature.map(|signature| signature.at),
            Some((Due::Counted(_), result)) => Some(result.snapshot.time),
            None => None,
        };
        Ok(Waiting { results, since })
    }

    fn write(&self) -> Result<(), StoreError> {
        let line = format!("{} {}\n", self.counted, self.signed);
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
