//! Reports as a few lines for a terminal.

use std::fmt;

use crate::cli::validate::class_scores::{ClassScores, Summary};
use crate::cli::validate::estimate::Estimate;
use crate::cli::validate::{CellsReport, FieldsReport};
use crate::domain::prevalence_mode::PrevalenceMode;
use crate::vision::prevalence::PrevalenceReport;

impl fmt::Display for Estimate {
    /// In percent with the interval, or the value alone for `{:#}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, low, high) = (self.value * 100.0, self.low * 100.0, self.high * 100.0);
        let words =
            if f.alternate() { format!("{value:.1} %") } else { format!("{value:.1} % ({low:.1} to {high:.1})") };
        f.pad(&words)
    }
}

fn or_dash(estimate: Option<Estimate>) -> String {
    estimate.map_or_else(|| "-".to_owned(), |estimate| estimate.to_string())
}

fn class_lines(f: &mut fmt::Formatter<'_>, scores: &ClassScores) -> fmt::Result {
    writeln!(f, "accuracy            {}", scores.means.accuracy)?;
    writeln!(f, "balanced accuracy   {}", scores.means.balanced_accuracy)?;
    writeln!(f, "macro F1            {}", scores.means.macro_f1)?;
    if let Some(accuracy) = scores.group_accuracy {
        writeln!(f, "accuracy in groups  {accuracy}")?;
    }
    writeln!(
        f,
        "calibration error   {:.1} % ({} bins)",
        scores.expected_calibration_error * 100.0,
        scores.calibration_bins
    )?;
    writeln!(f, "given a name        {} at {:.2}", scores.coverage.answered, scores.coverage.threshold)?;
    writeln!(f, "right among these   {}", or_dash(scores.coverage.accuracy))?;
    writeln!(f, "\n{:<6}{:>7}  {:<26}{:<26}{:>8}", "label", "cells", "recall", "precision", "unnamed")?;
    for score in &scores.labels {
        let precision = or_dash(score.precision);
        writeln!(f, "{:<6}{:>7}  {:<26}{:<26}{:>8}", score.label, score.n, score.recall, precision, score.withheld)?;
    }
    let confusion = &scores.confusion;
    write!(f, "\n{:<6}", "")?;
    for class in &confusion.columns {
        write!(f, "{class:>5}")?;
    }
    for (label, counts) in confusion.rows.iter().zip(&confusion.counts) {
        write!(f, "\n{label:<6}")?;
        for count in counts {
            write!(f, "{count:>5}")?;
        }
    }
    writeln!(f)
}

/// Figures for the raw predictions, if a prevalence was applied.
fn uncorrected_lines(f: &mut fmt::Formatter<'_>, prevalence: &PrevalenceReport, alone: &Summary) -> fmt::Result {
    writeln!(f, "\n{prevalence}")?;
    if prevalence.form == PrevalenceMode::None {
        return Ok(());
    }
    writeln!(f, "uncorrected, as the network alone says:")?;
    writeln!(f, "accuracy            {}", alone.means.accuracy)?;
    writeln!(f, "balanced accuracy   {}", alone.means.balanced_accuracy)?;
    writeln!(f, "calibration error   {:.1} %", alone.expected_calibration_error * 100.0)?;
    writeln!(f, "given a name        {}", alone.answered)?;
    writeln!(f, "right among these   {}", or_dash(alone.accuracy_of_answered))
}

impl fmt::Display for CellsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} images, {} unreadable; 95 % intervals",
            self.folder.display(),
            self.images,
            self.unreadable
        )?;
        class_lines(f, &self.scores)?;
        uncorrected_lines(f, &self.prevalence, &self.uncorrected)?;
        let scales: Vec<String> = self.scale_from.iter().map(|(from, images)| format!("{from} {images}")).collect();
        writeln!(f, "images by where their scale came from: {}", scales.join(", "))?;
        if let Some(profile) = &self.profile {
            writeln!(f, "profile: {profile}")?;
        }
        write!(f, "\n{}", self.note)
    }
}

impl fmt::Display for FieldsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (folder, images) = (self.folder.display(), self.images);
        let (unreadable, unlabelled, without) = (self.unreadable, self.unlabelled, self.without_scale);
        writeln!(
            f,
            "{folder}: {images} fields, {unreadable} unreadable, {unlabelled} without boxes, {without} without scale"
        )?;
        for (kind, score) in &self.scores.kinds {
            writeln!(f, "\n{kind}: {} marked, {} counted", score.truth, score.found)?;
            let figures = [
                ("average precision", score.ap50),
                ("precision", score.precision),
                ("recall", score.recall),
                ("F1", score.f1),
                ("error of the count", score.count_error),
            ];
            for (name, estimate) in figures {
                if let Some(estimate) = estimate {
                    writeln!(f, "  {name:<20}{estimate}")?;
                }
            }
            if let Some(reason) = &score.reason {
                writeln!(f, "  {reason}")?;
            }
        }
        if let Some(classes) = &self.scores.classes {
            writeln!(f, "\nwhite cells with a class: {} marked, found {}", classes.marked, classes.recall_iou30)?;
            if let Some(scores) = &classes.of_found {
                class_lines(f, scores)?;
            }
            if let Some(alone) = &classes.uncorrected {
                uncorrected_lines(f, &self.prevalence, alone)?;
            }
        }
        if let Some(profile) = &self.profile {
            writeln!(f, "profile: {profile}")?;
        }
        write!(f, "\n{}", self.note)
    }
}
