//! Files that other programs may read while they are being replaced, and files that people name.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use tempfile::NamedTempFile;

/// Mode of files for every reader.
const PUBLIC: u32 = 0o644;

/// Mode of files with secrets.
const PRIVATE: u32 = 0o600;

/// How long a pipe or device may take no bytes.
const PATIENCE: Duration = Duration::from_secs(2);

/// Most symbolic links from a name to its file, as in the kernel.
const MOST_LINKS: usize = 40;

/// The names of a path of an archive, if it stays below the folder that it is unpacked to: no root, no `..`, plain text.
#[must_use]
pub fn names_below(path: &Path) -> Option<Vec<&str>> {
    let name = |part| if let Component::Normal(name) = part { name.to_str() } else { None };
    path.components().map(name).collect()
}

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
/// never half of one. Readable by every user. A symbolic link stays, and what it names is replaced. A pipe or device
/// is written to and stays what it is.
///
/// # Errors
/// If the folder is not writable or the disk is full; for a pipe or device, if it takes no bytes for 2 s, and for a
/// disk in any case.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    put(path, bytes, PUBLIC, false)
}

/// Like [`replace`], but synced to disk on return, so that a power cut cannot undo it.
///
/// # Errors
/// As [`replace`].
pub fn keep(path: &Path, bytes: &[u8]) -> io::Result<()> {
    put(path, bytes, PUBLIC, true)
}

/// Like [`keep`], but readable by this user only.
///
/// # Errors
/// As [`replace`].
pub fn keep_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    put(path, bytes, PRIVATE, true)
}

fn put(path: &Path, bytes: &[u8], mode: u32, sync: bool) -> io::Result<()> {
    if let Ok(found) = fs::metadata(path)
        && !found.is_file()
    {
        // A rename would put a regular file in its place: as root, in that of /dev/null.
        return write_in_place(path, found.file_type().is_block_device(), bytes);
    }
    let path = &named(path)?;
    let file = beside(path, bytes, mode)?;
    if sync {
        file.as_file().sync_all()?;
    }
    file.persist(path).map_err(|error| error.error)?;
    if sync { File::open(folder(path))?.sync_all() } else { Ok(()) }
}

/// The path that a name stands for at the end of its symbolic links, whether or not there is a file.
fn named(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&path) {
            Ok(to) => path = folder(&path).join(to),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn beside(path: &Path, bytes: &[u8], mode: u32) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix(".leukoscope-").tempfile_in(folder(path))?;
    file.write_all(bytes)?;
    // Temporary files are created readable by their owner only.
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    Ok(file)
}

/// Writes to a pipe or device without waiting for ever.
fn write_in_place(path: &Path, disk: bool, bytes: &[u8]) -> io::Result<()> {
    if disk {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "this is a disk, not a file"));
    }
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let mut file = OpenOptions::new().write(true).custom_flags(flags).open(path).map_err(|problem| {
        let unread = problem.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error());
        if unread { io::Error::other("nobody reads this pipe") } else { problem }
    })?;
    let mut left = bytes;
    while !left.is_empty() {
        match file.write(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => left = &left[written..],
            Err(problem) if problem.kind() == io::ErrorKind::Interrupted => {}
            Err(problem) if problem.kind() == io::ErrorKind::WouldBlock => {
                let time = Timespec { tv_sec: PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };
                if poll(&mut [PollFd::new(&file, PollFlags::OUT)], Some(&time))? == 0 {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "it takes no more bytes"));
                }
            }
            Err(problem) => return Err(problem),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use super::*;

    fn pipe(folder: &Path) -> PathBuf {
        let path = folder.join("pipe");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        path
    }

    #[test]
    fn a_pipe_gets_the_bytes_and_stays_a_pipe() {
        let folder = tempfile::tempdir().unwrap();
        let path = pipe(folder.path());
        for write in [replace, keep, keep_private] {
            assert_eq!(write(&path, b"x").unwrap_err().to_string(), "nobody reads this pipe");
            let mut reader =
                OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(&path).unwrap();
            write(&path, b"counts").unwrap();
            let mut said = String::new();
            reader.read_to_string(&mut said).unwrap();
            assert_eq!(said, "counts");
            assert!(fs::symlink_metadata(&path).unwrap().file_type().is_fifo());
        }
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 1, "no temporary file stays");
    }

    #[test]
    fn a_pipe_that_nobody_empties_does_not_hold_up_the_program() {
        let folder = tempfile::tempdir().unwrap();
        let path = pipe(folder.path());
        let _reader =
            OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(&path).unwrap();
        let problem = replace(&path, &vec![0; 1 << 20]).unwrap_err();
        assert_eq!(problem.kind(), io::ErrorKind::TimedOut, "{problem}");
    }

    #[test]
    fn a_symbolic_link_stays_and_the_file_behind_it_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (far, near) = (folder.path().join("far"), folder.path().join("near"));
        fs::create_dir(&far).unwrap();
        symlink("far/file", &near).unwrap();
        for text in ["made through the link", "replaced"] {
            replace(&near, text.as_bytes()).unwrap();
            assert!(fs::symlink_metadata(&near).unwrap().is_symlink());
            assert_eq!(fs::read_to_string(far.join("file")).unwrap(), text);
        }
        let circle = folder.path().join("circle");
        symlink("circle", &circle).unwrap();
        assert!(replace(&circle, b"x").is_err());
    }

    #[test]
    fn modes_are_as_promised() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        replace(&path, b"x").unwrap();
        assert_eq!(mode(), 0o644);
        keep_private(&path, b"x").unwrap();
        assert_eq!(mode(), 0o600);
    }
}
