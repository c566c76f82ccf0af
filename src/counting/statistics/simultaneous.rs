//! Simultaneous intervals for all classes.
//!
//! Of fourteen 95 % intervals one may well miss its truth. A report that is read as a whole needs intervals that all
//! hold in 95 % of samples: exact ones, each at 1 - 0.05 / 14 (Bonferroni), which holds for any composition. The
//! narrower intervals of Sison and Glaz (1995, JASA 90, 366) and Goodman (1965, Technometrics 7, 247) rely on
//! approximations that fail for rare classes: see `docs/statistics.md` for what both held in simulation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::counting::statistics::interval;
use crate::domain::class::CellClass;
use crate::domain::interval::Figure;

/// Intervals for the classes of a differential that all hold together with 95 % confidence, in percent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Simultaneous {
    /// For each class of the differential that was seen.
    pub percent: BTreeMap<CellClass, Figure>,
    /// No unseen class makes up more than this.
    pub unseen_below: f64,
}

impl Simultaneous {
    /// From the counts by class; classes outside the differential are left out. `level` is 0.95, or more if the
    /// counts themselves decided when to end.
    #[must_use]
    pub fn of(counts: &BTreeMap<CellClass, u32>, level: f64) -> Self {
        let counts = counts.iter().filter(|(class, _)| class.in_differential());
        let total = counts.clone().map(|(_, count)| count).sum();
        // The number of classes that the program may answer: the number seen would depend on chance. One that only a person
        // gives is added where it was given.
        let given = |class: &CellClass| counts.clone().any(|(seen, _)| seen == class);
        let possible = |class: &&CellClass| class.in_differential() && (!class.by_people_alone() || given(class));
        let classes = CellClass::ALL.iter().filter(possible).count();
        let level = 1.0 - (1.0 - level) / classes as f64;
        let percent = counts.map(|(class, count)| (*class, interval::exact(*count, total, level).scaled(100.0)));
        Self { percent: percent.collect(), unseen_below: 100.0 * interval::exact(0, total, level).high }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counting::statistics::interval::LEVEL;

    #[test]
    fn they_are_wider_than_each_alone_and_bound_what_was_not_seen() {
        let counts = BTreeMap::from([(CellClass::Ngs, 60), (CellClass::Lyt, 40), (CellClass::Ebo, 9)]);
        let all = Simultaneous::of(&counts, LEVEL);
        assert_eq!(all.percent.keys().copied().collect::<Vec<_>>(), [CellClass::Lyt, CellClass::Ngs]);
        let alone = interval::exact(60, 100, LEVEL).scaled(100.0);
        let together = all.percent[&CellClass::Ngs];
        assert!(together.low < alone.low && alone.high < together.high);
        // 1 - (0.05 / 28)^(1/100)
        assert!((all.unseen_below - 6.132).abs() < 0.01, "{}", all.unseen_below);
    }
}
