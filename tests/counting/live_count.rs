//! Compares the final tally of the live counting code with the simulated microscope's ground truth.

use std::collections::BTreeMap;

use leukoscope::camera::simulated::{SimulatedMicroscope, SimulatedSettings};
use leukoscope::counting::counter::Counter;
use leukoscope::domain::class::Kind;

/// Counts frames of a simulated scan; returns the counted and the true number of cells for each kind.
fn scan(settings: SimulatedSettings, frames: u64) -> BTreeMap<Kind, (usize, usize)> {
    let microscope = SimulatedMicroscope::new(settings);
    let mut counter = Counter::new(crate::common::vision());
    let mut counted = crate::common::Ledger::default();
    for index in 0..frames {
        counted.take(counter.frame(&microscope.draw(index).0).unwrap());
    }
    counted.take(counter.finish());
    let truth = microscope.whole_cells(0..frames);
    Kind::ALL
        .into_iter()
        .map(|kind| {
            let found = counted.of(kind);
            (kind, (found, truth.values().filter(|(of, _)| *of == kind).count()))
        })
        .collect()
}

#[test]
fn a_moving_stage_counts_each_cell_once() {
    let counts = scan(SimulatedSettings { seed: 7, step_px: 90.0, ..SimulatedSettings::default() }, 260);
    eprintln!("counted and true: {counts:?}");
    for (kind, allowed) in [(Kind::Wbc, 0.10), (Kind::Rbc, 0.10), (Kind::Plt, 0.35)] {
        let (found, there) = counts[&kind];
        assert!(there >= 20, "{there} {kind} make no measurement");
        let off = (found as f64 - there as f64).abs() / there as f64;
        assert!(off <= allowed, "{kind}: {found} counted, {there} were there");
    }
}

#[test]
fn a_resting_stage_counts_nothing_twice() {
    let counts = scan(SimulatedSettings { seed: 3, step_px: 0.0, ..SimulatedSettings::default() }, 60);
    eprintln!("counted and true: {counts:?}");
    for (kind, (found, there)) in counts {
        assert!(found <= there + 2, "{kind}: {found} counted, {there} were there");
    }
}
