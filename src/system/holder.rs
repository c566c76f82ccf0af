//! Which other process uses a file, for messages that say what to end.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::os::unix::fs::MetadataExt as _;

/// A process of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Process id.
    pub process: u32,
    /// Name of its program; empty if unknown.
    pub name: String,
}

impl Holder {
    fn of(process: u32) -> Self {
        let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
        Self { process, name: name.trim().to_owned() }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() {
            write!(f, "process {}", self.process)
        } else {
            write!(f, "{} (process {})", self.name, self.process)
        }
    }
}

/// Another process that has a file open for which `is_it` holds, as far as this user may see.
#[must_use]
pub fn with_open(is_it: impl Fn(&Metadata) -> bool) -> Option<Holder> {
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let Some(number) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        if number == std::process::id() {
            continue;
        }
        let Ok(open_files) = fs::read_dir(process.path().join("fd")) else { continue };
        if open_files.flatten().any(|open| fs::metadata(open.path()).is_ok_and(|found| is_it(&found))) {
            return Some(Holder::of(number));
        }
    }
    None
}

/// The process that holds the lock of this file. `/proc/locks` names it whoever runs it; where that is not filled, a
/// process of this user that has the file open is taken.
#[must_use]
pub fn of_lock(file: &File) -> Option<Holder> {
    let ours = file.metadata().ok()?;
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    locks
        .lines()
        .find_map(|line| locker(line, ours.ino()))
        .map(Holder::of)
        .or_else(|| with_open(|found| (found.dev(), found.ino()) == (ours.dev(), ours.ino())))
}

/// The process of a line such as `1: FLOCK  ADVISORY  WRITE 7226 fe:00:5653137 0 EOF`, if it locks this inode. The
/// device in it is not compared: some file systems have another one here than in a file's metadata.
fn locker(line: &str, inode: u64) -> Option<u32> {
    let mut words = line.split_whitespace().skip(1);
    let (kind, process, file) = (words.next()?, words.nth(2)?, words.next()?);
    let found: u64 = file.rsplit(':').next()?.parse().ok()?;
    // The process is 0 or negative where it is not visible from here.
    (kind == "FLOCK" && found == inode).then(|| process.parse().ok()).flatten().filter(|process| *process > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_a_lock_is_read_from_the_line_of_its_file() {
        let line = "1: FLOCK  ADVISORY  WRITE 7226 fe:00:5653137 0 EOF";
        assert_eq!(locker(line, 5_653_137), Some(7226));
        assert_eq!(locker(line, 713), None);
        assert_eq!(locker("2: POSIX  ADVISORY  WRITE 12 fe:00:713 0 EOF", 713), None);
        assert_eq!(locker("3: FLOCK  ADVISORY  WRITE -1 fe:00:713 0 EOF", 713), None);
        assert_eq!(locker("4: -> FLOCK ADVISORY WRITE 12 fe:00:713 0 EOF", 713), None);
        assert_eq!(locker("", 713), None);
    }

    #[test]
    fn a_holder_is_named_with_its_process() {
        assert_eq!(Holder { process: 7, name: "socat".into() }.to_string(), "socat (process 7)");
        assert_eq!(Holder { process: 7, name: String::new() }.to_string(), "process 7");
    }
}
