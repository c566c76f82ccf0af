//! Corrects the differential for the classifier's known errors.
//!
//! If a share `c[k][j]` of the cells of class k is named j, a sample with shares p is named in the shares q = cᵀ p,
//! and p = c⁻ᵀ q undoes the errors (Rogan and Gladen 1978, American Journal of Epidemiology 107, 71, for one class;
//! here for all). Shares that fall below 0 by chance become 0. Cells without a name are left out on both sides: the
//! matrix tells which classes they are missing from.
//!
//! The intervals propagate the counts of the sample and those of the matrix through the same formula. Each count is
//! drawn from a gamma distribution; for each end of an interval, every count is shifted by one cell in the direction
//! that pulls that end outwards, as Clopper and Pearson's do. With a faultless classifier the result is Clopper and
//! Pearson's.
//!
//! All of this assumes that the classifier errs as it did in the matrix. If the number of cells without a name shows
//! that it does not, nothing is corrected.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::counting::statistics::confusion::{ConfusionMatrix, ConfusionSource};
use crate::counting::statistics::dice::{binomial, gamma};
use crate::counting::statistics::interval::LEVEL;
use crate::domain::class::{CellClass, Group};
use crate::domain::interval::Figure;

/// Named cells that a sample needs.
pub(crate) const ENOUGH_NAMED: u32 = 100;

/// Cells that each class of the matrix needs.
pub(crate) const ENOUGH_TESTED: u32 = 30;

/// Least share of a class's named cells that must be named correctly. Above one half the errors can be undone; close
/// to one half, small deviations are blown up.
pub(crate) const RIGHT_FROM: f64 = 0.6;

/// Random draws per interval.
pub(crate) const DRAWS: usize = 1000;

/// If the number of cells without a name is less probable than this under the matrix, the sample is unlike those it
/// was measured on.
const TOO_ODD: f64 = 0.01;

/// The corrected differential, or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MisclassificationCorrection {
    /// Images the matrix was measured on.
    pub measured_on: String,
    /// Named cells it was estimated from, by raw prediction.
    pub cells: u32,
    /// Percentage of the differential with 95 % interval for each class of the matrix; EBO and KSC per 100 of it.
    /// Empty if nothing was corrected.
    pub percent: BTreeMap<CellClass, Figure>,
    /// Why nothing was corrected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl MisclassificationCorrection {
    /// Corrects the raw predictions (`answers`) for the white cells of a sample; `None` without a matrix.
    #[must_use]
    pub fn of(answers: &BTreeMap<CellClass, u32>, source: &ConfusionSource) -> Option<Self> {
        Self::with_draws(answers, source, DRAWS)
    }

    /// Same, with a given number of draws.
    #[must_use]
    pub fn with_draws(answers: &BTreeMap<CellClass, u32>, source: &ConfusionSource, draws: usize) -> Option<Self> {
        let (measured_on, corrected) = match source {
            ConfusionSource::None => return None,
            ConfusionSource::Stranger { measured_on, why } => (measured_on, Err(why.clone())),
            ConfusionSource::Matrix(matrix) => (&matrix.measured_on, Table::of(matrix, answers)),
        };
        let measured_on = measured_on.clone();
        Some(match corrected.and_then(|table| Ok((table.cells(), table.corrected(draws)?))) {
            Ok((cells, percent)) => Self { measured_on, cells, percent, note: None },
            Err(why) => Self {
                measured_on,
                cells: answers.iter().filter(|(class, _)| **class != CellClass::Unk).map(|(_, count)| count).sum(),
                percent: BTreeMap::new(),
                note: Some(format!("not corrected for the classifier's errors: {why}")),
            },
        })
    }
}

/// Matrix and sample, reduced to the classes that both contain.
struct Table {
    classes: Vec<CellClass>,
    /// `named[k][j]`: cells of class k named j.
    named: Vec<Vec<u32>>,
    /// Cells of class k that got no name, or that of a class without a row.
    unnamed: Vec<u32>,
    /// Cells of the sample named j.
    answers: Vec<u32>,
    /// Cells of the sample without a name, or with that of a class without a row.
    without: u32,
}

/// End of an interval, low or high.
#[derive(Clone, Copy)]
enum End {
    Low,
    High,
}

