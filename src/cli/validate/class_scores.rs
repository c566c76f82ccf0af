//! Classification scores: recall, precision, balanced accuracy, F1. Pure.
//!
//! Unless stated otherwise the figures are for the *forced* prediction: the most probable class, whatever its
//! probability. If that is UNK (the network's own class for "no such cell") it counts as a prediction, and a wrong
//! one.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::cli::validate::calibration::{self, Bin, Coverage};
use crate::cli::validate::estimate::{Estimate, RESAMPLES, dice};
use crate::domain::class::CellClass;
use crate::domain::label::Label;
use crate::vision::prediction::Prediction;

/// Prediction for one cell of known label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassOutcome {
    pub label: Label,
    /// Most probable class.
    pub top: CellClass,
    /// Its probability, 0..=1.
    pub probability: f64,
    /// The program's result: `top`, or UNK if its probability is too low.
    pub answer: CellClass,
}

impl ClassOutcome {
    /// Outcome for a cell with this label.
    #[must_use]
    pub fn of(label: Label, opinion: &Prediction) -> Self {
        // A network that returns NaN is certain of nothing.
        let probability = if opinion.probability.is_finite() { opinion.probability } else { 0.0 };
        Self { label, top: opinion.forced(), probability, answer: opinion.class }
    }

    /// Whether the forced prediction is right.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.label.accepts(self.top)
    }
}

/// Confusion matrix: cells by label and prediction.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Confusion {
    /// One per row.
    pub rows: Vec<Label>,
    /// One per column: what the model can answer, blasts as one, UNK last.
    pub columns: Vec<CellClass>,
    /// `counts[row][column]`.
    pub counts: Vec<Vec<u32>>,
}

/// Scores of one label.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LabelScore {
    pub label: Label,
    /// Cells with this label.
    pub n: u32,
    /// Share of them that is named correctly.
    pub recall: Estimate,
    /// Share of correct ones among the cells given this name; `None` if there are none.
    pub precision: Option<Estimate>,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
    /// Cells without a name, because no class was probable enough.
    pub withheld: u32,
    /// Whether the label counts in balanced accuracy and macro F1; see `counts_in_means`.
    pub in_means: bool,
}

/// Summary scores of a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Means {
    pub accuracy: Estimate,
    pub balanced_accuracy: Estimate,
    pub macro_f1: Estimate,
}

/// Summary of raw predictions, shown beside the program's own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    #[serde(flatten)]
    pub means: Means,
    pub expected_calibration_error: f64,
    /// Share of cells that got a name.
    pub answered: Estimate,
    /// Share of these names that is right; `None` if no cell got a name.
    pub accuracy_of_answered: Option<Estimate>,
}

impl Summary {
    /// `None` if there are no outcomes.
    #[must_use]
    pub fn of(outcomes: &[ClassOutcome], classes: &[CellClass]) -> Option<Self> {
        let n = outcomes.len() as u32;
        let named = outcomes.iter().filter(|outcome| outcome.answer != CellClass::Unk);
        let (answered, right) =
            named.fold((0, 0), |(n, right), outcome| (n + 1, right + u32::from(outcome.is_right())));
        (n > 0).then(|| Self {
            means: means(&Confusion::of(outcomes, classes, |outcome| outcome.top)),
            expected_calibration_error: calibration::expected_error(&calibration::reliability(outcomes)),
            answered: Estimate::exact(answered, n),
            accuracy_of_answered: (answered > 0).then(|| Estimate::exact(right, answered)),
        })
    }
}

/// All classification scores.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassScores {
    /// Number of cells.
    pub n: u32,
    #[serde(flatten)]
    pub means: Means,
    /// In 15 bins of equal width by the probability of the forced prediction.
    pub expected_calibration_error: f64,
    pub calibration_bins: usize,
    pub coverage: Coverage,
    pub labels: Vec<LabelScore>,
    /// Of the program's results, with UNK if it gave no name.
    pub confusion: Confusion,
    /// Of the forced predictions.
    pub confusion_forced: Confusion,
    pub reliability: Vec<Bin>,
    /// Accuracy with the published groups in place of classes; `None` if no label is grouped.
    pub group_accuracy: Option<Estimate>,
    pub group_balanced_accuracy: Option<Estimate>,
    pub groups: Option<Vec<LabelScore>>,
}

