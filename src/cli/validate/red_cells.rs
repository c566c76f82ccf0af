//! `validate red-cells`: fields whose red cells people named.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::camera::picture::read_picture;
use crate::cli::validate::red_labels::{RedField, RedLabel, labelled_red_fields};
use crate::cli::validate::red_scores::{RedAnswer, RedOutcome, RedScores};
use crate::cli::validate::{NO_PATIENTS, Unreadable, ValidateError};
use crate::domain::class::Kind;
use crate::domain::red_class::RedClass;
use crate::system::parallel;
use crate::vision::red_cells::RedOpinion;
use crate::vision::{Cell, Vision, VisionError};

/// Result of `validate red-cells`, and as JSON its `--json` output.
#[derive(Clone, Debug, Serialize)]
pub struct RedCellsReport {
    pub folder: PathBuf,
    /// Images analysed.
    pub images: u32,
    /// Images that could not be read.
    pub unreadable: u32,
    /// Images skipped for lack of a label file.
    pub unlabelled: u32,
    /// Images in which no scale could be found, so that all their cells were missed.
    pub without_scale: u32,
    /// Classes of the model.
    pub model_classes: Vec<RedClass>,
    /// Probability below which a cell gets no name.
    pub unknown_below: f64,
    #[serde(flatten)]
    pub scores: RedScores,
    /// What the figures measure, and how the intervals were made.
    pub method: &'static str,
    pub note: &'static str,
    pub unreadable_files: Vec<Unreadable>,
}

const METHOD: &str = "A labelled cell is found where its middle lies in the box of a red cell, the nearest one; a box takes one \
    label. All figures but `answered`, `accuracy_of_answered`, `withheld` and `confusion` are of the forced answer: the most \
    probable type, whatever its probability; in groups, the group whose types are most probable together. Figures are [value, \
    low, high] with 95 % intervals: shares exact (Clopper-Pearson), means by a percentile bootstrap of 1000 resamples of the \
    fields. The calibration error has 15 equal-width bins. Cells labelled as not categorised stand in `confusion` alone. An \
    unlabelled cell counts neither way.";

/// Analyses the pictures of `folder` that have a `.csv` of red cells and compares the answers with it. `vision` must name red
/// cells. `progress` receives (images done, total).
///
/// # Errors
/// If the models name no red cells, the folder cannot be listed, a label file is wrong, or no picture can be read.
pub fn red_cells(
    vision: &Vision,
    folder: &Path,
    progress: impl FnMut(usize, usize),
) -> Result<RedCellsReport, ValidateError> {
    let Some(named_by) = vision.red_cells() else { return Err(ValidateError::NoRedCells) };
    let (fields, unlabelled) = labelled_red_fields(folder)?;
    let results = parallel::in_order(&fields, |field| look(vision, field), progress);
    let mut outcomes = Vec::with_capacity(results.len());
    let mut unreadable_files = Vec::new();
    let mut without_scale = 0;
    for (field, result) in fields.into_iter().zip(results) {
        match result {
            Ok((cells, scaled)) => {
                without_scale += u32::from(!scaled);
                outcomes.push(cells);
            }
            Err(problem) => {
                log::warn!("{problem}");
                unreadable_files.push(Unreadable { image: field.picture, problem });
            }
        }
    }
    if outcomes.is_empty() {
        return Err(ValidateError::AllUnreadable { path: folder.to_owned(), count: unreadable_files.len() });
    }
    Ok(RedCellsReport {
        folder: folder.to_owned(),
        images: outcomes.len() as u32,
        unreadable: unreadable_files.len() as u32,
        unlabelled,
        without_scale,
        model_classes: named_by.classes().to_vec(),
        unknown_below: named_by.unknown_below(),
        scores: RedScores::of(&outcomes),
        method: METHOD,
        note: NO_PATIENTS,
        unreadable_files,
    })
}

