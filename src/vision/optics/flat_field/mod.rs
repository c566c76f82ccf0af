//! Flat-field correction: measures the brightness of the empty background by place and divides every pixel by it.
//! Pure.
//!
//! The light falls off smoothly, so a coarse grid of its brightness is enough ([`Illumination`]), interpolated
//! between grid points. It comes from an empty field ([`Illumination::of_empty`]), from many frames of a moving stage
//! ([`learn`]), or from the background of one picture ([`Illumination::of_picture`]). The correction runs before the
//! white balance, which takes care of colour.

mod blocks;
mod fit;
pub mod learn;

use image::RgbImage;
use serde::{Deserialize, Serialize};

use self::blocks::Blocks;
use crate::vision::optics::field_of_view::FieldOfView;

/// Columns and rows of the grid for fields with cells in them: a block is wider than most cells.
pub(crate) const GRID: (usize, usize) = (16, 12);

/// Columns and rows of the grid for an empty field: fine enough for large specks on the optics.
pub(crate) const FINE_GRID: (usize, usize) = (32, 24);

/// Weakest light that is corrected, as a share of the brightest place: below it, noise would be amplified into cells.
const WEAKEST: f64 = 0.2;

/// Share of a block's pixels darker than its background: cells leave a fifth of most blocks free.
const BACKGROUND: f64 = 0.8;

/// Fractional bits of a gain.
const POINT: u32 = 12;

/// Brightness of the empty field by place and channel, as a share of each channel's brightest place: 0..=1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Illumination {
    columns: usize,
    rows: usize,
    red: Vec<f64>,
    green: Vec<f64>,
    blue: Vec<f64>,
}

