//! Figures of merit for named red cells. Pure.

use serde::Serialize;

use crate::cli::validate::estimate::{Estimate, RESAMPLES, dice};
use crate::domain::red_class::{RedClass, RedGroup};

/// A labelled red cell and what was found there.
#[derive(Clone, Debug, PartialEq)]
pub struct RedOutcome {
    pub label: RedClass,
    /// None where the detector found no red cell there.
    pub found: Option<RedAnswer>,
}

/// What the network said of a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct RedAnswer {
    /// The answer: UNK where the network is not sure enough.
    pub class: RedClass,
    /// Every class with its probability, most probable first.
    pub ranked: Vec<(RedClass, f64)>,
    /// Whether it counts for grades.
    pub graded: bool,
}

impl RedAnswer {
    /// The most probable class with a name, and its probability.
    fn forced(&self) -> (RedClass, f64) {
        let named = self.ranked.iter().find(|(class, _)| *class != RedClass::Unk);
        named.copied().unwrap_or((RedClass::Unk, 0.0))
    }

    /// The most probable group of look-alikes: their probabilities together.
    fn forced_group(&self) -> Option<RedGroup> {
        let together = |group: RedGroup| {
            let of = self.ranked.iter().filter(|(class, _)| class.group() == Some(group));
            of.map(|(_, probability)| probability).sum::<f64>()
        };
        RedGroup::ALL.into_iter().max_by(|a, b| together(*a).total_cmp(&together(*b)))
    }
}

/// Recall and precision of a class.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RedClassScore {
    pub class: RedClass,
    /// Cells with this label that the detector found.
    pub n: u32,
    pub recall: Estimate,
    /// None where the network named no cell so.
    pub precision: Option<Estimate>,
    /// Of `n`: cells left without a name.
    pub withheld: u32,
}

/// Recall of a group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RedGroupScore {
    pub group: RedGroup,
    pub n: u32,
    pub recall: Estimate,
}

/// Result for all fields.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RedScores {
    /// Labelled cells.
    pub labelled: u32,
    /// Share of them that the detector found as red cells.
    pub found: Estimate,
    /// Share of those found that count for grades: whole, and by themselves.
    pub graded: Estimate,
    /// Found cells with a type, which the figures below are of.
    pub judged: u32,
    pub accuracy: Estimate,
    /// Mean recall over the types that have cells.
    pub balanced_accuracy: Estimate,
    /// The same over the groups of look-alikes.
    pub balanced_accuracy_groups: Estimate,
    /// The same over the types, of cells that count for grades.
    pub balanced_accuracy_graded: Estimate,
    pub expected_calibration_error: f64,
    /// Share of the judged cells that got a name.
    pub answered: Estimate,
    /// Share of these names that is right; none where no cell got one.
    pub accuracy_of_answered: Option<Estimate>,
    pub classes: Vec<RedClassScore>,
    pub groups: Vec<RedGroupScore>,
    /// Found cells by label (rows) and answer (columns), both in the order of `confusion_classes`; a withheld name is UNK.
    pub confusion: Vec<Vec<u32>>,
    pub confusion_classes: Vec<RedClass>,
}

/// Bins of equal width for the probabilities.
const BINS: usize = 15;

