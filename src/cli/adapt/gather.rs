//! Labelled cells for `adapt`: from a folder of pictures, or from stored sessions that people reviewed.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::path::{Path, PathBuf};

use image::{ImageFormat, RgbImage};
use sha2::{Digest as _, Sha256};

use crate::camera::picture::read_picture;
use crate::cli::args::AdaptArguments;
use crate::cli::failure::{Blame, Failure};
use crate::cli::pictures::progress;
use crate::cli::station;
use crate::cli::validate::parallel;
use crate::cli::validate::{Label, Sight, labelled_cells, sights};
use crate::config::load::load;
use crate::domain::class::{CellClass, Kind};
use crate::vision::Vision;
use crate::vision::adapt::{Adapter, LabelledCell};
use crate::vision::crop::CropForm;
use crate::vision::models::Models;
use crate::vision::optics::calibration::Setup;

/// Cells that a label needs.
const FEWEST: u32 = 5;

/// Labels of the cells that every blood holds. Where one of them is missing, its cells would be taken for the others.
const IN_EVERY_BLOOD: [Label; 4] =
    [Label::Neutrophil, Label::Class(CellClass::Lyt), Label::Class(CellClass::Mon), Label::Class(CellClass::Eos)];

/// A labelled cell.
#[derive(Debug)]
pub(super) struct GivenCell {
    /// What a person called it.
    pub label: Label,
    /// Number of its session; 0 for a picture of a folder.
    pub session: i64,
    /// What the classifier sees.
    pub cell: LabelledCell,
}

/// The cells to learn from.
#[derive(Debug)]
pub(super) struct Gathered {
    /// Sorted by label, then as found.
    pub cells: Vec<GivenCell>,
    /// Camera and objective, if known.
    pub setup: Option<Setup>,
    /// Pictures that were there twice under one label, and counted once.
    pub twice: u32,
    /// Pictures that could not be used.
    pub unusable: u32,
}

/// A cell's crops before the network has seen them.
struct Found {
    label: Label,
    session: i64,
    /// For messages: a file, or a cell of a session.
    place: String,
    digest: [u8; 32],
    crops: Vec<RgbImage>,
}

impl Gathered {
    /// Reads the cells that the arguments name.
    ///
    /// # Errors
    /// With exit code 2 if there are too few, labels contradict each other, or something named is missing; 1 if the store
    /// cannot be read or the network fails.
    pub(super) fn read(
        arguments: &AdaptArguments,
        vision: &Vision,
        models: &Models,
        adapter: &Adapter,
    ) -> Result<Self, Failure> {
        let stated = arguments
            .camera
            .clone()
            .map(|camera| Setup { camera, objective: arguments.objective.clone().unwrap_or_default() });
        let without = arguments.without.iter().map(|label| label.trim().parse()).collect::<Result<Vec<Label>, _>>();
        let without = without.map_err(|problem| Failure::input(format!("--without: {problem}")))?;
        let (found, setup, unusable) = match &arguments.dir {
            Some(dir) => {
                let (found, unusable) = in_folder(dir, &without, vision)?;
                (found, stated, unusable)
            }
            None => in_sessions(arguments, &without, stated, &CropForm::of(&models.card))?,
        };
        let (found, twice) = each_once(found)?;
        check_known(found.iter().map(|cell| cell.label), vision)?;
        check_counts(found.iter().map(|cell| cell.label), &without)?;
        Ok(Self { cells: seen(&found, adapter)?, setup, twice, unusable })
    }
}

/// Refuses labels of which the classifier knows no class.
fn check_known(labels: impl Iterator<Item = Label>, vision: &Vision) -> Result<(), Failure> {
    for label in labels {
        if !vision.classes().iter().any(|class| label.accepts(*class)) {
            return Err(Failure::input(format!(
                "this classifier knows no class {label}; leave its cells out with --without {label}"
            )));
        }
    }
    Ok(())
}