/// Whether `label` counts in means over labels, given `all` labels present.
///
/// A group label counts only if none of its members has cells of its own. Otherwise neutrophils would be counted
/// three times (NGS, NGB and NEU), and the third time for an easier question.
#[must_use]
pub(crate) fn counts_in_means(label: Label, all: &[Label]) -> bool {
    matches!(label, Label::Class(_)) || !all.iter().any(|other| *other != label && other.within(label))
}

impl ClassScores {
    /// Scores `outcomes`; `classes` are the model's, and `threshold` its probability below which it gives no name.
    ///
    /// `None` if there are no outcomes.
    #[must_use]
    pub fn of(outcomes: &[ClassOutcome], classes: &[CellClass], threshold: f64) -> Option<Self> {
        if outcomes.is_empty() {
            return None;
        }
        let forced = Confusion::of(outcomes, classes, |outcome| outcome.top);
        let answered = Confusion::of(outcomes, classes, |outcome| outcome.answer);
        let reliability = calibration::reliability(outcomes);
        let grouped: Vec<ClassOutcome> =
            outcomes.iter().map(|outcome| ClassOutcome { label: outcome.label.grouped(), ..*outcome }).collect();
        let groups = Confusion::of(&grouped, classes, |outcome| outcome.top);
        let groups = (groups.rows != forced.rows || groups.rows.iter().any(|label| !matches!(label, Label::Class(_))))
            .then_some(groups);
        let group_means = groups.as_ref().map(means);
        Some(Self {
            n: outcomes.len() as u32,
            means: means(&forced),
            expected_calibration_error: calibration::expected_error(&reliability),
            calibration_bins: calibration::BINS,
            coverage: Coverage::of(outcomes, threshold),
            labels: label_scores(&forced, &answered),
            reliability,
            group_accuracy: group_means.map(|means| means.accuracy),
            group_balanced_accuracy: group_means.map(|means| means.balanced_accuracy),
            groups: groups.map(|groups| {
                let answered = Confusion::of(&grouped, classes, |outcome| outcome.answer);
                label_scores(&groups, &answered)
            }),
            confusion: answered,
            confusion_forced: forced,
        })
    }
}

impl Confusion {
    /// Matrix of `outcomes` by their `answer`.
    pub(super) fn of(
        outcomes: &[ClassOutcome],
        classes: &[CellClass],
        answer: impl Fn(&ClassOutcome) -> CellClass,
    ) -> Self {
        let rows: BTreeSet<Label> = outcomes.iter().map(|outcome| outcome.label).collect();
        let rows: Vec<Label> = rows.into_iter().collect();
        let mut columns: Vec<CellClass> = Vec::new();
        for answer in classes.iter().map(|class| class.answered_as()).filter(|class| *class != CellClass::Unk) {
            if !columns.contains(&answer) {
                columns.push(answer);
            }
        }
        columns.push(CellClass::Unk);
        let mut counts = vec![vec![0; columns.len()]; rows.len()];
        for outcome in outcomes {
            let given = answer(outcome).answered_as();
            let row = rows.iter().position(|label| *label == outcome.label);
            // A class outside the model's cannot come from the model, so it counts as no name.
            let column = columns.iter().position(|class| *class == given).unwrap_or(columns.len() - 1);
            if let Some(row) = row {
                counts[row][column] += 1;
            }
        }
        Self { rows, columns, counts }
    }

    /// Cells of a row.
    #[must_use]
    pub fn total(&self, row: usize) -> u32 {
        self.counts[row].iter().sum()
    }

    /// Cells of a row that were named correctly.
    #[must_use]
    pub fn right(&self, row: usize) -> u32 {
        let pairs = self.columns.iter().zip(&self.counts[row]);
        pairs.filter(|(class, _)| self.rows[row].accepts(**class)).map(|(_, count)| count).sum()
    }

