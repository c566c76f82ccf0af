//! How dense red cells lie.

use image::RgbImage;
use image::imageops;

use super::Verdict;
use crate::class::Kind;
use crate::detect::Detection;
use crate::optics::scale::BOX_MARGIN;

/// Share of what red cells cover that may lie under two of them.
const THICK_OVERLAP: f64 = 0.40;

/// Share of the field that red cells may cover before no background is left.
const THICK_COVER: f64 = 0.92;

/// Share of the field that red cells cover at least where there is a smear.
const THIN_COVER: f64 = 0.04;

/// Columns of the raster on which cells are laid; a cell is some ten wide.
const RASTER: f64 = 160.0;

/// How dense red cells lie in one field.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Density {
    /// Red cells.
    pub red: usize,
    /// Share of the field that they cover, 0..=1.
    pub covered: f64,
    /// Share of that which lies under two or more, 0..=1.
    pub overlap: f64,
}

impl Density {
    /// Of the cells of a field of `size` px, each taken for the ellipse in its box.
    #[must_use]
    pub fn of(cells: &[Detection], size: (f64, f64)) -> Self {
        let step = (size.0 / RASTER).max(1.0);
        let (columns, rows) = ((size.0 / step).ceil() as usize, (size.1 / step).ceil() as usize);
        let mut layers = vec![0_u8; columns * rows];
        let red = || cells.iter().filter(|cell| cell.kind == Kind::Rbc);
        for cell in red() {
            let (x, y) = cell.area.centre();
            let (a, b) = (cell.area.w / 2.0 / BOX_MARGIN, cell.area.h / 2.0 / BOX_MARGIN);
            if !(a > 0.0 && b > 0.0) {
                continue;
            }
            let index = |at: f64, most: usize| ((at / step).max(0.0) as usize).min(most);
            for row in index(y - b, rows)..(index(y + b, rows) + 1).min(rows) {
                let v = ((row as f64 + 0.5) * step - y) / b;
                for column in index(x - a, columns)..(index(x + a, columns) + 1).min(columns) {
                    let u = ((column as f64 + 0.5) * step - x) / a;
                    if u * u + v * v <= 1.0 {
                        let layer = &mut layers[row * columns + column];
                        *layer = layer.saturating_add(1);
                    }
                }
            }
        }
        let covered = layers.iter().filter(|layer| **layer > 0).count();
        let twice = layers.iter().filter(|layer| **layer > 1).count();
        Self {
            red: red().count(),
            covered: covered as f64 / layers.len().max(1) as f64,
            overlap: twice as f64 / covered.max(1) as f64,
        }
    }

    /// What is wrong with it, beside `white` white cells; none for usual density.
    ///
    /// Fields with no more red cells than white ones are lysed or concentrated: there is nothing to be too thin.
    #[must_use]
    pub fn verdict(&self, white: usize) -> Option<Verdict> {
        if self.overlap > THICK_OVERLAP || self.covered > THICK_COVER {
            Some(Verdict::TooThick)
        } else if self.red > white && self.covered < THIN_COVER {
            Some(Verdict::TooThin)
        } else {
            None
        }
    }
}

/// Standard deviation of the large shapes of a picture, grey levels: of its thumbnail, where noise is averaged away.
#[must_use]
pub fn contrast(balanced: &RgbImage) -> f64 {
    let (width, height) = balanced.dimensions();
    let small = imageops::thumbnail(balanced, width.clamp(1, 48), height.clamp(1, 36));
    let grey: Vec<f64> = small.pixels().map(|p| p.0.iter().map(|v| f64::from(*v)).sum::<f64>() / 3.0).collect();
    let mean = grey.iter().sum::<f64>() / grey.len() as f64;
    (grey.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / grey.len() as f64).sqrt()
}
