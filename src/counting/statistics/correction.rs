//! The differential freed of the classifier's known errors.
//!
//! If a share `c[k][j]` of the cells of class k is named j, a sample with shares p is named in the shares q = cᵀ p, and
//! p = c⁻ᵀ q undoes the errors (Rogan and Gladen 1978, American Journal of Epidemiology 107, 71, for one class; here for
//! all). What falls below 0 by chance becomes 0. Cells without a name leave both sides: the matrix says which classes
//! they are missing from.
//!
//! The intervals carry the counts of the sample and those of the matrix through the same sum. Each count stands for a
//! gamma distribution; the two ends of an interval take the counts whichever way pulls that end outwards (one cell more or
//! less), as Clopper and Pearson's do. With a faultless classifier they are Clopper and Pearson's.
//!
//! All of this holds where the classifier errs as it did in the matrix. The number of cells without a name betrays many a
//! sample where it does not, and then nothing is corrected.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::counting::statistics::confusion::{ConfusionMatrix, ConfusionSource};
use crate::counting::statistics::dice::{binomial, gamma};
use crate::counting::statistics::interval::LEVEL;
use crate::domain::class::{CellClass, Group};
use crate::domain::interval::Figure;

/// Cells with a name that a sample needs.
pub const ENOUGH_NAMED: u32 = 100;

/// Cells that a class of the matrix needs.
pub const ENOUGH_TESTED: u32 = 30;

/// The share of a class's named cells that must be named right. Above a half the sum can be undone; near a half it makes
/// much of little.
pub const RIGHT_FROM: f64 = 0.6;

/// How often an interval draws.
pub const DRAWS: usize = 1000;

/// Cells without a name as odd as this in a sample like those of the matrix: it is no such sample.
const TOO_ODD: f64 = 0.01;

/// The corrected differential, or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MisclassificationCorrection {
    /// What the matrix was measured on.
    pub measured_on: String,
    /// Named cells it was estimated from, by the network's own answers.
    pub cells: u32,
    /// Percent of the differential with 95 % interval for each class of the matrix; EBO and KSC per 100 of it. Empty where
    /// nothing was corrected.
    pub percent: BTreeMap<CellClass, Figure>,
    /// Why nothing was corrected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl MisclassificationCorrection {
    /// Of the network's own `answers` to the white cells of a sample; none without a matrix.
    #[must_use]
    pub fn of(answers: &BTreeMap<CellClass, u32>, source: &ConfusionSource) -> Option<Self> {
        Self::with_draws(answers, source, DRAWS)
    }

    /// The same with so many draws.
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

/// Matrix and sample, brought to the classes that both can speak of.
struct Table {
    classes: Vec<CellClass>,
    /// `named[k][j]`: cells of class k that were named j.
    named: Vec<Vec<u32>>,
    /// Cells of class k that got no name, or that of a class without a row.
    unnamed: Vec<u32>,
    /// Cells of the sample that were named j.
    answers: Vec<u32>,
    /// Cells of the sample without a name, or with that of a class without a row.
    without: u32,
}

