//! The objective is changed while a sample is counted.

use image::RgbImage;
use leukoscope::camera::simulated::{SimulatedMicroscope, SimulatedSettings};
use leukoscope::counting::counter::Counter;
use leukoscope::domain::class::Kind;
use leukoscope::domain::scale::MicrometresPerPixel;
use leukoscope::vision::quality::Verdict;

use crate::common::{Ledger, vision};

/// Frames far apart on a slide, through an objective under which the camera sees `um_per_px`.
fn frames(um_per_px: f64, count: u64) -> Vec<RgbImage> {
    let settings = SimulatedSettings { um_per_px, step_px: 500.0, seed: 5, ..SimulatedSettings::default() };
    let microscope = SimulatedMicroscope::new(settings);
    (0..count).map(|index| microscope.draw(index).0).collect()
}

/// Counts frames; returns the cells by kind, and for each frame its scale and verdict.
fn count(frames: &[RgbImage]) -> ([usize; 3], Vec<(f64, Verdict)>) {
    let mut counter = Counter::new(vision());
    let mut ledger = Ledger::default();
    let mut seen = Vec::new();
    for frame in frames {
        let counted = counter.frame(frame).unwrap();
        seen.push((counted.um_per_px.map_or(0.0, MicrometresPerPixel::get), counted.quality.verdict));
        ledger.take(counted);
    }
    ledger.take(counter.finish());
    (Kind::ALL.map(|kind| ledger.of(kind)), seen)
}

#[test]
fn one_glance_through_a_low_power_objective_changes_nothing_in_the_count() {
    let high = frames(0.1, 6);
    let (without, _) = count(&high);
    for low in [0.62, 0.9] {
        let mut with = high.clone();
        with.insert(2, frames(low, 1).remove(0));
        let (counts, seen) = count(&with);
        assert!(seen[2].1.refuses(), "{seen:?}");
        assert_eq!(counts, without, "{low} um/px: {seen:?}");
    }
}

#[test]
fn frames_through_another_objective_are_counted_at_their_own_scale() {
    // 100x, 20x and 40x on one camera, and back.
    let scales = [0.07, 0.35, 0.07, 0.175, 0.07];
    let shown: Vec<RgbImage> = scales.iter().flat_map(|scale| frames(*scale, 3)).collect();
    let (_, seen) = count(&shown);
    for (at, (found, verdict)) in seen.iter().enumerate() {
        let real = scales[at / 3];
        assert_eq!(*verdict, Verdict::Good, "frame {at}: {seen:?}");
        assert!((found / real - 1.0).abs() < 0.15, "frame {at} at {real} um/px: {seen:?}");
    }
}
