//! Calibration of probabilities, and accuracy against coverage. Pure.

use serde::Serialize;

use crate::cli::validate::class_scores::ClassOutcome;
use crate::cli::validate::estimate::Estimate;
use crate::domain::class::CellClass;

/// Bins of equal width for the probabilities.
pub(crate) const BINS: usize = 15;

/// Steps of the coverage curve.
const STEPS: u32 = 50;

/// Predictions whose probability lies in one bin.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// Lowest probability.
    pub from: f64,
    /// Highest probability.
    pub to: f64,
    /// Number of predictions.
    pub n: u32,
    /// Their mean probability, 0..=1.
    pub mean_probability: f64,
    /// Share of them that is right.
    pub accuracy: Estimate,
}

/// Bins that hold a prediction, lowest probability first.
#[must_use]
pub(crate) fn reliability(outcomes: &[ClassOutcome]) -> Vec<Bin> {
    let mut bins = [(0_u32, 0_u32, 0.0); BINS];
    for outcome in outcomes {
        // A probability of exactly 1 belongs to the last bin.
        let (n, right, sum) = &mut bins[((outcome.probability * BINS as f64) as usize).min(BINS - 1)];
        *n += 1;
        *right += u32::from(outcome.is_right());
        *sum += outcome.probability;
    }
    let edge = |at: usize| at as f64 / BINS as f64;
    let filled = bins.into_iter().enumerate().filter(|(_, (n, ..))| *n > 0);
    let bin = |(at, (n, right, sum)): (usize, (u32, u32, f64))| Bin {
        from: edge(at),
        to: edge(at + 1),
        n,
        mean_probability: sum / f64::from(n),
        accuracy: Estimate::exact(right, n),
    };
    filled.map(bin).collect()
}

/// Mean distance between probability and accuracy over the bins, weighted by their predictions (Naeini et al. 2015),
/// 0..=1.
#[must_use]
pub(crate) fn expected_error(bins: &[Bin]) -> f64 {
    let all: u32 = bins.iter().map(|bin| bin.n).sum();
    let off = |bin: &Bin| f64::from(bin.n) * (bin.accuracy.value - bin.mean_probability).abs();
    bins.iter().map(off).sum::<f64>() / f64::from(all.max(1))
}

/// How many cells get a name, and how many of these names are right.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Coverage {
    /// Probability below which a cell gets no name, as the program runs.
    pub threshold: f64,
    /// Share of cells that got a name.
    pub answered: Estimate,
    /// Share of these names that is right; `None` if no cell got a name.
    pub accuracy: Option<Estimate>,
    /// Same for other thresholds.
    pub curve: Vec<CoveragePoint>,
}

/// Coverage at one threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CoveragePoint {
    pub threshold: f64,
    /// 0..=1.
    pub answered: f64,
    /// 0..=1.
    pub accuracy: f64,
}

impl Coverage {
    /// Coverage at the program's own `threshold` and at others. A cell whose most probable class is UNK has no name
    /// at any threshold.
    #[must_use]
    pub fn of(outcomes: &[ClassOutcome], threshold: f64) -> Self {
        let all = outcomes.len() as u32;
        let count = |answered: &dyn Fn(&ClassOutcome) -> bool| {
            let named = outcomes.iter().filter(|outcome| answered(outcome));
            named.fold((0, 0), |(n, right), outcome| (n + 1, right + u32::from(outcome.is_right())))
        };
        let (n, right) = count(&|outcome| outcome.answer != CellClass::Unk);
        let curve = (0..=STEPS).filter_map(|step| {
            let threshold = f64::from(step) / f64::from(STEPS);
            let (n, right) = count(&|outcome| outcome.top != CellClass::Unk && outcome.probability >= threshold);
            (n > 0).then(|| CoveragePoint {
                threshold,
                answered: f64::from(n) / f64::from(all),
                accuracy: f64::from(right) / f64::from(n),
            })
        });
        Self {
            threshold,
            answered: Estimate::exact(n, all),
            accuracy: (n > 0).then(|| Estimate::exact(right, n)),
            curve: curve.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::label::Label;

    fn outcome(right: bool, probability: f64, threshold: f64) -> ClassOutcome {
        let top = if right { CellClass::Eos } else { CellClass::Bas };
        let answer = if probability >= threshold { top } else { CellClass::Unk };
        ClassOutcome { label: Label::Class(CellClass::Eos), top, probability, answer }
    }

    #[test]
    fn the_calibration_error_is_the_weighted_gap_of_the_bins() {
        // Bin 13 (0.8667 to 0.9333): mean 0.9, half of them right: gap 0.4, weight 2/4.
        // Bin 14: probability 1, right: no gap, weight 1/4. Bin 7 (0.4667 to 0.5333): 0.5, wrong: gap 0.5, weight 1/4.
        let outcomes =
            [outcome(true, 0.88, 0.0), outcome(false, 0.92, 0.0), outcome(true, 1.0, 0.0), outcome(false, 0.5, 0.0)];
        let bins = reliability(&outcomes);
        assert_eq!(bins.iter().map(|bin| bin.n).collect::<Vec<_>>(), [1, 2, 1]);
        assert!((bins[1].mean_probability - 0.9).abs() < 1e-12);
        assert!((expected_error(&bins) - (0.2 + 0.125)).abs() < 1e-12);
    }

    #[test]
    fn answering_only_when_sure_trades_answers_for_right_ones() {
        let outcomes = [outcome(true, 0.9, 0.6), outcome(false, 0.7, 0.6), outcome(false, 0.3, 0.6)];
        let coverage = Coverage::of(&outcomes, 0.6);
        assert!((coverage.answered.value - 2.0 / 3.0).abs() < 1e-12);
        assert!((coverage.accuracy.unwrap().value - 0.5).abs() < 1e-12);
        let at = |wanted: f64| *coverage.curve.iter().find(|point| (point.threshold - wanted).abs() < 1e-9).unwrap();
        assert!((at(0.0).answered - 1.0).abs() < 1e-12 && (at(0.0).accuracy - 1.0 / 3.0).abs() < 1e-12);
        assert!((at(0.8).answered - 1.0 / 3.0).abs() < 1e-12 && (at(0.8).accuracy - 1.0).abs() < 1e-12);
        assert!(coverage.curve.iter().all(|point| point.threshold <= 0.9), "where nothing is answered is no point");
    }
}
