//! The networks that were installed on this station: `models` in the state folder. Each bundle has a folder of its own, and
//! the link `current` names the one in use. It is switched by one rename, so a power cut leaves the old one or the new.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::cli::model::bundle::Tried;
use crate::store::{of_file, sync_folder};
use crate::system::file;
use crate::vision::models::{CURRENT, INSTALLED};

/// What a folder says of its installation.
const RECORD: &str = "install.json";

/// Start of the names of folders that are not complete yet.
const UNFINISHED: &str = ".leukoscope-";

/// Link that takes the place of `current`.
const NEXT: &str = ".leukoscope-next";

/// Networks that were installed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    pub installed: Timestamp,
    pub by: String,
    /// Name of the bundle's file, and its SHA-256.
    pub bundle: String,
    pub sha256: String,
    pub classifier_sha256: String,
    pub tried: Tried,
    /// The folder in use before; `None`: the networks that came with the program.
    pub former: Option<String>,
}

/// The folder `models` of a state folder.
#[derive(Clone, Debug)]
pub struct Shelf {
    folder: PathBuf,
}

impl Shelf {
    /// That of a state folder; need not exist.
    #[must_use]
    pub fn of(state: &Path) -> Self {
        Self { folder: state.join(INSTALLED) }
    }

    /// Makes the folder, keeps a second change from being made at the same time, and removes what one left that was cut off.
    ///
    /// # Errors
    /// If another change is being made, or the disk fails.
    pub fn lock(&self) -> anyhow::Result<File> {
        fs::create_dir_all(&self.folder).map_err(of_file(&self.folder))?;
        let lock = File::open(&self.folder).map_err(of_file(&self.folder))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                anyhow::bail!("networks are being installed already; wait until that is done")
            }
            Err(TryLockError::Error(problem)) => return Err(of_file(&self.folder)(problem).into()),
        }
        for entry in fs::read_dir(&self.folder).map_err(of_file(&self.folder))?.flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes()) {
                let path = entry.path();
                let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
            }
        }
        Ok(lock)
    }

    /// An empty folder for a bundle that is being unpacked.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn stage(&self) -> anyhow::Result<TempDir> {
        let made = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(&self.folder);
        Ok(made.map_err(of_file(&self.folder))?)
    }

    /// Name of the folder in use; `None`: the networks that came with the program.
    #[must_use]
    pub fn current(&self) -> Option<String> {
        let to = fs::read_link(self.folder.join(CURRENT)).ok()?;
        Some(to.to_string_lossy().into_owned())
    }

    /// Path of a folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The record of a folder.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn record(&self, name: &str) -> anyhow::Result<Record> {
        let path = self.path(name).join(RECORD);
        let words = file::read(&path).map_err(of_file(&path))?;
        Ok(serde_json::from_slice(&words)?)
    }

    /// Everything installed, oldest first.
    #[must_use]
    pub fn installed(&self) -> Vec<(String, Record)> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| name != CURRENT);
        let mut found: Vec<_> = names.filter_map(|name| Some((name.clone(), self.record(&name).ok()?))).collect();
        found.sort_by_key(|(_, record)| record.installed);
        found
    }

    /// Gives an unpacked bundle its record and its name, on the disk when this returns. It is not in use yet.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn put(&self, staged: TempDir, record: &Record) -> anyhow::Result<String> {
        let path = staged.path().join(RECORD);
        file::keep(&path, &serde_json::to_vec_pretty(record)?).map_err(of_file(&path))?;
        sync_all(staged.path()).map_err(of_file(staged.path()))?;
        let mut name = record.installed.strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
        while self.path(&name).exists() {
            name.push('+');
        }
        let to = self.path(&name);
        fs::rename(staged.keep(), &to).map_err(of_file(&to))?;
        sync_folder(&self.folder).map_err(of_file(&self.folder))?;
        Ok(name)
    }

    /// Takes a folder into use, or the networks that came with the program.
    ///
    /// # Errors
    /// If the disk fails; then what was in use still is.
    pub fn switch(&self, name: Option<&str>) -> anyhow::Result<()> {
        let (current, next) = (self.folder.join(CURRENT), self.folder.join(NEXT));
        let switched = match name {
            None => fs::remove_file(&current),
            Some(name) => symlink(name, &next).and_then(|()| fs::rename(&next, &current)),
        };
        match switched {
            Err(problem) if name.is_none() && problem.kind() == io::ErrorKind::NotFound => {}
            done => done.map_err(of_file(&current))?,
        }
        Ok(sync_folder(&self.folder).map_err(of_file(&self.folder))?)
    }

    /// Removes every folder but the one in use and the one before it.
    pub fn tidy(&self) {
        let Some(current) = self.current() else { return };
        let Ok(Record { former, .. }) = self.record(&current) else { return };
        for (name, _) in self.installed() {
            if name != current && Some(&name) != former.as_ref() {
                // What cannot be removed takes some megabytes, and is in nobody's way.
                let _ = fs::remove_dir_all(self.path(&name));
            }
        }
    }

    /// Removes one folder that is not in use.
    pub fn discard(&self, name: &str) {
        if self.current().as_deref() != Some(name) {
            let _ = fs::remove_dir_all(self.path(name));
        }
    }
}

