//! What the store takes on its disk, what is left there, and when it was last checked.

use std::fs;
use std::io;
use std::sync::PoisonError;

use jiff::Timestamp;

use super::file::beside;
use super::{Store, StoreError, of_file};

/// Bytes of the store and of its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes that the store takes, with what is not yet written through.
    pub taken: u64,
    /// Bytes that the program may still write to the disk.
    pub free: u64,
}

/// A check of the whole file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// When it ended.
    pub at: Timestamp,
    /// Whether every page was in order.
    pub whole: bool,
}

impl Store {
    /// What the store takes on its disk, and what is left there.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn space(&self) -> Result<Space, StoreError> {
        let path = self.path();
        let failed = of_file(path);
        let main = fs::metadata(path).map_err(&failed)?.len();
        // It comes and goes.
        let pending = fs::metadata(beside(path)).map_or(0, |found| found.len());
        let disk = rustix::fs::statvfs(path).map_err(|problem| failed(io::Error::from(problem)))?;
        Ok(Space { taken: main + pending, free: disk.f_bavail.saturating_mul(disk.f_frsize) })
    }

    /// The last check of the whole file since the store was opened; `None` if none has ended.
    #[must_use]
    pub fn last_check(&self) -> Option<Checked> {
        *self.0.checked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note_check(&self, whole: bool) {
        let checked = Checked { at: Timestamp::now(), whole };
        *self.0.checked.lock().unwrap_or_else(PoisonError::into_inner) = Some(checked);
    }
}