/// The field's outcomes, and whether a scale was found.
fn look(vision: &Vision, field: &RedField) -> Result<(Vec<RedOutcome>, bool), String> {
    let image = read_picture(&field.picture).map_err(|error| error.to_string())?;
    let see = || -> Result<Option<Vec<Cell>>, VisionError> {
        let balanced = vision.balanced(&image);
        let Some(scale) = vision.scale(&balanced)? else { return Ok(None) };
        Ok(Some(vision.analyze_at(&balanced, Some(scale))?.cells))
    };
    let cells = see().map_err(|error| format!("{}: {error}", field.picture.display()))?;
    let scaled = cells.is_some();
    Ok((matched(&field.labels, &cells.unwrap_or_default()), scaled))
}

/// Every label with what was found there.
fn matched(labels: &[RedLabel], cells: &[Cell]) -> Vec<RedOutcome> {
    let red: Vec<&Cell> = cells.iter().filter(|cell| cell.kind() == Kind::Rbc).collect();
    let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
    for (label_at, label) in labels.iter().enumerate() {
        for (cell_at, cell) in red.iter().enumerate() {
            let (area, (x, y)) = (cell.detection.area, label.at);
            if (area.x..=area.x + area.w).contains(&x) && (area.y..=area.y + area.h).contains(&y) {
                let (cx, cy) = area.centre();
                pairs.push(((cx - x).hypot(cy - y), label_at, cell_at));
            }
        }
    }
    // The nearest pair first; each label and each box once.
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut of_label: Vec<Option<usize>> = vec![None; labels.len()];
    let mut taken = vec![false; red.len()];
    for (_, label, cell) in pairs {
        if of_label[label].is_none() && !taken[cell] {
            of_label[label] = Some(cell);
            taken[cell] = true;
        }
    }
    let outcome = |(label, cell): (&RedLabel, Option<usize>)| {
        let opinion = cell.and_then(|at| red[at].red.as_ref());
        let answer = |opinion: &RedOpinion| RedAnswer {
            class: opinion.class,
            ranked: opinion.ranked.clone(),
            graded: opinion.graded,
        };
        RedOutcome { label: label.class, found: opinion.map(answer) }
    };
    labels.iter().zip(of_label).map(outcome).collect()
}

impl fmt::Display for RedCellsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scores = &self.scores;
        let (folder, images) = (self.folder.display(), self.images);
        writeln!(f, "{folder}: {images} images, {} unreadable; 95 % intervals", self.unreadable)?;
        writeln!(f, "labelled            {} cells, {} of them judged", scores.labelled, scores.judged)?;
        writeln!(f, "found               {}", scores.found)?;
        writeln!(f, "graded among these  {}", scores.graded)?;
        writeln!(f, "accuracy            {}", scores.accuracy)?;
        writeln!(f, "balanced accuracy   {}", scores.balanced_accuracy)?;
        writeln!(f, "  of graded cells   {}", scores.balanced_accuracy_graded)?;
        writeln!(f, "  in groups         {}", scores.balanced_accuracy_groups)?;
        writeln!(f, "calibration error   {:.1} %", scores.expected_calibration_error * 100.0)?;
        writeln!(f, "given a name        {} at {:.2}", scores.answered, self.unknown_below)?;
        if let Some(right) = scores.accuracy_of_answered {
            writeln!(f, "right among these   {right}")?;
        }
        writeln!(f, "\n{:<14}{:>7}  {:<26}{:<26}{:>8}", "type", "cells", "recall", "precision", "unnamed")?;
        for score in scores.classes.iter().filter(|score| score.n > 0) {
            let precision = score.precision.map_or_else(|| "-".to_owned(), |precision| precision.to_string());
            writeln!(f, "{:<14}{:>7}  {:<26}{precision:<26}{:>8}", score.class, score.n, score.recall, score.withheld)?;
        }
        for score in scores.groups.iter().filter(|score| score.n > 0) {
            writeln!(f, "{:<32}{:>7}  {}", score.group.code(), score.n, score.recall)?;
        }
        write!(f, "\n{}", self.note)
    }
}
