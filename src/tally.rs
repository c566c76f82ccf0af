//! Counts of one sample, their exact intervals, and the flags they raise. Pure.

use std::collections::BTreeMap;

use statrs::distribution::{Beta, ContinuousCDF};

use crate::class::{CellClass, Group, Kind};
use crate::config::Flags;
use crate::session::snapshot::{ClassCount, Flag, KindCounts};

/// White cells from which a share of common cells is believed enough to raise a flag: fewer cells tell
/// common shares too badly.
pub const ENOUGH_FOR_A_SHARE: u32 = 20;

/// What was counted, each cell once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    kinds: KindCounts,
    classes: BTreeMap<CellClass, u32>,
}

impl Tally {
    /// Counts one cell; `class` is that of a white cell.
    pub fn add(&mut self, kind: Kind, class: Option<CellClass>) {
        let count = self.kinds.get_mut(kind);
        *count = count.saturating_add(1);
        if let Some(class) = class {
            let count = self.classes.entry(class).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// Takes back one cell that was counted.
    pub fn remove(&mut self, kind: Kind, class: Option<CellClass>) {
        let count = self.kinds.get_mut(kind);
        *count = count.saturating_sub(1);
        if let Some(class) = class
            && let Some(count) = self.classes.get_mut(&class)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.classes.remove(&class);
            }
        }
    }

    /// Cells by kind.
    #[must_use]
    pub fn kinds(&self) -> KindCounts {
        self.kinds
    }

    /// Cells of one class.
    #[must_use]
    pub fn of(&self, class: CellClass) -> u32 {
        self.classes.get(&class).copied().unwrap_or(0)
    }

    /// Cells of the differential: white cells with a name that is part of the 100 %.
    #[must_use]
    pub fn differential(&self) -> u32 {
        self.classes.iter().filter(|(class, _)| class.in_differential()).map(|(_, count)| count).sum()
    }

    /// One line a class that was seen, most frequent first, unclassified cells last.
    #[must_use]
    pub fn lines(&self) -> Vec<ClassCount> {
        let mut lines: Vec<_> = self.classes.iter().map(|(class, count)| self.line(*class, *count)).collect();
        lines.sort_by_key(|line| (line.class == CellClass::Unk, std::cmp::Reverse(line.count), line.class));
        lines
    }

    fn line(&self, class: CellClass, count: u32) -> ClassCount {
        let (percent, low, high) = if class.in_differential() {
            share(count, self.differential())
        } else if class == CellClass::Unk {
            share(count, self.classes.values().sum())
        } else {
            per_100(count, self.differential())
        };
        ClassCount { class, count, percent, low, high }
    }

    fn percent_of(&self, group: Group) -> f64 {
        let count: u32 = self.classes.iter().filter(|(class, _)| class.group() == group).map(|(_, n)| n).sum();
        share(count, self.differential()).0
    }

    /// The flags that these counts raise under `limits`, worst first.
    ///
    /// One blast or nucleated red cell is worth a look whenever it comes; a share of common cells says nothing before
    /// [`ENOUGH_FOR_A_SHARE`] are counted.
    #[must_use]
    pub fn flags(&self, limits: &Flags) -> Vec<Flag> {
        let reached = |value: f64, limit: f64| value > 0.0 && value >= limit;
        let white: u32 = self.classes.values().sum();
        let common = |value, limit| white >= ENOUGH_FOR_A_SHARE && reached(value, limit);
        let bands = share(self.of(CellClass::Ngb), self.differential()).0;
        let unclassified = share(self.of(CellClass::Unk), white).0;
        let nucleated = per_100(self.of(CellClass::Ebo), self.differential()).0;
        let left_shift = common(bands, limits.bands_percent)
            || common(self.percent_of(Group::ImmatureGranulocytes), limits.immature_granulocytes_percent);
        [
            (Flag::Blasts, reached(self.percent_of(Group::Blasts), limits.blasts_percent)),
            (Flag::LeftShift, left_shift),
            (Flag::NucleatedRedCells, reached(nucleated, limits.nucleated_red_per_100)),
            (Flag::ManyUnclassified, common(unclassified, limits.unclassified_percent)),
        ]
        .into_iter()
        .filter_map(|(flag, raised)| raised.then_some(flag))
        .collect()
    }
}

/// `count` of `total` in percent, with its exact 95 % interval (Clopper and Pearson 1934, Biometrika 26, 404).
///
/// Of nothing, nothing is known: 0 with the interval 0 to 100.
#[must_use]
pub fn share(count: u32, total: u32) -> (f64, f64, f64) {
    const TAIL: f64 = 0.025;
    if total == 0 {
        return (0.0, 0.0, 100.0);
    }
    let count = count.min(total);
    let (k, n) = (f64::from(count), f64::from(total));
    // Both shape parameters are at least 1 wherever a quantile is taken, so the distribution exists.
    let quantile = |p, a, b| Beta::new(a, b).map_or(p, |beta| beta.inverse_cdf(p));
    let low = if count == 0 { 0.0 } else { quantile(TAIL, k, n - k + 1.0) };
    let high = if count == total { 1.0 } else { quantile(1.0 - TAIL, k + 1.0, n - k) };
    (100.0 * k / n, 100.0 * low, 100.0 * high)
}

