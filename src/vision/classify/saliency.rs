//! Saliency: where in a crop the evidence for its class lies.
//!
//! A class-activation map (Zhou et al. 2016, "Learning Deep Features for Discriminative Localization"): the network's
//! logit of a class is the mean over positions of its evidence, so the evidence itself shows which positions spoke
//! for the class. The positions are coarse, so the map is averaged over the crop's four mirrorings, whose positions
//! interleave.

use image::{Rgb, RgbImage, imageops};

/// A mirroring of the crop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Version {
    mirror_x: bool,
    mirror_y: bool,
}

impl Version {
    /// All mirrorings, including none.
    pub const ALL: [Self; 4] = [
        Self { mirror_x: false, mirror_y: false },
        Self { mirror_x: true, mirror_y: false },
        Self { mirror_x: false, mirror_y: true },
        Self { mirror_x: true, mirror_y: true },
    ];

    /// The crop, mirrored.
    pub fn of(self, crop: &RgbImage) -> RgbImage {
        let mut version = crop.clone();
        if self.mirror_x {
            imageops::flip_horizontal_in_place(&mut version);
        }
        if self.mirror_y {
            imageops::flip_vertical_in_place(&mut version);
        }
        version
    }
}

/// Position of a pixel in a line of `length` pixels after mirroring.
fn mirrored(at: u32, length: u32, mirror: bool) -> u32 {
    if mirror { length - 1 - at } else { at }
}

/// How much each pixel of a crop spoke for a class.
#[derive(Clone, Debug, PartialEq)]
pub struct Saliency {
    /// Width and height of the crop, px.
    pub side: u32,
    /// Row by row, 0 (least) to 1 (most); all 0 if nothing stands out.
    pub values: Vec<f32>,
}

impl Saliency {
    /// Mean of the mirrored maps (`rows` x `columns` each), stretched to 0..=1.
    pub(super) fn of<'a>(
        side: u32,
        (rows, columns): (usize, usize),
        maps: impl IntoIterator<Item = (Version, &'a [f32])>,
    ) -> Self {
        let mut values = vec![0.0_f32; (side * side) as usize];
        // In a network of strided, padded convolutions, position i is centred on pixel i x step, not on the middle of
        // a step.
        let step = |count: usize| f64::from(side) / count as f64;
        let (step_x, step_y) = (step(columns), step(rows));
        for (version, map) in maps {
            for (y, row) in values.chunks_exact_mut(side as usize).enumerate() {
                let at_y = f64::from(mirrored(y as u32, side, version.mirror_y)) / step_y;
                for (x, value) in row.iter_mut().enumerate() {
                    let at_x = f64::from(mirrored(x as u32, side, version.mirror_x)) / step_x;
                    *value += between(map, (rows, columns), at_y, at_x);
                }
            }
        }
        let (lowest, highest) = values
            .iter()
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)));
        let range = highest - lowest;
        for value in &mut values {
            *value = if range.is_finite() && range > 1e-6 { (*value - lowest) / range } else { 0.0 };
        }
        Self { side, values }
    }

    /// The crop in grey under the map, from blue (little) over green to yellow (much).
    #[must_use]
    pub fn over(&self, crop: &RgbImage) -> RgbImage {
        RgbImage::from_fn(self.side, self.side, |x, y| {
            let value = self.values[(y * self.side + x) as usize];
            let grey = crop.get_pixel_checked(x, y).map_or(0.0, |pixel| f32::from(brightness(*pixel)));
            let share = 0.25 + 0.45 * value;
            let colour = ramp(value);
            Rgb(std::array::from_fn(|c| (grey * (1.0 - share) + colour[c] * share).round() as u8))
        })
    }

    /// The crop and, beside it, the crop [under the map](Self::over), both enlarged `times`.
    #[must_use]
    pub fn beside(&self, crop: &RgbImage, times: u32) -> RgbImage {
        let heat = self.over(crop);
        let enlarged = |image: &RgbImage| {
            imageops::resize(image, self.side * times, self.side * times, imageops::FilterType::Triangle)
        };
        let gap = 2 * times;
        let mut picture = RgbImage::from_pixel((2 * self.side) * times + gap, self.side * times, Rgb([255; 3]));
        imageops::replace(&mut picture, &enlarged(crop), 0, 0);
        imageops::replace(&mut picture, &enlarged(&heat), i64::from(self.side * times + gap), 0);
        picture
    }
}

