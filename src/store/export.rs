//! Exports cells that reviewers looked at as training pictures: `DIR/CLASS/SESSION-CELL.png` and `DIR/manifest.csv`, the layout that
//! `models/training/` reads with `--device DIR`.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageFormat};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::domain::class::{CellClass, Kind};
use crate::domain::source::Source;
use crate::store::records::{CellRecord, SessionDetail, SessionId, SessionSummary, Settings};
use crate::store::{Store, StoreError, hexadecimal};

/// Columns of the manifest.
const COLUMNS: [&str; 10] =
    ["file", "class", "model_class", "reviewer", "session", "um_per_px", "date", "source", "seen", "own_class"];

/// File name of the manifest.
const MANIFEST: &str = "manifest.csv";

/// What was written, and what was left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Cells written.
    pub cells: usize,
    /// Sessions they come from.
    pub sessions: usize,
    /// White cells of signed results that no reviewer looked at, left out unless asked for.
    pub unseen: usize,
    /// Cells that a reviewer named faster than anybody can look: left out as the unseen ones are, or among the cells written.
    pub quickly: usize,
    /// Cells asked for that have no class, neither from the program nor from a reviewer.
    pub nameless: usize,
    /// Cells without a stored picture.
    pub without_picture: usize,
    /// Cells whose picture cannot be read.
    pub damaged: usize,
}

/// Why cells cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The folder is not empty.
    #[error("{} is not empty: cells of an earlier export would mix with these; name a new folder", .0.display())]
    NotEmpty(PathBuf),
    /// A requested session does not exist.
    #[error("there is no session {0}; `leukoscope sessions` lists them")]
    NoSession(SessionId),
    /// The folder cannot be written.
    #[error("{}: {problem}; choose a folder on a disk with room that you may write to", path.display())]
    Write {
        /// File or folder.
        path: PathBuf,
        /// Error from the system.
        problem: io::Error,
    },
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Looks up the requested sessions, or all, and checks `folder`, before anything is written.
///
/// # Errors
/// If the folder is not empty or cannot be read, a session does not exist, or the store cannot be read.
pub fn look_up(store: &Store, sessions: &[SessionId], folder: &Path) -> Result<Vec<SessionSummary>, ExportError> {
    let empty = match fs::read_dir(folder) {
        Ok(mut found) => found.next().is_none(),
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => true,
        Err(problem) => return Err(ExportError::Write { path: folder.to_owned(), problem }),
    };
    if !empty {
        return Err(ExportError::NotEmpty(folder.to_owned()));
    }
    if sessions.is_empty() {
        // The same cells stand in the version that amends them.
        let mut sessions = store.all_sessions(false)?;
        sessions.retain(|session| session.amended_by.is_none());
        return Ok(sessions);
    }
    let asked: BTreeSet<SessionId> = sessions.iter().copied().collect();
    let found = |id| Ok(store.session(id)?.ok_or(ExportError::NoSession(id))?.summary);
    asked.into_iter().map(found).collect()
}

/// Writes white cells of these sessions to `folder`: those that a reviewer looked at and gave a class or confirmed it;
/// with `unseen` also the rest of those with a class in signed results, without a reviewer. If there are none, nothing
/// is written. `scale` is the SHA-256 of a classifier and the true
/// micrometres per pixel of crops cut for it, for sessions of versions that did not store the scale.
///
/// # Errors
/// If the folder cannot be written, or the store cannot be read.
pub fn export(
    store: &Store,
    sessions: &[SessionSummary],
    scale: Option<(&str, f64)>,
    unseen: bool,
    folder: &Path,
) -> Result<Exported, ExportError> {
    let mut written = Folder { path: folder, manifest: None };
    let mut done = Exported::default();
    for SessionSummary { id, .. } in sessions {
        let id = *id;
        // Retention may have deleted it meanwhile.
        let Some(detail) = store.session(id)? else { continue };
        let um_per_px = scale_of(&detail, scale);
        // Nobody may train with drawn cells unaware.
        let source = detail.settings.as_ref().and_then(Settings::source).map(Source::code).unwrap_or_default();
        // The hash keeps one sample's cells together in training without revealing its id.
        let sample = hexadecimal(&Sha256::digest(&detail.summary.sample)[..8]);
        let before = done.cells;
        for cell in store.cells(id, Some(Kind::Wbc), None)? {
            done.quickly += usize::from(cell.by_person.is_some() && !cell.is_looked_at());
            let Some((reviewer, date, seen)) = review(&detail, &cell, unseen) else {
                done.unseen += usize::from(detail.signature.is_some());
                continue;
            };
            let class = cell.class_in_force().filter(|class| *class != CellClass::Unk || cell.by_person.is_some());
            let Some(class) = class else {
                done.nameless += 1;
                continue;
            };
            let Some(jpeg) = store.crop(id, cell.number)? else {
                done.without_picture += 1;
                continue;
            };
            let Ok(picture) = image::load_from_memory_with_format(&jpeg, ImageFormat::Jpeg) else {
                done.damaged += 1;
                continue;
            };
            let name = format!("{class}/{id}-{}.png", cell.number);
            let program = cell.class.map(CellClass::code).unwrap_or_default();
            let date = date.to_string();
            // Beside the class: what learns from these pictures knows the fixed ones only.
            let own = cell.own().map(ToString::to_string).unwrap_or_default();
            let row = [name.as_str(), class.code(), program, reviewer, &sample, &um_per_px, &date, source, seen, &own];
            written.add(class, &picture, row)?;
            done.cells += 1;
        }
        done.sessions += usize::from(done.cells > before);
    }
    written.finish()?;
    Ok(done)
}

