//! Up to where the serial host got the results.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::outbox::Due;
use crate::store::{Store, StoreError, of_file};
use crate::system::file;

/// The file of the [`SentMark`].
pub(crate) const SENT_FILE: &str = "serial.sent";

/// The numbers of the last result and of the last signature that were sent, kept across restarts.
#[derive(Debug)]
pub struct SentMark {
    path: PathBuf,
    sequence: u64,
    signature: i64,
}

impl SentMark {
    /// Reads the mark of `folder`.
    ///
    /// A folder without one has never served a serial host: the mark is made at the newest result, so that a new host does
    /// not get the whole past. A mark that cannot be read counts as 0: getting a result twice is better than losing it.
    ///
    /// # Errors
    /// When the mark cannot be read or made for a reason of the disk.
    pub fn open(folder: &Path, results: &Store) -> Result<Self, StoreError> {
        let path = folder.join(SENT_FILE);
        let mut text = Vec::new();
        match File::open(&path).and_then(|file| file.take(64).read_to_end(&mut text)) {
            Ok(_) => {}
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => {
                let mark = Self { path, sequence: results.last(), signature: results.last_signed() };
                mark.write()?;
                return Ok(mark);
            }
            Err(problem) => return Err(of_file(&path)(problem)),
        }
        let (sequence, signature) = numbers(&text).unwrap_or_else(|| {
            log::warn!("{}: holds no numbers; every result goes to the serial host again", path.display());
            (0, Some(0))
        });
        // A mark from another folder's life must not hold back new results, and versions that signed nothing kept no
        // number of a signature.
        let newest = results.last_signed();
        Ok(Self { path, sequence: sequence.min(results.last()), signature: signature.unwrap_or(newest).min(newest) })
    }

    /// The number up to which results were sent.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The number up to which signatures were sent.
    #[must_use]
    pub fn signature(&self) -> i64 {
        self.signature
    }

    /// Moves the mark. It holds for this run even when it cannot be written.
    ///
    /// # Errors
    /// When it cannot be written; a restart may then send results again.
    pub(super) fn advance(&mut self, sent: Due) -> Result<(), StoreError> {
        match sent {
            Due::Counted(sequence) => self.sequence = sequence,
            Due::Signed(signature) => self.signature = signature,
        }
        self.write()
    }

    fn write(&self) -> Result<(), StoreError> {
        let line = format!("{} {}\n", self.sequence, self.signature);
        file::keep(&self.path, line.as_bytes()).map_err(of_file(&self.path))
    }
}

/// Number of the result and, where there is one, of the signature.
fn numbers(text: &[u8]) -> Option<(u64, Option<i64>)> {
    let mut words = std::str::from_utf8(text).ok()?.split_whitespace();
    let sequence = words.next()?.parse().ok()?;
    let signature = words.next().map(str::parse).transpose().ok()?;
    Some((sequence, signature))
}