/// Rec. 709 luma.
fn brightness(Rgb([r, g, b]): Rgb<u8>) -> u8 {
    (0.2126 * f32::from(r) + 0.7152 * f32::from(g) + 0.0722 * f32::from(b)).round() as u8
}

/// Viridis (van der Walt and Smith 2015), which colour-blind people can read, too; `value` 0..=1.
fn ramp(value: f32) -> [f32; 3] {
    const STOPS: [[f32; 3]; 5] =
        [[68.0, 1.0, 84.0], [59.0, 82.0, 139.0], [33.0, 145.0, 140.0], [94.0, 201.0, 98.0], [253.0, 231.0, 37.0]];
    let at = value.clamp(0.0, 1.0) * (STOPS.len() - 1) as f32;
    let low = (at as usize).min(STOPS.len() - 2);
    let share = at - low as f32;
    std::array::from_fn(|c| STOPS[low][c] * (1.0 - share) + STOPS[low + 1][c] * share)
}

/// Bilinear interpolation in a map; edge values continue outside.
fn between(map: &[f32], (rows, columns): (usize, usize), y: f64, x: f64) -> f32 {
    let split = |at: f64, count: usize| {
        let at = at.clamp(0.0, (count - 1) as f64);
        let low = at as usize;
        (low, (low + 1).min(count - 1), (at - low as f64) as f32)
    };
    let ((top, bottom, down), (left, right, across)) = (split(y, rows), split(x, columns));
    let row = |y: usize| map[y * columns + left] * (1.0 - across) + map[y * columns + right] * across;
    row(top) * (1.0 - down) + row(bottom) * down
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_at_a_place_is_salient_there_in_every_version() {
        // 64 px, a step of 16; each mirrored map is 1 at the position nearest to pixel (32, 16).
        let near = |at, mirror| (f64::from(mirrored(at, 64, mirror)) / 16.0).round() as usize;
        let maps = Version::ALL.map(|version| {
            let (x, y) = (near(32, version.mirror_x), near(16, version.mirror_y));
            (0..16).map(|at| f32::from(u8::from(at == y * 4 + x))).collect::<Vec<f32>>()
        });
        let saliency = Saliency::of(64, (4, 4), Version::ALL.into_iter().zip(maps.iter().map(Vec::as_slice)));
        let most = (0..64 * 64).max_by(|a, b| saliency.values[*a].total_cmp(&saliency.values[*b])).unwrap();
        let (x, y) = (most % 64, most / 64);
        assert!(x.abs_diff(32) <= 8 && y.abs_diff(16) <= 8, "{x}, {y}");
        assert!((saliency.values[most] - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_mirrored_crop_has_its_pixels_where_the_map_looks_for_them() {
        let crop = RgbImage::from_fn(32, 32, |x, y| Rgb([x as u8, y as u8, 0]));
        for version in Version::ALL {
            let made = version.of(&crop);
            for (x, y) in (0..32).flat_map(|x| (0..32).map(move |y| (x, y))) {
                let (to_x, to_y) = (mirrored(x, 32, version.mirror_x), mirrored(y, 32, version.mirror_y));
                assert_eq!(made.get_pixel(to_x, to_y), crop.get_pixel(x, y), "{version:?}");
            }
        }
    }

    #[test]
    fn flat_evidence_is_no_saliency() {
        let flat = [0.3; 16];
        let saliency = Saliency::of(32, (4, 4), Version::ALL.map(|version| (version, &flat[..])));
        assert!(saliency.values.iter().all(|value| *value == 0.0));
    }
}