    /// Correct ones and all, among the cells given the name of a row.
    ///
    /// A cell with a wider label (NEU for the row NGS) may be right or wrong, so it is left out.
    fn named(&self, row: usize) -> (u32, u32) {
        let label = self.rows[row];
        let (mut right, mut all) = (0, 0);
        for (truth, counts) in self.rows.iter().zip(&self.counts) {
            let pairs = self.columns.iter().zip(counts);
            let given: u32 = pairs.filter(|(class, _)| label.accepts(**class)).map(|(_, count)| count).sum();
            if truth.within(label) {
                right += given;
                all += given;
            } else if !truth.overlaps(label) {
                all += given;
            }
        }
        (right, all)
    }

    /// Accuracy, balanced accuracy, macro F1.
    fn figures(&self, in_means: &[bool]) -> [f64; 3] {
        let (mut right, mut all, mut recalls, mut f1s) = (0, 0, 0.0, 0.0);
        for (row, in_means) in in_means.iter().enumerate() {
            let (hit, total) = (self.right(row), self.total(row));
            right += hit;
            all += total;
            if *in_means {
                let (named_right, named) = self.named(row);
                recalls += share(hit, total);
                f1s += f1(share(named_right, named), share(hit, total));
            }
        }
        let labels = in_means.iter().filter(|counts| **counts).count().max(1) as f64;
        [share(right, all), recalls / labels, f1s / labels]
    }

    fn in_means(&self) -> Vec<bool> {
        self.rows.iter().map(|label| counts_in_means(*label, &self.rows)).collect()
    }
}

fn share(part: u32, of: u32) -> f64 {
    f64::from(part) / f64::from(of.max(1))
}

fn f1(precision: f64, recall: f64) -> f64 {
    if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 }
}

fn label_scores(forced: &Confusion, answered: &Confusion) -> Vec<LabelScore> {
    let score = |(row, in_means): (usize, bool)| {
        let label = forced.rows[row];
        let (hit, n) = (forced.right(row), forced.total(row));
        let (right, named) = forced.named(row);
        let withheld = answered.counts[row].last().copied().unwrap_or(0);
        LabelScore {
            label,
            n,
            recall: Estimate::exact(hit, n),
            precision: (named > 0).then(|| Estimate::exact(right, named)),
            f1: f1(share(right, named), share(hit, n)),
            withheld,
            in_means,
        }
    };
    forced.in_means().into_iter().enumerate().map(score).collect()
}

/// Means with bootstrap intervals: cells are resampled within each label, so that its number of cells stays.
fn means(confusion: &Confusion) -> Means {
    let in_means = confusion.in_means();
    let [accuracy, balanced, f1] = confusion.figures(&in_means);
    // Column of every cell, row by row.
    let cells: Vec<Vec<usize>> = confusion
        .counts
        .iter()
        .map(|row| {
            row.iter().enumerate().flat_map(|(column, count)| std::iter::repeat_n(column, *count as usize)).collect()
        })
        .collect();
    let mut dice = dice();
    let mut drawn = confusion.clone();
    let mut resamples: [Vec<f64>; 3] = std::array::from_fn(|_| Vec::with_capacity(RESAMPLES));
    for _ in 0..RESAMPLES {
        for (counts, cells) in drawn.counts.iter_mut().zip(&cells) {
            counts.fill(0);
            for _ in cells {
                counts[cells[dice.usize(..cells.len())]] += 1;
            }
        }
        for (resamples, figure) in resamples.iter_mut().zip(drawn.figures(&in_means)) {
            resamples.push(figure);
        }
    }
    let [of_accuracy, of_balanced, of_f1] = resamples;
    Means {
        accuracy: Estimate::bootstrapped(accuracy, of_accuracy),
        balanced_accuracy: Estimate::bootstrapped(balanced, of_balanced),
        macro_f1: Estimate::bootstrapped(f1, of_f1),
    }
}