/// Everything in a folder, on the disk.
fn sync_all(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { sync_all(&path)? } else { File::open(&path)?.sync_all()? }
    }
    sync_folder(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Puts networks on the shelf that were installed at this second, after `former`.
    fn put(shelf: &Shelf, second: i64, former: Option<&str>) -> String {
        let record = Record {
            installed: Timestamp::from_second(1_790_000_000 + second).unwrap(),
            by: "console".into(),
            bundle: format!("{second}.tar"),
            sha256: "ab".into(),
            classifier_sha256: "cd".into(),
            tried: Tried { cells: 9, right: 9 },
            former: former.map(str::to_owned),
        };
        shelf.put(shelf.stage().unwrap(), &record).unwrap()
    }

    fn names(shelf: &Shelf) -> Vec<String> {
        shelf.installed().into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn a_power_cut_before_during_or_after_the_switch_leaves_the_old_networks_or_the_new_ones() {
        let state = tempfile::tempdir().unwrap();
        let shelf = Shelf::of(state.path());
        drop(shelf.lock().unwrap());
        assert_eq!(shelf.current(), None);
        let first = put(&shelf, 1, None);
        assert_eq!(shelf.current(), None, "cut before the switch");
        shelf.switch(Some(&first)).unwrap();
        let second = put(&shelf, 2, Some(&first));
        // Cut while it is unpacked, and between making the link and renaming it.
        fs::create_dir(shelf.path(".leukoscope-abcdef")).unwrap();
        symlink(&second, shelf.path(NEXT)).unwrap();
        assert_eq!(shelf.current().as_ref(), Some(&first));
        drop(shelf.lock().unwrap());
        assert!(!shelf.path(".leukoscope-abcdef").exists() && !shelf.path(NEXT).is_symlink());
        shelf.switch(Some(&second)).unwrap();
        assert_eq!(shelf.current().as_ref(), Some(&second), "cut after the switch");
        assert_eq!(names(&shelf), [first.as_str(), second.as_str()]);
        let third = put(&shelf, 3, Some(&second));
        shelf.switch(Some(&third)).unwrap();
        shelf.tidy();
        assert_eq!(names(&shelf), [second.as_str(), third.as_str()], "the one in use, and the one before it");
        shelf.discard(&third);
        assert_eq!(names(&shelf).len(), 2, "what is in use is not removed");
        shelf.switch(None).unwrap();
        shelf.switch(None).unwrap();
        assert_eq!(shelf.current(), None);
    }

    #[test]
    fn two_changes_at_once_are_refused() {
        let state = tempfile::tempdir().unwrap();
        let shelf = Shelf::of(state.path());
        let _lock = shelf.lock().unwrap();
        assert!(shelf.lock().unwrap_err().to_string().contains("being installed already"));
    }
}
