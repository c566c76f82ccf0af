//! Cross-validation: what the shipped and the new weights say of cells they did not learn from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use statrs::distribution::{Binomial, DiscreteCDF as _};
use utoipa::ToSchema;

use super::NotLearned;
use super::gather::GivenCell;
use crate::counting::statistics::interval::{LEVEL, exact};
use crate::domain::class::CellClass;
use crate::domain::interval::Figure;
use crate::domain::label::Label;
use crate::system::parallel;
use crate::vision::adapt::{Adapter, LabelledCell};
use crate::vision::net::LastLayer;
use crate::vision::prediction::Prediction;
use crate::vision::profile::{CellTable, Validation};

/// Sessions from which the parts are sessions: with two, half of the cells would be missing in each.
const ENOUGH_SESSIONS: usize = 3;

/// Parts, where they are not sessions.
const PARTS: usize = 5;

/// Most parts.
const MOST_PARTS: usize = 10;

/// How cells are divided into parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Division {
    /// Cells of one session stay together.
    Session,
    /// In blocks of neighbouring pictures of each label.
    Cell,
}

impl Division {
    const fn code(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Cell => "cell",
        }
    }
}

/// A cell of the cross-validation.
#[derive(Debug)]
struct Judged {
    label: Label,
    before: Prediction,
    after: Prediction,
}

/// Cells of a label named correctly, before and after.
#[derive(Clone, Copy, Debug, Default)]
pub struct Right {
    pub cells: u32,
    /// With the shipped weights.
    pub before: u32,
    /// With weights learned without them.
    pub after: u32,
}

impl Right {
    /// A share of the cells, 0..=1, with its exact interval.
    #[must_use]
    pub fn figure(self, right: u32) -> Figure {
        exact(right, self.cells, LEVEL)
    }

    fn share(self, right: u32) -> f64 {
        f64::from(right) / f64::from(self.cells.max(1))
    }
}

impl fmt::Display for Right {
    /// `0.61 [0.48, 0.73] as shipped, 0.86 [0.75, 0.94] adapted`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [before, after] = [self.before, self.after].map(|right| self.figure(right));
        write!(f, "{:.3} [{:.3}, {:.3}] as shipped, ", before.value, before.low, before.high)?;
        write!(f, "{:.3} [{:.3}, {:.3}] adapted", after.value, after.low, after.high)
    }
}

/// The cross-validation, and the layer that all cells teach.
#[derive(Debug)]
pub struct Judgement {
    /// Learned from every cell.
    pub layer: LastLayer,
    pub division: Division,
    pub parts: usize,
    pub all: Right,
    pub by_label: BTreeMap<Label, Right>,
    /// Probability of a difference as large by chance (two-sided sign test).
    pub chance: f64,
    pub confusion: CellTable,
    /// Training cells of classes without labelled cells here: how many, and how many keep their name before and after.
    pub kept: Vec<(CellClass, [u32; 3])>,
}

impl Judgement {
    /// Learns from the cells, once from all and once without each part.
    #[must_use]
    pub fn of(adapter: &Adapter, cells: &[GivenCell]) -> Self {
        let (division, part_of, parts) = divided(cells);
        let whole: Vec<&LabelledCell> = cells.iter().map(|given| &given.cell).collect();
        let tasks: Vec<usize> = (0..=parts).collect();
        // The last task learns from all cells, and begins first because it takes longest.
        let layers = parallel::in_order(
            &tasks.iter().rev().copied().collect::<Vec<_>>(),
            |without| {
                let taught = whole.iter().zip(&part_of).filter(|(_, part)| *part != without);
                adapter.learn(&taught.map(|(cell, _)| *cell).collect::<Vec<_>>())
            },
            |_, _| (),
        );
        let layer_without = |part: usize| &layers[parts - part];
        let judged: Vec<Judged> = cells
            .iter()
            .zip(&part_of)
            .map(|(given, part)| Judged {
                label: given.label,
                before: adapter.named(adapter.shipped(), &given.cell),
                after: adapter.named(layer_without(*part), &given.cell),
            })
            .collect();
        let mut by_label: BTreeMap<Label, Right> = BTreeMap::new();
        let (mut better, mut worse) = (0, 0);
        for cell in &judged {
            let right = by_label.entry(cell.label).or_default();
            let [before, after] = [&cell.before, &cell.after].map(|named| cell.label.accepts(named.forced()));
            right.cells += 1;
            right.before += u32::from(before);
            right.after += u32::from(after);
            better += u64::from(after && !before);
            worse += u64::from(before && !after);
        }
        let sum = |of: fn(&Right) -> u32| by_label.values().map(of).sum();
        let all = Right { cells: sum(|r| r.cells), before: sum(|r| r.before), after: sum(|r| r.after) };
        let layer = layer_without(parts).clone();
        Self {
            kept: adapter.kept(&layer, &whole),
            confusion: table(adapter, &judged),
            chance: sign_test(better, worse),
            layer,
            division,
            parts,
            all,
            by_label,
        }
    }

