//! `validate cells`: single-cell images in folders named by class.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::camera::picture::read_picture;
use crate::cli::validate::class_scores::{ClassOutcome, ClassScores, Confusion, Summary};
use crate::cli::validate::{NO_PATIENTS, Unreadable, ValidateError, files};
use crate::counting::statistics::confusion::ConfusionMatrix;
use crate::domain::class::CellClass;
use crate::domain::label::Label;
use crate::domain::prevalence_mode::PrevalenceMode;
use crate::domain::red_cell_colour::RedCellColour;
use crate::system::parallel;
use crate::vision::Vision;
use crate::vision::detect::scale::{Scale, ScaleEstimates};
use crate::vision::detect::shared_scale::{self as shared, ImageGroup};
use crate::vision::prediction::Prediction;
use crate::vision::prevalence::PrevalenceReport;
use crate::vision::profile::ProfileMark;

/// Result of `validate cells`, and as JSON its `--json` output.
#[derive(Clone, Debug, Serialize)]
pub struct CellsReport {
    pub folder: PathBuf,
    /// Images read and classified.
    pub images: u32,
    /// Images that could not be read.
    pub unreadable: u32,
    /// Profile that named the cells, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileMark>,
    /// Classes of the model.
    pub classes: Vec<CellClass>,
    /// Labels whose classes the model does not know: their cells cannot be named correctly.
    pub labels_not_in_model: Vec<Label>,
    #[serde(flatten)]
    pub scores: ClassScores,
    /// Prevalence that the predictions were adjusted to.
    pub prevalence: PrevalenceReport,
    /// Figures for the raw predictions.
    pub uncorrected: Summary,
    /// Cells by label and raw prediction, UNK if it gives no name.
    pub confusion_uncorrected: Confusion,
    /// Number of images by source of their scale.
    pub scale_from: BTreeMap<&'static str, u32>,
    /// What the figures measure, and how the intervals were made.
    pub method: &'static str,
    pub note: &'static str,
    pub unreadable_files: Vec<Unreadable>,
    /// Every image with its prediction, in the order of the files.
    #[serde(skip)]
    pub outcomes: Vec<(PathBuf, ClassOutcome)>,
}

const METHOD: &str = "accuracy, balanced_accuracy, macro_f1, recall, precision and expected_calibration_error are of the \
    forced answer: the most probable class whatever its probability. Figures are [value, low, high] with 95 % intervals: \
    recall, precision and coverage exact (Clopper-Pearson), the means by a percentile bootstrap of 1000 resamples within \
    each label. A group label (NEU, IG) counts in the means only where none of its classes has a folder of its own. The \
    calibration error has 15 equal-width bins of the top probability. UNK in `confusion` is a name withheld. Where the \
    answers of every label are all right or all wrong, a bootstrap finds no spread: go by the exact intervals there. The \
    answers were brought to the composition in `prevalence`; `uncorrected` has the figures of the network alone.";

/// Classifies the images of `folder`/LABEL/* and compares the predictions with the folders' names. Images of one size
/// are taken as from one microscope, and all as one sample if `form` is [`PrevalenceMode::Sample`].
///
/// `progress` receives (steps done, total steps), three steps per image.
///
/// # Errors
/// If the folder cannot be listed, a folder's name is not a label, or there is no readable image.
pub fn cells(
    vision: &Vision,
    folder: &Path,
    form: PrevalenceMode,
    mut progress: impl FnMut(usize, usize),
) -> Result<CellsReport, ValidateError> {
    let labelled = files::labelled_cells(folder)?;
    let steps = 3 * labelled.len();
    let tasks: Vec<(&Path, Result<Sight, String>)> = labelled
        .iter()
        .map(|(path, _)| path.as_path())
        .zip(sights(vision, &labelled, |done| progress(done, steps)))
        .collect();
    let before = 2 * labelled.len();
    let answers = parallel::in_order(
        &tasks,
        |(path, sight)| sight.clone().and_then(|sight| answer(vision, path, sight)),
        |done, _| progress(before + done, steps),
    );

    let mut opinions: Vec<Prediction> = Vec::with_capacity(answers.len());
    let mut read: Vec<(PathBuf, Label)> = Vec::with_capacity(answers.len());
    let mut scale_from = BTreeMap::new();
    let mut unreadable_files = Vec::new();
    let scales: Vec<Option<Scale>> = tasks.into_iter().map(|(_, sight)| sight.ok()?.scale).collect();
    for (((image, label), answer), scale) in labelled.into_iter().zip(answers).zip(scales) {
        match answer {
            Ok(opinion) => {
                *scale_from.entry(scale.map_or("none", |scale| scale.source.code())).or_default() += 1;
                opinions.push(opinion);
                read.push((image, label));
            }
            Err(problem) => {
                log::warn!("{problem}");
                unreadable_files.push(Unreadable { image, problem });
            }
        }
    }
    let prevalence = vision.correction(Some(form)).correct_all(&mut opinions).report();
    let labelled = || read.iter().map(|(_, label)| *label).zip(&opinions);
    let alone: Vec<ClassOutcome> = labelled().map(|(label, opinion)| ClassOutcome::of(label, opinion.raw())).collect();
    let only: Vec<ClassOutcome> = labelled().map(|(label, opinion)| ClassOutcome::of(label, opinion)).collect();
    let scores = ClassScores::of(&only, vision.classes(), vision.unknown_below());
    let (Some(scores), Some(uncorrected)) = (scores, Summary::of(&alone, vision.classes())) else {
        return Err(ValidateError::AllUnreadable { path: folder.to_owned(), count: unreadable_files.len() });
    };
    let outcomes: Vec<(PathBuf, ClassOutcome)> = read.into_iter().map(|(image, _)| image).zip(only).collect();
    let unknown = |label: &Label| !vision.classes().iter().any(|class| label.accepts(*class));
    Ok(CellsReport {
        folder: folder.to_owned(),
        images: outcomes.len() as u32,
        unreadable: unreadable_files.len() as u32,
        profile: vision.profile().cloned(),
        classes: vision.classes().to_vec(),
        labels_not_in_model: scores.labels.iter().map(|score| score.label).filter(unknown).collect(),
        scores,
        prevalence,
        uncorrected,
        confusion_uncorrected: Confusion::of(&alone, vision.classes(), |outcome| outcome.answer),
        scale_from,
        method: METHOD,
        note: NO_PATIENTS,
        unreadable_files,
        outcomes,
    })
}