/// The folder, created with its first cell.
struct Folder<'a> {
    path: &'a Path,
    manifest: Option<csv::Writer<fs::File>>,
}

impl Folder<'_> {
    /// Adds a cell: its picture, and its line in the manifest, which begins with the picture's file name.
    fn add(&mut self, class: CellClass, picture: &DynamicImage, row: [&str; COLUMNS.len()]) -> Result<(), ExportError> {
        let path = self.path.join(row[0]);
        let failed = |problem: io::Error| ExportError::Write { path: path.clone(), problem };
        fs::create_dir_all(self.path.join(class.code())).map_err(failed)?;
        picture.save_with_format(&path, ImageFormat::Png).map_err(|problem| failed(io::Error::other(problem)))?;
        let manifest = self.path.join(MANIFEST);
        let failed = |problem: csv::Error| ExportError::Write { path: manifest.clone(), problem: problem.into() };
        if self.manifest.is_none() {
            let mut lines = csv::Writer::from_path(&manifest).map_err(failed)?;
            lines.write_record(COLUMNS).map_err(failed)?;
            self.manifest = Some(lines);
        }
        self.manifest.as_mut().map_or(Ok(()), |lines| lines.write_record(row)).map_err(failed)
    }

    fn finish(self) -> Result<(), ExportError> {
        let path = self.path.join(MANIFEST);
        let flushed = self.manifest.map_or(Ok(()), |mut lines| lines.flush());
        flushed.map_err(|problem| ExportError::Write { path, problem })
    }
}

/// Who looked at a cell, when, and that it was seen. With `unseen`, of one that nobody looked at in a signed result: nobody,
/// when it was signed, and whether somebody named it faster than anybody can look.
fn review<'a>(
    detail: &'a SessionDetail,
    cell: &'a CellRecord,
    unseen: bool,
) -> Option<(&'a str, Timestamp, &'static str)> {
    if let Some(person) = cell.by_person.as_ref().filter(|person| !person.quickly) {
        return Some((&person.by, person.at, "yes"));
    }
    let seen = if cell.by_person.is_some() { "quickly" } else { "no" };
    // Neither a signature nor a quick key is a look: naming a person here would pass the program's classes off as theirs.
    detail.signature.as_ref().filter(|_| unseen).map(|signature| ("", signature.at, seen))
}

/// Scale of a session's crops, as text: as stored, else that of its classifier if that is the one in `scale`; empty
/// if unknown.
fn scale_of(detail: &SessionDetail, scale: Option<(&str, f64)>) -> String {
    let settings = detail.settings.as_ref();
    let used = settings.and_then(|settings| settings.models.get("classifier"));
    let of_classifier = scale.filter(|(sha256, _)| used.is_some_and(|used| used == sha256));
    let kept = settings.and_then(|settings| settings.um_per_px);
    let um_per_px = kept.or(of_classifier.map(|(_, um_per_px)| um_per_px));
    um_per_px.map(|um_per_px| format!("{um_per_px:.5}")).unwrap_or_default()
}
