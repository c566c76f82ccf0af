//! Labelled cells to learn from, each picture once.

use std::collections::{BTreeMap, BTreeSet};

use image::{ImageFormat, RgbImage};
use sha2::{Digest as _, Sha256};

use super::{FEWEST, NotLearned};
use crate::domain::class::{CellClass, Kind};
use crate::domain::label::Label;
use crate::domain::red_cell_colour::RedCellColour;
use crate::store::Store;
use crate::store::records::{CellNumber, SessionId, Settings};
use crate::system::parallel;
use crate::vision::Vision;
use crate::vision::adapt::{AdaptError, Adapter, LabelledCell};
use crate::vision::optics::calibration::Setup;

/// Labels of the cells that every blood holds. Where one of them is missing, its cells would be taken for the others.
const IN_EVERY_BLOOD: [Label; 4] =
    [Label::Neutrophil, Label::Class(CellClass::Lyt), Label::Class(CellClass::Mon), Label::Class(CellClass::Eos)];

/// A labelled cell.
#[derive(Debug)]
pub struct GivenCell {
    /// What a person called it.
    pub label: Label,
    /// Number of its session; 0 for a picture of a folder.
    pub session: SessionId,
    /// What the classifier sees.
    pub cell: LabelledCell,
}

/// The cells to learn from.
#[derive(Debug)]
pub struct Gathered {
    /// Sorted by label, then as found.
    pub cells: Vec<GivenCell>,
    /// Camera and objective, if known.
    pub setup: Option<Setup>,
    /// Pictures that were there twice under one label, and counted once.
    pub twice: u32,
    /// Pictures that could not be used.
    pub unusable: u32,
}

/// A labelled cell before the network has seen it.
#[derive(Debug)]
pub struct FoundCell {
    label: Label,
    session: SessionId,
    place: String,
    digest: [u8; 32],
    crops: Vec<RgbImage>,
}

/// Labelled cells before the network has seen them.
#[derive(Debug)]
pub struct Found {
    pub cells: Vec<FoundCell>,
    /// Camera and objective, if known.
    pub setup: Option<Setup>,
    /// Pictures that could not be used.
    pub unusable: u32,
}

impl FoundCell {
    /// A cell in a picture. `place` names it in messages, `session` is 0 for a picture of a folder; `crops` decide its name,
    /// in the colours that the classifier learned on.
    #[must_use]
    pub fn new(label: Label, session: SessionId, place: String, picture: &RgbImage, crops: Vec<RgbImage>) -> Self {
        let mut hash = Sha256::new();
        hash.update(picture.width().to_le_bytes());
        hash.update(picture.height().to_le_bytes());
        hash.update(picture.as_raw());
        Self { label, session, place, digest: hash.finalize().into(), crops }
    }
}

impl Gathered {
    /// Lets the network see the cells; `progress` receives how many of how many are done.
    ///
    /// # Errors
    /// If there are too few of a label that is not left out (`without`), labels contradict each other, the classifier does
    /// not know one, or the network fails.
    pub fn of(
        found: Found,
        without: &[Label],
        adapter: &Adapter,
        progress: impl FnMut(usize, usize),
    ) -> Result<Self, NotLearned> {
        let Found { cells, setup, unusable } = found;
        let (cells, twice) = each_once(cells)?;
        check(cells.iter().map(|cell| cell.label), without, adapter.classes())?;
        Ok(Self { cells: seen(&cells, adapter, progress)?, setup, twice, unusable })
    }
}

/// Refuses labels of which the classifier knows no class, labels with too few cells, and those of every blood without any
/// unless they are left out on purpose.
///
/// # Errors
/// The refusal.
pub fn check(
    labels: impl IntoIterator<Item = Label>,
    without: &[Label],
    classes: &[CellClass],
) -> Result<(), NotLearned> {
    let mut counts: BTreeMap<Label, u32> = BTreeMap::new();
    for label in labels {
        *counts.entry(label).or_default() += 1;
    }
    if let Some(label) = counts.keys().find(|label| !classes.iter().any(|class| label.accepts(*class))) {
        return Err(NotLearned::UnknownClass(*label));
    }
    if counts.len() < 2 {
        return Err(NotLearned::OneLabel);
    }
    let few = too_few(&counts, without);
    if few.is_empty() { Ok(()) } else { Err(NotLearned::TooFew(few)) }
}

/// The labels with too few cells, those of every blood without any among them, unless they are left out on purpose.
#[must_use]
pub fn too_few(counts: &BTreeMap<Label, u32>, without: &[Label]) -> BTreeMap<Label, u32> {
    let mut few: BTreeMap<Label, u32> = counts.clone();
    for label in IN_EVERY_BLOOD {
        if !counts.keys().chain(without).any(|other| other.overlaps(label)) {
            few.insert(label, 0);
        }
    }
    few.retain(|label, count| *count < FEWEST && !without.contains(label));
    few
}

