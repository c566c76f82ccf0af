//! The simulated microscope draws what its ground truth says.

use std::collections::BTreeMap;

use leukoscope::camera::simulated::{Simulated, SimulatedMicroscope, SimulatedSettings, TruthCell};
use leukoscope::camera::{Camera, Capture};
use leukoscope::config::CameraConfig;
use leukoscope::domain::class::{CellClass, Kind};
use proptest::prelude::*;

fn microscope(seed: u64) -> SimulatedMicroscope {
    SimulatedMicroscope::new(SimulatedSettings { seed, ..SimulatedSettings::default() })
}

/// Mean colour of the pixels in a cell's box whose distance from the centre is below `share` of the way to the edge.
fn mean(image: &image::RgbImage, cell: &TruthCell, share: f32) -> [f32; 3] {
    let (cx, cy) = (cell.x + cell.w / 2.0, cell.y + cell.h / 2.0);
    let mut sum = [0.0; 3];
    let mut count = 0.0;
    for (x, y, pixel) in image.enumerate_pixels() {
        let (dx, dy) = ((x as f32 + 0.5 - cx) / cell.w * 2.0, (y as f32 + 0.5 - cy) / cell.h * 2.0);
        if dx.hypot(dy) < share {
            sum = std::array::from_fn(|k| sum[k] + f32::from(pixel.0[k]));
            count += 1.0;
        }
    }
    sum.map(|s| s / count)
}

#[test]
fn the_same_seed_gives_the_same_pixels_in_any_order_and_another_seed_others() {
    let (a, b) = (microscope(4), microscope(4));
    let late = a.draw(25);
    let _ = b.draw(3);
    assert_eq!(b.draw(25), late);
    assert_ne!(microscope(5).draw(25).0, late.0);
}

#[test]
fn cells_are_darker_than_the_glass_and_white_cells_the_most_violet() {
    let microscope = microscope(2);
    let mut seen: BTreeMap<Kind, u32> = BTreeMap::new();
    for index in (0..120).step_by(15) {
        let (image, truth) = microscope.draw(index);
        for cell in truth.iter().filter(|cell| cell.whole) {
            *seen.entry(cell.kind).or_default() += 1;
            let [red, green, blue] = mean(&image, cell, 0.8);
            assert!(green < 225.0, "{cell:?} is as bright as the glass: {green}");
            match cell.kind {
                Kind::Wbc => assert!(green < 185.0 && blue > green, "{cell:?}: {red} {green} {blue}"),
                Kind::Rbc => assert!(red > blue && green > 140.0, "{cell:?}: {red} {green} {blue}"),
                Kind::Plt => assert!(blue > green, "{cell:?}: {red} {green} {blue}"),
            }
        }
    }
    assert!(Kind::ALL.iter().all(|kind| seen[kind] > 2), "{seen:?}");
}

#[test]
fn cells_move_with_the_stage_and_keep_their_names_and_sizes() {
    let microscope = microscope(1);
    for index in 0..60 {
        let (before, after) = (microscope.truth(index), microscope.truth(index + 1));
        let (a, b) = (microscope.stage(index), microscope.stage(index + 1));
        let scale = microscope.settings().um_per_px;
        let (dx, dy) = (((a.x_um - b.x_um) / scale) as f32, ((a.y_um - b.y_um) / scale) as f32);
        let mut followed = 0;
        for cell in &after {
            if let Some(old) = before.iter().find(|old| old.id == cell.id) {
                followed += 1;
                assert_eq!((old.kind, old.class), (cell.kind, cell.class));
                assert!((old.w - cell.w).abs() < 0.001 && (old.h - cell.h).abs() < 0.001);
                assert!((old.x + dx - cell.x).abs() < 0.01 && (old.y + dy - cell.y).abs() < 0.01);
            }
        }
        assert!(followed > after.len() / 2);
    }
}

