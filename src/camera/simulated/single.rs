//! One drawn white cell alone in its picture, with red cells around it, for practice.

use image::RgbImage;

use super::SimulatedMicroscope;
use super::chance::{between, mix};
use super::paint;
use super::slide::{PRIOR, PlacedCell, REACH, radius};
use super::{SimulatedSettings, UM_PER_PX};
use crate::domain::class::{CellClass, Kind};

/// Side of the picture, px: 27 um, so that the largest cell has room around it.
const SIDE: u32 = 192;

/// Places for red cells around it.
const AROUND: u32 = 7;

/// The classes that can be drawn.
#[must_use]
pub fn drawn_classes() -> Vec<CellClass> {
    PRIOR.iter().map(|(class, _)| *class).collect()
}

/// Draws a cell of a class that [`drawn_classes`] has; the same seed gives the same picture.
#[must_use]
pub fn white_cell(class: CellClass, seed: u64) -> RgbImage {
    let settings =
        SimulatedSettings { width: SIDE, height: SIDE, um_per_px: UM_PER_PX, step_px: 0.0, seed: mix(seed, 3, 5) };
    let empty = SimulatedMicroscope::new(settings);
    let mut canvas: Vec<[f32; 3]> = (0..SIDE as usize).flat_map(|row| empty.lamp.row(row)).collect();
    let mut rng = fastrand::Rng::with_seed(seed);
    let middle = SIDE as f32 / 2.0;
    let mut put = |kind, class, id, x: f32, y: f32| {
        let placed = PlacedCell { id, kind, class, x_um: 0.0, y_um: 0.0 };
        let sprite = paint::cell(settings.seed, &placed, UM_PER_PX as f32);
        sprite.draw(&mut canvas, SIDE as usize, &(0..SIDE as usize), x, y);
    };
    for place in 0..AROUND {
        // Red cells make way for white ones, and stand apart from each other.
        if rng.f32() < 0.25 {
            continue;
        }
        let away = (radius(class) + 4.4 + f64::from(between(&mut rng, 0.0, 3.0))).min(REACH + 8.0) / UM_PER_PX;
        let turn = (f64::from(place) + f64::from(rng.f32()) * 0.3) / f64::from(AROUND) * std::f64::consts::TAU;
        let (x, y) = (middle + (away * turn.cos()) as f32, middle + (away * turn.sin()) as f32);
        put(Kind::Rbc, None, u64::from(place) + 1, x, y);
    }
    put(Kind::Wbc, Some(class), 0, middle, middle);
    let pixels = (0..).zip(canvas.as_flattened()).map(|(place, value)| {
        let grain = empty.grain[(mix(seed, place, 7) & 0xffff) as usize];
        (value + grain + 0.5) as u8
    });
    // The vector has exactly side x side x 3 bytes, so this always succeeds.
    RgbImage::from_raw(SIDE, SIDE, pixels.collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_is_drawn_in_the_middle_and_no_two_cells_are_alike() {
        for class in drawn_classes() {
            let picture = white_cell(class, 3);
            let dark = |x: u32, y: u32| u32::from(picture.get_pixel(x, y)[1]);
            let middle: u32 = (80..112).map(|x| dark(x, 96)).sum::<u32>() / 32;
            assert!(middle < 200, "{class}: {middle}");
            assert_eq!(picture, white_cell(class, 3));
            assert_ne!(picture, white_cell(class, 4));
        }
    }
}
