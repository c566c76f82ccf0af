//! One cell as a sprite: how much light of each colour it transmits, pixel by pixel.

use std::ops::Range;

/// Light transmitted around a cell's centre. Overlapping cells multiply, as stain does (Beer-Lambert).
#[derive(Debug)]
pub struct Sprite {
    /// Side of the square, px; the cell's centre is in its middle.
    side: usize,
    /// Red, green, blue transmitted, 0 = none, 255 = all.
    light: Vec<[u8; 3]>,
    /// Edges of the cell, px from its centre: left, top, right, bottom.
    pub outline: [f32; 4],
}

/// Optical properties of a cell at one point.
#[derive(Clone, Copy, Debug, Default)]
pub struct Matter {
    /// Absorbance of red, green and blue (natural logarithm), 0 = clear.
    pub absorbance: [f32; 3],
    /// Share of the point that belongs to the cell, 0..=1.
    pub cover: f32,
}

impl Sprite {
    /// Paints a cell from its properties at each point (um from its centre), out to `reach_um`, and blurs it as the
    /// lens does.
    pub(crate) fn paint(reach_um: f32, um_per_px: f32, matter: impl Fn(f32, f32) -> Matter) -> Self {
        let half = (reach_um / um_per_px).ceil() as usize + 2;
        let side = 2 * half + 1;
        let mut light = vec![[1.0_f32; 3]; side * side];
        let mut outline = [f32::MAX, f32::MAX, f32::MIN, f32::MIN];
        for row in 0..side {
            for column in 0..side {
                let (px, py) = (column as f32 - half as f32, row as f32 - half as f32);
                let here = matter(px * um_per_px, py * um_per_px);
                light[row * side + column] = here.absorbance.map(|a| (-a).exp());
                if here.cover >= 0.5 {
                    outline = [
                        outline[0].min(px - 0.5),
                        outline[1].min(py - 0.5),
                        outline[2].max(px + 0.5),
                        outline[3].max(py + 0.5),
                    ];
                }
            }
        }
        blur(&mut light, side, 1);
        blur(&mut light, side, side);
        let light = light.iter().map(|l| l.map(|v| (v * 255.0 + 0.5) as u8)).collect();
        Self { side, light, outline }
    }

    /// Draws what of the cell lies in a strip of the picture (these rows of `width` px), by dimming its light; the cell is centred
    /// at `x`, `y` px of the picture.
    pub fn draw(&self, strip: &mut [[f32; 3]], width: usize, rows: &Range<usize>, x: f32, y: f32) {
        let half = (self.side / 2) as f32;
        let (left, top) = (x - half, y - half);
        let (column, row) = (left.floor() as isize, top.floor() as isize);
        // Sub-pixel offset to the right and down, 0..1, weights four neighbours.
        let (right_share, down_share) = (left - left.floor(), top - top.floor());
        let weights = [
            right_share * down_share,
            (1.0 - right_share) * down_share,
            right_share * (1.0 - down_share),
            (1.0 - right_share) * (1.0 - down_share),
        ]
        .map(|w| w / 255.0);
        let side = self.side.cast_signed();
        let first_column = 1.max(-column);
        let last_column = side.min(width.cast_signed() - column);
        let (first, end) = (rows.start.cast_signed(), rows.end.cast_signed());
        for v in 1.max(first - row)..side.min(end - row) {
            let target = (row + v - first) as usize * width;
            let (above, here) = ((v as usize - 1) * self.side, v as usize * self.side);
            for u in first_column..last_column {
                let (above, here) = (above + u as usize, here + u as usize);
                let four = [&self.light[above - 1], &self.light[above], &self.light[here - 1], &self.light[here]];
                let pixel = &mut strip[target + (column + u) as usize];
                for (k, channel) in pixel.iter_mut().enumerate() {
                    *channel *= f32::from(four[0][k]) * weights[0]
                        + f32::from(four[1][k]) * weights[1]
                        + f32::from(four[2][k]) * weights[2]
                        + f32::from(four[3][k]) * weights[3];
                }
            }
        }
    }
}

/// Blurs along one direction (`stride` 1: along rows, `side`: along columns) with weights 1 4 6 4 1.
fn blur(light: &mut [[f32; 3]], side: usize, stride: usize) {
    let across = if stride == 1 { side } else { 1 };
    let mut line = vec![[1.0_f32; 3]; side];
    for start in (0..side).map(|i| i * across) {
        for (i, value) in line.iter_mut().enumerate() {
            *value = light[start + i * stride];
        }
        for i in 2..side - 2 {
            light[start + i * stride] = std::array::from_fn(|k| {
                (line[i - 2][k] + line[i + 2][k] + 4.0 * (line[i - 1][k] + line[i + 1][k]) + 6.0 * line[i][k]) / 16.0
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_drawn_in_strips_is_the_cell_drawn_at_once() {
        let disc = |x: f32, y: f32| Matter { absorbance: [0.4, 0.6 + 0.05 * x, 0.5 + 0.05 * y], cover: 1.0 };
        let sprite = Sprite::paint(3.0, 0.3, disc);
        let (width, height) = (40, 33);
        let light = |pixels: usize| vec![[200.0_f32, 190.0, 180.0]; pixels];
        // In the middle, and cut by every side.
        for (x, y) in [(20.3, 15.7), (-2.5, -3.25), (39.0, 31.5)] {
            let mut whole = light(width * height);
            sprite.draw(&mut whole, width, &(0..height), x, y);
            assert_ne!(whole, light(width * height));
            let strips = (0..height).step_by(7).flat_map(|first| {
                let rows = first..height.min(first + 7);
                let mut strip = light(width * rows.len());
                sprite.draw(&mut strip, width, &rows, x, y);
                strip
            });
            assert_eq!(strips.collect::<Vec<_>>(), whole, "{x}, {y}");
        }
    }
}
