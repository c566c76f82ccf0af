//! What the correction to the composition of the sample changed.

use std::collections::BTreeMap;

use super::snapshot::Snapshot;
use crate::domain::class::CellClass;

impl Snapshot {
    /// Counts before the correction to the composition of the sample, of the classes where they differ from those after it.
    #[must_use]
    pub fn uncorrected(&self) -> BTreeMap<CellClass, u32> {
        let before = &self.classes_uncorrected;
        if before.is_empty() {
            return BTreeMap::new();
        }
        let after: BTreeMap<CellClass, u32> = self.classes.iter().map(|line| (line.class, line.count)).collect();
        let count = |of: &BTreeMap<CellClass, u32>, class| of.get(class).copied().unwrap_or(0);
        let classes = after.keys().chain(before.keys()).filter(|class| count(&after, class) != count(before, class));
        classes.map(|class| (*class, count(before, class))).collect()
    }
}
