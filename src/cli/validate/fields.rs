//! `validate fields`: whole fields of view with labelled boxes.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::camera::picture::read_picture;
use crate::cli::validate::box_names::BoxNames;
use crate::cli::validate::field_scores::{FieldOutcome, FieldScores};
use crate::cli::validate::{NO_PATIENTS, Unreadable, ValidateError, files};
use crate::domain::class::CellClass;
use crate::domain::prevalence_mode::PrevalenceMode;
use crate::system::parallel;
use crate::vision::prevalence::PrevalenceReport;
use crate::vision::profile::ProfileMark;
use crate::vision::{Vision, VisionError};

/// Score down to which boxes count for average precision.
const LOWEST_SCORE: f64 = 0.05;

/// Result of `validate fields`, and as JSON its `--json` output.
#[derive(Clone, Debug, Serialize)]
pub struct FieldsReport {
    pub folder: PathBuf,
    /// Images analysed.
    pub images: u32,
    /// Images that could not be read.
    pub unreadable: u32,
    /// Images skipped for lack of a label file.
    pub unlabelled: u32,
    /// Images in which no scale could be found, so that all their cells were missed.
    pub without_scale: u32,
    /// Profile that named the cells, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileMark>,
    /// Classes of the model.
    pub model_classes: Vec<CellClass>,
    #[serde(flatten)]
    pub scores: FieldScores,
    /// Prevalence that the classes of white cells were adjusted to.
    pub prevalence: PrevalenceReport,
    /// What the figures measure, and how the intervals were made.
    pub method: &'static str,
    pub note: &'static str,
    pub unreadable_files: Vec<Unreadable>,
    /// Meaning of the numbers in the label files.
    #[serde(skip)]
    pub names: BoxNames,
    /// Every field with what was detected, in the order of the files.
    #[serde(skip)]
    pub outcomes: Vec<FieldOutcome>,
}

const METHOD: &str = "By kind: ap50 is the all-point average precision at IoU 0.5 of the detector's boxes down to score \
    0.05; precision, recall, f1 and count_error (sum of |found - marked| over the fields / sum of marked) are of what the \
    program counts at its shipped thresholds. Figures are [value, low, high] with 95 % percentile bootstrap intervals of \
    1000 resamples of the fields. classes: white cells marked with a class, found at IoU 0.3, recall with exact intervals.";

/// Analyses the pictures of `folder` that have a YOLO label file and compares the results with the boxes.
///
/// `names` gives the meaning of the numbers in the label files; all fields count as one sample if `form` is
/// [`PrevalenceMode::Sample`]; `progress` receives (images done, total).
///
/// # Errors
/// If the folder cannot be listed, a label file is invalid, no picture has one, or none can be read.
pub fn fields(
    vision: &Vision,
    folder: &Path,
    names: &BoxNames,
    form: PrevalenceMode,
    progress: impl FnMut(usize, usize),
) -> Result<FieldsReport, ValidateError> {
    let (labelled, unlabelled) = files::labelled_fields(folder)?;
    let results = parallel::in_order(&labelled, |field| look(vision, field, names), progress);
    let mut outcomes = Vec::with_capacity(results.len());
    let mut unreadable_files = Vec::new();
    let mut without_scale = 0;
    for (field, result) in labelled.into_iter().zip(results) {
        match result {
            Ok((outcome, scaled)) => {
                without_scale += u32::from(!scaled);
                outcomes.push(outcome);
            }
            Err(problem) => {
                log::warn!("{problem}");
                unreadable_files.push(Unreadable { image: field.picture, problem });
            }
        }
    }
    let cells = outcomes.iter_mut().flat_map(|outcome: &mut FieldOutcome| &mut outcome.cells);
    let opinions = cells.filter_map(|cell| cell.opinion.as_mut());
    let prevalence = vision.correction(Some(form)).correct_all(opinions).report();
    if outcomes.is_empty() {
        return Err(ValidateError::AllUnreadable { path: folder.to_owned(), count: unreadable_files.len() });
    }
    Ok(FieldsReport {
        folder: folder.to_owned(),
        images: outcomes.len() as u32,
        unreadable: unreadable_files.len() as u32,
        unlabelled,
        without_scale,
        profile: vision.profile().cloned(),
        model_classes: vision.classes().to_vec(),
        scores: FieldScores::of(&outcomes, names, vision.classes(), vision.unknown_below()),
        prevalence,
        method: METHOD,
        note: NO_PATIENTS,
        unreadable_files,
        names: names.clone(),
        outcomes,
    })
}

/// The field's outcome, and whether a scale was found.
fn look(vision: &Vision, field: &files::Labelled, names: &BoxNames) -> Result<(FieldOutcome, bool), String> {
    let image = read_picture(&field.picture).map_err(|error| error.to_string())?;
    let mut outcome = FieldOutcome {
        image: field.picture.clone(),
        truth: field.truth(names, image.width(), image.height()),
        ..FieldOutcome::default()
    };
    let mut see = || -> Result<bool, VisionError> {
        let balanced = vision.balanced(&image);
        let Some(scale) = vision.scale(&balanced)? else {
            return Ok(false);
        };
        // Detects twice, because a doubtful white cell hides red cells under it: thresholds cannot be applied
        // afterwards.
        outcome.candidates = vision.detect_from(&balanced, scale, LOWEST_SCORE)?;
        outcome.cells = vision.name(&balanced, scale, vision.detect(&balanced, scale)?)?;
        Ok(true)
    };
    let scaled = see().map_err(|error| format!("{}: {error}", field.picture.display()))?;
    Ok((outcome, scaled))
}