/// What is wrong with the light in a file.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LightError {
    #[error("the grid of light has {columns} columns and {rows} rows; it takes 2 to 256")]
    Grid { columns: usize, rows: usize },
    #[error("the grid of light has {found} values of {channel} for {wanted} places")]
    Values { channel: &'static str, found: usize, wanted: usize },
    #[error("a value of {channel} is {value}; light is more than 0 and at most 1")]
    Value { channel: &'static str, value: f64 },
}

impl Illumination {
    /// Light from grey levels or shares, row by row from the top left; each channel is divided by its brightest
    /// place.
    fn of_levels(columns: usize, rows: usize, levels: &[[f64; 3]]) -> Self {
        let channel = |c: usize| -> Vec<f64> {
            let most = levels.iter().map(|level| level[c]).fold(f64::MIN_POSITIVE, f64::max);
            // Seven digits are finer than any camera, and short in a file.
            levels.iter().map(|level| ((level[c] / most).clamp(WEAKEST, 1.0) * 1e7).round() / 1e7).collect()
        };
        Self { columns, rows, red: channel(0), green: channel(1), blue: channel(2) }
    }

    /// Light of an empty field: the median of each block, averaged over all pictures. `None` for no pictures,
    /// pictures of different sizes, or pictures below 96 px.
    #[must_use]
    pub fn of_empty(pictures: &[RgbImage]) -> Option<Self> {
        let (columns, rows) = FINE_GRID;
        let size = pictures.first()?.dimensions();
        let mut sums = vec![[0.0; 3]; columns * rows];
        for picture in pictures {
            let same = picture.dimensions() == size;
            let view = FieldOfView::whole(picture.dimensions());
            let blocks = Blocks::of(picture, &view, (columns, rows), 0.5).filter(|_| same)?;
            for (sum, level) in sums.iter_mut().zip(&blocks.levels) {
                (0..3).for_each(|c| sum[c] += level[c]);
            }
        }
        Some(Self::of_levels(columns, rows, &sums))
    }

    /// Light of one picture from its own background: a smooth surface through the brightest blocks, which cells do
    /// not pull down. `None` below 96 px.
    #[must_use]
    pub fn of_picture(picture: &RgbImage) -> Option<Self> {
        Self::of_view(picture, &FieldOfView::whole(picture.dimensions()))
    }

    /// Same from what lies in the field of view; outside, the light of the nearest part of it is taken.
    #[must_use]
    pub(crate) fn of_view(picture: &RgbImage, view: &FieldOfView) -> Option<Self> {
        let blocks = Blocks::of(picture, view, GRID, BACKGROUND)?;
        let mut surface = fit::surface(&blocks.logarithms(), &blocks.seen, GRID.0, GRID.1)?;
        blocks.fill_unseen(&mut surface);
        Some(Self::of_levels(GRID.0, GRID.1, &surface.iter().map(|log| log.map(f64::exp)).collect::<Vec<_>>()))
    }

    /// Evens out a picture as if its whole field were as bright as its brightest place. `self` must have passed its
    /// check.
    pub(crate) fn even_out(&self, image: &mut RgbImage) {
        let size = image.dimensions();
        let mut rows = image.chunks_exact_mut((size.0 as usize * 3).max(1));
        self.gains(size, |gains| {
            if let Some(row) = rows.next() {
                row.iter_mut().zip(gains).for_each(|(value, gain)| *value = brighter(*value, *gain));
            }
        });
    }

    /// Computes the gains for pictures of `size` px, fixed point, and passes them on row by row.
    fn gains(&self, size: (u32, u32), mut row_of_gains: impl FnMut(&[u16])) {
        let (columns, rows) = (self.columns, self.rows);
        let across = places(size.0, columns);
        let channels = self.channels().map(|values| {
            values.iter().map(|value| (f64::from(1 << POINT) / value.clamp(WEAKEST, 1.0)) as f32).collect::<Vec<f32>>()
        });
        let mut gains = Vec::with_capacity(size.0 as usize * 3);
        for (above, below, part) in places(size.1, rows) {
            // Interpolates the grid to this row of pixels first, then along the row.
            let row = channels.each_ref().map(|values| {
                let along = |at: usize| {
                    let (one, two) = (values[above * columns + at], values[below * columns + at]);
                    one + (two - one) * part
                };
                (0..columns).map(along).collect::<Vec<f32>>()
            });
            gains.clear();
            for (left, right, part) in &across {
                for values in &row {
                    let gain = values[*left] + (values[*right] - values[*left]) * part;
                    // Never darkens, even where the light keeps rising beyond the grid.
                    gains.push((gain + 0.5).max(f32::from(1_u16 << POINT)) as u16);
                }
            }
            row_of_gains(&gains);
        }
    }

    /// How much darker the darkest place is than the brightest, in the worst channel, 0..=1.
    #[must_use]
    pub fn fall_off(&self) -> f64 {
        let least = self.channels().into_iter().flatten().copied().fold(1.0, f64::min);
        1.0 - least
    }

    /// Largest difference from other light, as a share; 1 if the grids differ.
    #[must_use]
    pub(crate) fn difference(&self, other: &Self) -> f64 {
        if (self.columns, self.rows) != (other.columns, other.rows) {
            return 1.0;
        }
        let pairs = self.channels().into_iter().zip(other.channels()).flat_map(|(one, two)| one.iter().zip(two));
        pairs.map(|(one, two)| (one - two).abs()).fold(0.0, f64::max)
    }

    /// Checks light that was read from a file.
    ///
    /// # Errors
    /// If the grid or a value is impossible.
    pub fn check(&self) -> Result<(), LightError> {
        let (columns, rows) = (self.columns, self.rows);
        if !(2..=256).contains(&columns) || !(2..=256).contains(&rows) {
            return Err(LightError::Grid { columns, rows });
        }
        for (channel, values) in ["red", "green", "blue"].into_iter().zip(self.channels()) {
            if values.len() != columns * rows {
                return Err(LightError::Values { channel, found: values.len(), wanted: columns * rows });
            }
            if let Some(value) = values.iter().find(|value| !(**value > 0.0 && **value <= 1.0)) {
                return Err(LightError::Value { channel, value: *value });
            }
        }
        Ok(())
    }

    fn channels(&self) -> [&Vec<f64>; 3] {
        [&self.red, &self.green, &self.blue]
    }
}

/// A gain for every pixel of frames of one size.
#[derive(Clone, Debug, PartialEq)]
pub struct FlatField {
    size: (u32, u32),
    light: Illumination,
    /// Fixed point, width x height x 3.
    gains: Vec<u16>,
}

impl FlatField {
    /// Computes the gains for frames of `size` px. `light` must have passed its check.
    #[must_use]
    pub fn new(light: Illumination, size: (u32, u32)) -> Self {
        let mut gains = Vec::with_capacity(size.0 as usize * size.1 as usize * 3);
        light.gains(size, |row| gains.extend_from_slice(row));
        Self { size, light, gains }
    }

    /// Flat field of a picture from its own background, if its light falls off by at least `least` (0..1).
    #[must_use]
    pub fn of_picture(picture: &RgbImage, least: f64) -> Option<Self> {
        let light = Illumination::of_picture(picture).filter(|light| light.fall_off() >= least)?;
        Some(Self::new(light, picture.dimensions()))
    }

    /// Width and height of the frames it is for, px.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        self.size
    }

    /// The light it corrects.
    #[must_use]
    pub fn light(&self) -> &Illumination {
        &self.light
    }

    /// Corrects a frame as if its whole field were as bright as its brightest place; `None` if the frame has another
    /// size.
    #[must_use]
    pub fn apply(&self, image: &RgbImage) -> Option<RgbImage> {
        if image.dimensions() != self.size {
            return None;
        }
        let mut evened = image.clone();
        self.even_out(&mut evened);
        Some(evened)
    }

    /// Same in place; leaves a frame of another size as it is.
    pub(crate) fn even_out(&self, image: &mut RgbImage) {
        if image.dimensions() == self.size {
            image.iter_mut().zip(&self.gains).for_each(|(value, gain)| *value = brighter(*value, *gain));
        }
    }
}

