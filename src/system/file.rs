//! Files that other programs read while they are written anew.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::NamedTempFile;

/// Writes beside the file and renames over it: a reader sees the old content or the new one, never half of one. Every user
/// may read it.
///
/// # Errors
/// When the folder cannot be written to or the disk is full.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    beside(path, bytes)?.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// As [`replace`], and on the disk when it returns, so that a power cut does not take it back.
///
/// # Errors
/// When the folder cannot be written to or the disk is full.
pub fn keep(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = beside(path, bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder(path))?.sync_all()
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn beside(path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix(".leukoscope-").tempfile_in(folder(path))?;
    file.write_all(bytes)?;
    // Temporary files are private.
    file.as_file().set_permissions(Permissions::from_mode(0o644))?;
    Ok(file)
}