impl RedScores {
    /// The figures of fields, each with its cells. Means have bootstrap intervals over the fields, since cells of one field
    /// are alike.
    #[must_use]
    pub fn of(fields: &[Vec<RedOutcome>]) -> Self {
        let all: Vec<&RedOutcome> = fields.iter().flatten().collect();
        let found: Vec<(RedClass, &RedAnswer)> =
            all.iter().filter_map(|cell| Some((cell.label, cell.found.as_ref()?))).collect();
        let judged: Vec<(RedClass, &RedAnswer)> =
            found.iter().copied().filter(|(label, _)| *label != RedClass::Unk).collect();
        let graded = found.iter().filter(|(_, answer)| answer.graded).count();
        let answered: Vec<_> = judged.iter().filter(|(_, answer)| answer.class != RedClass::Unk).collect();
        let right = answered.iter().filter(|(label, answer)| answer.class == *label).count();
        let mut confusion = vec![vec![0; RedClass::ALL.len()]; RedClass::ALL.len()];
        for (label, answer) in &found {
            confusion[label.index()][answer.class.index()] += 1;
        }
        let drawn = draws(fields.len());
        let sums: Vec<FieldSums> = fields.iter().map(|cells| FieldSums::of(cells)).collect();
        let mean = |figure: fn(&FieldSums) -> f64| {
            let of = |fields: &[usize]| figure(&FieldSums::sum(fields.iter().map(|at| &sums[*at])));
            let value = figure(&FieldSums::sum(&sums));
            Estimate::bootstrapped(value, drawn.iter().map(|fields| of(fields)).collect())
        };
        Self {
            labelled: all.len() as u32,
            found: Estimate::exact(found.len() as u32, all.len() as u32),
            graded: Estimate::exact(graded as u32, found.len() as u32),
            judged: judged.len() as u32,
            accuracy: mean(FieldSums::accuracy),
            balanced_accuracy: mean(|sums| balanced(&sums.classes)),
            balanced_accuracy_groups: mean(|sums| balanced(&sums.groups)),
            balanced_accuracy_graded: mean(|sums| balanced(&sums.graded)),
            expected_calibration_error: calibration_error(&judged),
            answered: Estimate::exact(answered.len() as u32, judged.len() as u32),
            accuracy_of_answered: (!answered.is_empty()).then(|| Estimate::exact(right as u32, answered.len() as u32)),
            classes: class_scores(&judged),
            groups: group_scores(&judged),
            confusion,
            confusion_classes: RedClass::ALL.to_vec(),
        }
    }
}

/// Right answers and cells by class and by group.
#[derive(Clone, Debug, Default)]
struct FieldSums {
    classes: [(u32, u32); RedClass::ALL.len()],
    groups: [(u32, u32); RedGroup::ALL.len()],
    graded: [(u32, u32); RedClass::ALL.len()],
}

impl FieldSums {
    fn of(cells: &[RedOutcome]) -> Self {
        let mut sums = Self::default();
        for cell in cells {
            let (Some(answer), Some(group)) = (&cell.found, cell.label.group()) else { continue };
            let right = u32::from(answer.forced().0 == cell.label);
            add(&mut sums.classes[cell.label.index()], (right, 1));
            add(&mut sums.groups[group as usize], (u32::from(answer.forced_group() == Some(group)), 1));
            if answer.graded {
                add(&mut sums.graded[cell.label.index()], (right, 1));
            }
        }
        sums
    }

    fn sum<'a>(all: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut sums = Self::default();
        for one in all {
            sums.classes.iter_mut().zip(one.classes).for_each(|(sum, more)| add(sum, more));
            sums.groups.iter_mut().zip(one.groups).for_each(|(sum, more)| add(sum, more));
            sums.graded.iter_mut().zip(one.graded).for_each(|(sum, more)| add(sum, more));
        }
        sums
    }

    fn accuracy(&self) -> f64 {
        let (right, cells) = self.classes.iter().fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
        f64::from(right) / f64::from(cells.max(1))
    }
}

fn add(sum: &mut (u32, u32), (right, cells): (u32, u32)) {
    sum.0 += right;
    sum.1 += cells;
}

/// Mean of the shares of those that have cells; NaN where none has.
fn balanced(of: &[(u32, u32)]) -> f64 {
    let shares: Vec<f64> =
        of.iter().filter(|(_, cells)| *cells > 0).map(|(right, cells)| f64::from(*right) / f64::from(*cells)).collect();
    shares.iter().sum::<f64>() / shares.len() as f64
}

/// The fields of every resample.
fn draws(fields: usize) -> Vec<Vec<usize>> {
    let mut dice = dice();
    (0..if fields > 1 { RESAMPLES } else { 0 }).map(|_| (0..fields).map(|_| dice.usize(..fields)).collect()).collect()
}

/// Expected calibration error of the forced answers, 0..=1 (Naeini et al. 2015).
fn calibration_error(judged: &[(RedClass, &RedAnswer)]) -> f64 {
    let mut bins = [(0.0, 0.0); BINS];
    for (label, answer) in judged {
        let (class, probability) = answer.forced();
        let bin = &mut bins[((probability * BINS as f64) as usize).min(BINS - 1)];
        bin.0 += probability;
        bin.1 += f64::from(u8::from(class == *label));
    }
    bins.iter().map(|(sure, right): &(f64, f64)| (sure - right).abs()).sum::<f64>() / judged.len().max(1) as f64
}