/// A grey level times a gain.
fn brighter(value: u8, gain: u16) -> u8 {
    ((u32::from(value) * u32::from(gain) + (1 << (POINT - 1))) >> POINT).min(255) as u8
}

/// For each of `pixels`: two neighbouring grid points, and the fraction of the way from one to the other. Beyond the
/// centres of the outermost blocks it extrapolates, -0.5..=1.5. `points` is 2 or more.
fn places(pixels: u32, points: usize) -> Vec<(usize, usize, f32)> {
    let place = |pixel: u32| {
        let at = (f64::from(pixel) + 0.5) / f64::from(pixels) * points as f64 - 0.5;
        let before = (at.max(0.0) as usize).min(points - 2);
        (before, before + 1, (at - before as f64) as f32)
    };
    (0..pixels).map(place).collect()
}

/// Share of grid blocks whose green lies more than `depth` (natural logarithm) below a smooth surface through the
/// bright ones; `None` below 96 px.
pub(super) fn green_below_surface(picture: &RgbImage, grid: (usize, usize), depth: f64) -> Option<f64> {
    let blocks = Blocks::of(picture, &FieldOfView::whole(picture.dimensions()), grid, 0.5)?;
    let (seen, blocks) = (&blocks.seen, blocks.logarithms());
    let surface = fit::surface(&blocks, seen, grid.0, grid.1)?;
    let below = blocks.iter().zip(&surface).filter(|(block, surface)| block[1] < surface[1] - depth).count();
    Some(below as f64 / blocks.len() as f64)
}

#[cfg(test)]
mod tests {
    use image::Rgb;
    use proptest::prelude::*;

    use super::*;

    /// Cells on a background lit by `light(x, y)`, both from -1 to 1.
    fn field(size: (u32, u32), light: impl Fn(f64, f64) -> [f64; 3]) -> RgbImage {
        RgbImage::from_fn(size.0, size.1, |x, y| {
            let cell = (f64::from(x % 60) - 30.0).hypot(f64::from(y % 56) - 28.0) < 20.0;
            let colour: [f64; 3] = if cell { [190.0, 120.0, 160.0] } else { [230.0, 225.0, 215.0] };
            let place = |at: u32, of: u32| (f64::from(at) + 0.5) / f64::from(of) * 2.0 - 1.0;
            let light = light(place(x, size.0), place(y, size.1));
            Rgb([0, 1, 2].map(|c| (colour[c] * light[c] + 0.5) as u8))
        })
    }