#[test]
fn cells_have_the_sizes_of_their_kind() {
    let microscope = microscope(7);
    let um = microscope.settings().um_per_px as f32;
    let mut red = Vec::new();
    for cell in (0..400).step_by(18).flat_map(|index| microscope.truth(index)) {
        let diameter = f32::midpoint(cell.w, cell.h) * um;
        match (cell.kind, cell.class) {
            (Kind::Rbc, _) => red.push(diameter),
            (Kind::Plt, _) => assert!((1.5..4.5).contains(&diameter), "{diameter}"),
            (_, Some(CellClass::Lyt)) => assert!((8.0..11.5).contains(&diameter), "{diameter}"),
            (_, Some(CellClass::Ngs)) => assert!((11.0..15.5).contains(&diameter), "{diameter}"),
            (_, Some(CellClass::Mon)) => assert!((14.0..19.5).contains(&diameter), "{diameter}"),
            (_, class) => assert!(class.is_some()),
        }
    }
    red.sort_by(f32::total_cmp);
    let median = red[red.len() / 2];
    assert!((median - 7.2).abs() < 0.15, "the scale is taken from the red cells: {median} um");
}

#[test]
fn a_cell_once_wholly_in_view_is_in_the_cumulative_truth_exactly_once() {
    let microscope = microscope(3);
    let all = microscope.whole_cells(0..90);
    let mut by_hand = BTreeMap::new();
    for cell in (0..90).flat_map(|index| microscope.truth(index)) {
        if cell.whole {
            by_hand.insert(cell.id, (cell.kind, cell.class));
        }
    }
    assert_eq!(all, by_hand);
    assert!(all.values().filter(|(kind, _)| *kind == Kind::Wbc).count() > 3);
}

#[test]
fn no_cell_is_wholly_in_view_in_two_lanes() {
    let microscope = microscope(1);
    let mut last_seen: BTreeMap<u64, u64> = BTreeMap::new();
    for index in 0..1300 {
        for cell in microscope.truth(index) {
            let before = last_seen.insert(cell.id, index);
            assert!(before.is_none_or(|before| before + 1 == index), "{cell:?} came back at frame {index}");
        }
    }
}

#[test]
fn without_a_pace_every_frame_is_given_in_order() {
    let mut camera = Simulated::new(&CameraConfig { frame_rate: 0.0, ..CameraConfig::default() });
    assert!(camera.waits_for_reader());
    for index in 0..3 {
        match camera.next_frame().unwrap() {
            Capture::Frame(frame) => {
                assert_eq!(frame.sequence, index);
                assert_eq!((frame.width(), frame.height()), (640, 480));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_paced_microscope_is_a_live_camera() {
    let mut camera = Simulated::new(&CameraConfig { frame_rate: 50.0, ..CameraConfig::default() });
    assert!(!camera.waits_for_reader());
    let began = std::time::Instant::now();
    let last = (0..10).map(|_| camera.next_frame().unwrap()).last().unwrap();
    let Capture::Frame(frame) = last else { panic!("{last:?}") };
    assert!(began.elapsed().as_secs_f64() > frame.sequence as f64 / 50.0 - 0.001);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whole_cells_lie_fully_inside_and_others_reach_into_the_frame(
        seed in any::<u64>(), index in 0_u64..1 << 40, width in 0_u32..300, height in 0_u32..300,
    ) {
        let microscope = SimulatedMicroscope::new(SimulatedSettings { width, height, seed, ..SimulatedSettings::default() });
        let (image, truth) = microscope.draw(index);
        let (w, h) = (image.width() as f32, image.height() as f32);
        prop_assert_eq!(&truth, &microscope.truth(index));
        for cell in truth {
            prop_assert!(cell.x < w && cell.y < h && cell.x + cell.w > 0.0 && cell.y + cell.h > 0.0);
            let inside = cell.x >= 0.0 && cell.y >= 0.0 && cell.x + cell.w <= w && cell.y + cell.h <= h;
            prop_assert_eq!(inside, cell.whole);
        }
    }
}
