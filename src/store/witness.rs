//! A small file beside the database that remembers how far the store had come: its identity, a line of the audit trail,
//! and the highest number given to a result.
//!
//! It is written after the transaction it speaks of is on disk, so after a power cut it may lag behind the store and
//! never leads it. If it leads, acknowledged lines are gone: `-wal` was deleted, or an older copy was put in the
//! store's place.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::StoreError;
use super::error::of_file;
use crate::system::file;

/// Name of the file.
pub(super) const WITNESS_FILE: &str = "leukoscope.witness";

/// What the file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Witness {
    /// Identity of the store.
    pub(super) store: String,
    /// Number of a line of the trail that was acknowledged, 0 for none.
    pub(super) line: i64,
    /// Its hash, empty for none.
    pub(super) hash: String,
    /// Highest number ever given to a result in this folder, by whichever store.
    pub(super) result: i64,
}

impl Witness {
    /// Reads the file beside a database; `None` if there is none, or it holds something else.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, StoreError> {
        let path = folder.join(WITNESS_FILE);
        let mut text = Vec::new();
        match File::open(&path).and_then(|file| file.take(1024).read_to_end(&mut text)) {
            Ok(_) => {}
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(problem) => return Err(of_file(&path)(problem)),
        }
        let found = std::str::from_utf8(&text).ok().and_then(parsed);
        if found.is_none() {
            log::warn!("{}: this is not what leukoscope wrote there; it counts as missing", path.display());
        }
        Ok(found)
    }

    /// Replaces the file; on disk when this returns.
    pub(super) fn keep(&self, folder: &Path) -> io::Result<()> {
        let Self { store, line, hash, result } = self;
        let text = format!("store {store}\nline {line} {hash}\nresult {result}\n");
        file::keep(&folder.join(WITNESS_FILE), text.as_bytes())
    }
}

fn parsed(text: &str) -> Option<Witness> {
    let mut lines = text.lines();
    let store = lines.next()?.strip_prefix("store ")?.to_owned();
    let (line, hash) = lines.next()?.strip_prefix("line ")?.split_once(' ')?;
    let result = lines.next()?.strip_prefix("result ")?.parse().ok()?;
    Some(Witness { store, line: line.parse().ok()?, hash: hash.to_owned(), result })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_what_it_wrote_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Witness::read(folder.path()).unwrap(), None);
        let new = Witness { store: "ab12".into(), ..Witness::default() };
        let old = Witness { line: 7, hash: "cd34".into(), result: 3, ..new.clone() };
        for witness in [new, old] {
            witness.keep(folder.path()).unwrap();
            assert_eq!(Witness::read(folder.path()).unwrap(), Some(witness));
        }
        std::fs::write(folder.path().join(WITNESS_FILE), "store ab12\nline 7").unwrap();
        assert_eq!(Witness::read(folder.path()).unwrap(), None);
    }
}
