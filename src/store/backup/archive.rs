//! Writes and reads the archive.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Cursor, Read, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};
use sha2::{Digest as _, Sha256};
use tar::{Archive, Builder, EntryType, Header};
use tempfile::TempDir;

use super::{BackupError, DEEPEST, Entry, FORM, LARGEST, MANIFEST, MOST, Manifest, belongs, is_database, is_ours};
use crate::store::error::{of_database, of_file};
use crate::store::{FILE, Store, StoreError, audit, file, hexadecimal, identity, results, schema};

/// Largest description that is read, bytes.
const LARGEST_MANIFEST: u64 = 4 << 20;

/// A copy of the database that nobody writes to any more; removed when dropped.
#[derive(Debug)]
pub(super) struct Copied {
    folder: TempDir,
}

impl Copied {
    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join(FILE)
    }

    /// Copies the database of a store while others go on writing, into a folder of its own in `within`, and checks every
    /// page of the copy.
    pub(super) fn of(store: &Store, within: &Path) -> Result<Self, StoreError> {
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(within).map_err(of_file(within))?;
        let copied = Self { folder };
        let (from, to) = (store.path(), copied.path());
        let source = file::reader(from).map_err(of_database(from))?;
        let failed = of_database(&to);
        // Made here for its mode: it holds password hashes, and the ids of samples.
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&to);
        drop(made.map_err(of_file(&to))?);
        let mut copy = Connection::open(&to).map_err(&failed)?;
        let settings = "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = OFF;";
        copy.execute_batch(settings).map_err(&failed)?;
        // In one step, which reads one state and is not begun anew whenever the counting program writes.
        let step = Backup::new(&source, &mut copy).map_err(&failed)?.step(-1).map_err(of_database(from))?;
        if !matches!(step, rusqlite::backup::StepResult::Done) {
            return Err(StoreError::Unusable {
                path: from.to_owned(),
                problem: "it is busy".to_owned(),
                remedy: "try again",
            });
        }
        // The copy is one file, without `-wal`, that can be read from a disk that is write-protected.
        copy.pragma_update(None, "journal_mode", "DELETE").map_err(&failed)?;
        check(&copy, from)?;
        copy.close().map_err(|(_, problem)| failed(problem))?;
        drop(failed);
        Ok(copied)
    }
}

/// Start of the name of the folder with the copy.
pub(super) const PREFIX: &str = ".leukoscope-backup-";

/// Checks every page, and every index against its table; `path` is named if something is wrong.
pub(in crate::store) fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let verdict: rusqlite::Result<String> = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0));
    match verdict.map_err(of_database(path))? {
        verdict if verdict == "ok" => Ok(()),
        problem => Err(StoreError::Damaged { path: path.to_owned(), problem }),
    }
}

/// What the archive of this copy and of the files beside the store will hold.
pub(super) fn describe(
    copied: &Copied,
    folder: &Path,
    made: jiff::Timestamp,
    station: &str,
) -> Result<(Manifest, Vec<Vec<u8>>), StoreError> {
    let path = copied.path();
    let failed = of_database(&path);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let copy = Connection::open_with_flags(&path, flags).map_err(&failed)?;
    let store_form = schema::form(&copy).map_err(&failed)?;
    let store = identity::identity(&copy).map_err(&failed)?;
    let (line, hash) = audit::head(&copy).map_err(&failed)?;
    let result = results::next(&copy).map_err(&failed)? - 1;
    let (bytes, sha256) = File::open(&path).and_then(sum).map_err(of_file(&path))?;
    let mut files = vec![Entry { name: FILE.into(), bytes, sha256 }];
    let mut contents = vec![Vec::new()];
    for name in beside(folder)? {
        let path = folder.join(&name);
        let content = match File::open(&path).and_then(|file| limited(file, LARGEST)) {
            Ok(content) => content,
            // Replaced or removed meanwhile, as a profile on the page.
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => continue,
            Err(problem) => return Err(of_file(&path)(problem)),
        };
        files.push(Entry { name, bytes: content.len() as u64, sha256: hexadecimal(&Sha256::digest(&content)) });
        contents.push(content);
    }
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let station = station.to_owned();
    Ok((Manifest { form: FORM, made, version, station, store_form, store, line, hash, result, files }, contents))
}

/// The small files that belong in a backup, by their paths in the state folder, sorted.
fn beside(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(within) = open.pop() {
        let path = folder.join(&within);
        for entry in fs::read_dir(&path).map_err(of_file(&path))? {
            let entry = entry.map_err(of_file(&path))?;
            let name = within.join(entry.file_name());
            let top = name.iter().next().and_then(OsStr::to_str);
            if top.is_none_or(|top| !belongs(top)) || is_database(&name) {
                continue;
            }
            let kind = entry.file_type().map_err(of_file(&path))?;
            if kind.is_dir() && name.iter().count() < DEEPEST {
                open.push(name);
            } else if kind.is_file() && is_ours(&name) {
                found.push(name);
            } else {
                log::warn!(
                    "{}: left out of the backup; nothing of the station's is of this kind",
                    entry.path().display()
                );
            }
        }
    }
    found.sort();
    found.truncate(MOST);
    Ok(found)
}

/// Reads all of it, and refuses more than `most` bytes.
fn limited(from: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {most} bytes")));
    }
    Ok(bytes)
}

/// Length and SHA-256 of all that is read.
pub(super) fn sum(mut from: impl Read) -> io::Result<(u64, String)> {
    let mut hash = Sha256::new();
    let bytes = io::copy(&mut from, &mut HashWriter(&mut hash))?;
    Ok((bytes, hexadecimal(&hash.finalize())))
}

