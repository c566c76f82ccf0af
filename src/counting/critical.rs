//! Critical values of a result. Pure.

use crate::config::CriticalConfig;
use crate::counting::statistics::interval::LEVEL;
use crate::counting::statistics::per_red_cell::PerRedCell;
use crate::counting::tally::Tally;
use crate::domain::class::Group;
use crate::domain::critical::{CriticalOf, CriticalValue};

/// The critical values that these counts meet. Of the two readings the one with more blasts counts, as for the flag:
/// a second look costs less than a missed case.
pub(super) fn values(
    corrected: &Tally,
    alone: &Tally,
    per_red_cell: Option<&PerRedCell>,
    limits: &CriticalConfig,
) -> Vec<CriticalValue> {
    let blasts = |of: &dyn Fn(&Tally) -> f64| of(corrected).max(of(alone));
    let estimates = per_red_cell.and_then(|per| per.estimates);
    let white = estimates.map(|of| of.white_without_nucleated_red.unwrap_or(of.white).value);
    let neutrophils = white.map(|white| white * corrected.group(Group::Neutrophils, LEVEL).value / 100.0);
    let at_least = |of, value: f64, limit: Option<f64>| {
        limit.filter(|limit| value >= *limit).map(|limit| CriticalValue { of, value, limit })
    };
    let cells = at_least(
        CriticalOf::BlastCells,
        blasts(&|tally| f64::from(tally.cells_of(Group::Blasts))),
        limits.blast_cells.map(f64::from),
    );
    let percent = at_least(
        CriticalOf::BlastsPercent,
        blasts(&|tally| tally.group(Group::Blasts, LEVEL).value),
        limits.blasts_percent,
    );
    let few = neutrophils.zip(limits.neutrophils_per_ul_below).filter(|(value, limit)| value < limit);
    let few = few.map(|(value, limit)| CriticalValue { of: CriticalOf::NeutrophilsPerUl, value, limit });
    cells.into_iter().chain(percent).chain(few).filter(|critical| critical.value.is_finite()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::counting::statistics::per_red_cell::{RedCellInputs, RedCount};
    use crate::domain::class::{CellClass, Kind};

    fn tally(counts: &[(CellClass, u32)], red: u32) -> Tally {
        let mut tally = Tally::default();
        for (class, count) in counts {
            (0..*count).for_each(|_| tally.add(Kind::Wbc, Some(*class)));
        }
        tally.add_many(Kind::Rbc, red);
        tally
    }

    fn of(tally: &Tally, alone: &Tally, limits: &CriticalConfig) -> Vec<(CriticalOf, f64)> {
        let inputs = RedCellInputs {
            red_count: RedCount::new(4.0),
            red_count_cv_percent: 0.0,
            nucleated_red_per_100: 0.0,
            correct_white_from: 5.0,
        };
        let per = PerRedCell::of(tally.kinds(), &inputs);
        values(tally, alone, per.as_ref(), limits)
            .iter()
            .map(|critical| (critical.of, critical.value.round()))
            .collect()
    }

    #[test]
    fn one_blast_of_either_reading_is_critical_where_any_blast_is() {
        let none = tally(&[(CellClass::Ngs, 99), (CellClass::Lyt, 1)], 0);
        let one = tally(&[(CellClass::Ngs, 99), (CellClass::Bla, 1)], 0);
        let any = CriticalConfig { blast_cells: Some(1), ..CriticalConfig::default() };
        assert_eq!(of(&none, &none, &any), []);
        assert_eq!(of(&one, &none, &any), [(CriticalOf::BlastCells, 1.0)]);
        assert_eq!(of(&none, &one, &any), [(CriticalOf::BlastCells, 1.0)]);
        assert_eq!(of(&one, &one, &CriticalConfig::default()), [], "without a limit there is no alarm");
        let five = CriticalConfig { blasts_percent: Some(5.0), ..any };
        let six = tally(&[(CellClass::Ngs, 94), (CellClass::Myo, 2), (CellClass::Bla, 4)], 0);
        assert_eq!(of(&one, &one, &five), [(CriticalOf::BlastCells, 1.0)]);
        assert_eq!(of(&six, &one, &five), [(CriticalOf::BlastCells, 6.0), (CriticalOf::BlastsPercent, 6.0)]);
    }

    #[test]
    fn few_neutrophils_are_critical_only_where_they_can_be_estimated() {
        let limits = CriticalConfig { neutrophils_per_ul_below: Some(500.0), ..CriticalConfig::default() };
        // 10 neutrophils of 100 white cells beside 100,000 red ones of 4 million per microlitre.
        let few = tally(&[(CellClass::Ngs, 10), (CellClass::Lyt, 90)], 100_000);
        assert_eq!(of(&few, &few, &limits), [(CriticalOf::NeutrophilsPerUl, 400.0)]);
        let enough = tally(&[(CellClass::Ngs, 20), (CellClass::Lyt, 80)], 100_000);
        assert_eq!(of(&enough, &enough, &limits), []);
        let too_few_red_cells = tally(&[(CellClass::Ngs, 10), (CellClass::Lyt, 90)], 10);
        assert_eq!(of(&too_few_red_cells, &too_few_red_cells, &limits), []);
        assert_eq!(values(&few, &few, None, &limits), []);
    }

    proptest! {
        #[test]
        fn whatever_was_counted_a_critical_value_meets_its_limit(
            blasts in 0_u32..30, others in 0_u32..200, red in 0_u32..5000, cells in 1_u32..20, percent in 0.1_f64..100.0,
        ) {
            let tally = tally(&[(CellClass::Bla, blasts), (CellClass::Lyt, others)], red);
            let limits = CriticalConfig { blast_cells: Some(cells), blasts_percent: Some(percent), neutrophils_per_ul_below: None };
            let found = values(&tally, &tally, None, &limits);
            prop_assert_eq!(found.iter().any(|critical| critical.of == CriticalOf::BlastCells), blasts >= cells);
            for critical in found {
                prop_assert!(critical.value >= critical.limit);
            }
        }
    }
}
