//! Lines drawn into a picture: scale bars, rulers, borders of windows. What lies on them may be taken for cells. Pure.

use image::{Rgb, RgbImage};

use crate::vision::optics::field_of_view::FieldOfView;

/// Length from which a line counts, as a share of the picture's shorter side. In 214 fields of four sources with nothing
/// drawn in, no such edge is longer than 0.05; burnt-in scale bars are 0.07 and longer.
const LONG: f64 = 0.06;

/// Least length of a line, px.
const LEAST: f64 = 24.0;

/// Step in brightness from a line to what is beside it, sum of the channels: lenses blur all edges but drawn ones.
const STEP: i16 = 90;

/// Change of a channel from one pixel of a line to the next: more is noise, which drawn lines lack.
const FLAT: u8 = 8;

/// Share of the picture's sides left out at the borders, where cameras leave lines of their own.
const BORDER: f64 = 0.02;

/// Pixels of a row that are looked at together for a step.
const PIECE: usize = 32;

/// An edge that runs along a row or column.
#[derive(Clone, Copy, Default)]
struct Run {
    /// Where along the row or column it would go on.
    next: u32,
    /// Sign of the step across it.
    rises: bool,
    /// Pixels so far with one colour on each of its sides.
    sides: [u32; 2],
}

impl Run {
    /// Goes on by the pixel `at`: the step across the edge, and whether each side has the colour of the pixel before. Returns how
    /// long it is, px.
    fn go_on(&mut self, at: u32, step: i16, same: [bool; 2]) -> u32 {
        let rises = step > 0;
        let goes_on = self.next == at && self.rises == rises;
        for (side, same) in self.sides.iter_mut().zip(same) {
            *side = if goes_on && same { *side + 1 } else { 1 };
        }
        self.rises = rises;
        self.next = at + 1;
        self.sides[0].max(self.sides[1])
    }
}

/// Whether the field of view of a raw picture has upright or level lines drawn into it.
#[must_use]
pub(crate) fn has_lines(raw: &RgbImage, view: &FieldOfView) -> bool {
    let (width, height) = raw.dimensions();
    let long = (LONG * f64::from(width.min(height))).max(LEAST) as u32;
    let border = |side: u32| ((f64::from(side) * BORDER) as u32).max(2);
    let (left, top) = (border(width), border(height));
    if width < 4 * left || height < 4 * top {
        return false;
    }
    let mut upright = vec![Run::default(); width as usize];
    let (mut here, mut below) = (vec![0_i16; width as usize], vec![0_i16; width as usize]);
    sum_row(raw, top, &mut here);
    for y in top..height - top {
        sum_row(raw, y + 1, &mut below);
        let columns = view.columns(y);
        let columns = columns.start.max(left as usize)..columns.end.min((width - left) as usize);
        let mut level = Run::default();
        for from in columns.clone().step_by(PIECE) {
            let piece = from..(from + PIECE).min(columns.end);
            // Steps are few.
            if !has_step(&here[from..=piece.end], &below[piece.clone()]) {
                continue;
            }
            for x in piece {
                let pixel = |x: usize, y: u32| *raw.get_pixel(x as u32, y);
                let step = below[x] - here[x];
                if step.abs() >= STEP {
                    let same = |y| x > columns.start && alike(pixel(x - 1, y), pixel(x, y));
                    if level.go_on(x as u32, step, [same(y), same(y + 1)]) >= long {
                        return true;
                    }
                }
                let step = here[x + 1] - here[x];
                if step.abs() >= STEP {
                    let same = |x| alike(pixel(x, y - 1), pixel(x, y));
                    if upright[x].go_on(y, step, [same(x), same(x + 1)]) >= long {
                        return true;
                    }
                }
            }
        }
        std::mem::swap(&mut here, &mut below);
    }
    false
}

/// Brightness of each pixel of row `y`, sum of the channels.
fn sum_row(raw: &RgbImage, y: u32, sums: &mut [i16]) {
    let row = 3 * raw.width() as usize;
    let start = row * y as usize;
    for (sum, pixel) in sums.iter_mut().zip(raw.as_raw()[start..start + row].chunks_exact(3)) {
        *sum = i16::from(pixel[0]) + i16::from(pixel[1]) + i16::from(pixel[2]);
    }
}

/// Whether a step leads down or to the right from any pixel of a row's piece; `here` has one pixel more than `below`.
fn has_step(here: &[i16], below: &[i16]) -> bool {
    let mut largest = 0;
    for ((here, right), below) in here.iter().zip(&here[1..]).zip(below) {
        largest = largest.max((below - here).abs()).max((right - here).abs());
    }
    largest >= STEP
}

fn alike(one: Rgb<u8>, other: Rgb<u8>) -> bool {
    one.0.iter().zip(other.0).all(|(one, other)| one.abs_diff(other) <= FLAT)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A noisy field with round cells.
    fn field() -> RgbImage {
        RgbImage::from_fn(640, 480, |x, y| {
            let far = (f64::from(x % 70) - 35.0).hypot(f64::from(y % 66) - 33.0);
            let noise = ((x * 37 + y * 91 + x * y) % 9) as u8;
            let inside = ((24.0 - far) / 4.0 + 0.5).clamp(0.0, 1.0);
            Rgb([225.0 - 40.0 * inside, 215.0 - 90.0 * inside, 220.0 - 60.0 * inside].map(|v| v as u8 + noise))
        })
    }

    fn lined(image: &RgbImage) -> bool {
        has_lines(image, &FieldOfView::whole(image.dimensions()))
    }

    fn bar(image: &mut RgbImage, (x, y): (u32, u32), (width, height): (u32, u32), colour: [u8; 3]) {
        for v in y..y + height {
            for u in x..x + width {
                image.put_pixel(u, v, Rgb(colour));
            }
        }
    }

    #[test]
    fn a_scale_bar_level_or_upright_black_or_white_is_noticed() {
        assert!(!lined(&field()));
        for (at, size, colour) in [
            ((500, 440), (60, 4), [0; 3]),
            ((500, 440), (60, 4), [255, 0, 0]),
            ((30, 300), (3, 80), [0; 3]),
            ((100, 60), (300, 200), [120, 120, 125]),
        ] {
            let mut image = field();
            bar(&mut image, at, size, colour);
            assert!(lined(&image), "{at:?} {size:?} {colour:?}");
        }
    }

    #[test]
    fn lines_of_the_camera_at_the_border_are_not() {
        let mut image = field();
        bar(&mut image, (0, 477), (640, 3), [0; 3]);
        bar(&mut image, (0, 0), (4, 480), [255; 3]);
        assert!(!lined(&image));
    }
}
