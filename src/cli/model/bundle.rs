//! A bundle: networks with their card, what belongs to them, and cells of known class to try them on, in one tar archive.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tar::{Archive, Builder, EntryType, Header};

use crate::cli::validate;
use crate::cli::validate::labelled_cells;
use crate::counting::statistics::confusion::{self, ConfusionMatrix};
use crate::domain::prevalence_mode::PrevalenceMode;
use crate::system::file;
use crate::vision::Vision;
use crate::vision::adapt::{Adapter, anchors};
use crate::vision::models::{CARD, Models};

/// How many of the cells must be named correctly.
const REFERENCE_FILE: &str = "reference.toml";
/// The cells: `reference/CLASS/*`.
const REFERENCE: &str = "reference";

/// Files that a bundle may hold beside the networks and the cells.
const BESIDE: [&str; 5] = [CARD, confusion::FILE, anchors::FILE, REFERENCE_FILE, "MODEL_CARD.md"];
/// Ending of a network's name.
const NETWORK: &str = "onnx";

/// Largest file, bytes, and most entries.
const LARGEST: u64 = 64 << 20;
const MOST: usize = 4000;

/// Fewer cells prove nothing, and neither does a share that guessing would reach.
const FEWEST_CELLS: usize = 8;
const LOWEST_SHARE: f64 = 0.5;

/// `reference.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Share of the cells that must be named correctly, 0.5 to 1.
    pub right: f64,
    /// Scale of their pictures, micrometres per pixel; without it it is found as in `classify`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub um_per_px: Option<f64>,
}

/// How the networks did on the cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    pub cells: usize,
    pub right: usize,
}

/// Why a bundle is refused.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// It is no bundle, or its parts do not belong together.
    #[error("the bundle is refused: {0}")]
    Wrong(String),
    /// Its networks name too few of its cells correctly.
    #[error(
        "the bundle is refused: its networks name {} of its {} reference cells correctly here, and {:.0} % must be right; ask \
         for another bundle", tried.right, tried.cells, wanted * 100.0
    )]
    Reference { tried: Tried, wanted: f64 },
    /// It cannot be unpacked here.
    #[error("{}: {problem}; check the disk", path.display())]
    Disk { path: PathBuf, problem: io::Error },
}

fn wrong(problem: impl Display) -> BundleError {
    BundleError::Wrong(problem.to_string())
}

/// Whether a path is one that a bundle may hold.
fn belongs(path: &Path) -> bool {
    let parts = file::names_below(path);
    match parts.as_deref() {
        Some([name]) => BESIDE.contains(name) || Path::new(name).extension().is_some_and(|ending| ending == NETWORK),
        Some([folder, class, name]) => *folder == REFERENCE && !class.starts_with('.') && !name.starts_with('.'),
        _ => false,
    }
}

/// Unpacks a bundle into an empty folder. Nothing is written outside it.
///
/// # Errors
/// If it is no bundle, or holds links, paths that lead out of it, too much, or anything that belongs in none.
pub fn unpack(from: impl Read, into: &Path) -> Result<(), BundleError> {
    let mut archive = Archive::new(from);
    let mut names = BTreeSet::new();
    for (number, entry) in archive.entries().map_err(wrong)?.enumerate() {
        let mut entry = entry.map_err(wrong)?;
        let name = entry
            .path()
            .map_err(wrong)?
            .strip_prefix("./")
            .map(Path::to_owned)
            .or_else(|_| entry.path().map(Into::into));
        let name = name.map_err(wrong)?;
        let shown = name.display();
        let size = entry.size();
        match entry.header().entry_type() {
            EntryType::Regular if belongs(&name) => {}
            // What an archiver adds of its own: the folders come with their files.
            EntryType::Directory | EntryType::XGlobalHeader => continue,
            EntryType::Regular => return Err(wrong(format!("{shown} belongs in no bundle"))),
            _ => return Err(wrong(format!("{shown} is no plain file"))),
        }
        if number >= MOST || size > LARGEST {
            return Err(wrong(format!("{shown} is too much: at most {MOST} files of {} megabytes", LARGEST >> 20)));
        }
        if !names.insert(name.clone()) {
            return Err(wrong(format!("{shown} is in it twice")));
        }
        let path = into.join(&name);
        let failed = |problem| BundleError::Disk { path: path.clone(), problem };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut bytes = Vec::new();
        (&mut entry).take(LARGEST).read_to_end(&mut bytes).map_err(wrong)?;
        if bytes.len() as u64 != size {
            return Err(wrong(format!("{shown} is cut short")));
        }
        let written = File::create_new(&path).and_then(|mut file| {
            io::copy(&mut Cursor::new(&bytes), &mut file)?;
            file.sync_all()
        });
        written.map_err(failed)?;
    }
    match [CARD, REFERENCE_FILE].iter().find(|name| !names.contains(Path::new(name))) {
        Some(missing) => Err(wrong(format!("{missing} is not in it"))),
        None => Ok(()),
    }
}

