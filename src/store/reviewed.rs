//! Recomputes a result with the review applied. Pure.

use std::collections::BTreeMap;

use crate::counting::red_morphology::{RedCell, RedFilm, RedMorphology};
use crate::counting::session::broken_off::BrokenOff;
use crate::counting::session::describe::{Described, Description, describe};
use crate::counting::session::snapshot::Snapshot;
use crate::counting::statistics::per_red_cell::RedCount;
use crate::counting::tally::Tally;
use crate::domain::class::{CellClass, Kind};
use crate::domain::flag::Flag;
use crate::domain::own_class::{OwnCount, OwnName};
use crate::store::records::{CellRecord, RedRecord, Settings};
use crate::vision::prediction::Prediction;

/// The counted `result` recomputed from the classes in force of its `cells`, of which red ones are only needed where a person
/// changed one. If no reviewer changed a class, it is the counted result itself. Otherwise corrections for the program's errors (prevalence, confusion matrix) are
/// left out: a person's errors are different.
#[must_use]
pub fn reviewed(result: &Snapshot, cells: &[CellRecord], settings: &Settings) -> Snapshot {
    let white = || cells.iter().filter(|cell| cell.kind == Kind::Wbc);
    let (own_classes, red_cells) = (own_classes(cells), red_cells(result, cells, settings));
    if white().all(|cell| cell.class_in_force() == cell.class) {
        let flags = with_red_flag(&result.flags, red_cells.as_ref());
        return Snapshot { own_classes, red_cells, flags, ..result.clone() };
    }
    let mut tally = Tally::default();
    let mut platelets = result.kinds.plt;
    for cell in white() {
        // A cell that the program called a platelet is included in its platelet count.
        platelets = platelets.saturating_sub(u32::from(cell.class == Some(CellClass::Plt)));
        count(&mut tally, cell.class_in_force());
    }
    // The cells that nobody looked at, as the network alone names them: a review of one cell must not take away a flag
    // that others raise.
    let network_alone = settings.unknown_below.map(|unknown_below| {
        let mut alone = Tally::default();
        for cell in white() {
            let person = cell.by_person.as_ref().map(|change| change.class);
            let network = Prediction::of(cell.ranked.clone(), unknown_below).class;
            // Results of before told the lines of blasts.
            let told = cell.class.filter(|class| network == CellClass::Bla && class.answered_as() == network);
            count(&mut alone, person.or(told).or(Some(network)));
        }
        alone
    });
    tally.add_many(Kind::Rbc, result.kinds.rbc);
    tally.add_many(Kind::Plt, platelets);

    let entered = result.statistics.per_red_cell.as_ref().and_then(|per| per.red_count);
    let Description { counted, kinds, classes, flags, critical, statistics, .. } = describe(Described {
        tally: &tally,
        network_alone: network_alone.as_ref(),
        limits: &settings.session,
        flags: &settings.flags,
        critical: &settings.critical,
        done: true,
        overlap: result.flags.contains(&Flag::PossibleOverlap),
        broken_off: BrokenOff::of(&result.interruptions, result.ending),
        unfamiliar: result.flags.contains(&Flag::UnfamiliarStain),
        red_cells: red_cells.as_ref(),
        red_count: entered.and_then(RedCount::new),
        entered: &result.statistics.entered,
        corrected: None,
        platelets: result.platelets.as_ref(),
    });
    let experimental = result.experimental.iter().copied();
    Snapshot {
        counted,
        kinds,
        experimental: experimental.filter(|class| tally.of(*class) > 0).collect(),
        classes,
        prevalence: None,
        blasts_kept: 0,
        flags,
        critical,
        statistics,
        own_classes,
        red_cells,
        platelets: result.platelets.as_ref().map(|report| report.with_counted(kinds.plt)),
        ..result.clone()
    }
}

/// What the red cells look like, with the classes that people gave them. Cells without a picture count by the program's class.
fn red_cells(result: &Snapshot, cells: &[CellRecord], settings: &Settings) -> Option<RedMorphology> {
    let counted = result.red_cells.as_ref()?;
    let red = || cells.iter().filter_map(|cell| cell.red.as_ref());
    if red().all(|cell| cell.class_in_force() == cell.class) {
        return Some(counted.clone());
    }
    let mut film = RedFilm::default();
    for cell in red() {
        let RedRecord { graded, diameter_um, pallor, .. } = *cell;
        film.add(RedCell { class: cell.class_in_force(), graded, diameter_um, pallor });
    }
    film.report(counted.size.scale_known).map(|report| report.judged(&settings.red_cells))
}

/// The flags of a result whose white cells are as counted, and whose red ones are these.
fn with_red_flag(counted: &[Flag], red_cells: Option<&RedMorphology>) -> Vec<Flag> {
    let mut flags: Vec<Flag> = counted.iter().copied().filter(|flag| *flag != Flag::RedCellMorphology).collect();
    if red_cells.is_some_and(|red| !red.evidence.is_empty()) {
        flags.push(Flag::RedCellMorphology);
        flags.sort_unstable();
    }
    flags
}

/// White cells of each of the laboratory's own classes as people gave them: by fixed class, the most frequent first. Cells that hold
/// an earlier name of a code are told under that name.
fn own_classes(cells: &[CellRecord]) -> Vec<OwnCount> {
    let mut counts: BTreeMap<(CellClass, &OwnName), u32> = BTreeMap::new();
    for person in cells.iter().filter(|cell| cell.kind == Kind::Wbc).filter_map(|cell| cell.by_person.as_ref()) {
        if let Some(own) = &person.own {
            *counts.entry((person.class, own)).or_default() += 1;
        }
    }
    let counts = counts.into_iter().map(|((class, own), count)| OwnCount { own: own.clone(), class, count });
    let mut counts: Vec<OwnCount> = counts.collect();
    counts.sort_by_key(|line| (line.class, std::cmp::Reverse(line.count)));
    counts
}

/// Counts a white cell; one that is a platelet counts as that.
fn count(tally: &mut Tally, class: Option<CellClass>) {
    match class {
        Some(CellClass::Plt) => tally.add(Kind::Plt, None),
        class => tally.add(Kind::Wbc, Some(class.unwrap_or(CellClass::Unk))),
    }
}
