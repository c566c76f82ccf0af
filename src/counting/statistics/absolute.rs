//! Cells of each class per microlitre: its share times the white count, which a person entered or the red count gives.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::counting::statistics::per_red_cell::{PerRedCell, RedCount};
use crate::domain::class::{CellClass, Group};
use crate::domain::counts::ClassCount;
use crate::domain::interval::Figure;

/// White count entered by a person, from an analyser or a counting chamber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WhiteCount {
    /// White cells per microlitre, 10..=1000000.
    per_ul: u32,
}

impl WhiteCount {
    /// In 10^9 per litre, i.e. thousands per microlitre; `None` outside 0.01 to 1000, where no blood sample lies.
    #[must_use]
    pub fn new(giga_per_litre: f64) -> Option<Self> {
        (0.01..=1000.0).contains(&giga_per_litre).then(|| Self { per_ul: (giga_per_litre * 1000.0).round() as u32 })
    }

    /// In 10^9 per litre.
    #[must_use]
    pub fn giga_per_litre(self) -> f64 {
        f64::from(self.per_ul) / 1000.0
    }
}

impl fmt::Display for WhiteCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.giga_per_litre())
    }
}

/// Text that is not a white count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a white count is a number from 0.01 to 1000, in 10^9 a litre (thousands per microlitre), such as 6.5")]
pub struct NoWhiteCount;

impl FromStr for WhiteCount {
    type Err = NoWhiteCount;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.trim().replace(',', ".").parse().ok().and_then(Self::new).ok_or(NoWhiteCount)
    }
}

/// What can be entered for a sample while it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EnteredKind {
    /// Red count, 10^12 per litre.
    RedCount,
    /// White count, 10^9 per litre.
    WhiteCount,
    /// Group of people that the reference ranges name, such as `adults`.
    Group,
}

/// What a person or a device entered for a sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    /// What it is.
    pub kind: EnteredKind,
    /// The count in the unit of its kind, or the name of the group.
    pub value: String,
    /// Who entered it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// Finds what was entered of a kind.
#[must_use]
pub fn entered(entries: &[Entry], kind: EnteredKind) -> Option<&Entry> {
    entries.iter().find(|entry| entry.kind == kind)
}

/// Cells per microlitre. The ends of each interval are those of the share times those of the white count; where both are
/// uncertain it is wider than need be (docs/statistics.md). An entered white count is taken as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AbsoluteCounts {
    /// Whose count they rest on: the white count that was entered, else the red count with the white cells per red cell
    /// of this smear, which holds only if fields were not picked.
    pub from: EnteredKind,
    /// White cells per microlitre.
    pub white: Figure,
    /// Each class of the differential with at least one cell.
    pub classes: BTreeMap<CellClass, Figure>,
    /// Each group with at least one cell.
    pub groups: BTreeMap<Group, Figure>,
}

impl AbsoluteCounts {
    /// Derives them from the shares; `None` without a white or red count, or with too few red cells.
    #[must_use]
    pub fn of(
        entries: &[Entry],
        per_red_cell: Option<&PerRedCell>,
        classes: &[ClassCount],
        groups: &BTreeMap<Group, Figure>,
    ) -> Option<Self> {
        let white = entered(entries, EnteredKind::WhiteCount).and_then(|entry| entry.value.parse::<WhiteCount>().ok());
        let (from, white) = if let Some(count) = white {
            let count = count.giga_per_litre() * 1000.0;
            (EnteredKind::WhiteCount, Figure { value: count, low: count, high: count })
        } else {
            let estimates = per_red_cell?.estimates?;
            (EnteredKind::RedCount, estimates.white_without_nucleated_red.unwrap_or(estimates.white))
        };
        let of = |share: Figure| Figure {
            value: share.value / 100.0 * white.value,
            low: share.low / 100.0 * white.low,
            high: share.high / 100.0 * white.high,
        };
        let shares = classes.iter().filter(|line| line.class.in_differential() && line.count > 0);
        Some(Self {
            from,
            white,
            classes: shares.map(|line| (line.class, of(line.figure()))).collect(),
            groups: groups.iter().map(|(group, share)| (*group, of(*share))).collect(),
        })
    }
}