    /// Refuses what does not help.
    pub(super) fn check(&self) -> Result<(), NotLearned> {
        let Right { before, after, .. } = self.all;
        let mean = |right: fn(&Right) -> u32| -> f64 {
            self.by_label.values().map(|label| label.share(right(label))).sum::<f64>() / self.by_label.len() as f64
        };
        let mean = [mean(|right| right.before), mean(|right| right.after)];
        if after > before && mean[1] >= mean[0] { Ok(()) } else { Err(NotLearned::NoHelp { all: self.all, mean }) }
    }

    pub(super) fn validation(&self) -> Validation {
        Validation {
            by: self.division.code().into(),
            parts: self.parts as u32,
            cells: self.all.cells,
            right_before: self.all.before,
            right_after: self.all.after,
        }
    }
}

/// How the cells are divided, the part of each, and the number of parts.
fn divided(cells: &[GivenCell]) -> (Division, Vec<usize>, usize) {
    let sessions: BTreeSet<i64> = cells.iter().map(|cell| cell.session).collect();
    if sessions.len() >= ENOUGH_SESSIONS {
        let parts = sessions.len().min(MOST_PARTS);
        let number = |session: i64| sessions.iter().position(|other| *other == session).unwrap_or_default();
        return (Division::Session, cells.iter().map(|cell| number(cell.session) % parts).collect(), parts);
    }
    let mut part_of = Vec::with_capacity(cells.len());
    for group in cells.chunk_by(|a, b| a.label == b.label) {
        // Neighbours by name are often neighbours on the slide, so they stay together.
        part_of.extend((0..group.len()).map(|at| at * PARTS / group.len()));
    }
    (Division::Cell, part_of, PARTS)
}

/// Counts of the adapted answers for cells labelled with one class.
fn table(adapter: &Adapter, judged: &[Judged]) -> CellTable {
    let mut answers = adapter.classes().to_vec();
    if !answers.contains(&CellClass::Unk) {
        answers.push(CellClass::Unk);
    }
    let mut cells: BTreeMap<CellClass, Vec<u32>> = BTreeMap::new();
    for Judged { label, after, .. } in judged {
        let Label::Class(class) = label else { continue };
        let counts = cells.entry(*class).or_insert_with(|| vec![0; answers.len()]);
        if let Some(at) = answers.iter().position(|answer| *answer == after.class) {
            counts[at] += 1;
        }
    }
    CellTable { unknown_below: adapter.unknown_below(), answers, cells }
}

/// Probability of at least so unequal numbers if both were equally likely (two-sided).
fn sign_test(better: u64, worse: u64) -> f64 {
    let less = better.min(worse);
    Binomial::new(0.5, better + worse).map_or(1.0, |chance| (2.0 * chance.cdf(less)).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_test_is_the_published_one() {
        // 9 of 10 in one direction: two-sided p = 22 / 1024.
        assert!((sign_test(9, 1) - 22.0 / 1024.0).abs() < 1e-12);
        assert!((sign_test(0, 0) - 1.0).abs() < 1e-12);
        assert!((sign_test(4, 4) - 1.0).abs() < 1e-12);
    }

    fn given(label: &str, session: i64) -> GivenCell {
        let cell = LabelledCell { views: Vec::new(), seen: 1, label: 0, right: Vec::new() };
        GivenCell { label: label.parse().unwrap(), session, cell }
    }

    #[test]
    fn every_label_is_in_every_part_and_neighbours_stay_together() {
        let cells: Vec<GivenCell> = ["LYT"; 10].iter().chain(&["MON"; 5]).map(|label| given(label, 0)).collect();
        let (division, part_of, parts) = divided(&cells);
        assert_eq!((division, parts), (Division::Cell, 5));
        assert_eq!(part_of, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 0, 1, 2, 3, 4]);
    }

    #[test]
    fn cells_of_a_session_stay_together_where_there_are_three() {
        let cells: Vec<GivenCell> = [3, 7, 9, 3].into_iter().map(|session| given("LYT", session)).collect();
        let (division, part_of, parts) = divided(&cells);
        assert_eq!((division, parts), (Division::Session, 3));
        assert_eq!(part_of, [0, 1, 2, 0]);
    }
}
