//! Figures and flags of a tally, the same for a counted result and for one that people reviewed. Pure.

use crate::config::{CriticalConfig, Flags, SessionConfig};
use crate::counting::critical;
use crate::counting::platelets::PlateletReport;
use crate::counting::readings;
use crate::counting::red_morphology::RedMorphology;
use crate::counting::session::broken_off::BrokenOff;
use crate::counting::statistics::absolute::{AbsoluteCounts, Entry};
use crate::counting::statistics::correction::MisclassificationCorrection;
use crate::counting::statistics::interval::LEVEL;
use crate::counting::statistics::per_red_cell::{PerRedCell, RedCellInputs, RedCount};
use crate::counting::statistics::precision::{Precision, SEQUENTIAL_LEVEL};
use crate::counting::statistics::simultaneous::Simultaneous;
use crate::counting::statistics::{self, Statistics};
use crate::counting::tally::Tally;
use crate::domain::counts::{ClassCount, KindCounts};
use crate::domain::critical::CriticalValue;
use crate::domain::flag::Flag;

/// A tally and everything its description depends on.
#[derive(Debug)]
pub struct Described<'a> {
    /// The cells, each counted once.
    pub tally: &'a Tally,
    /// The same cells by the network alone; none where that is not known.
    pub network_alone: Option<&'a Tally>,
    pub limits: &'a SessionConfig,
    pub flags: &'a Flags,
    pub critical: &'a CriticalConfig,
    /// Whether the count has ended: only then can there be too few cells, and simultaneous intervals.
    pub done: bool,
    /// Whether the stage moved in a way that could not be followed: cells may have been counted twice.
    pub overlap: bool,
    /// Whether the count broke off and was closed as it stood, or went on.
    pub broken_off: BrokenOff,
    /// Whether the white cells are unlike any that the classifier learned from.
    pub unfamiliar: bool,
    /// What the red cells look like, if any were looked at.
    pub red_cells: Option<&'a RedMorphology>,
    /// The sample's red count, if entered.
    pub red_count: Option<RedCount>,
    /// What was entered for the sample.
    pub entered: &'a [Entry],
    /// Percentages corrected for the classifier's errors, if these are known.
    pub corrected: Option<MisclassificationCorrection>,
    /// What the platelets tell beyond their number.
    pub platelets: Option<&'a PlateletReport>,
}

/// The part of a snapshot that depends on the counts alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// Cells of the differential counted.
    pub counted: u32,
    /// Cells of the differential to count. Once that is reached while a share is not known precisely enough, the
    /// maximum to count.
    pub target: u32,
    /// Cells by kind.
    pub kinds: KindCounts,
    /// One line per class with at least one cell, most frequent first, UNK last.
    pub classes: Vec<ClassCount>,
    /// What a person must look at, worst first.
    pub flags: Vec<Flag>,
    /// Critical values that a result meets.
    pub critical: Vec<CriticalValue>,
    /// Further statistics of the counts.
    pub statistics: Statistics,
}

/// Derives figures and flags from a tally.
#[must_use]
pub fn describe(of: Described<'_>) -> Description {
    let Described { tally, limits, .. } = of;
    let counted = tally.differential();
    let level = level(limits);
    let precision = precision(limits, tally);
    let imprecise = precision.is_some_and(|precision| !precision.reached);
    let short = counted < limits.target;
    let alone = of.network_alone.unwrap_or(tally);
    let evidence = readings::evidence(tally, alone, of.flags);
    let mut flags = statistics::flags(&evidence);
    if of.red_cells.is_some_and(|red| !red.evidence.is_empty()) {
        flags.push(Flag::RedCellMorphology);
    }
    if of.unfamiliar {
        flags.push(Flag::UnfamiliarStain);
    }
    if of.done && (short || imprecise) {
        flags.push(Flag::FewCells);
    }
    if of.broken_off.partial {
        flags.push(Flag::Partial);
    }
    if of.broken_off.resumed {
        flags.push(Flag::Resumed);
    }
    if of.overlap {
        flags.push(Flag::PossibleOverlap);
    }
    flags.extend(of.platelets.into_iter().flat_map(PlateletReport::flags));
    flags.sort_unstable();
    let known = RedCellInputs {
        red_count: of.red_count,
        red_count_cv_percent: limits.red_count_cv_percent,
        nucleated_red_per_100: tally.nucleated_red_per_100().value,
        correct_white_from: of.flags.correct_white_from,
    };
    let (classes, groups) = (tally.lines(level), tally.groups(level));
    let per_red_cell = PerRedCell::of(tally.kinds(), &known);
    let absolute = AbsoluteCounts::of(of.entered, per_red_cell.as_ref(), &classes, &groups);
    let critical =
        if of.done { critical::values(tally, alone, per_red_cell.as_ref(), of.critical) } else { Vec::new() };
    Description {
        counted,
        target: if imprecise && !short { limits.at_most } else { limits.target },
        kinds: tally.kinds(),
        classes,
        flags,
        critical,
        statistics: Statistics {
            groups,
            evidence,
            network_alone: readings::differing(tally, alone, level),
            per_red_cell,
            entered: of.entered.to_vec(),
            absolute,
            precision,
            simultaneous: of.done.then(|| Simultaneous::of(tally.classes(), level)),
            corrected: of.corrected,
        },
    }
}

/// Precision of the share that decides when a count ends; `None` if only the number of cells does.
pub(super) fn precision(limits: &SessionConfig, tally: &Tally) -> Option<Precision> {
    let of = limits.precision_of?;
    Some(Precision::of(of, limits.precision_points, tally.group(of, SEQUENTIAL_LEVEL)))
}

/// Level of the intervals, chosen so that they hold the truth in 95 % of samples.
fn level(limits: &SessionConfig) -> f64 {
    if limits.precision_of.is_some() { SEQUENTIAL_LEVEL } else { LEVEL }
}