impl Table {
    fn of(matrix: &ConfusionMatrix, answers: &BTreeMap<CellClass, u32>) -> Result<Self, String> {
        let enough = |class: CellClass| matrix.count(class, |_| true) >= ENOUGH_TESTED;
        let white = |class: &CellClass| !matches!(class.group(), Group::Platelets | Group::Unclassified);
        let classes: Vec<CellClass> =
            matrix.cells.keys().copied().filter(|class| white(class) && enough(*class)).collect();
        if classes.len() < 2 {
            return Err(format!("the matrix has {ENOUGH_TESTED} cells of fewer than two classes"));
        }
        let blasts: u32 = answers
            .iter()
            .filter(|(class, _)| class.group() == Group::Blasts && !classes.contains(class))
            .map(|(_, count)| count)
            .sum();
        if blasts > 0 {
            return Err(format!("{blasts} named blasts, of which the matrix has no cells: it would explain them away"));
        }
        let known = |class: CellClass| classes.contains(&class);
        let of = |class: &CellClass| answers.get(class).copied().unwrap_or(0);
        let table = Self {
            named: classes
                .iter()
                .map(|class| classes.iter().map(|answer| matrix.count(*class, |named| named == *answer)).collect())
                .collect(),
            unnamed: classes
                .iter()
                .map(|class| matrix.count(*class, |named| !known(named) && named != CellClass::Plt))
                .collect(),
            answers: classes.iter().map(of).collect(),
            without: answers.iter().filter(|(class, _)| !known(**class)).map(|(_, count)| count).sum(),
            classes,
        };
        for (at, (class, row)) in table.classes.iter().zip(&table.named).enumerate() {
            let (right, all) = (row[at], row.iter().sum::<u32>());
            if f64::from(right) < RIGHT_FROM * f64::from(all.max(1)) {
                return Err(format!("of the matrix's named {class} only {right} of {all} are named right"));
            }
        }
        if table.cells() < ENOUGH_NAMED {
            return Err(format!("{} cells have a name, and it takes {ENOUGH_NAMED}", table.cells()));
        }
        Ok(table)
    }

    /// Named cells of the sample.
    fn cells(&self) -> u32 {
        self.answers.iter().sum()
    }

    fn corrected(&self, draws: usize) -> Result<BTreeMap<CellClass, Figure>, String> {
        let whole = |counts: &Vec<u32>| counts.iter().map(|count| f64::from(*count)).collect::<Vec<f64>>();
        let named: Vec<Vec<f64>> = self.named.iter().map(whole).collect();
        let point = Self::shares(&named, &whole(&self.unnamed), &whole(&self.answers))
            .ok_or("the matrix cannot be inverted")?;
        // Fixed seed, so that a result can be reproduced.
        let mut dice = fastrand::Rng::with_seed(19_340_404);
        if self.oddness(draws, &mut dice) < TOO_ODD {
            return Err(format!(
                "{} cells of {} have no name or one of a class that the matrix does not hold, which is not to be expected \
                 of cells like those it was measured on",
                self.without,
                self.without + self.cells()
            ));
        }
        let mut lows = vec![Vec::with_capacity(draws); self.classes.len()];
        let mut highs = lows.clone();
        for _ in 0..draws {
            let drawn = self.drawn(&mut dice);
            for at in 0..self.classes.len() {
                lows[at].push(drawn.share(self, at, End::Low));
                highs[at].push(drawn.share(self, at, End::High));
            }
        }
        let tail = (1.0 - LEVEL) / 2.0;
        let figures = self.classes.iter().zip(lows.iter_mut().zip(&mut highs)).enumerate();
        Ok(figures
            .map(|(at, (class, (lows, highs)))| {
                let value = self.percent(&point, at);
                let low = quantile(lows, tail).min(value);
                (*class, Figure { value, low, high: quantile(highs, 1.0 - tail).max(value) })
            })
            .collect())
    }

    /// Shares of the classes among the white cells, from matrix and sample; `None` if the matrix cannot be inverted.
    fn shares(named: &[Vec<f64>], unnamed: &[f64], answers: &[f64]) -> Option<Vec<f64>> {
        let sums: Vec<f64> = named.iter().map(|row| row.iter().sum()).collect();
        let classes = answers.len();
        // Row j of the equations: answers[j] = Σ_k named[k][j] / sums[k] x p[k].
        let mut equations: Vec<Vec<f64>> = (0..classes)
            .map(|j| {
                let mut row: Vec<f64> = (0..classes).map(|k| named[k][j] / sums[k]).collect();
                row.push(answers[j]);
                row
            })
            .collect();
        let mut shares = solve(&mut equations)?;
        for (k, share) in shares.iter_mut().enumerate() {
            // Scales up classes of which many cells get no name.
            *share = share.max(0.0) * (sums[k] + unnamed[k]) / sums[k];
        }
        let sum: f64 = shares.iter().sum();
        (sum > 0.0 && sum.is_finite()).then(|| shares.iter().map(|share| share / sum).collect())
    }

