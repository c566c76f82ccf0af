//! Learns the light while the stage moves: cells come and go, light and dirt stay. Pure.

use std::collections::VecDeque;

use image::RgbImage;

use super::blocks::Blocks;
use super::{BACKGROUND, FlatField, GRID, Illumination};
use crate::vision::optics::field_of_view::FieldOfView;

/// Frames remembered.
const FRAMES: usize = 48;

/// Frames needed before anything is corrected.
const ENOUGH: usize = 12;

/// New frames between two estimates.
const BETWEEN: usize = 6;

/// Mean change of block brightness (natural logarithm) from which a frame counts as new. A resting stage shows the
/// same cells again, and they would be learned as shading. Noise alone stays below a tenth of this.
const MOVED: f64 = 0.01;

/// Quantile over frames taken as a block's background. Half would do for half-covered fields; with this, three
/// quarters of the frames may have a cell in the block.
const COVERED: f64 = 0.75;

/// Fall-off from which light is corrected: less is within the error that cells cause in the estimate.
pub(crate) const LEAST_FALL_OFF: f64 = 0.1;

/// Change of the light (as a share of the brightest) from which the correction is recomputed.
const CHANGED: f64 = 0.015;

/// Learns the light of one camera from its frames.
#[derive(Clone, Debug, Default)]
pub struct Learner {
    size: (u32, u32),
    /// Logarithms of block backgrounds, normalised by each frame's brightness.
    frames: VecDeque<Vec<[f64; 3]>>,
    /// Block means of the last frame taken.
    last: Vec<f64>,
    since: usize,
    field: Option<FlatField>,
}

impl Learner {
    /// Takes a frame, unless it shows the same as the one before. A new frame size starts over.
    pub fn take(&mut self, frame: &RgbImage) {
        self.take_in(frame, &FieldOfView::whole(frame.dimensions()));
    }

    /// Same from what lies in the field of view.
    pub(crate) fn take_in(&mut self, frame: &RgbImage, view: &FieldOfView) {
        if self.size != frame.dimensions() {
            *self = Self { size: frame.dimensions(), ..Self::default() };
        }
        let Some(blocks) = Blocks::of(frame, view, GRID, BACKGROUND) else { return };
        let means: Vec<f64> = blocks.means.iter().map(|mean| mean.max(1.0).ln()).collect();
        if !self.moved(&means) {
            return;
        }
        self.last = means;
        let mut levels = blocks.logarithms();
        let count = levels.len() as f64;
        for c in 0..3 {
            let mean = levels.iter().map(|level| level[c]).sum::<f64>() / count;
            for level in &mut levels {
                level[c] -= mean;
            }
        }
        if self.frames.len() == FRAMES {
            self.frames.pop_front();
        }
        self.frames.push_back(levels);
        self.since += 1;
        if self.frames.len() >= ENOUGH && (self.since >= BETWEEN || self.frames.len() == ENOUGH) {
            self.since = 0;
            self.conclude();
        }
    }

    /// The correction; `None` until enough frames were seen, and if the light is even.
    #[must_use]
    pub fn flat_field(&self) -> Option<&FlatField> {
        self.field.as_ref()
    }

    /// The light estimated so far, even or not; `None` until enough frames were seen.
    #[must_use]
    pub fn light(&self) -> Option<Illumination> {
        if self.frames.len() < ENOUGH {
            return None;
        }
        let (columns, rows) = GRID;
        let at = ((self.frames.len() - 1) as f64 * COVERED).round() as usize;
        let upper: Vec<[f64; 3]> = (0..columns * rows)
            .map(|block| {
                [0, 1, 2].map(|c| {
                    let mut values: Vec<f64> = self.frames.iter().map(|frame| frame[block][c]).collect();
                    values.sort_by(f64::total_cmp);
                    values[at]
                })
            })
            .collect();
        let levels: Vec<[f64; 3]> = smooth(&upper, columns, rows).iter().map(|log| log.map(f64::exp)).collect();
        Some(Illumination::of_levels(columns, rows, &levels))
    }