impl CellsReport {
    /// Confusion matrix of the raw predictions for cells labelled with exactly one class, to correct counts with.
    #[must_use]
    pub(crate) fn confusion_matrix(
        &self,
        measured_on: String,
        weights_sha256: &str,
        unknown_below: f64,
    ) -> ConfusionMatrix {
        let rows = self.confusion_uncorrected.rows.iter().zip(&self.confusion_uncorrected.counts);
        let matrix = ConfusionMatrix {
            measured_on,
            classifier_sha256: weights_sha256.to_owned(),
            unknown_below,
            answers: self.confusion_uncorrected.columns.clone(),
            cells: rows
                .filter_map(|(label, counts)| match label {
                    Label::Class(class) => Some((*class, counts.clone())),
                    _ => None,
                })
                .collect(),
        };
        matrix.with_blasts_joined()
    }
}

/// How a picture is seen.
#[derive(Clone, Copy)]
pub(crate) struct Sight {
    pub scale: Option<Scale>,
    /// Colour of the red cells around the cell, where the classifier asks for it.
    pub red_cells: Option<RedCellColour>,
}

/// Scale and colour of each picture, found as `classify` finds them: pictures of one size are taken as from one microscope.
/// `progress` receives the steps done, two for each picture.
pub(crate) fn sights(
    vision: &Vision,
    labelled: &[(PathBuf, Label)],
    mut progress: impl FnMut(usize),
) -> Vec<Result<Sight, String>> {
    let measured = parallel::in_order(labelled, |(path, _)| measure(vision, path), |done, _| progress(done));
    let estimates: Vec<(ImageGroup, ScaleEstimates)> =
        measured.iter().filter_map(|estimates| estimates.as_ref().ok().copied()).collect();
    let shared = shared::groups(&estimates, shared::by_any_cells);
    shared::log(&shared);
    let scaled: Vec<Result<(ImageGroup, Option<Scale>), String>> = measured
        .into_iter()
        .map(|measured| {
            let (group, estimates) = measured?;
            Ok((group, shared.get(&group).map(|shared| shared.scale).or(estimates.scale())))
        })
        .collect();
    let tasks: Vec<_> = labelled.iter().zip(&scaled).collect();
    let own: Vec<Result<Option<RedCellColour>, String>> = parallel::in_order(
        &tasks,
        |((path, _), scaled)| colour(vision, path, (*scaled).clone()?.1),
        |done, _| progress(labelled.len() + done),
    );
    let told = scaled.iter().zip(&own).filter_map(|(scaled, own)| Some((scaled.as_ref().ok()?.0, *own.as_ref().ok()?)));
    let usual = shared::colours(told);
    scaled
        .into_iter()
        .zip(own)
        .map(|(scaled, own)| {
            let (group, scale) = scaled?;
            Ok(Sight { scale, red_cells: own?.or(usual.get(&group).copied()) })
        })
        .collect()
}

fn measure(vision: &Vision, path: &Path) -> Result<(ImageGroup, ScaleEstimates), String> {
    let image = read_picture(path).map_err(|error| error.to_string())?;
    let estimates =
        vision.estimate_scale(&vision.balanced(&image)).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok((ImageGroup { root: 0, size: image.dimensions() }, estimates))
}

fn colour(vision: &Vision, path: &Path, scale: Option<Scale>) -> Result<Option<RedCellColour>, String> {
    if !vision.maps_colour() {
        return Ok(None);
    }
    let image = read_picture(path).map_err(|error| error.to_string())?;
    vision.colour_around(&vision.balanced(&image), scale).map_err(|error| format!("{}: {error}", path.display()))
}

fn answer(vision: &Vision, path: &Path, Sight { scale, red_cells }: Sight) -> Result<Prediction, String> {
    let image = read_picture(path).map_err(|error| error.to_string())?;
    vision
        .classify_middle_at(&vision.balanced(&image), scale, red_cells)
        .map_err(|error| format!("{}: {error}", path.display()))
}