/// Refuses labels with too few cells, and those of every blood without any unless they are left out on purpose.
fn check_counts(labels: impl Iterator<Item = Label>, without: &[Label]) -> Result<(), Failure> {
    let mut counts: BTreeMap<Label, u32> = BTreeMap::new();
    for label in labels {
        *counts.entry(label).or_default() += 1;
    }
    if counts.len() < 2 {
        return Err(Failure::input(
            "there are no cells of two labels: it takes at least two classes to learn what tells them apart",
        ));
    }
    for label in IN_EVERY_BLOOD {
        if !counts.keys().chain(without).any(|other| other.overlaps(label)) {
            counts.insert(label, 0);
        }
    }
    let few: Vec<String> = counts
        .iter()
        .filter(|(_, count)| **count < FEWEST)
        .map(|(label, count)| format!("{label} ({count})"))
        .collect();
    if !few.is_empty() {
        return Err(Failure::input(format!(
            "too few cells to learn from: {}; it takes {FEWEST} of each label, or its cells would be taken for \
             others: add some, or leave the label out with --without",
            few.join(", ")
        )));
    }
    Ok(())
}

/// The pictures of DIR/LABEL/*, and how many of them could not be used.
fn in_folder(dir: &Path, without: &[Label], vision: &Vision) -> Result<(Vec<Found>, u32), Failure> {
    let mut labelled = labelled_cells(dir).blame_input()?;
    labelled.retain(|(_, label)| !without.contains(label));
    check_known(labelled.iter().map(|(_, label)| *label), vision)?;
    check_counts(labelled.iter().map(|(_, label)| *label), without)?;
    let bar = progress(3 * labelled.len() as u64, "reading cells");
    let sights = sights(vision, &labelled, |done| bar.set_position(done as u64));
    let tasks: Vec<_> = labelled.iter().zip(sights).collect();
    let found = parallel::in_order(
        &tasks,
        |((path, label), sight)| {
            let Sight { scale, red_cells } = sight.clone()?;
            let image = read_picture(path).map_err(|error| error.to_string())?;
            let crops = vision.middle_views(&vision.balanced(&image), scale, red_cells);
            let crops = crops.map_err(|error| format!("{}: {error}", path.display()))?;
            let place = path.display().to_string();
            Ok(Found { label: *label, session: 0, place, digest: digest(&image), crops })
        },
        |done, _| bar.set_position((2 * labelled.len() + done) as u64),
    );
    bar.finish_and_clear();
    let mut unusable = 0;
    let usable = found.into_iter().filter_map(|cell: Result<Found, String>| {
        cell.inspect_err(|problem| {
            unusable += 1;
            log::warn!("{problem}");
        })
        .ok()
    });
    Ok((usable.collect(), unusable))
}