/// Which way the ends of an interval are drawn.
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

    /// Cells of the sample with a name.
    fn cells(&self) -> u32 {
        self.answers.iter().sum()
    }

    fn corrected(&self, draws: usize) -> Result<BTreeMap<CellClass, Figure>, String> {
        let whole = |counts: &Vec<u32>| counts.iter().map(|count| f64::from(*count)).collect::<Vec<f64>>();
        let named: Vec<Vec<f64>> = self.named.iter().map(whole).collect();
        let point = Self::shares(&named, &whole(&self.unnamed), &whole(&self.answers))
            .ok_or("the matrix cannot be inverted")?;
        // Always the same numbers, so that a result can be made again.
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

    /// The share of each class among the white cells, from matrix and answers; none where the matrix cannot be inverted.
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
            // A class of which many cells get no name is more frequent than its names are.
            *share = share.max(0.0) * (sums[k] + unnamed[k]) / sums[k];
        }
        let sum: f64 = shares.iter().sum();
        (sum > 0.0 && sum.is_finite()).then(|| shares.iter().map(|share| share / sum).collect())
    }

    /// Percent of the differential of the class `at`; per 100 of it for classes that are no part.
    fn percent(&self, shares: &[f64], at: usize) -> f64 {
        let of = self.classes.iter().zip(shares).filter(|(class, _)| class.in_differential());
        let differential: f64 = of.map(|(_, share)| share).sum();
        // Where all but nothing belongs to the differential a ratio to it says nothing.
        (100.0 * shares[at] / differential.max(0.01)).min(10_000.0)
    }

    fn drawn(&self, dice: &mut fastrand::Rng) -> Drawn {
        let mut all = |counts: &Vec<u32>| counts.iter().map(|count| gamma(*count, dice)).collect::<Vec<f64>>();
        let named = self.named.iter().map(&mut all).collect();
        let (unnamed, answers) = (all(&self.unnamed), all(&self.answers));
        let more = self.classes.iter().map(|_| gamma(1, dice)).collect();
        Drawn { named, unnamed, answers, more_tested: more, more_counted: gamma(1, dice) }
    }

    /// How probable so many cells without a name, or more, are by the matrix.
    fn oddness(&self, draws: usize, dice: &mut fastrand::Rng) -> f64 {
        let all = self.cells() + self.without;
        let mut as_many = 0;
        for _ in 0..draws {
            let Drawn { named, unnamed, answers, .. } = self.drawn(dice);
            // One more cell without a name for each class: of some hundred tested cells, none is not never.
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

/// Matrix and sample as they might have been.
struct Drawn {
    named: Vec<Vec<f64>>,
    unnamed: Vec<f64>,
    answers: Vec<f64>,
    /// One tested cell more of each class.
    more_tested: Vec<f64>,
    /// One cell more in the sample.
    more_counted: f64,
}

impl Drawn {
    /// Percent of the class `at`, with every count pulled towards this end of its interval.
    fn share(&self, table: &Table, at: usize, end: End) -> f64 {
        let (mut named, mut unnamed) = (self.named.clone(), self.unnamed.clone());
        let mut answers = self.answers.clone();
        match end {
            End::Low => {
                // One of the sample's cells more for the others, and one more of each other class named like this one.
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
                // One more of the sample's cells for this class, and one more of its tested cells without its name.
                answers[at] += self.more_counted;
                unnamed[at] += self.more_tested[at];
            }
        }
        // A matrix drawn so badly that it has no inverse says nothing: the end is as far out as it can be.
        let nothing = match end {
            End::Low => 0.0,
            End::High => 100.0,
        };
        Table::shares(&named, &unnamed, &answers).map_or(nothing, |shares| table.percent(&shares, at))
    }
}

/// Solves equations `[n][n + 1]` by elimination with pivots; none where they have no single solution.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counting::statistics::interval;
    use CellClass::{Ebo, Lyt, Myb, Myo, Ngs, Plt, Unk};
    use proptest::prelude::*;

    fn matrix(rows: &[(CellClass, [u32; 5])]) -> ConfusionSource {
        ConfusionSource::Matrix(ConfusionMatrix {
            measured_on: "test".into(),
            classifier_sha256: String::new(),
            unknown_below: 0.5,
            answers: vec![Lyt, Ngs, Myb, Plt, Unk],
            cells: rows.iter().map(|(class, counts)| (*class, counts.to_vec())).collect(),
        })
    }

    fn usual() -> ConfusionSource {
        matrix(&[(Lyt, [95, 2, 0, 1, 2]), (Ngs, [1, 90, 4, 0, 5]), (Myb, [0, 20, 60, 0, 20]), (Plt, [0, 0, 0, 99, 1])])
    }

    fn of(answers: &[(CellClass, u32)], source: &ConfusionSource) -> MisclassificationCorrection {
        MisclassificationCorrection::of(&answers.iter().copied().collect(), source).unwrap()
    }

    #[test]
    fn answers_as_the_matrix_makes_them_give_the_composition_back() {
        // 30 % LYT, 60 % NGS, 10 % MYB of 1000 cells, named at the matrix's rates.
        let answers = [(Lyt, 291), (Ngs, 566), (Myb, 84), (Unk, 56)];
        let corrected = of(&answers, &usual());
        assert_eq!((corrected.cells, corrected.note.as_deref()), (941, None));
        for (class, truth) in [(Lyt, 30.0), (Ngs, 60.0), (Myb, 10.0)] {
            let figure = corrected.percent[&class];
            assert!((figure.value - truth).abs() < 0.7, "{class}: {figure:?}");
            assert!(figure.low < truth && truth < figure.high, "{class}: {figure:?}");
        }
    }

    #[test]
    fn a_faultless_classifier_has_the_exact_intervals() {
        let source = matrix(&[(Lyt, [1_000_000, 0, 0, 0, 0]), (Ngs, [0, 1_000_000, 0, 0, 0])]);
        let corrected = of(&[(Lyt, 3), (Ngs, 197)], &source);
        let exact = interval::exact(3, 200, LEVEL).scaled(100.0);
        let figure = corrected.percent[&Lyt];
        assert!((figure.value - exact.value).abs() < 0.01, "{figure:?}");
        assert!((figure.low - exact.low).abs() < 0.1 && (figure.high - exact.high).abs() < 0.4, "{figure:?} {exact:?}");
    }

    #[test]
    fn the_matrix_own_uncertainty_widens_the_intervals() {
        let answers = [(Lyt, 291), (Ngs, 566), (Myb, 84), (Unk, 56)];
        let large = matrix(&[
            (Lyt, [9500, 200, 0, 100, 200]),
            (Ngs, [100, 9000, 400, 0, 500]),
            (Myb, [0, 2000, 6000, 0, 2000]),
        ]);
        let (few, many) = (of(&answers, &usual()).percent[&Myb], of(&answers, &large).percent[&Myb]);
        assert!(few.width() > 1.5 * many.width(), "{few:?} {many:?}");
    }

    #[test]
    fn it_says_why_nothing_can_be_corrected() {
        let reason = |answers: &[(CellClass, u32)], source: &ConfusionSource| {
            let corrected = of(answers, source);
            assert!(corrected.percent.is_empty());
            corrected.note.unwrap()
        };
        let good = [(Lyt, 60), (Ngs, 120), (Unk, 8)];
        assert!(reason(&[(Lyt, 40), (Ngs, 59)], &usual()).contains("99 cells have a name, and it takes 100"));
        assert!(reason(&[(Lyt, 60), (Ngs, 120), (Myo, 2)], &usual()).contains("2 named blasts"));
        assert!(reason(&[(Lyt, 60), (Ngs, 120), (Unk, 60)], &usual()).contains("60 cells of 240 have no name"));
        assert!(reason(&[(Lyt, 60), (Ngs, 120), (Ebo, 40)], &usual()).contains("40 cells of 220"));
        let poor = matrix(&[(Lyt, [95, 2, 0, 1, 2]), (Ngs, [45, 50, 0, 0, 5])]);
        assert!(reason(&good, &poor).contains("of the matrix's named NGS only 50 of 95"));
        let small = matrix(&[(Lyt, [95, 2, 0, 1, 2]), (Ngs, [0, 20, 0, 0, 5])]);
        assert!(reason(&good, &small).contains("fewer than two classes"));
        let stranger = ConfusionSource::Stranger { measured_on: "x".into(), why: "other weights".into() };
        assert_eq!(reason(&good, &stranger), "not corrected for the classifier's errors: other weights");
        assert_eq!(MisclassificationCorrection::of(&good.into_iter().collect(), &ConfusionSource::None), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn whatever_was_counted_the_figures_are_in_order_and_add_up(
            counts in prop::array::uniform4(0_u32..3000),
            rows in prop::collection::vec(prop::array::uniform5(0_u32..200), 3),
        ) {
            let source = matrix(&[(Lyt, rows[0]), (Ngs, rows[1]), (Myb, rows[2])]);
            let answers = [Lyt, Ngs, Myb, Unk].into_iter().zip(counts).collect();
            let corrected = MisclassificationCorrection::with_draws(&answers, &source, 40).unwrap();
            prop_assert_eq!(corrected.note.is_some(), corrected.percent.is_empty());
            let sum: f64 = corrected.percent.values().map(|figure| figure.value).sum();
            prop_assert!(corrected.percent.is_empty() || (sum - 100.0).abs() < 1e-6);
            for figure in corrected.percent.values() {
                prop_assert!(0.0 <= figure.low && figure.low <= figure.value && figure.value <= figure.high);
                prop_assert!(figure.high <= 10_000.0);
            }
        }
    }
}