    fn dark_corners(x: f64, y: f64) -> [f64; 3] {
        let squared = x * x + y * y;
        [1.0 - 0.2 * squared, 1.0 - 0.25 * squared, 1.0 - 0.22 * squared]
    }

    fn even(_: f64, _: f64) -> [f64; 3] {
        [1.0; 3]
    }

    fn largest_difference(one: &RgbImage, two: &RgbImage) -> u8 {
        one.iter().zip(two.iter()).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
    }

    #[test]
    fn dark_corners_are_found_behind_cells_and_taken_out() {
        let dark = field((640, 480), dark_corners);
        let flat = FlatField::of_picture(&dark, 0.1).expect("the light falls off by half");
        assert!((0.38..0.5).contains(&flat.light().fall_off()), "{}", flat.light().fall_off());
        let evened = flat.apply(&dark).unwrap();
        let wanted = field((640, 480), even);
        let off: u64 = evened.iter().zip(wanted.iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        assert!(off as f64 / (wanted.len() as f64) < 6.0, "off by {off} in all");
        assert!(largest_difference(&evened, &wanted) <= 30);
    }

    #[test]
    fn an_even_field_stays_as_it_is() {
        let picture = field((320, 240), even);
        assert_eq!(FlatField::of_picture(&picture, 0.05), None);
        let flat = FlatField::of_picture(&picture, 0.0).unwrap();
        assert!(largest_difference(&flat.apply(&picture).unwrap(), &picture) <= 2);
    }

    #[test]
    fn a_cell_larger_than_a_block_is_not_taken_for_shade() {
        let mut picture = field((320, 240), even);
        for (x, y, pixel) in picture.enumerate_pixels_mut() {
            if (f64::from(x) - 230.0).hypot(f64::from(y) - 80.0) < 50.0 {
                *pixel = Rgb([110, 70, 140]);
            }
        }
        assert_eq!(FlatField::of_picture(&picture, 0.08), None);
    }

    #[test]
    fn an_empty_field_gives_its_light_exactly() {
        let empty = RgbImage::from_fn(320, 240, |x, y| {
            let light = dark_corners(f64::from(x) / 160.0 - 1.0, f64::from(y) / 120.0 - 1.0);
            Rgb(light.map(|light| (220.0 * light) as u8))
        });
        let flat = FlatField::new(Illumination::of_empty(&[empty.clone(), empty.clone()]).unwrap(), (320, 240));
        let evened = flat.apply(&empty).unwrap();
        let (least, most) = evened.iter().fold((255, 0), |(least, most), v| (*v.min(&least), *v.max(&most)));
        assert!(most - least <= 5, "{least} to {most}");
        assert_eq!(flat.apply(&RgbImage::new(240, 320)), None);
        assert_eq!(Illumination::of_empty(&[empty, RgbImage::new(240, 320)]), None);
    }

    #[test]
    fn tiny_pictures_tell_nothing_of_their_light() {
        assert_eq!(Illumination::of_picture(&RgbImage::new(400, 60)), None);
    }

    proptest! {
        #[test]
        fn no_picture_makes_light_that_is_none(seed in any::<u64>(), width in 96u32..160, height in 96u32..160) {
            let mut random = fastrand::Rng::with_seed(seed);
            let picture = RgbImage::from_fn(width, height, |_, _| Rgb([random.u8(..), random.u8(..), random.u8(..)]));
            let light = Illumination::of_picture(&picture).unwrap();
            prop_assert_eq!(light.check(), Ok(()));
            let evened = FlatField::new(light, (width, height)).apply(&picture).unwrap();
            // Nothing gets darker.
            prop_assert!(evened.iter().zip(picture.iter()).all(|(after, before)| after >= before));
        }
    }
}