struct HashWriter<'a>(&'a mut Sha256);

impl Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes the archive.
pub(super) fn write<W: Write>(manifest: &Manifest, copied: &Copied, contents: &[Vec<u8>], into: W) -> io::Result<W> {
    let mut archive = Builder::new(into);
    let words = serde_json::to_vec_pretty(manifest).map_err(io::Error::other)?;
    let mut put = |name: &Path, bytes: u64, content: &mut dyn Read| {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_size(bytes);
        header.set_mode(0o600);
        header.set_mtime(manifest.made.as_second().max(0).cast_unsigned());
        archive.append_data(&mut header, name, content)
    };
    put(Path::new(MANIFEST), words.len() as u64, &mut Cursor::new(&words))?;
    for (entry, content) in manifest.files.iter().zip(contents) {
        if is_database(&entry.name) {
            put(&entry.name, entry.bytes, &mut File::open(copied.path())?)?;
        } else {
            put(&entry.name, entry.bytes, &mut Cursor::new(content))?;
        }
    }
    archive.into_inner()
}

/// Unpacks an archive into an empty folder, and checks every byte of it against the archive's description. Nothing is
/// written outside the folder, and nothing that the description does not name.
///
/// # Errors
/// If it is no whole backup, is of a later version, or the folder cannot be written to.
pub fn unpack(from: impl Read, named: &Path, into: &Path) -> Result<Manifest, BackupError> {
    let damaged = |problem: String| BackupError::Damaged { path: named.to_owned(), problem };
    let unread = |problem: io::Error| damaged(problem.to_string());
    let mut archive = Archive::new(from);
    let mut entries = archive.entries().map_err(unread)?;
    let first = entries.next().ok_or_else(|| damaged("it is empty".into()))?.map_err(unread)?;
    if first.path_bytes().as_ref() != MANIFEST.as_bytes() || first.header().entry_type() != EntryType::Regular {
        return Err(damaged(format!("it does not begin with {MANIFEST}")));
    }
    let words = limited(first, LARGEST_MANIFEST).map_err(unread)?;
    let manifest = manifest(&words, named)?;
    for entry in &manifest.files {
        let name = entry.name.display();
        let mut found = entries.next().ok_or_else(|| damaged(format!("{name} is missing")))?.map_err(unread)?;
        if found.path().map_err(unread)? != entry.name || found.header().entry_type() != EntryType::Regular {
            return Err(damaged(format!("where {name} should be, something else is")));
        }
        if found.size() != entry.bytes {
            return Err(damaged(format!("{name} has not {} bytes", entry.bytes)));
        }
        let path = into.join(&entry.name);
        let sha256 = put(&mut found, &path).map_err(|problem| match problem {
            Put::Read(problem) => damaged(format!("{name}: {problem}")),
            Put::Write(problem) => of_file(&path)(problem).into(),
        })?;
        if sha256 != entry.sha256 {
            return Err(damaged(format!("{name} was changed since (its SHA-256 is another)")));
        }
    }
    match entries.next() {
        None => {}
        Some(Ok(_)) => return Err(damaged(format!("it holds more than {MANIFEST} names"))),
        Some(Err(problem)) => return Err(unread(problem)),
    }
    // To the last byte, where an encrypted file shows whether it was changed or cut short: what pads the archive may fill
    // blocks of their own.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(unread)?;
    Ok(manifest)
}

fn manifest(words: &[u8], named: &Path) -> Result<Manifest, BackupError> {
    let damaged = |problem: String| BackupError::Damaged { path: named.to_owned(), problem };
    let value: serde_json::Value =
        serde_json::from_slice(words).map_err(|problem| damaged(format!("{MANIFEST}: {problem}")))?;
    if let Some(form) = value["form"].as_u64().filter(|form| *form > u64::from(FORM)) {
        let what = format!("form {form}, this one knows {FORM}");
        return Err(BackupError::Newer { path: named.to_owned(), what });
    }
    let manifest: Manifest =
        serde_json::from_value(value).map_err(|problem| damaged(format!("{MANIFEST}: {problem}")))?;
    if !manifest.files.first().is_some_and(|entry| is_database(&entry.name)) {
        return Err(damaged(format!("{FILE} is not in it")));
    }
    let mut names: Vec<&Path> = Vec::new();
    for entry in &manifest.files {
        if !is_ours(&entry.name) || names.len() >= MOST {
            return Err(damaged(format!("{} does not belong in a backup", entry.name.display())));
        }
        if !is_database(&entry.name) && entry.bytes > LARGEST {
            return Err(damaged(format!("{} is too large", entry.name.display())));
        }
        names.push(&entry.name);
    }
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(damaged("a file is in it twice".into()));
    }
    Ok(manifest)
}

/// Which side failed.
enum Put {
    Read(io::Error),
    Write(io::Error),
}

/// Writes a new file for this user only, and returns the SHA-256 of its content.
fn put(from: &mut impl Read, path: &Path) -> Result<String, Put> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(Put::Write)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(Put::Write)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        match from.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => {
                hash.update(&piece[..read]);
                file.write_all(&piece[..read]).map_err(Put::Write)?;
            }
            Err(problem) if problem.kind() == io::ErrorKind::Interrupted => {}
            Err(problem) => return Err(Put::Read(problem)),
        }
    }
    file.sync_all().map_err(Put::Write)?;
    Ok(hexadecimal(&hash.finalize()))
}