/// Checks that everything in a folder belongs together and runs, and tries it on its reference cells.
///
/// # Errors
/// If not, or too few cells are named correctly.
pub fn check(folder: &Path) -> Result<(Models, Tried), BundleError> {
    let words = file::read_to_string(&folder.join(REFERENCE_FILE)).map_err(wrong)?;
    let reference: Reference =
        toml::from_str(&words).map_err(|problem| wrong(format!("{REFERENCE_FILE}: {}", problem.message())))?;
    try_on(folder, &folder.join(REFERENCE), reference)
}

fn try_on(folder: &Path, cells: &Path, reference: Reference) -> Result<(Models, Tried), BundleError> {
    if !(LOWEST_SHARE..=1.0).contains(&reference.right) {
        return Err(wrong(format!("right = {} is not {LOWEST_SHARE} to 1", reference.right)));
    }
    if let Some(um_per_px) = reference.um_per_px.filter(|um| !(0.01..=2.0).contains(um)) {
        return Err(wrong(format!("um_per_px = {um_per_px} is not 0.01 to 2")));
    }
    let models = Models::read(folder).map_err(wrong)?;
    for file in models.card.networks() {
        if !belongs(file) {
            return Err(wrong(format!("{CARD} names {}, which belongs in no bundle", file.display())));
        }
    }
    let vision = Vision::new(&models, reference.um_per_px, None).map_err(wrong)?;
    let path = folder.join(confusion::FILE);
    if path.exists() {
        let matrix = ConfusionMatrix::read(&path).map_err(wrong)?;
        if let Some(why) = matrix.stranger(models.weights_sha256(), vision.unknown_below()) {
            return Err(wrong(format!("{}: {why}", confusion::FILE)));
        }
    }
    // Anchors of another classifier, or a last layer that cannot learn, would show at the first profile only.
    Adapter::new(&models, None).map_err(wrong)?;
    let report = validate::cells(&vision, cells, PrevalenceMode::None, |_, _| {}).map_err(wrong)?;
    if let Some(unreadable) = report.unreadable_files.first() {
        return Err(wrong(&unreadable.problem));
    }
    let right = report.outcomes.iter().filter(|(_, outcome)| outcome.is_right()).count();
    let tried = Tried { cells: report.outcomes.len(), right };
    if tried.cells < FEWEST_CELLS {
        return Err(wrong(format!("{} reference cells prove nothing; {FEWEST_CELLS} are needed", tried.cells)));
    }
    if (right as f64) < reference.right * tried.cells as f64 {
        return Err(BundleError::Reference { tried, wanted: reference.right });
    }
    Ok((models, tried))
}

/// Makes the bundle of a models folder, with reference cells `cells`/CLASS/*, tried as a station will try it. The same files
/// give the same bytes.
///
/// # Errors
/// If something is missing, does not belong together, or too few of the cells are named correctly.
pub fn make(folder: &Path, cells: &Path, reference: Reference) -> Result<(Vec<u8>, Tried), BundleError> {
    let (models, tried) = try_on(folder, cells, reference)?;
    let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    let mut add = |name: PathBuf, path: &Path| {
        let failed = |problem| BundleError::Disk { path: path.to_owned(), problem };
        files.push((name, file::read(path).map_err(failed)?));
        Ok(())
    };
    for name in BESIDE.iter().filter(|name| **name != REFERENCE_FILE && folder.join(name).exists()) {
        add(name.into(), &folder.join(name))?;
    }
    let card = &models.card;
    for name in card.networks() {
        add(name.clone(), &folder.join(name))?;
    }
    for (number, (path, label)) in (1..).zip(labelled_cells(cells).map_err(wrong)?) {
        // By number: the name of a picture may be that of a patient.
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        add(Path::new(REFERENCE).join(label.to_string()).join(format!("{number:04}.{ending}")), &path)?;
    }
    let words = toml::to_string(&reference).map_err(wrong)?;
    files.push((REFERENCE_FILE.into(), words.into_bytes()));
    let mut archive = Builder::new(Vec::new());
    for (name, bytes) in files {
        if !belongs(&name) || bytes.len() as u64 > LARGEST {
            return Err(wrong(format!("{} belongs in no bundle, or is too large", name.display())));
        }
        let mut header = Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, &name, Cursor::new(bytes)).map_err(wrong)?;
    }
    Ok((archive.into_inner().map_err(wrong)?, tried))
}