/// `count` per 100 others, with its exact 95 % interval: that of the share among both, as odds.
///
/// With no others the ratio has no value: it is 0 per 100 with nothing counted, and given as per 100 of one otherwise.
#[must_use]
fn per_100(count: u32, others: u32) -> (f64, f64, f64) {
    let odds = |percent: f64| if percent < 100.0 { 100.0 * percent / (100.0 - percent) } else { f64::MAX };
    let (_, low, high) = share(count, count.saturating_add(others));
    let highest = 100.0 * f64::from(count.max(1)) * 1000.0;
    (100.0 * f64::from(count) / f64::from(others.max(1)), odds(low).min(highest), odds(high).min(highest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use statrs::distribution::{Binomial, DiscreteCDF};

    #[test]
    fn the_exact_interval_is_the_published_one() {
        // 5 of 100: 1.64 to 11.28 (Clopper and Pearson's table; R's binom.test gives the same).
        let (percent, low, high) = share(5, 100);
        assert!((percent - 5.0).abs() < 1e-9);
        assert!((low - 1.643).abs() < 0.001, "{low}");
        assert!((high - 11.283).abs() < 0.001, "{high}");
    }

    #[test]
    fn of_no_cells_nothing_is_known() {
        assert_eq!(share(0, 0), (0.0, 0.0, 100.0));
    }

    #[test]
    fn none_of_a_hundred_still_allows_for_a_few() {
        let (_, low, high) = share(0, 100);
        assert!(low.abs() < 1e-12 && (high - 3.622).abs() < 0.001);
    }

    #[test]
    fn nucleated_red_cells_stand_beside_the_hundred_percent() {
        let mut tally = Tally::default();
        for _ in 0..50 {
            tally.add(Kind::Wbc, Some(CellClass::Ngs));
        }
        for _ in 0..10 {
            tally.add(Kind::Wbc, Some(CellClass::Ebo));
        }
        tally.add(Kind::Wbc, Some(CellClass::Unk));
        assert_eq!(tally.differential(), 50);
        let lines = tally.lines();
        assert_eq!(lines[0].class, CellClass::Ngs);
        assert!((lines[0].percent - 100.0).abs() < 1e-9);
        assert!((lines[1].percent - 20.0).abs() < 1e-9, "10 erythroblasts for 50 white cells are 20 per 100");
        assert_eq!(lines[2].class, CellClass::Unk);
        assert!((lines[2].percent - 100.0 / 61.0).abs() < 1e-9);
        assert_eq!(tally.flags(&Flags::default()), [Flag::NucleatedRedCells]);
    }

    #[test]
    fn two_bands_among_three_cells_are_no_left_shift_yet() {
        let mut tally = Tally::default();
        tally.add(Kind::Wbc, Some(CellClass::Ngb));
        tally.add(Kind::Wbc, Some(CellClass::Ngb));
        tally.add(Kind::Wbc, Some(CellClass::Unk));
        assert_eq!(tally.flags(&Flags::default()), []);
    }

    #[test]
    fn one_blast_in_a_hundred_is_flagged_first() {
        let mut tally = Tally::default();
        tally.add(Kind::Wbc, Some(CellClass::Myo));
        for _ in 0..20 {
            tally.add(Kind::Wbc, Some(CellClass::Ngb));
        }
        for _ in 0..79 {
            tally.add(Kind::Wbc, Some(CellClass::Lyt));
        }
        assert_eq!(tally.flags(&Flags::default()), [Flag::Blasts, Flag::LeftShift]);
    }

    proptest! {
        #[test]
        fn the_interval_leaves_at_most_a_fortieth_on_each_side(total in 1_u32..400, part in 0.0..=1.0_f64) {
            let count = (f64::from(total) * part).round() as u32;
            let (percent, low, high) = share(count, total);
            prop_assert!(0.0 <= low && low <= percent && percent <= high && high <= 100.0);
            let at = |p: f64| Binomial::new(p / 100.0, u64::from(total)).unwrap();
            if count > 0 {
                let above = 1.0 - at(low).cdf(u64::from(count) - 1);
                prop_assert!((above - 0.025).abs() < 1e-4, "{above}");
            }
            if count < total {
                let below = at(high).cdf(u64::from(count));
                prop_assert!((below - 0.025).abs() < 1e-4, "{below}");
            }
        }

        #[test]
        fn the_differential_adds_up_to_a_hundred(counts in prop::collection::vec(0_u32..50, 17)) {
            let mut tally = Tally::default();
            for (class, count) in CellClass::ALL.iter().zip(&counts) {
                for _ in 0..*count {
                    tally.add(Kind::Wbc, Some(*class));
                }
            }
            let sum: f64 = tally.lines().iter().filter(|l| l.class.in_differential()).map(|l| l.percent).sum();
            prop_assert!(tally.differential() == 0 || (sum - 100.0).abs() < 1e-6);
            prop_assert!(tally.lines().iter().all(|l| l.high.is_finite() && l.low <= l.high));
        }
    }
}
