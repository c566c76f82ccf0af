//! Compares the final tally of the live counting code with the simulated microscope's ground truth.

use std::collections::BTreeMap;

use leukoscope::camera::simulated::{SimulatedMicroscope, SimulatedSettings};
use leukoscope::counting::counter::Counter;
use leukoscope::domain::class::Kind;
use leukoscope::domain::geometry::Rect;

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
fn most_frames_of_a_moving_stage_pass_and_carry_its_cells_along() {
    let microscope = SimulatedMicroscope::new(SimulatedSettings { seed: 7, ..SimulatedSettings::default() });
    let mut counter = Counter::new(crate::common::vision());
    let (mut looked_at, mut shown, mut met) = (0, 0, 0);
    for index in 0..100 {
        let (picture, truth) = microscope.draw(index);
        let counted = counter.frame(&picture).unwrap();
        looked_at += usize::from(counted.looked_at);
        if counted.looked_at {
            continue;
        }
        assert!(counted.cells.is_empty() && counted.revisions.is_empty() && counted.whole.is_none(), "frame {index}");
        for (cell, name) in counted.in_view.iter().zip(&counted.names) {
            let drawn = truth.iter().map(|cell| Rect::new(cell.x.into(), cell.y.into(), cell.w.into(), cell.h.into()));
            shown += usize::from(name.is_some());
            met += usize::from(name.is_some() && drawn.into_iter().any(|drawn| drawn.iou(&cell.area) > 0.5));
        }
    }
    eprintln!("{looked_at} of 100 frames looked at; {met} of {shown} cells carried along lie on a drawn one");
    assert!((10..40).contains(&looked_at), "{looked_at}");
    assert!(shown > 1000 && met * 100 >= shown * 95, "{met} of {shown}");
}

#[test]
fn cells_that_only_the_last_frame_shows_count() {
    let microscope = SimulatedMicroscope::new(SimulatedSettings { seed: 7, ..SimulatedSettings::default() });
    // Ends wherever the last frame is one that passes.
    for frames in 20..24 {
        let mut counter = Counter::new(crate::common::vision());
        let mut counted = crate::common::Ledger::default();
        let mut passed = false;
        for index in 0..frames {
            let frame = counter.frame(&microscope.draw(index).0).unwrap();
            passed = !frame.looked_at;
            counted.take(frame);
        }
        let rest = counter.finish();
        assert_eq!(rest.looked_at, passed, "{frames} frames");
        counted.take(rest);
        let truth = microscope.whole_cells(0..frames).values().filter(|(of, _)| *of == Kind::Rbc).count();
        let found = counted.of(Kind::Rbc);
        assert!(found.abs_diff(truth) * 100 <= truth * 10, "{found} of {truth} red cells after {frames} frames");
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
