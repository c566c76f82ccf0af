//! Files that other programs may read while they are being replaced.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::NamedTempFile;

/// Writes a temporary file in the same folder and renames it over `path`: a reader sees the old content or the new,
/// never half of one. Readable by every user.
///
/// # Errors
/// If the folder is not writable or the disk is full.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    beside(path, bytes)?.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Like [`replace`], but synced to disk on return, so that a power cut cannot undo it.
///
/// # Errors
/// If the folder is not writable or the disk is full.
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
    // Temporary files are created readable by their owner only.
    file.as_file().set_permissions(Permissions::from_mode(0o644))?;
    Ok(file)
}
