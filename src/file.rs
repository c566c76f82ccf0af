//! Files that other programs read while they are written anew.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Writes beside the file and renames over it: a reader sees the old content or the new one, never half of one. Every user
/// may read it.
///
/// # Errors
/// When the folder cannot be written to or the disk is full.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".leukoscope-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    // Temporary files are private.
    file.as_file().set_permissions(Permissions::from_mode(0o644))?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
