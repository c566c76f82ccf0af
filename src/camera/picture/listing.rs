//! Which pictures a path selects, and what it leaves out.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::error::PictureError;
use super::order::natural_order;
use super::tiff;
use crate::system::panics::contained;

/// File extensions of pictures that folders and patterns give.
const ENDINGS: [&str; 8] = ["jpg", "jpeg", "jpe", "jfif", "png", "bmp", "tif", "tiff"];
/// File extensions of pictures that folders and patterns leave out, and why.
const LEFT_OUT: [(&[&str], &str); 2] = [
    (&["webp"], "mostly a messenger's copy of another picture; name it to have it read"),
    (
        &[
            "jp2", "j2k", "jpx", "heic", "heif", "avif", "gif", "svs", "ndpi", "czi", "mrxs", "scn", "vsi", "lif",
            "nd2", "dcm", "dng", "nef", "cr2", "cr3", "arw", "raf", "orf", "rw2", "psd",
        ],
        "not read; save it as PNG or TIFF",
    ),
];
/// Folders inside folders that are followed.
const DEEPEST: usize = 32;

/// The extensions of pictures, as a list for a person.
#[must_use]
pub fn endings() -> String {
    ENDINGS.map(|ending| format!(".{ending}")).join(" ")
}

/// The pictures that a path selects.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Sorted by name, with numbers by value (`frame2` before `frame10`). A file that holds several fields is there once for
    /// each, as `file.tif#1`, `file.tif#2`.
    pub pictures: Vec<PathBuf>,
    /// What the path holds besides.
    pub left_out: LeftOut,
}

/// What a path holds besides pictures that are read. Hidden files are not spoken of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Files by extension, and why.
    pictures: BTreeMap<(String, &'static str), usize>,
    /// Files of other kinds.
    others: usize,
    folders: usize,
}

impl LeftOut {
    /// Whether nothing was left out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.may_hold_fields() && self.others == 0
    }

    /// Whether pictures or folders were left out, not only files of other kinds.
    #[must_use]
    pub fn may_hold_fields(&self) -> bool {
        !self.pictures.is_empty() || self.folders > 0
    }

    /// Logs what was left out of `path`, with a remedy for folders.
    pub fn log(&self, path: &Path, remedy: &str) {
        let remedy = if self.folders > 0 { remedy } else { "" };
        let level = if self.may_hold_fields() { log::Level::Warn } else { log::Level::Info };
        if !self.is_empty() {
            log::log!(level, "{}: left out {self}{remedy}", path.display());
        }
    }

    fn add(&mut self, file: &Path) {
        let ending = ending(file);
        let known = LEFT_OUT.iter().find(|(endings, _)| endings.contains(&ending.as_str()));
        match known {
            Some((_, why)) => *self.pictures.entry((ending, why)).or_default() += 1,
            None => self.others += 1,
        }
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> =
            self.pictures.iter().map(|((ending, why), count)| format!("{count} .{ending} ({why})")).collect();
        let many =
            |count: usize, one: &str| (count > 0).then(|| format!("{count} {one}{}", if count > 1 { "s" } else { "" }));
        parts.extend(many(self.others, "file").map(|files| format!("{files} of other kinds")));
        parts.extend(many(self.folders, "subfolder"));
        f.write_str(&parts.join(", "))
    }
}

/// The pictures that a path selects: a picture itself, those of a folder (with `recursive` also of the folders in it), or those
/// matching a pattern (`*`, `?`, `[..]`, `**`).
///
/// A file named explicitly is returned whatever its extension, and `file.tif#2` is the second field of a file; folders and
/// patterns return only files with the extension of a picture, and never hidden ones.
///
/// # Errors
/// When the path does not exist, cannot be read, or selects no picture.
pub fn find_pictures(path: impl AsRef<Path>, recursive: bool) -> Result<Listing, PictureError> {
    let path = path.as_ref();
    let mut listing = Listing::default();
    let mut files: Vec<PathBuf> = match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            let mut files = Vec::new();
            folder(path, if recursive { DEEPEST } else { 0 }, &mut files, &mut listing.left_out)?;
            files
        }
        Ok(_) => return Ok(Listing { pictures: fields(path), ..listing }),
        Err(problem) if problem.kind() != std::io::ErrorKind::NotFound => {
            return Err(PictureError::Unreadable { path: path.to_owned(), problem });
        }
        Err(_) if super::field_of(path).1.is_some() => {
            return Ok(Listing { pictures: vec![path.to_owned()], ..listing });
        }
        Err(_) => {
            let mut files = matches_of(path)?;
            files.retain(|file| !is_hidden(file));
            listing.left_out.folders = files.iter().filter(|file| file.is_dir()).count();
            files.retain(|file| file.is_file());
            files
        }
    };
    files.retain(|file| {
        let read = ENDINGS.contains(&ending(file).as_str());
        if !read {
            listing.left_out.add(file);
        }
        read
    });
    if files.is_empty() {
        let left_out = &listing.left_out;
        let left_out = if left_out.is_empty() { String::new() } else { format!("; left out: {left_out}") };
        return Err(PictureError::Empty { path: path.to_owned(), left_out });
    }
    files.sort_by(|a, b| natural_order(&a.to_string_lossy(), &b.to_string_lossy()).then_with(|| a.cmp(b)));
    listing.pictures = files.iter().flat_map(|file| fields(file)).collect();
    Ok(listing)
}

/// The files of a folder, and of those in it down to `depth`.
fn folder(path: &Path, depth: usize, files: &mut Vec<PathBuf>, left_out: &mut LeftOut) -> Result<(), PictureError> {
    let unreadable = |problem| PictureError::Unreadable { path: path.to_owned(), problem };
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?.path();
        if is_hidden(&entry) {
            continue;
        }
        // A link to a folder may lead back to this one.
        let linked = entry.is_symlink();
        if entry.is_dir() {
            if depth == 0 || linked {
                left_out.folders += 1;
            } else {
                folder(&entry, depth - 1, files, left_out)?;
            }
        } else if entry.is_file() {
            files.push(entry);
        } else {
            left_out.others += 1;
        }
    }
    Ok(())
}

fn matches_of(path: &Path) -> Result<Vec<PathBuf>, PictureError> {
    let pattern = path.to_string_lossy();
    if !pattern.contains(['*', '?', '[']) {
        return Err(PictureError::Missing { path: path.to_owned() });
    }
    let found =
        glob::glob(&pattern).map_err(|e| PictureError::Pattern { path: path.to_owned(), problem: e.msg.to_owned() })?;
    // As in a shell, a pattern does not see the files of a folder that may not be entered.
    Ok(found.filter_map(Result::ok).collect())
}

fn is_hidden(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

fn ending(file: &Path) -> String {
    file.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
}

/// The file itself, or one path for each of the fields in it. What is wrong with it is said when it is read.
fn fields(file: &Path) -> Vec<PathBuf> {
    let count = || {
        let file = BufReader::new(File::open(file).ok()?);
        contained(|| tiff::fields(file).ok()).flatten().map(|fields| fields.len())
    };
    let is_tiff = matches!(ending(file).as_str(), "tif" | "tiff");
    match is_tiff.then(count).flatten() {
        Some(count) if count > 1 => (1..=count).map(|number| super::numbered(file, number)).collect(),
        _ => vec![file.to_owned()],
    }
}
