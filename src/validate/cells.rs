//! `validate cells`: single-cell images in folders named by their class.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::camera::picture::read_picture;
use crate::class::CellClass;
use crate::validate::class_scores::{ClassScores, Outcome};
use crate::validate::label::Label;
use crate::validate::{NO_PATIENTS, Unreadable, ValidateError, files, parallel};
use crate::vision::Vision;

/// What `validate cells` measured; as JSON it is the answer to `--json`.
#[derive(Clone, Debug, Serialize)]
pub struct CellsReport {
    pub folder: PathBuf,
    /// Images that were read and classified.
    pub images: u32,
    /// Images that could not be.
    pub unreadable: u32,
    /// The classes of the model.
    pub classes: Vec<CellClass>,
    /// Labels whose classes the model does not know: their cells cannot be named right.
    pub labels_not_in_model: Vec<Label>,
    #[serde(flatten)]
    pub scores: ClassScores,
    /// What the figures are of, and how the intervals were made.
    pub method: &'static str,
    pub note: &'static str,
    pub unreadable_files: Vec<Unreadable>,
    /// Every image with its answer, in the order of the files.
    #[serde(skip)]
    pub outcomes: Vec<(PathBuf, Outcome)>,
}

const METHOD: &str = "accuracy, balanced_accuracy, macro_f1, recall, precision and expected_calibration_error are of the \
    forced answer: the most probable class whatever its probability. Figures are [value, low, high] with 95 % intervals: \
    recall, precision and coverage exact (Clopper-Pearson), the means by a percentile bootstrap of 1000 resamples within \
    each label. A group label (NEU, IG) counts in the means only where none of its classes has a folder of its own. The \
    calibration error has 15 equal-width bins of the top probability. UNK in `confusion` is a name withheld. Where the \
    answers of every label are all right or all wrong, a bootstrap finds no spread: go by the exact intervals there.";

/// Classifies the images of `folder`/LABEL/* and holds the answers against the folders' names.
///
/// `progress` hears (images done, images in all).
///
/// # Errors
/// When the folder cannot be listed, a folder's name is no label, no image is there, or none can be read.
pub fn cells(vision: &Vision, folder: &Path, progress: impl FnMut(usize, usize)) -> Result<CellsReport, ValidateError> {
    let labelled = files::labelled_cells(folder)?;
    let answers = parallel::in_order(&labelled, |(path, label)| answer(vision, path, *label), progress);
    let mut outcomes = Vec::with_capacity(answers.len());
    let mut unreadable_files = Vec::new();
    for ((image, _), answer) in labelled.into_iter().zip(answers) {
        match answer {
            Ok(outcome) => outcomes.push((image, outcome)),
            Err(problem) => {
                log::warn!("{problem}");
                unreadable_files.push(Unreadable { image, problem });
            }
        }
    }
    let only: Vec<Outcome> = outcomes.iter().map(|(_, outcome)| *outcome).collect();
    let Some(scores) = ClassScores::of(&only, vision.classes(), vision.unknown_below()) else {
        return Err(ValidateError::AllUnreadable { path: folder.to_owned(), count: unreadable_files.len() });
    };
    let unknown = |label: &Label| !vision.classes().iter().any(|class| label.accepts(*class));
    Ok(CellsReport {
        folder: folder.to_owned(),
        images: outcomes.len() as u32,
        unreadable: unreadable_files.len() as u32,
        classes: vision.classes().to_vec(),
        labels_not_in_model: scores.labels.iter().map(|score| score.label).filter(unknown).collect(),
        scores,
        method: METHOD,
        note: NO_PATIENTS,
        unreadable_files,
        outcomes,
    })
}

fn answer(vision: &Vision, path: &Path, label: Label) -> Result<Outcome, String> {
    let image = read_picture(path).map_err(|error| error.to_string())?;
    let (opinion, _) = vision.classify_middle(&image).map_err(|error| format!("{}: {error}", path.display()))?;
    let top = opinion.ranked.first().map_or(CellClass::Unk, |(class, _)| *class);
    // A network that answers NaN is sure of nothing.
    let probability = if opinion.probability.is_finite() { opinion.probability } else { 0.0 };
    Ok(Outcome { label, top, probability, answer: opinion.class })
}
