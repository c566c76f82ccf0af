//! Recomputes a result with the review applied. Pure.

use crate::counting::session::snapshot::Snapshot;
use crate::counting::statistics::Statistics;
use crate::counting::statistics::interval::LEVEL;
use crate::counting::statistics::per_red_cell::{PerRedCell, RedCellInputs, RedCount};
use crate::counting::statistics::precision::{Precision, SEQUENTIAL_LEVEL};
use crate::counting::statistics::simultaneous::Simultaneous;
use crate::counting::tally::Tally;
use crate::domain::class::{CellClass, Kind};
use crate::domain::flag::Flag;
use crate::store::records::{CellRecord, Settings};

/// The counted `result` recomputed from the classes in force of its white `cells`. If no reviewer changed a class, it
/// is the counted result itself. Otherwise corrections for the program's errors (prevalence, confusion matrix) are
/// left out: a person's errors are different.
#[must_use]
pub fn reviewed(result: &Snapshot, cells: &[CellRecord], settings: &Settings) -> Snapshot {
    let white = || cells.iter().filter(|cell| cell.kind == Kind::Wbc);
    if white().all(|cell| cell.class_in_force() == cell.class) {
        return result.clone();
    }
    let mut tally = Tally::default();
    let mut platelets = result.kinds.plt;
    for cell in white() {
        // A cell that the program called a platelet is included in its platelet count.
        platelets = platelets.saturating_sub(u32::from(cell.class == Some(CellClass::Plt)));
        match cell.class_in_force() {
            Some(CellClass::Plt) => tally.add(Kind::Plt, None),
            class => tally.add(Kind::Wbc, Some(class.unwrap_or(CellClass::Unk))),
        }
    }
    tally.add_many(Kind::Rbc, result.kinds.rbc);
    tally.add_many(Kind::Plt, platelets);

    let precision_of = settings.session.precision_of;
    let level = if precision_of.is_some() { SEQUENTIAL_LEVEL } else { LEVEL };
    let precision =
        precision_of.map(|of| Precision::of(of, settings.session.precision_points, tally.group(of, SEQUENTIAL_LEVEL)));
    let counted = tally.differential();
    let mut flags = tally.flags(&settings.flags);
    if counted < settings.session.target || precision.is_some_and(|precision| !precision.reached) {
        flags.push(Flag::FewCells);
    }
    if result.flags.contains(&Flag::PossibleOverlap) {
        flags.push(Flag::PossibleOverlap);
    }
    let entered = result.statistics.per_red_cell.as_ref().and_then(|per| per.red_count);
    let known = RedCellInputs {
        red_count: entered.and_then(RedCount::new),
        red_count_cv_percent: settings.session.red_count_cv_percent,
        nucleated_red_per_100: tally.nucleated_red_per_100().value,
        correct_white_from: settings.flags.correct_white_from,
    };
    let classes = tally.lines(level);
    let experimental = result.experimental.iter().copied();
    Snapshot {
        counted,
        kinds: tally.kinds(),
        experimental: experimental.filter(|class| tally.of(*class) > 0).collect(),
        classes,
        prevalence: None,
        blasts_kept: 0,
        flags,
        statistics: Statistics {
            groups: tally.groups(level),
            evidence: tally.evidence(&settings.flags),
            per_red_cell: PerRedCell::of(tally.kinds(), &known),
            precision,
            simultaneous: Some(Simultaneous::of(tally.classes(), level)),
            corrected: None,
        },
        ..result.clone()
    }
}