fn class_scores(judged: &[(RedClass, &RedAnswer)]) -> Vec<RedClassScore> {
    let score = |class: RedClass| {
        let own: Vec<_> = judged.iter().filter(|(label, _)| *label == class).collect();
        let named: Vec<_> = judged.iter().filter(|(_, answer)| answer.forced().0 == class).collect();
        let right = own.iter().filter(|(_, answer)| answer.forced().0 == class).count() as u32;
        RedClassScore {
            class,
            n: own.len() as u32,
            recall: Estimate::exact(right, own.len() as u32),
            precision: (!named.is_empty()).then(|| Estimate::exact(right, named.len() as u32)),
            withheld: own.iter().filter(|(_, answer)| answer.class == RedClass::Unk).count() as u32,
        }
    };
    RedClass::ALL.iter().copied().filter(|class| *class != RedClass::Unk).map(score).collect()
}

fn group_scores(judged: &[(RedClass, &RedAnswer)]) -> Vec<RedGroupScore> {
    let score = |group: RedGroup| {
        let own: Vec<_> = judged.iter().filter(|(label, _)| label.group() == Some(group)).collect();
        let right = own.iter().filter(|(_, answer)| answer.forced_group() == Some(group)).count() as u32;
        RedGroupScore { group, n: own.len() as u32, recall: Estimate::exact(right, own.len() as u32) }
    };
    RedGroup::ALL.into_iter().map(score).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(label: RedClass, says: RedClass, probability: f64) -> RedOutcome {
        let other = if says == RedClass::Normal { RedClass::Target } else { RedClass::Normal };
        let class = if probability >= 0.5 { says } else { RedClass::Unk };
        let ranked = vec![(says, probability), (other, 1.0 - probability)];
        RedOutcome { label, found: Some(RedAnswer { class, ranked, graded: true }) }
    }

    #[test]
    fn balanced_accuracy_weighs_types_alike_and_leaves_out_what_nobody_categorised() {
        let fields = [
            vec![cell(RedClass::Normal, RedClass::Normal, 0.9); 9],
            vec![
                cell(RedClass::Target, RedClass::Normal, 0.8),
                cell(RedClass::Target, RedClass::Target, 0.8),
                cell(RedClass::Unk, RedClass::Normal, 0.9),
                RedOutcome { label: RedClass::Burr, found: None },
            ],
        ];
        let scores = RedScores::of(&fields);
        assert_eq!((scores.labelled, scores.judged), (13, 11));
        assert!((scores.found.value - 12.0 / 13.0).abs() < 1e-12);
        assert!((scores.balanced_accuracy.value - 0.75).abs() < 1e-12, "{:?}", scores.balanced_accuracy);
        assert!((scores.accuracy.value - 10.0 / 11.0).abs() < 1e-12);
        assert_eq!(scores.confusion[RedClass::Unk.index()][RedClass::Normal.index()], 1);
    }

    #[test]
    fn a_look_alike_is_right_in_the_groups() {
        let fields = [vec![cell(RedClass::Ovalocyte, RedClass::Elliptocyte, 0.9)]];
        let scores = RedScores::of(&fields);
        assert!(scores.balanced_accuracy.value.abs() < 1e-12);
        assert!((scores.balanced_accuracy_groups.value - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_calibration_error_is_the_gap_between_sure_and_right() {
        let fields =
            [vec![cell(RedClass::Normal, RedClass::Normal, 0.9), cell(RedClass::Target, RedClass::Normal, 0.9)]];
        assert!((RedScores::of(&fields).expected_calibration_error - 0.4).abs() < 1e-12);
    }

    #[test]
    fn of_no_cells_no_figure_is_out_of_its_range() {
        let scores = RedScores::of(&[]);
        assert_eq!((scores.labelled, scores.judged), (0, 0));
        assert!(scores.accuracy_of_answered.is_none());
    }
}
