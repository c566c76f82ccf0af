//! Files that other programs may read while they are being replaced, and files that people name.

use std::fs::{self, File, Permissions};
use std::io::{self, Read as _, Write};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt};
use std::path::Path;

use tempfile::NamedTempFile;

/// Opens a file to read it. Unlike [`File::open`] it does not wait, perhaps for ever, for somebody to write to a pipe that
/// was named by mistake. Pipes below `/dev`, such as a shell's `<(…)`, are meant.
///
/// # Errors
/// Those of the system, and for a named pipe.
pub fn open(path: &Path) -> io::Result<File> {
    let waits = !path.starts_with("/dev") && fs::metadata(path)?.file_type().is_fifo();
    if waits {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a pipe, not a file"));
    }
    File::open(path)
}

/// Reads a whole file, opened by [`open`].
///
/// # Errors
/// Those of the system, and for a named pipe.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a whole text file, opened by [`open`].
///
/// # Errors
/// Those of the system, for a named pipe, and for text that is not UTF-8.
pub fn read_to_string(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    open(path)?.read_to_string(&mut text)?;
    Ok(text)
}

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