    fn moved(&self, means: &[f64]) -> bool {
        if self.last.len() != means.len() {
            return true;
        }
        // A flickering lamp changes all blocks alike; that is not motion.
        let changes: Vec<f64> = means.iter().zip(&self.last).map(|(now, then)| now - then).collect();
        let all = changes.iter().sum::<f64>() / changes.len() as f64;
        changes.iter().map(|change| (change - all).abs()).sum::<f64>() / changes.len() as f64 >= MOVED
    }

    fn conclude(&mut self) {
        let Some(light) = self.light() else { return };
        if light.fall_off() < LEAST_FALL_OFF {
            // Once on, the correction stays on with hysteresis, so that frames do not jump when the light hovers
            // about the limit.
            if light.fall_off() < LEAST_FALL_OFF / 2.0 {
                self.field = None;
            }
            return;
        }
        if self.field.as_ref().is_none_or(|field| field.light().difference(&light) > CHANGED) {
            self.field = Some(FlatField::new(light, self.size));
        }
    }
}

/// Smooths each block with its neighbours, kernel 1 2 1 in both directions.
fn smooth(levels: &[[f64; 3]], columns: usize, rows: usize) -> Vec<[f64; 3]> {
    let mut smoothed = Vec::with_capacity(levels.len());
    for y in 0..rows {
        for x in 0..columns {
            let (mut sum, mut weights) = ([0.0; 3], 0.0);
            for (v, down) in [(y.checked_sub(1), 1.0), (Some(y), 2.0), (Some(y + 1).filter(|v| *v < rows), 1.0)] {
                for (u, across) in
                    [(x.checked_sub(1), 1.0), (Some(x), 2.0), (Some(x + 1).filter(|u| *u < columns), 1.0)]
                {
                    let (Some(v), Some(u)) = (v, u) else { continue };
                    let weight: f64 = down * across;
                    (0..3).for_each(|c| sum[c] += weight * levels[v * columns + u][c]);
                    weights += weight;
                }
            }
            smoothed.push(sum.map(|sum| sum / weights));
        }
    }
    smoothed
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    /// A field with cells at different places for each `shift`, under light that falls off to `corner` in the
    /// corners.
    fn frame(shift: u32, corner: f64) -> RgbImage {
        RgbImage::from_fn(320, 240, |x, y| {
            let (u, v) = (x + shift * 37, y + shift * 23);
            let cell = (f64::from(u % 66) - 33.0).hypot(f64::from(v % 62) - 31.0) < 24.0;
            let place = |at: u32, of: f64| (f64::from(at) + 0.5) / of * 2.0 - 1.0;
            let squared = place(x, 320.0).powi(2) + place(y, 240.0).powi(2);
            let light = 1.0 - (1.0 - corner) * squared / 2.0;
            let colour: [f64; 3] = if cell { [190.0, 120.0, 160.0] } else { [230.0, 225.0, 215.0] };
            Rgb(colour.map(|value| (value * light + 0.5) as u8))
        })
    }

    #[test]
    fn light_is_learned_while_cells_pass() {
        let mut learner = Learner::default();
        (0..11).for_each(|shift| learner.take(&frame(shift, 0.5)));
        assert!(learner.flat_field().is_none(), "too early");
        (11..30).for_each(|shift| learner.take(&frame(shift, 0.5)));
        let field = learner.flat_field().expect("30 frames are enough");
        let (evened, even) = (field.apply(&frame(40, 0.5)).unwrap(), frame(40, 1.0));
        let off: f64 =
            evened.iter().zip(even.iter()).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / evened.len() as f64;
        assert!(off < 6.0, "off by {off} grey levels");
    }

    #[test]
    fn even_light_needs_no_correction() {
        let mut learner = Learner::default();
        (0..40).for_each(|shift| learner.take(&frame(shift, 1.0)));
        assert!(learner.flat_field().is_none());
        assert!(learner.light().unwrap().fall_off() < LEAST_FALL_OFF / 2.0);
    }

    #[test]
    fn a_resting_stage_teaches_nothing() {
        let mut learner = Learner::default();
        (0..40).for_each(|_| learner.take(&frame(3, 0.5)));
        assert!(learner.flat_field().is_none() && learner.light().is_none());
    }

    #[test]
    fn another_size_begins_anew() {
        let mut learner = Learner::default();
        (0..30).for_each(|shift| learner.take(&frame(shift, 0.5)));
        learner.take(&RgbImage::new(640, 480));
        assert!(learner.flat_field().is_none());
    }
}
