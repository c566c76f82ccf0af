//! Lines drawn into a picture: scale bars, rulers, borders of windows. What lies on them may be taken for cells. Pure.

use image::{Rgb, RgbImage};

use crate::vision::optics::field_of_view::FieldOfView;

/// Length from which a line counts, as a share of the picture's shorter side. In 214 fields of four sources with nothing
/// drawn in, no such edge is longer than 0.05; burnt-in scale bars are 0.07 and longer.
const LONG: f64 = 0.06;

/// Least length of a line, px.
const LEAST: f64 = 24.0;

/// Step in brightness from a line to what is beside it, sum of the channels: lenses blur all edges but drawn ones.
const STEP: i32 = 90;

/// Change of a channel from one pixel of a line to the next: more is noise, which drawn lines lack.
const FLAT: u8 = 8;

/// Share of the picture's sides left out at the borders, where cameras leave lines of their own.
const BORDER: f64 = 0.02;

/// An edge that runs along a row or column.
#[derive(Clone, Copy, Default)]
struct Run {
    /// Sign of the step across it.
    rises: bool,
    /// Pixels so far with one colour on each of its sides; 0 where there is no edge.
    sides: [u32; 2],
}

impl Run {
    /// Goes on by one pixel: `step` across the edge, and whether each side has the colour of the pixel before.
    fn go_on(&mut self, step: i32, same: [bool; 2]) -> u32 {
        if step.abs() < STEP {
            *self = Self::default();
            return 0;
        }
        let rises = step > 0;
        let goes_on = self.rises == rises;
        for (side, same) in self.sides.iter_mut().zip(same) {
            *side = if goes_on && same { *side + 1 } else { 1 };
        }
        self.rises = rises;
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
    let mut brightness: [Vec<i32>; 2] = [sums(raw, top).collect(), Vec::with_capacity(width as usize)];
    for y in top..height - top {
        let columns = view.columns(y);
        let columns = columns.start.max(left as usize)..columns.end.min((width - left) as usize);
        let [here, below] = &mut brightness;
        below.clear();
        below.extend(sums(raw, y + 1));
        let mut level = Run::default();
        upright[..columns.start.min(width as usize)].fill(Run::default());
        upright[columns.end.min(width as usize)..].fill(Run::default());
        for x in columns.clone() {
            let pixel = |right: usize, down: u32| *raw.get_pixel((x + right) as u32, y + down);
            // Colours are compared only along a step, and steps are few.
            let step = below[x] - here[x];
            let same = step.abs() >= STEP && x > columns.start;
            let same = [0, 1].map(|down| same && alike(*raw.get_pixel(x as u32 - 1, y + down), pixel(0, down)));
            if level.go_on(step, same) >= long {
                return true;
            }
            let step = here[x + 1] - here[x];
            let same = [0, 1]
                .map(|right| step.abs() >= STEP && alike(*raw.get_pixel((x + right) as u32, y - 1), pixel(right, 0)));
            if upright[x].go_on(step, same) >= long {
                return true;
            }
        }
        brightness.swap(0, 1);
    }
    false
}

/// Brightness of each pixel of row `y`, sum of the channels.
fn sums(raw: &RgbImage, y: u32) -> impl Iterator<Item = i32> + '_ {
    let row = 3 * raw.width() as usize;
    let start = row * y as usize;
    raw.as_raw()[start..start + row].chunks_exact(3).map(|pixel| pixel.iter().map(|value| i32::from(*value)).sum())
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
