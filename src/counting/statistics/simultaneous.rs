//! Intervals of all classes that hold together.
//!
//! Of thirteen 95 % intervals one may well miss its truth. A report that is read as a whole wants intervals that all hold
//! in 95 % of samples: exact ones, each at 1 - 0.05 / 13 (Bonferroni), which holds whatever the composition. The narrower
//! intervals of Sison and Glaz (1995, JASA 90, 366) and Goodman (1965, Technometrics 7, 247) lean on approximations that
//! fail for rare classes: see `docs/statistics.md` for what both held in simulation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::counting::statistics::interval;
use crate::domain::class::CellClass;
use crate::domain::interval::Figure;

/// Intervals of the classes of a differential that hold all together with 95 % confidence, in percent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Simultaneous {
    /// Of the differential's classes that were seen.
    pub percent: BTreeMap<CellClass, Figure>,
    /// No class that was not seen makes up more than this.
    pub unseen_below: f64,
}

impl Simultaneous {
    /// For the counts by class; classes that are no part of the differential are left out. `level` is 0.95, or more where the
    /// counts themselves decided when to end.
    #[must_use]
    pub fn of(counts: &BTreeMap<CellClass, u32>, level: f64) -> Self {
        let counts = counts.iter().filter(|(class, _)| class.in_differential());
        let total = counts.clone().map(|(_, count)| count).sum();
        // The number of classes there could be: taken from the classes that were seen it would depend on chance.
        let classes = CellClass::ALL.iter().filter(|class| class.in_differential()).count();
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
        // 1 - (0.05 / 26)^(1/100)
        assert!((all.unseen_below - 6.063).abs() < 0.01, "{}", all.unseen_below);
    }
}
