//! One cell as the light sees it: how much of each colour comes through, pixel by pixel.

/// Light let through by a cell around its centre. Cells on top of one another multiply, as stain does (Beer-Lambert).
#[derive(Debug)]
pub struct Sprite {
    /// Side of the square, px; the cell's centre is its middle.
    side: usize,
    /// Red, green, blue let through, 0 = none, 255 = all.
    light: Vec<[u8; 3]>,
    /// The cell's edges, px from its centre: left, top, right, bottom.
    pub outline: [f32; 4],
}

/// What a cell is at one place.
#[derive(Clone, Copy, Debug, Default)]
pub struct Matter {
    /// Absorbance of red, green and blue (natural logarithm), 0 = clear.
    pub absorbance: [f32; 3],
    /// How much of the place belongs to the cell, 0..=1.
    pub cover: f32,
}

impl Sprite {
    /// Paints a cell from what it is at each place (um from its centre), out to `reach_um`, and blurs it as the lens does.
    pub fn paint(reach_um: f32, um_per_px: f32, matter: impl Fn(f32, f32) -> Matter) -> Self {
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

    /// Dims the canvas (`width` x `height`, row by row) by this cell with its centre at `x`, `y` px.
    pub fn draw(&self, canvas: &mut [[f32; 3]], width: usize, height: usize, x: f32, y: f32) {
        let half = (self.side / 2) as f32;
        let (left, top) = (x - half, y - half);
        let (column, row) = (left.floor() as i64, top.floor() as i64);
        // Between pixels: the shift to the right and down, 0..1, weighs four neighbours.
        let (right_share, down_share) = (left - left.floor(), top - top.floor());
        let weights = [
            right_share * down_share,
            (1.0 - right_share) * down_share,
            right_share * (1.0 - down_share),
            (1.0 - right_share) * (1.0 - down_share),
        ]
        .map(|w| w / 255.0);
        let side = self.side as i64;
        let first_column = 1.max(-column);
        let last_column = side.min(width as i64 - column);
        for v in 1.max(-row)..side.min(height as i64 - row) {
            let target = (row + v) as usize * width;
            let (above, here) = ((v as usize - 1) * self.side, v as usize * self.side);
            for u in first_column..last_column {
                let u_index = u as usize;
                let (a, b) = (&self.light[above + u_index - 1], &self.light[above + u_index]);
                let (c, d) = (&self.light[here + u_index - 1], &self.light[here + u_index]);
                let pixel = &mut canvas[target + (column + u) as usize];
                for k in 0..3 {
                    pixel[k] *= f32::from(a[k]) * weights[0]
                        + f32::from(b[k]) * weights[1]
                        + f32::from(c[k]) * weights[2]
                        + f32::from(d[k]) * weights[3];
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