    /// Percentage of the differential for the class `at`; classes outside it are given per 100 cells of it.
    fn percent(&self, shares: &[f64], at: usize) -> f64 {
        let of = self.classes.iter().zip(shares).filter(|(class, _)| class.in_differential());
        let differential: f64 = of.map(|(_, share)| share).sum();
        // If almost nothing belongs to the differential, a ratio to it is meaningless.
        (100.0 * shares[at] / differential.max(0.01)).min(10_000.0)
    }

    fn drawn(&self, dice: &mut fastrand::Rng) -> Drawn {
        let mut all = |counts: &Vec<u32>| counts.iter().map(|count| gamma(*count, dice)).collect::<Vec<f64>>();
        let named = self.named.iter().map(&mut all).collect();
        let (unnamed, answers) = (all(&self.unnamed), all(&self.answers));
        let more = self.classes.iter().map(|_| gamma(1, dice)).collect();
        Drawn { named, unnamed, answers, more_tested: more, more_counted: gamma(1, dice) }
    }

    /// Probability, under the matrix, of at least as many cells without a name as in the sample.
    fn oddness(&self, draws: usize, dice: &mut fastrand::Rng) -> f64 {
        let all = self.cells() + self.without;
        let mut as_many = 0;
        for _ in 0..draws {
            let Drawn { named, unnamed, answers, .. } = self.drawn(dice);
            // One more cell without a name per class: none among some hundred tested does not mean never.
            let unnamed: Vec<f64> = unnamed.iter().map(|drawn| drawn + gamma(1, dice)).collect();
            let expected = Self::shares(&named, &unnamed, &answers).map_or(1.0, |shares| {
                let without = |k: usize| unnamed[k] / (unnamed[k] + named[k].iter().sum::<f64>());
                shares.iter().enumerate().map(|(k, share)| share * without(k)).sum()
            });
            as_many += u32::from(binomial(all, expected, dice) >= self.without);
        }
        f64::from(as_many) / draws as f64
    }
}

/// One random draw of matrix and sample.
struct Drawn {
    named: Vec<Vec<f64>>,
    unnamed: Vec<f64>,
    answers: Vec<f64>,
    /// One more tested cell of each class.
    more_tested: Vec<f64>,
    /// One more cell of the sample.
    more_counted: f64,
}

impl Drawn {
    /// Percentage of the class `at`, with every count pulled towards this end of its interval.
    fn share(&self, table: &Table, at: usize, end: End) -> f64 {
        let (mut named, mut unnamed) = (self.named.clone(), self.unnamed.clone());
        let mut answers = self.answers.clone();
        match end {
            End::Low => {
                // One more cell of the sample for the other classes, and one more of each class named as this one.
                let others: f64 = answers.iter().sum::<f64>() - answers[at];
                let factor = if others > 0.0 { 1.0 + self.more_counted / others } else { 1.0 };
                for (j, answer) in answers.iter_mut().enumerate() {
                    *answer *= if j == at { 1.0 } else { factor };
                }
                for (k, row) in named.iter_mut().enumerate() {
                    row[at] += self.more_tested[k];
                }
            }
            End::High => {
                // One more cell of the sample for this class, and one more of its tested cells without a name.
                answers[at] += self.more_counted;
                unnamed[at] += self.more_tested[at];
            }
        }
        // A drawn matrix that cannot be inverted tells nothing, so this end goes as far out as it can.
        let nothing = match end {
            End::Low => 0.0,
            End::High => 100.0,
        };
        Table::shares(&named, &unnamed, &answers).map_or(nothing, |shares| table.percent(&shares, at))
    }
}

/// Solves equations `[n][n + 1]` by elimination with pivoting; `None` if there is no unique solution.
fn solve(equations: &mut [Vec<f64>]) -> Option<Vec<f64>> {
    let n = equations.len();
    for column in 0..n {
        let pivot = (column..n).max_by(|a, b| equations[*a][column].abs().total_cmp(&equations[*b][column].abs()))?;
        equations.swap(column, pivot);
        let (above, below) = equations.split_at_mut(column + 1);
        let row = &above[column];
        if row[column].is_nan() || row[column].abs() < 1e-9 {
            return None;
        }
        for other in below {
            let factor = other[column] / row[column];
            if factor != 0.0 {
                for (x, y) in other[column..].iter_mut().zip(&row[column..]) {
                    *x -= factor * y;
                }
            }
        }
    }
    let mut solution = vec![0.0; n];
    for row in (0..n).rev() {
        let known: f64 = (row + 1..n).map(|k| equations[row][k] * solution[k]).sum();
        solution[row] = (equations[row][n] - known) / equations[row][row];
    }
    Some(solution)
}

fn quantile(drawn: &mut [f64], part: f64) -> f64 {
    drawn.sort_by(f64::total_cmp);
    let place = (part * (drawn.len().saturating_sub(1)) as f64).round() as usize;
    drawn.get(place).copied().unwrap_or(0.0)
}
