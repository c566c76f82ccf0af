//! Boxes and names drawn onto an image, for people to look at.

use embedded_graphics::Drawable;
use embedded_graphics::Pixel;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::mono_font::iso_8859_1::{FONT_6X13_BOLD, FONT_9X18_BOLD};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::BinaryColor;
use embedded_graphics::text::{Baseline, Text};
use image::{Rgb, RgbImage};

use crate::domain::class::Kind;
use crate::domain::geometry::Rect;
use crate::vision::Cell;

/// White behind every line and letter, so that they stand out from stained cells.
const HALO: Rgb<u8> = Rgb([255; 3]);

/// The colour of a kind: three that colour-blind people tell apart (Okabe and Ito 2008), none of them a stain's.
#[must_use]
pub const fn colour(kind: Kind) -> Rgb<u8> {
    match kind {
        Kind::Wbc => Rgb([0, 80, 170]),
        Kind::Rbc => Rgb([0, 158, 115]),
        Kind::Plt => Rgb([213, 94, 0]),
    }
}

/// How a box is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoxPen {
    pub colour: Rgb<u8>,
    /// In units that grow with the image; 1 is the thinnest line that is seen well.
    pub thickness: u32,
    pub dashed: bool,
}

impl BoxPen {
    /// An unbroken line.
    #[must_use]
    pub const fn solid(colour: Rgb<u8>, thickness: u32) -> Self {
        Self { colour, thickness, dashed: false }
    }

    /// A dashed line.
    #[must_use]
    pub const fn dashed(colour: Rgb<u8>, thickness: u32) -> Self {
        Self { colour, thickness, dashed: true }
    }
}

/// A copy of `image` with a box around every cell and, above each white one, its class and probability.
///
/// Boxes of white cells and platelets are thick, those of the many red cells thin. `cells` are in pixels of `image`.
#[must_use]
pub fn annotate(image: &RgbImage, cells: &[Cell]) -> RgbImage {
    let mut canvas = image.clone();
    // Red cells first, white cells on top, and among these the surest last.
    for kind in [Kind::Rbc, Kind::Plt, Kind::Wbc] {
        let thickness = if kind == Kind::Rbc { 1 } else { 2 };
        for cell in cells.iter().rev().filter(|cell| cell.kind() == kind) {
            outline(&mut canvas, cell.detection.area, BoxPen::solid(colour(kind), thickness));
        }
    }
    for cell in cells.iter().rev() {
        if let Some(opinion) = &cell.opinion {
            title(&mut canvas, cell.detection.area, &opinion.to_string(), colour(cell.kind()));
        }
    }
    canvas
}

/// Draws the edge of a box.
pub fn outline(canvas: &mut RgbImage, area: Rect, pen: BoxPen) {
    let unit = unit(canvas);
    let thick = i64::from(pen.thickness * unit);
    // A halo would drown the thin lines of crowded red cells.
    if pen.thickness > 1 {
        edge(canvas, area, thick + 2 * i64::from(unit.div_ceil(2)), HALO, None);
    }
    edge(canvas, area, thick, pen.colour, pen.dashed.then_some(i64::from(6 * unit)));
}

/// Writes a line of text above a box, or inside it where the image ends.
pub fn title(canvas: &mut RgbImage, area: Rect, words: &str, colour: Rgb<u8>) {
    let (font, times) = font(canvas);
    let text = Letters::of(words, font);
    let (width, height) = (i64::from(text.size.width * times), i64::from(text.size.height * times));
    let margin = i64::from(2 * unit(canvas));
    let above = area.y.round() as i64 - height - margin;
    let y = if above >= 0 { above } else { area.y.round().max(0.0) as i64 + margin };
    let x = (area.x.round() as i64).min(i64::from(canvas.width()) - width - margin).max(margin);
    // The halo first, as far around every letter as a stroke is wide.
    let stroke = i64::from(times);
    for (dx, dy) in (-1..=1).flat_map(|dx| (-1..=1).map(move |dy| (dx, dy))) {
        text.paint(canvas, (x + dx * stroke, y + dy * stroke), times, HALO);
    }
    text.paint(canvas, (x, y), times, colour);
}

/// Pixels of the thinnest line: 1 up to VGA, more for larger images.
fn unit(canvas: &RgbImage) -> u32 {
    (canvas.width().min(canvas.height()) / 480).max(1)
}

fn font(canvas: &RgbImage) -> (&'static MonoFont<'static>, u32) {
    if canvas.width().min(canvas.height()) < 320 { (&FONT_6X13_BOLD, 1) } else { (&FONT_9X18_BOLD, unit(canvas)) }
}

