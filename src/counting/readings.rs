//! The two readings of one sample: corrected to its composition, and by the network alone. Pure.
//!
//! Neither hides the other: a flag is raised if either raises it, and where the two differ by more than chance both
//! stand in every output.

use crate::config::Flags;
use crate::counting::statistics::Evidence;
use crate::counting::tally::Tally;
use crate::domain::class::CellClass;
use crate::domain::counts::ClassCount;
use crate::domain::flag::Share;

/// Figures that reach their limits in either reading, worst first; the corrected one where both do.
pub(super) fn evidence(corrected: &Tally, alone: &Tally, limits: &Flags) -> Vec<Evidence> {
    let (own, other) = (corrected.evidence(limits), alone.evidence(limits));
    let of = |share: &Share| {
        let found = own.iter().find(|evidence| evidence.of == *share).copied();
        let by_network = other
            .iter()
            .find(|evidence| evidence.of == *share)
            .map(|evidence| Evidence { network_alone: true, ..*evidence });
        found.or(by_network)
    };
    // Shares stand in the order of their flags.
    Share::ALL.iter().filter_map(of).collect()
}

/// Lines by the network alone that differ from the corrected ones by more than chance: those of classes whose share by the
/// network alone lies outside the exact interval, at `level`, of the corrected share. A class may have no cells here.
pub(super) fn differing(corrected: &Tally, alone: &Tally, level: f64) -> Vec<ClassCount> {
    let differs = |class: &CellClass| {
        let (share, other) = (corrected.figure_of(*class, level), alone.figure_of(*class, level));
        other.value < share.low || share.high < other.value
    };
    let line = |class: CellClass| alone.line(class, level);
    let seen = |class: &CellClass| corrected.of(*class) > 0 || alone.of(*class) > 0;
    CellClass::by_maturation().into_iter().filter(seen).filter(differs).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counting::statistics::flags;
    use crate::counting::statistics::interval::LEVEL;
    use crate::domain::class::Kind;
    use crate::domain::flag::Flag;

    fn tally(counts: &[(CellClass, u32)]) -> Tally {
        let mut tally = Tally::default();
        for (class, count) in counts {
            (0..*count).for_each(|_| tally.add(Kind::Wbc, Some(*class)));
        }
        tally
    }

    #[test]
    fn a_flag_of_either_reading_is_raised_and_says_whose_it_is() {
        let corrected = tally(&[(CellClass::Ngs, 60), (CellClass::Lyt, 37), (CellClass::Ebo, 3)]);
        let alone = tally(&[(CellClass::Ngs, 45), (CellClass::Ngb, 15), (CellClass::Lyt, 37), (CellClass::Ebo, 3)]);
        let found = evidence(&corrected, &alone, &Flags::default());
        let told: Vec<_> = found.iter().map(|evidence| (evidence.of, evidence.network_alone)).collect();
        assert_eq!(told, [(Share::Bands, true), (Share::NucleatedRedCells, false)]);
        assert_eq!(flags(&found), [Flag::LeftShift, Flag::NucleatedRedCells]);
        let other_way = evidence(&alone, &corrected, &Flags::default());
        assert!(other_way.iter().all(|evidence| !evidence.network_alone));
    }

    #[test]
    fn only_shares_outside_the_interval_of_the_corrected_ones_are_told() {
        let corrected = tally(&[(CellClass::Ngs, 60), (CellClass::Lyt, 40)]);
        let near = tally(&[(CellClass::Ngs, 57), (CellClass::Ngb, 3), (CellClass::Lyt, 40)]);
        assert_eq!(differing(&corrected, &corrected, LEVEL), []);
        assert_eq!(differing(&corrected, &near, LEVEL), [], "none of 100 allows for 3.6 %");
        let far = tally(&[(CellClass::Ngs, 45), (CellClass::Ngb, 15), (CellClass::Lyt, 40)]);
        let told = |lines: Vec<ClassCount>| lines.iter().map(|line| (line.class, line.count)).collect::<Vec<_>>();
        assert_eq!(told(differing(&corrected, &far, LEVEL)), [(CellClass::Ngb, 15), (CellClass::Ngs, 45)]);
        assert_eq!(told(differing(&far, &corrected, LEVEL)), [(CellClass::Ngb, 0), (CellClass::Ngs, 60)]);
    }
}
