//! Reviewed cells as pictures to train by: `DIR/CLASS/SESSION-CELL.png` and `DIR/manifest.csv`, the form that
//! `models/training/` reads as `--device DIR`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use image::ImageFormat;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::class::{CellClass, Kind};
use crate::store::records::{CellRecord, Query, SessionDetail, SessionId};
use crate::store::{Store, StoreError, hexadecimal};

/// The columns of the manifest.
const COLUMNS: [&str; 7] = ["file", "class", "model_class", "reviewer", "session", "um_per_px", "date"];

/// Sessions read at once.
const PAGE: u32 = 500;

/// What was written, and what was left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Cells written.
    pub cells: usize,
    /// Sessions that they are of.
    pub sessions: usize,
    /// Cells of signed sessions that neither the program nor a person gave a name.
    pub nameless: usize,
    /// Reviewed cells of which no picture is kept.
    pub without_picture: usize,
    /// Reviewed cells whose picture cannot be read.
    pub damaged: usize,
}

/// Why cells cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Something is in the folder.
    #[error("{} is not empty: cells of an earlier export would mix with these; name a new folder", .0.display())]
    NotEmpty(PathBuf),
    /// A session that was asked for is not there.
    #[error("there is no session {0}; `leukoscope sessions` lists them")]
    NoSession(SessionId),
    /// The folder cannot be written.
    #[error("{}: {problem}; choose a folder on a disk with room that you may write to", path.display())]
    Write {
        /// File or folder.
        path: PathBuf,
        /// What the system said.
        problem: io::Error,
    },
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes the reviewed white cells of these sessions, or of all, to `folder`: those that a person named, and all named ones
/// of signed results. `scale` is the SHA-256 of a classifier and the true micrometres per pixel of the pictures cut for it.
///
/// # Errors
/// When the folder is not empty or cannot be written, a session is not there, or the store cannot be read.
pub fn export(
    store: &Store,
    sessions: &[SessionId],
    scale: Option<(&str, f64)>,
    folder: &Path,
) -> Result<Exported, ExportError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |problem: io::Error| ExportError::Write { path, problem }
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    if fs::read_dir(folder).map_err(failed(folder))?.next().is_some() {
        return Err(ExportError::NotEmpty(folder.to_owned()));
    }
    let manifest = folder.join("manifest.csv");
    let told = |problem: csv::Error| ExportError::Write { path: manifest.clone(), problem: problem.into() };
    let mut lines = csv::Writer::from_path(&manifest).map_err(told)?;
    lines.write_record(COLUMNS).map_err(told)?;
    let mut done = Exported::default();
    for id in if sessions.is_empty() { all(store)? } else { sessions.to_vec() } {
        let detail = store.session(id)?.ok_or(ExportError::NoSession(id))?;
        let um_per_px = scale_of(&detail, scale);
        // One sample's cells stay together in training; its id stays here.
        let sample = hexadecimal(&Sha256::digest(&detail.summary.sample)[..8]);
        let before = done.cells;
        for cell in store.cells(id, Some(Kind::Wbc), None)? {
            let Some((reviewer, date)) = review(&detail, &cell) else { continue };
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
            let path = folder.join(&name);
            fs::create_dir_all(folder.join(class.code())).map_err(failed(&path))?;
            picture
                .save_with_format(&path, ImageFormat::Png)
                .map_err(|problem| ExportError::Write { path: path.clone(), problem: io::Error::other(problem) })?;
            let program = cell.class.map(CellClass::code).unwrap_or_default();
            let date = date.to_string();
            let row = [name.as_str(), class.code(), program, reviewer, &sample, &um_per_px, &date];
            lines.write_record(row).map_err(told)?;
            done.cells += 1;
        }
        done.sessions += usize::from(done.cells > before);
    }
    lines.flush().map_err(failed(&manifest))?;
    Ok(done)
}

/// Who decided on a cell, and when: the person who named it, else who signed.
fn review<'a>(detail: &'a SessionDetail, cell: &'a CellRecord) -> Option<(&'a str, Timestamp)> {
    let person = cell.by_person.as_ref().map(|person| (person.by.as_str(), person.at));
    person.or_else(|| detail.signature.as_ref().map(|signature| (signature.by.as_str(), signature.at)))
}

/// The scale of a session's pictures, as text; empty where its classifier is not the one whose scale is known.
fn scale_of(detail: &SessionDetail, scale: Option<(&str, f64)>) -> String {
    let used = detail.settings.as_ref().and_then(|settings| settings.models.get("classifier"));
    match scale {
        Some((sha256, um_per_px)) if used.is_some_and(|used| used == sha256) => format!("{um_per_px:.5}"),
        _ => String::new(),
    }
}

fn all(store: &Store) -> Result<Vec<SessionId>, StoreError> {
    let mut ids = Vec::new();
    loop {
        let offset = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        let page = store.sessions(&Query { offset, limit: PAGE, ..Query::default() })?;
        if page.is_empty() {
            ids.reverse();
            return Ok(ids);
        }
        ids.extend(page.iter().map(|session| session.id));
    }
}