/// The cells of stored sessions that a person looked at, their camera, and how many could not be used.
fn in_sessions(
    arguments: &AdaptArguments,
    without: &[Label],
    stated: Option<Setup>,
    form: &CropForm,
) -> Result<(Vec<Found>, Option<Setup>, u32), Failure> {
    let Some(store) = station::to_read(arguments.config.as_deref())? else {
        let state = load(arguments.config.as_deref(), env::vars()).blame_input()?.state_folder();
        return Err(Failure::input(format!("nothing is kept in {} yet", state.display())));
    };
    let mut found = Vec::new();
    let mut setup = stated;
    let mut unusable = 0;
    for id in arguments.sessions.iter().copied().collect::<BTreeSet<i64>>() {
        let Some(detail) = store.session(id).blame_run()? else {
            return Err(Failure::input(format!("there is no session {id}; `leukoscope sessions` lists them")));
        };
        let settings = detail.settings.as_ref();
        if let Some(own) = settings.and_then(|settings| settings.taken_with.as_ref()) {
            match &setup {
                Some(other) if other != own => {
                    return Err(Failure::input(format!(
                        "session {id} was counted with {}, not with {}: a profile is for one camera and objective",
                        own.words(),
                        other.words()
                    )));
                }
                _ => setup = Some(own.clone()),
            }
        }
        let fits =
            settings.and_then(|settings| settings.um_per_px).is_some_and(|um| (um - form.um_per_px).abs() < 1e-6);
        for cell in store.cells(id, Some(Kind::Wbc), None).blame_run()? {
            // What nobody looked at is the program's own opinion, and UNK is nobody's answer.
            let Some(label) = cell.by_person.as_ref().map(|person| person.class) else { continue };
            let label = Label::Class(label);
            if label == Label::Class(CellClass::Unk) || without.contains(&label) {
                continue;
            }
            let place = format!("cell {} of session {id}", cell.number);
            let picture = store.crop(id, cell.number).blame_run()?;
            let picture = picture.and_then(|jpeg| image::load_from_memory_with_format(&jpeg, ImageFormat::Jpeg).ok());
            match picture.map(image::DynamicImage::into_rgb8) {
                Some(crop) if fits && crop.dimensions() == (form.size, form.size) => {
                    found.push(Found { label, session: id, place, digest: digest(&crop), crops: vec![crop] });
                }
                _ => {
                    unusable += 1;
                    log::warn!("{place}: its picture is gone, damaged, or was cut for another classifier");
                }
            }
        }
    }
    if found.is_empty() {
        return Err(Failure::input(
            "no reviewer has looked at a cell of these sessions; look at cells on the page first, and give or confirm \
             their classes",
        ));
    }
    found.sort_by_key(|cell| cell.label);
    Ok((found, setup, unusable))
}

/// SHA-256 of a picture's size and pixels.
fn digest(image: &RgbImage) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(image.width().to_le_bytes());
    hash.update(image.height().to_le_bytes());
    hash.update(image.as_raw());
    hash.finalize().into()
}

/// Each picture once; refuses a picture under two labels of which not both can be right. Also how many there were twice.
fn each_once(found: Vec<Found>) -> Result<(Vec<Found>, u32), Failure> {
    let mut places: BTreeMap<[u8; 32], usize> = BTreeMap::new();
    let mut once: Vec<Found> = Vec::with_capacity(found.len());
    let mut twice = 0;
    for cell in found {
        let Some(earlier) = places.get(&cell.digest).and_then(|at| once.get_mut(*at)) else {
            places.insert(cell.digest, once.len());
            once.push(cell);
            continue;
        };
        if !cell.label.overlaps(earlier.label) {
            return Err(Failure::input(format!(
                "the same picture has two labels: {} is {} and {} is {}; decide which is right and take the other away",
                earlier.place, earlier.label, cell.place, cell.label
            )));
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
fn seen(found: &[Found], adapter: &Adapter) -> Result<Vec<GivenCell>, Failure> {
    let labels: BTreeSet<Label> = found.iter().map(|cell| cell.label).collect();
    let bar = progress(found.len() as u64, "looking at cells");
    let cells = parallel::in_order(
        found,
        |cell| {
            let number = labels.iter().position(|label| *label == cell.label).unwrap_or_default();
            let right = adapter.classes().iter().map(|class| cell.label.accepts(*class)).collect();
            adapter.cell(&cell.crops, number, right)
        },
        |done, _| bar.set_position(done as u64),
    );
    bar.finish_and_clear();
    let given = found
        .iter()
        .zip(cells)
        .map(|(Found { label, session, .. }, cell)| Ok(GivenCell { label: *label, session: *session, cell: cell? }));
    given.collect::<Result<_, crate::vision::adapt::AdaptError>>().blame_run()
}

/// The name of a profile's file, for its name.
pub(super) fn stem(path: &Path) -> String {
    path.file_stem().map(PathBuf::from).unwrap_or_default().to_string_lossy().chars().take(64).collect()
}
