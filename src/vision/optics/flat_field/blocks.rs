//! A picture divided into blocks, with the background of each.

use image::RgbImage;

use crate::vision::optics::field_of_view::FieldOfView;

/// Shortest side of a picture that tells anything about its light, px.
const SMALLEST: u32 = 96;

/// Share of a block that must lie in the field of view to tell its light.
const SEEN: f64 = 0.4;

/// A picture divided into blocks.
pub(super) struct Blocks {
    columns: usize,
    /// Grey level of each block's background, row by row. Blocks outside the field of view have that of the nearest
    /// block inside.
    pub(super) levels: Vec<[f64; 3]>,
    /// Mean green of each block, where cells show most.
    pub(super) means: Vec<f64>,
    /// Whether enough of each block lies in the field of view.
    pub(super) seen: Vec<bool>,
}

impl Blocks {
    /// Divides a picture into `grid` columns and rows; `share` (0..1) of a block's pixels are darker than its background
    /// level. `None` below 96 px, or if no block lies in the field of view.
    pub(super) fn of(picture: &RgbImage, view: &FieldOfView, grid: (usize, usize), share: f64) -> Option<Self> {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        if picture.width().min(picture.height()) < SMALLEST {
            return None;
        }
        let (columns, rows) = grid;
        let count = columns * rows;
        let mut found = Self {
            columns,
            levels: Vec::with_capacity(count),
            means: Vec::with_capacity(count),
            seen: Vec::with_capacity(count),
        };
        // Every second pixel each way is enough for large blocks.
        let step = if picture.width().min(picture.height()) < 4 * SMALLEST { 1 } else { 2 };
        for row in 0..rows {
            for column in 0..columns {
                let [mut reds, mut greens, mut blues] = [[0_u32; 256]; 3];
                let (mut count, mut green, mut all) = (0_u32, 0_u64, 0_usize);
                let (left, right) = (column * width / columns, (column + 1) * width / columns);
                for y in (row * height / rows..(row + 1) * height / rows).step_by(step) {
                    let inside = view.columns(y as u32);
                    let (from, to) = (left.max(inside.start), right.min(inside.end));
                    all += (right - left).div_ceil(step);
                    if from >= to {
                        continue;
                    }
                    let line = &picture.as_raw()[(y * width + from) * 3..(y * width + to) * 3];
                    for pixel in line.chunks(3 * step) {
                        reds[usize::from(pixel[0])] += 1;
                        greens[usize::from(pixel[1])] += 1;
                        blues[usize::from(pixel[2])] += 1;
                        count += 1;
                        green += u64::from(pixel[1]);
                    }
                }
                found.levels.push([&reds, &greens, &blues].map(|histogram| percentile(histogram, count, share)));
                found.means.push(green as f64 / f64::from(count.max(1)));
                found.seen.push(f64::from(count) >= SEEN * all as f64);
            }
        }
        if !found.seen.contains(&true) {
            return None;
        }
        let mut levels = std::mem::take(&mut found.levels);
        found.fill_unseen(&mut levels);
        let means = found.means.clone();
        for at in (0..levels.len()).filter(|at| !found.seen[*at]) {
            found.means[at] = found.nearest(at).map_or(1.0, |near| means[near]);
        }
        found.levels = levels;
        Some(found)
    }

    /// Natural logarithms of the levels.
    pub(super) fn logarithms(&self) -> Vec<[f64; 3]> {
        self.levels.iter().map(|level| level.map(|value| value.max(1.0).ln())).collect()
    }

    /// Gives every block outside the field of view the values of the nearest block inside.
    pub(super) fn fill_unseen(&self, values: &mut [[f64; 3]]) {
        for at in (0..values.len()).filter(|at| !self.seen[*at]) {
            if let Some(near) = self.nearest(at) {
                values[at] = values[near];
            }
        }
    }

    /// The nearest block in the field of view.
    fn nearest(&self, at: usize) -> Option<usize> {
        let place = |at: usize| (at % self.columns, at / self.columns);
        let (x, y) = place(at);
        let seen = (0..self.seen.len()).filter(|at| self.seen[*at]);
        seen.min_by_key(|other| {
            let (u, v) = place(*other);
            u.abs_diff(x).pow(2) + v.abs_diff(y).pow(2)
        })
    }
}

/// The level below which `share` of the pixels lie, to a fraction of a grey level.
fn percentile(histogram: &[u32; 256], count: u32, share: f64) -> f64 {
    let wanted = share * f64::from(count);
    let mut below = 0.0;
    for (value, here) in histogram.iter().enumerate() {
        let here = f64::from(*here);
        if below + here >= wanted && here > 0.0 {
            return value as f64 + (wanted - below) / here - 0.5;
        }
        below += here;
    }
    255.0
}
