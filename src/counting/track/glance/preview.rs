//! Frames made small, in which blur is measured and motion is found.

use image::{GrayImage, RgbImage};

use super::super::correlate::{GreyView, climb, everywhere, peak};
use super::super::register::{COARSE, THUMB};
use super::{MOST_NEW_GROUND, SAME_PLACE};
use crate::vision::optics::field_of_view::FieldOfView;
use crate::vision::optics::focus::{SHARPNESS_WIDTH, sharpness_of};
use crate::vision::optics::grey::{block_means, shrunk_by};

/// Radius of the neighbourhood that a pixel is compared with, px of the thumb: wider than a cell, narrower than the shade of
/// uneven light.
const AROUND: usize = THUMB as usize / 8;

/// A frame in grey, reduced for measuring its sharpness, and once more for finding its place.
#[derive(Clone, Debug)]
pub(super) struct Small {
    pub(super) grey: GrayImage,
    pub(super) thumb: GrayImage,
    /// Frame pixels per thumb pixel.
    pub(super) step: f64,
}

/// A frame, made small.
#[derive(Clone, Debug)]
pub(super) struct Preview {
    pub(super) thumb: GreyView,
    /// The thumb reduced by a further factor of [`COARSE`].
    pub(super) coarse: GreyView,
    pub(super) sharpness: f64,
    /// Mean of the thumb before uneven light was taken out of it.
    pub(super) brightness: f64,
    /// Frame pixels per thumb pixel.
    pub(super) step: f64,
}

impl Small {
    pub(super) fn of(raw: &RgbImage) -> Self {
        let side = (raw.width() / SHARPNESS_WIDTH).max(1);
        let grey = block_means(raw, side);
        let further = (grey.width() / THUMB).max(1);
        Self { thumb: shrunk_by(&grey, further), grey, step: f64::from(side * further) }
    }
}

impl Preview {
    pub(super) fn of(small: &Small, view: &FieldOfView) -> Self {
        let sharpness = sharpness_of(&small.grey, &view.resized(small.grey.dimensions()).inner());
        let (relief, brightness) = relief(&small.thumb, &view.resized(small.thumb.dimensions()));
        let coarse = shrunk_by(&relief, COARSE);
        let (thumb, coarse) = (GreyView::new(relief, view), GreyView::new(coarse, view));
        Self { thumb, coarse, sharpness, brightness, step: small.step }
    }
}

/// Motion of the field from `before` to `now`, px of the thumbs, and the correlation of the two.
pub(super) fn place(before: &Preview, now: &Preview, expected: (f64, f64)) -> Option<((f64, f64), f64)> {
    let near = (expected.0.round() as i64, expected.1.round() as i64);
    let best = |from: &[(i64, i64)]| {
        let reached = from.iter().filter_map(|at| climb(&before.thumb, &now.thumb, *at));
        reached.max_by(|a, b| a.1.total_cmp(&b.1))
    };
    let clear = best(&[near]).filter(|(_, score)| *score >= SAME_PLACE);
    let (at, _) = clear.or_else(|| {
        let step = i64::from(COARSE);
        let tried = everywhere(&before.coarse, &now.coarse, 1.0 - MOST_NEW_GROUND);
        best(&tried.into_iter().map(|at| (at.0 * step, at.1 * step)).collect::<Vec<_>>())
    })?;
    Some(peak(&before.thumb, &now.thumb, at))
}

/// A picture less the mean of each pixel's neighbourhood in the field, around 128, which leaves cells and takes out uneven light;
/// and its mean brightness.
fn relief(grey: &GrayImage, field: &FieldOfView) -> (GrayImage, f64) {
    let (width, height) = (grey.width() as usize, grey.height() as usize);
    // Sums of brightness and number of pixels above and left of each corner.
    let mut sums = vec![(0_u32, 0_u32); (width + 1) * (height + 1)];
    for y in 0..height {
        let columns = field.columns(y as u32);
        let mut line = (0, 0);
        for x in 0..width {
            if columns.contains(&x) {
                line = (line.0 + u32::from(grey.as_raw()[y * width + x]), line.1 + 1);
            }
            let above = sums[y * (width + 1) + x + 1];
            sums[(y + 1) * (width + 1) + x + 1] = (above.0 + line.0, above.1 + line.1);
        }
    }
    let mean = |left: usize, top: usize, right: usize, bottom: usize| {
        let at = |x: usize, y: usize| sums[y * (width + 1) + x];
        let (a, b, c, d) = (at(left, top), at(right, top), at(left, bottom), at(right, bottom));
        (d.0 + a.0 - b.0 - c.0) / (d.1 + a.1 - b.1 - c.1).max(1)
    };
    let mut relief = grey.clone();
    for (y, row) in relief.chunks_exact_mut(width.max(1)).enumerate() {
        let (top, bottom) = (y.saturating_sub(AROUND), (y + AROUND + 1).min(height));
        for (x, pixel) in row.iter_mut().enumerate() {
            let around = mean(x.saturating_sub(AROUND), top, (x + AROUND + 1).min(width), bottom);
            *pixel = (128 + i32::from(*pixel) - around.cast_signed()).clamp(0, 255) as u8;
        }
    }
    (relief, f64::from(mean(0, 0, width, height)))
}
