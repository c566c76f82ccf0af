//! Results that a receiver refused: set aside so that the others go on, never forgotten.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Due;
use crate::store::{StoreError, of_file};
use crate::system::file;

/// Most results kept aside; a receiver that refuses so many refuses everything, and the oldest ones go to the log.
const MOST: usize = 1000;

/// One refused result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    pub due: Due,
    /// Number of the result.
    pub result: u64,
}

/// The refused results of one receiver, kept across restarts in `NAME.refused`.
#[derive(Debug)]
pub struct Aside {
    path: PathBuf,
    refused: Vec<Refused>,
}

impl Aside {
    /// Opens those of a receiver. A line that cannot be read is left out, with a warning.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn open(folder: &Path, receiver: &str) -> Result<Self, StoreError> {
        let path = folder.join(format!("{receiver}.refused"));
        let text = match fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => String::new(),
            Err(problem) => return Err(of_file(&path)(problem)),
        };
        let mut refused = Vec::new();
        for line in text.lines().take(MOST) {
            match parsed(line) {
                Some(entry) => refused.push(entry),
                None => log::warn!("{}: a line that is no refused result is left out", path.display()),
            }
        }
        Ok(Self { path, refused })
    }

    /// The refused results, oldest first.
    #[must_use]
    pub fn all(&self) -> &[Refused] {
        &self.refused
    }

    /// Sets one aside. It holds for this run even if it cannot be written.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn put(&mut self, refused: Refused) -> Result<(), StoreError> {
        if self.refused.contains(&refused) {
            return Ok(());
        }
        if self.refused.len() >= MOST {
            let oldest = self.refused.remove(0);
            log::error!("{} results are refused; result {} is not tried again", MOST, oldest.result);
        }
        self.refused.push(refused);
        self.write()
    }

    /// Takes one off, because it was accepted, or nobody wants it any more.
    ///
    /// # Errors
    /// If it cannot be written; it is then tried again after a restart.
    pub fn remove(&mut self, refused: Refused) -> Result<(), StoreError> {
        self.refused.retain(|other| *other != refused);
        self.write()
    }

    fn write(&self) -> Result<(), StoreError> {
        let lines: String = self.refused.iter().map(written).collect();
        file::keep(&self.path, lines.as_bytes()).map_err(of_file(&self.path))
    }
}

fn written(refused: &Refused) -> String {
    match refused.due {
        Due::Counted(number) => format!("counted {number} {}\n", refused.result),
        Due::Signed(number) => format!("signed {number} {}\n", refused.result),
    }
}

fn parsed(line: &str) -> Option<Refused> {
    let mut words = line.split(' ');
    let (kind, number, result) = (words.next()?, words.next()?, words.next()?.parse().ok()?);
    let due = match kind {
        "counted" => Due::Counted(number.parse().ok()?),
        "signed" => Due::Signed(number.parse().ok()?),
        _ => return None,
    };
    Some(Refused { due, result })
}