/// Counts that may be entered while a sample runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entered {
    /// Red count.
    Red(RedCount),
    /// White count.
    White(WhiteCount),
    /// Group of people that the reference ranges name.
    Group(String),
}

impl Entered {
    /// What it is, and its value as text.
    #[must_use]
    pub fn told(&self) -> (EnteredKind, String) {
        match self {
            Self::Red(count) => (EnteredKind::RedCount, count.to_string()),
            Self::White(count) => (EnteredKind::WhiteCount, count.to_string()),
            Self::Group(group) => (EnteredKind::Group, group.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counting::statistics::per_red_cell::PerMicrolitre;
    use proptest::prelude::*;

    fn entry(kind: EnteredKind, value: &str) -> Entry {
        Entry { kind, value: value.to_owned(), by: "ada".to_owned(), at: Timestamp::UNIX_EPOCH }
    }

    fn line(class: CellClass, percent: f64, low: f64, high: f64) -> ClassCount {
        ClassCount { class, count: 1, percent, low, high }
    }

    fn near(figure: Figure, [value, low, high]: [f64; 3]) -> bool {
        [figure.value - value, figure.low - low, figure.high - high].iter().all(|off| off.abs() < 1e-6)
    }

    fn estimated(white: [f64; 3]) -> PerRedCell {
        let white = Figure::from(white);
        PerRedCell {
            red_cells: 2000,
            white_per_1000: None,
            platelets_per_1000: None,
            red_count: Some(4.5),
            estimates: Some(PerMicrolitre { white, white_without_nucleated_red: None, platelets: white }),
            note: None,
        }
    }

    #[test]
    fn a_share_times_the_entered_white_count_is_a_count_per_microlitre_with_its_interval() {
        let shares = [line(CellClass::Ngs, 60.0, 50.0, 70.0), line(CellClass::Unk, 9.0, 5.0, 15.0)];
        let groups = [(Group::Neutrophils, Figure { value: 62.0, low: 51.0, high: 72.0 })].into();
        let entries = [entry(EnteredKind::WhiteCount, "6.5")];
        let counts = AbsoluteCounts::of(&entries, None, &shares, &groups).unwrap();
        assert_eq!(counts.from, EnteredKind::WhiteCount);
        assert!(near(counts.classes[&CellClass::Ngs], [3900.0, 3250.0, 4550.0]), "{counts:?}");
        assert!(near(counts.groups[&Group::Neutrophils], [4030.0, 3315.0, 4680.0]), "{counts:?}");
        assert_eq!(counts.classes.len(), 1, "unclassified cells are no class");
    }

    #[test]
    fn the_red_count_gives_wider_ones_and_without_either_there_are_none() {
        let shares = [line(CellClass::Ngs, 60.0, 50.0, 70.0)];
        let red = estimated([6000.0, 5000.0, 7000.0]);
        let counts = AbsoluteCounts::of(&[], Some(&red), &shares, &BTreeMap::new()).unwrap();
        assert_eq!(counts.from, EnteredKind::RedCount);
        assert!(near(counts.classes[&CellClass::Ngs], [3600.0, 2500.0, 4900.0]), "{counts:?}");
        let both = AbsoluteCounts::of(&[entry(EnteredKind::WhiteCount, "10")], Some(&red), &shares, &BTreeMap::new());
        assert!(near(both.unwrap().white, [10_000.0; 3]), "a count of white cells goes before an estimate");
        assert_eq!(AbsoluteCounts::of(&[], None, &shares, &BTreeMap::new()), None);
    }

    #[test]
    fn a_white_count_in_another_unit_is_refused() {
        assert_eq!("6,5".parse(), Ok(WhiteCount::new(6.5).unwrap()));
        for wrong in ["6500", "", "x", "NaN", "-1", "0", "inf"] {
            assert_eq!(wrong.parse::<WhiteCount>(), Err(NoWhiteCount), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_white_count_stays_what_was_entered(thousandths in 10u32..1_000_000) {
            let count = WhiteCount::new(f64::from(thousandths) / 1000.0).unwrap();
            prop_assert_eq!(count.to_string().parse(), Ok(count));
        }
    }
}