/// Draws the four sides `thick` px wide, centred on the box's edge; `dash` is the length of dashes and gaps.
fn edge(canvas: &mut RgbImage, area: Rect, thick: i64, colour: Rgb<u8>, dash: Option<i64>) {
    let (left, top) = (area.x.round() as i64, area.y.round() as i64);
    let (right, bottom) = ((area.x + area.w).round() as i64 - 1, (area.y + area.h).round() as i64 - 1);
    let (out, inward) = (thick / 2, thick - thick / 2 - 1);
    let drawn = |along: i64| dash.is_none_or(|dash| along.rem_euclid(2 * dash) < dash);
    // Only what lies in the image is walked, however far a box reaches.
    let (width, height) = (i64::from(canvas.width()), i64::from(canvas.height()));
    for x in (left - out).max(0)..=(right + out).min(width - 1) {
        if drawn(x - left) {
            for offset in -out..=inward {
                put(canvas, x, top + offset, colour);
                put(canvas, x, bottom - offset, colour);
            }
        }
    }
    for y in (top - out).max(0)..=(bottom + out).min(height - 1) {
        if drawn(y - top) {
            for offset in -out..=inward {
                put(canvas, left + offset, y, colour);
                put(canvas, right - offset, y, colour);
            }
        }
    }
}

fn put(canvas: &mut RgbImage, x: i64, y: i64, colour: Rgb<u8>) {
    if let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y))
        && let Some(pixel) = canvas.get_pixel_mut_checked(x, y)
    {
        *pixel = colour;
    }
}

/// The pixels of a line of text.
struct Letters {
    size: Size,
    on: Vec<Point>,
}

impl Letters {
    fn of(words: &str, font: &MonoFont<'_>) -> Self {
        let advance = font.character_size.width + font.character_spacing;
        let size = Size::new(advance * words.chars().count() as u32, font.character_size.height);
        let mut letters = Self { size, on: Vec::new() };
        let style = MonoTextStyle::new(font, BinaryColor::On);
        let Ok(_) = Text::with_baseline(words, Point::zero(), style, Baseline::Top).draw(&mut letters);
        letters
    }

    fn paint(&self, canvas: &mut RgbImage, (x, y): (i64, i64), times: u32, colour: Rgb<u8>) {
        for point in &self.on {
            for (dx, dy) in (0..times).flat_map(|dx| (0..times).map(move |dy| (dx, dy))) {
                let place = |at: i32, inner: u32| i64::from(at) * i64::from(times) + i64::from(inner);
                put(canvas, x + place(point.x, dx), y + place(point.y, dy), colour);
            }
        }
    }
}

impl OriginDimensions for Letters {
    fn size(&self) -> Size {
        self.size
    }
}

impl DrawTarget for Letters {
    type Color = BinaryColor;
    type Error = std::convert::Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<BinaryColor>>>(&mut self, pixels: I) -> Result<(), Self::Error> {
        self.on.extend(pixels.into_iter().filter(|pixel| pixel.1.is_on()).map(|pixel| pixel.0));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::class::CellClass;
    use crate::vision::detect::Detection;
    use crate::vision::prediction::Prediction;
    use proptest::prelude::*;

    fn cell(kind: Kind, area: Rect) -> Cell {
        let opinion =
            (kind == Kind::Wbc).then(|| Prediction::of(vec![(CellClass::Eos, 0.97), (CellClass::Ngs, 0.03)], 0.6));
        Cell { detection: Detection { kind, area, score: 0.9 }, opinion, red: None }
    }

    #[test]
    fn a_box_runs_around_its_cell_and_leaves_the_cell_alone() {
        let grey = RgbImage::from_pixel(100, 80, Rgb([200; 3]));
        let drawn = annotate(&grey, &[cell(Kind::Rbc, Rect::new(20.0, 30.0, 40.0, 20.0))]);
        for (x, y) in [(20, 30), (59, 30), (20, 49), (59, 49), (40, 30), (20, 40)] {
            assert_eq!(*drawn.get_pixel(x, y), colour(Kind::Rbc), "{x}, {y}");
        }
        let changed = drawn.pixels().filter(|pixel| pixel.0 != [200; 3]).count();
        assert_eq!(changed, 2 * 40 + 2 * 20 - 4);
    }

    #[test]
    fn a_white_cell_has_its_name_above_it_with_light_around_the_letters() {
        let dark = RgbImage::from_pixel(400, 400, Rgb([90, 20, 90]));
        let drawn = annotate(&dark, &[cell(Kind::Wbc, Rect::new(100.0, 100.0, 80.0, 80.0))]);
        let above: Vec<_> = (78..97).flat_map(|y| (100..190).map(move |x| (x, y))).collect();
        let count = |wanted| above.iter().filter(|(x, y)| *drawn.get_pixel(*x, *y) == wanted).count();
        assert!(count(colour(Kind::Wbc)) > 100 && count(HALO) > 100);
    }

    proptest! {
        #[test]
        fn any_box_is_drawn_without_harm(
            x in -1e7..1e7_f64, y in -1e3..1e3_f64, w in 0.0..1e7_f64, h in 0.0..1e3_f64, side in 1_u32..60,
        ) {
            let image = RgbImage::new(side, side);
            for kind in Kind::ALL {
                let drawn = annotate(&image, &[cell(kind, Rect::new(x, y, w, h))]);
                prop_assert_eq!(drawn.dimensions(), image.dimensions());
            }
        }
    }
}
