//! Counts of one sample, their exact intervals, and the flags they raise. Pure.

use std::collections::BTreeMap;

use crate::config::Flags;
use crate::counting::statistics::Evidence;
use crate::counting::statistics::interval::{self, LEVEL};
use crate::domain::class::{CellClass, Group, Kind, Reported};
use crate::domain::counts::{ClassCount, KindCounts};
use crate::domain::flag::{Believed, Cells, Flag};
use crate::domain::interval::Figure;

/// White cells needed before the share of a common class may raise a flag: with fewer cells such shares are too
/// uncertain.
pub(crate) const ENOUGH_FOR_A_SHARE: u32 = 20;

/// The counted cells, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    kinds: KindCounts,
    classes: BTreeMap<CellClass, u32>,
}

impl Tally {
    /// Counts one cell; `class` is given for white cells only.
    pub fn add(&mut self, kind: Kind, class: Option<CellClass>) {
        if class.is_none_or(is_cell) {
            let count = self.kinds.get_mut(kind);
            *count = count.saturating_add(1);
        }
        if let Some(class) = class {
            let count = self.classes.entry(class).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// Counts several cells of a kind that has no classes.
    pub fn add_many(&mut self, kind: Kind, cells: u32) {
        let count = self.kinds.get_mut(kind);
        *count = count.saturating_add(cells);
    }

    /// Removes one counted cell.
    pub fn remove(&mut self, kind: Kind, class: Option<CellClass>) {
        if class.is_none_or(is_cell) {
            let count = self.kinds.get_mut(kind);
            *count = count.saturating_sub(1);
        }
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

    /// Cells by class.
    #[must_use]
    pub fn classes(&self) -> &BTreeMap<CellClass, u32> {
        &self.classes
    }

    /// White cells found, including unnamed ones and nucleated red cells.
    fn white(&self) -> u32 {
        self.classes.iter().filter(|(class, _)| is_cell(**class)).map(|(_, count)| count).sum()
    }

    /// Everything that was taken for a white cell.
    fn boxes(&self) -> u32 {
        self.classes.values().sum()
    }

    /// One line per class seen, most frequent first, unclassified cells last; intervals at `level`.
    #[must_use]
    pub fn lines(&self, level: f64) -> Vec<ClassCount> {
        let mut lines: Vec<_> = self.classes.keys().map(|class| self.line(*class, level)).collect();
        lines.sort_by_key(|line| (line.class == CellClass::Unk, std::cmp::Reverse(line.count), line.class));
        lines
    }

    /// The line of one class, which may have no cells; interval at `level`.
    pub(super) fn line(&self, class: CellClass, level: f64) -> ClassCount {
        let Figure { value, low, high } = self.figure_of(class, level);
        ClassCount { class, count: self.of(class), percent: value, low, high }
    }

    /// Percent of a class, or per 100 of the differential for classes outside it; interval at `level`.
    pub(super) fn figure_of(&self, class: CellClass, level: f64) -> Figure {
        let count = self.of(class);
        match class.reported() {
            Reported::Percent => percent(count, self.differential(), level),
            Reported::PercentOfAll => percent(count, self.white(), level),
            Reported::LeftOut => percent(count, self.boxes(), level),
            Reported::Per100 | Reported::Elsewhere => per_100(count, self.differential(), level),
        }
    }

    /// Cells of a group within the differential.
    #[must_use]
    pub fn cells_of(&self, group: Group) -> u32 {
        let of = self.classes.iter().filter(|(class, _)| class.group() == group && class.in_differential());
        of.map(|(_, count)| count).sum()
    }

    /// A group's percentage of the differential; interval at `level`.
    #[must_use]
    pub fn group(&self, group: Group, level: f64) -> Figure {
        percent(self.cells_of(group), self.differential(), level)
    }

    /// The groups of the differential that have cells; intervals at `level`.
    #[must_use]
    pub fn groups(&self, level: f64) -> BTreeMap<Group, Figure> {
        let seen = self.classes.keys().filter(|class| class.in_differential());
        seen.map(|class| (class.group(), self.group(class.group(), level))).collect()
    }

    /// Nucleated red cells per 100 of the differential, with the 95 % interval.
    #[must_use]
    pub fn nucleated_red_per_100(&self) -> Figure {
        self.figure_of(CellClass::Ebo, LEVEL)
    }

    /// Figures that reach their limits, worst first, each with the flag it raises.
    ///
    /// The figure itself is compared with the limit, not the lower end of its interval: a second look costs less than a
    /// missed case. [`Evidence::beyond_chance`] tells the two apart. A single blast or nucleated red cell is always
    /// believed; a share of common cells says nothing before `ENOUGH_FOR_A_SHARE` white cells are counted.
    #[must_use]
    pub fn evidence(&self, limits: &Flags) -> Vec<Evidence> {
        let enough = self.white() >= ENOUGH_FOR_A_SHARE;
        let mut found = Vec::new();
        for flag in Flag::ALL.iter().copied() {
            for of in flag.shares().iter().copied() {
                let (row, limit) = (of.row(), limits.limit(of));
                let figure = match row.cells {
                    Cells::Class(class) => self.figure_of(class, LEVEL),
                    Cells::Group(group) => self.group(group, LEVEL),
                };
                let believed = enough || row.believed == Believed::FromOne;
                if believed && figure.value > 0.0 && figure.value >= limit {
                    found.push(Evidence {
                        flag,
                        of,
                        figure,
                        limit,
                        beyond_chance: figure.low >= limit,
                        network_alone: false,
                    });
                }
            }
        }
        found
    }
}

/// Whether it counts as a white cell.
fn is_cell(class: CellClass) -> bool {
    class.reported() != Reported::LeftOut
}

/// `count` of `total` in percent, with its exact 95 % interval; see [`interval::exact`].
///
/// With a total of 0 nothing is known: 0 with the interval 0 to 100.
#[must_use]
pub fn share(count: u32, total: u32) -> Figure {
    percent(count, total, LEVEL)
}

fn percent(count: u32, total: u32, level: f64) -> Figure {
    interval::exact(count, total, level).scaled(100.0)
}

/// `count` per 100 others, with its exact interval: the interval of the share among both, converted to odds.
///
/// Without others the ratio is undefined: the value is 0 if nothing was counted, and otherwise computed as if there
/// were one other.
#[must_use]
fn per_100(count: u32, others: u32, level: f64) -> Figure {
    let odds = |share: f64| if share < 1.0 { 100.0 * share / (1.0 - share) } else { f64::MAX };
    let Figure { low, high, .. } = interval::exact(count, count.saturating_add(others), level);
    let highest = 100.0 * f64::from(count.max(1)) * 1000.0;
    Figure {
        value: 100.0 * f64::from(count) / f64::from(others.max(1)),
        low: odds(low).min(highest),
        high: odds(high).min(highest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counting::statistics::flags;
    use crate::domain::flag::Share;
    use proptest::prelude::*;

    #[test]
    fn of_no_cells_nothing_is_known() {
        assert_eq!(share(0, 0), Figure { value: 0.0, low: 0.0, high: 100.0 });
    }

    #[test]
    fn none_of_a_hundred_still_allows_for_a_few() {
        let Figure { low, high, .. } = share(0, 100);
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
        let lines = tally.lines(LEVEL);
        assert_eq!(lines[0].class, CellClass::Ngs);
        assert!((lines[0].percent - 100.0).abs() < 1e-9);
        assert!((lines[1].percent - 20.0).abs() < 1e-9, "10 erythroblasts for 50 white cells are 20 per 100");
        assert_eq!(lines[2].class, CellClass::Unk);
        assert!((lines[2].percent - 100.0 / 61.0).abs() < 1e-9);
        assert_eq!(flags(&tally.evidence(&Flags::default())), [Flag::NucleatedRedCells]);
    }

    #[test]
    fn what_a_person_took_out_counts_nowhere_and_two_cells_in_one_box_as_one_outside_the_differential() {
        let mut tally = Tally::default();
        for (class, count) in [(CellClass::Ngs, 6), (CellClass::Plc, 2), (CellClass::Art, 3), (CellClass::Two, 2)] {
            (0..count).for_each(|_| tally.add(Kind::Wbc, Some(class)));
        }
        assert_eq!((tally.kinds().wbc, tally.differential()), (10, 8));
        let percent = |class| tally.line(class, LEVEL).percent;
        assert!((percent(CellClass::Ngs) - 75.0).abs() < 1e-9 && (percent(CellClass::Plc) - 25.0).abs() < 1e-9);
        assert!((percent(CellClass::Two) - 20.0).abs() < 1e-9, "2 of 10 white cells");
        assert!((percent(CellClass::Art) - 100.0 * 3.0 / 13.0).abs() < 1e-9, "3 of 13 boxes");
        assert_eq!(tally.groups(LEVEL).keys().copied().collect::<Vec<_>>(), [Group::Neutrophils, Group::PlasmaCells]);
        tally.remove(Kind::Wbc, Some(CellClass::Art));
        assert_eq!((tally.kinds().wbc, tally.of(CellClass::Art)), (10, 2));
    }

    #[test]
    fn a_lymphoblast_raises_the_flag_of_blasts() {
        let mut tally = Tally::default();
        tally.add(Kind::Wbc, Some(CellClass::Lbl));
        (0..99).for_each(|_| tally.add(Kind::Wbc, Some(CellClass::Ngs)));
        assert_eq!(flags(&tally.evidence(&Flags::default())), [Flag::Blasts]);
        assert!((tally.group(Group::Blasts, LEVEL).value - 1.0).abs() < 1e-9);
    }

    #[test]
    fn two_bands_among_three_cells_are_no_left_shift_yet() {
        let mut tally = Tally::default();
        tally.add(Kind::Wbc, Some(CellClass::Ngb));
        tally.add(Kind::Wbc, Some(CellClass::Ngb));
        tally.add(Kind::Wbc, Some(CellClass::Unk));
        assert_eq!(flags(&tally.evidence(&Flags::default())), []);
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
        assert_eq!(flags(&tally.evidence(&Flags::default())), [Flag::Blasts, Flag::LeftShift]);
    }

    #[test]
    fn a_flag_says_what_it_goes_by_and_whether_chance_could_have_raised_it() {
        let mut tally = Tally::default();
        for (class, count) in [(CellClass::Ngb, 30), (CellClass::Myb, 2), (CellClass::Lyt, 68)] {
            (0..count).for_each(|_| tally.add(Kind::Wbc, Some(class)));
        }
        let evidence = tally.evidence(&Flags::default());
        let told: Vec<_> = evidence.iter().map(|e| (e.flag, e.of, e.beyond_chance)).collect();
        assert_eq!(
            told,
            [(Flag::LeftShift, Share::Bands, true), (Flag::LeftShift, Share::ImmatureGranulocytes, false)]
        );
        assert!((evidence[0].figure.value - 30.0).abs() < 1e-9 && (evidence[0].limit - 10.0).abs() < 1e-9);
        assert_eq!(flags(&tally.evidence(&Flags::default())), [Flag::LeftShift], "two reasons are one flag");
        let relaxed = Flags { bands_percent: 40.0, immature_granulocytes_percent: 5.0, ..Flags::default() };
        assert_eq!(flags(&tally.evidence(&relaxed)), []);
    }

    #[test]
    fn groups_add_up_their_classes_and_leave_out_what_is_no_part_of_the_differential() {
        let mut tally = Tally::default();
        for class in [CellClass::Ngs, CellClass::Ngb, CellClass::Lyt, CellClass::Lyt, CellClass::Ebo] {
            tally.add(Kind::Wbc, Some(class));
        }
        let groups = tally.groups(LEVEL);
        assert_eq!(groups.keys().copied().collect::<Vec<_>>(), [Group::Neutrophils, Group::Lymphocytes]);
        assert!((groups[&Group::Neutrophils].value - 50.0).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn the_differential_adds_up_to_a_hundred(counts in prop::collection::vec(0_u32..50, CellClass::ALL.len())) {
            let mut tally = Tally::default();
            for (class, count) in CellClass::ALL.iter().zip(&counts) {
                for _ in 0..*count {
                    tally.add(Kind::Wbc, Some(*class));
                }
            }
            let sum: f64 = tally.lines(LEVEL).iter().filter(|l| l.class.in_differential()).map(|l| l.percent).sum();
            prop_assert!(tally.differential() == 0 || (sum - 100.0).abs() < 1e-6);
            prop_assert!(tally.lines(LEVEL).iter().all(|l| l.high.is_finite() && l.low <= l.high));
        }
    }
}