/// The cells of stored sessions that a person looked at, without those of some labels. `setup` is the camera and objective
/// that all must have been counted with; without it that of the first session that names one.
///
/// # Errors
/// If a session is missing or was counted with another camera or objective, nobody looked at a cell, or the store cannot be
/// read.
pub fn of_sessions(
    store: &Store,
    sessions: &BTreeSet<SessionId>,
    without: &[Label],
    mut setup: Option<Setup>,
    vision: &Vision,
) -> Result<Found, NotLearned> {
    let mut cells = Vec::new();
    let mut unusable = 0;
    for &id in sessions {
        let detail = store.session(id)?.ok_or(NotLearned::NoSession(id))?;
        let settings = detail.settings.as_ref();
        if let Some(own) = settings.and_then(|settings| settings.taken_with.as_ref()) {
            match &setup {
                Some(other) if other != own => {
                    return Err(NotLearned::OtherSetup { id, found: own.words(), wanted: other.words() });
                }
                _ => setup = Some(own.clone()),
            }
        }
        let red_cells = detail.counted_result.as_ref().and_then(|result| result.red_cell_density);
        for cell in store.cells(id, Some(Kind::Wbc), None)? {
            // What nobody looked at, or nobody can have looked at so quickly, is the program's own opinion; UNK is nobody's
            // answer, and from an artefact or a class that no network knows there is nothing to learn.
            let looked_at = cell.by_person.as_ref().filter(|person| !person.quickly);
            let Some(class) = looked_at.and_then(|person| person.class.learned_as()) else { continue };
            let label = Label::Class(class);
            if without.contains(&label) {
                continue;
            }
            let place = format!("cell {} of session {id}", cell.number);
            if let Some((picture, crop)) = stored_crop(store, (id, cell.number), settings, red_cells, vision)? {
                cells.push(FoundCell::new(label, id, place, &picture, vec![crop]));
            } else {
                unusable += 1;
                log::warn!("{place}: its picture is gone, damaged, or was cut for another classifier");
            }
        }
    }
    if cells.is_empty() {
        return Err(NotLearned::NobodyLooked);
    }
    cells.sort_by_key(|cell| cell.label);
    Ok(Found { cells, setup, unusable })
}

/// The picture of a stored cell, and its crop in the colours that the classifier learned on: counting keeps pictures in
/// their own colours. None if it is gone, damaged, or was cut for another classifier.
///
/// # Errors
/// If the store cannot be read.
pub(super) fn stored_crop(
    store: &Store,
    (session, number): (SessionId, CellNumber),
    settings: Option<&Settings>,
    red_cells: Option<RedCellColour>,
    vision: &Vision,
) -> Result<Option<(RgbImage, RgbImage)>, NotLearned> {
    if !settings.and_then(|settings| settings.um_per_px).is_some_and(|um| vision.cuts_at(um)) {
        return Ok(None);
    }
    let jpeg = store.crop(session, number)?;
    let picture = jpeg.and_then(|jpeg| image::load_from_memory_with_format(&jpeg, ImageFormat::Jpeg).ok());
    let picture = picture.map(image::DynamicImage::into_rgb8).filter(|picture| vision.takes(picture));
    Ok(picture.map(|picture| (vision.in_learned_colours(&picture, red_cells), picture)).map(|(crop, own)| (own, crop)))
}

/// Each picture once; refuses a picture under two labels of which not both can be right. Also how many there were twice.
fn each_once(found: Vec<FoundCell>) -> Result<(Vec<FoundCell>, u32), NotLearned> {
    let mut places: BTreeMap<[u8; 32], usize> = BTreeMap::new();
    let mut once: Vec<FoundCell> = Vec::with_capacity(found.len());
    let mut twice = 0;
    for cell in found {
        let Some(earlier) = places.get(&cell.digest).and_then(|at| once.get_mut(*at)) else {
            places.insert(cell.digest, once.len());
            once.push(cell);
            continue;
        };
        if !cell.label.overlaps(earlier.label) {
            let (one, its) = (earlier.place.clone(), earlier.label);
            return Err(NotLearned::TwoLabels { one, its, other: cell.place, others: cell.label });
        }
        twice += 1;
        // A class says more than its group.
        if cell.label.within(earlier.label) {
            earlier.label = cell.label;
        }
    }
    once.sort_by_key(|cell| cell.label);
    Ok((once, twice))
}

/// Runs the network over the crops.
fn seen(
    found: &[FoundCell],
    adapter: &Adapter,
    progress: impl FnMut(usize, usize),
) -> Result<Vec<GivenCell>, AdaptError> {
    let labels: BTreeSet<Label> = found.iter().map(|cell| cell.label).collect();
    let cells = parallel::in_order(
        found,
        |cell| {
            let number = labels.iter().position(|label| *label == cell.label).unwrap_or_default();
            let right = adapter.classes().iter().map(|class| cell.label.accepts(*class)).collect();
            adapter.cell(&cell.crops, number, right)
        },
        progress,
    );
    let given = found.iter().zip(cells).map(|(FoundCell { label, session, .. }, cell)| {
        Ok(GivenCell { label: *label, session: *session, cell: cell? })
    });
    given.collect()
}
