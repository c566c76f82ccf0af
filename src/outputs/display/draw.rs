//! Draws a snapshot for any panel: pure, and never outside the panel.
//!
//! What a tired technician needs at arm's length comes first: the state, the progress of the count, the leading
//! classes, and every doubt: the unclassified share, flags, trouble. Two layouts: `wide` puts the count beside the
//! classes (128x64, 240x135), `tall` stacks them (240x240, 320x240, 64x128). On panels of twice the size or more
//! every dot is enlarged.

use embedded_graphics::pixelcolor::{BinaryColor, Rgb888};
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;

use super::text::{Align, BOLD, HUGE, Keep, LARGE, PLAIN, SMALL, ScreenFace, TINY, label};
use super::{tall, wide, words};
use crate::counting::session::snapshot::{Phase, Snapshot};

/// A filled band and the text on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Band<C> {
    pub fill: C,
    pub text: C,
}

/// Colours of the drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme<C> {
    pub background: C,
    pub text: C,
    /// Less important text.
    pub muted: C,
    /// The filled part of a bar.
    pub bar: C,
    /// The unfilled part of a bar, and the axis of an interval.
    pub track: C,
    /// The share of cells without a class.
    pub doubt: C,
    pub waiting: Band<C>,
    pub counting: Band<C>,
    pub done: Band<C>,
    /// Advice for the microscope.
    pub advice: Band<C>,
    /// Flags and trouble.
    pub alarm: Band<C>,
}

impl Theme<BinaryColor> {
    /// Light on dark; alarms are dark on light.
    pub const ONE_COLOUR: Self = {
        let (on, off) = (BinaryColor::On, BinaryColor::Off);
        let (plain, inverted) = (Band { fill: off, text: on }, Band { fill: on, text: off });
        Self {
            background: off,
            text: on,
            muted: on,
            bar: on,
            track: off,
            doubt: on,
            waiting: plain,
            counting: plain,
            done: inverted,
            advice: inverted,
            alarm: inverted,
        }
    };
}

impl<C: From<Rgb888>> Theme<C> {
    /// Theme for colour panels: blue is counting, green done, red needs a person, amber doubt.
    #[must_use]
    pub fn colours() -> Self {
        let colour = |r, g, b| C::from(Rgb888::new(r, g, b));
        let white = || colour(255, 255, 255);
        Self {
            background: colour(8, 10, 14),
            text: white(),
            muted: colour(165, 175, 185),
            bar: colour(70, 170, 255),
            track: colour(52, 60, 70),
            doubt: colour(255, 190, 60),
            waiting: Band { fill: colour(70, 80, 92), text: white() },
            counting: Band { fill: colour(20, 90, 190), text: white() },
            done: Band { fill: colour(0, 125, 65), text: white() },
            advice: Band { fill: colour(255, 190, 60), text: colour(8, 10, 14) },
            alarm: Band { fill: colour(205, 20, 35), text: white() },
        }
    }
}

impl<C: Copy> Theme<C> {
    pub(super) const fn phase(&self, phase: Phase) -> Band<C> {
        match phase {
            Phase::Waiting => self.waiting,
            Phase::Counting => self.counting,
            Phase::Done => self.done,
        }
    }
}

/// Draws a snapshot over the whole of `target`.
///
/// # Errors
/// Those of the target.
pub fn draw<D: DrawTarget>(target: &mut D, snapshot: &Snapshot, theme: &Theme<D::Color>) -> Result<(), D::Error> {
    target.clear(theme.background)?;
    let area = target.bounding_box();
    let (width, height) = (area.size.width, area.size.height);
    let times = (width / 240).min(height / 200).max(1);
    if times > 1 {
        let size = Size::new(width / times, height / times);
        let margin = Size::new(width % times, height % times) / 2;
        let mut enlarged = Enlarged { target, size, times, origin: area.top_left + margin };
        let area = enlarged.bounding_box();
        lay_out(&mut enlarged, area, snapshot, theme)
    } else {
        lay_out(target, area, snapshot, theme)
    }
}

fn lay_out<D: DrawTarget>(
    target: &mut D,
    area: Rectangle,
    snapshot: &Snapshot,
    theme: &Theme<D::Color>,
) -> Result<(), D::Error> {
    let mut pen = Pen { target, theme };
    let mut cut = Cut(area);
    // Nobody may take a simulated count for a patient's, so its word stands above everything else.
    if let Some(marks) = words::marks(snapshot) {
        let band = cut.top((area.size.height / 8).clamp(9, 24));
        pen.band(band, theme.advice, &marks, &[HUGE, LARGE, BOLD, PLAIN, SMALL, TINY], 2)?;
    }
    let area = cut.0;
    let Size { width, height } = area.size;
    if height < 180 && width * 2 >= height * 3 {
        wide::draw(&mut pen, area, snapshot)
    } else {
        tall::draw(&mut pen, area, snapshot)
    }
}

/// A target and the colours to draw with.
pub(super) struct Pen<'a, D: DrawTarget> {
    pub target: &'a mut D,
    pub theme: &'a Theme<D::Color>,
}

impl<D: DrawTarget> Pen<'_, D> {
    pub fn fill(&mut self, area: Rectangle, colour: D::Color) -> Result<(), D::Error> {
        if area.is_zero_sized() { Ok(()) } else { self.target.fill_solid(&area, colour) }
    }

    pub fn label(
        &mut self,
        area: Rectangle,
        text: &str,
        faces: &[ScreenFace],
        align: Align,
        colour: D::Color,
    ) -> Result<(), D::Error> {
        label(self.target, area, text, faces, (align, Keep::Start), colour)
    }

    /// A sample id, shortened at the start: ids differ at the end.
    pub fn sample(
        &mut self,
        area: Rectangle,
        text: &str,
        faces: &[ScreenFace],
        colour: D::Color,
    ) -> Result<(), D::Error> {
        label(self.target, area, text, faces, (Align::Right, Keep::End), colour)
    }

    /// A filled band with one line of text, `edge` columns from the left.
    pub fn band(
        &mut self,
        area: Rectangle,
        band: Band<D::Color>,
        text: &str,
        faces: &[ScreenFace],
        edge: u32,
    ) -> Result<(), D::Error> {
        self.fill(area, band.fill)?;
        self.label(inset(area, edge.max(2), 1), text, faces, Align::Left, band.text)
    }

    /// Sharpness of the picture, 0..=1, as a labelled bar to focus by: turn the focus knob until it is longest.
    pub fn focus(&mut self, area: Rectangle, focus: f64, faces: &[ScreenFace]) -> Result<(), D::Error> {
        let mut cut = Cut(area);
        let narrow = area.size.width < 70;
        let (name, letters) = if narrow { ("F", 1) } else { ("FOCUS", 5) };
        let width = faces.first().map_or(0, |face| face.advance());
        let label = cut.left(width * letters);
        self.label(label, name, faces, Align::Left, self.theme.muted)?;
        cut.left(2);
        let height = cut.0.size.height;
        let bar = inset(cut.0, 0, height.saturating_sub(8) / 2);
        self.progress(bar, (focus.clamp(0.0, 1.0) * 1000.0) as u32, 1000)
    }

    /// A bar framed in its own colour, filled from the left by `done` of `whole`; never looks full before it is.
    pub(crate) fn progress(&mut self, area: Rectangle, done: u32, whole: u32) -> Result<(), D::Error> {
        self.fill(area, self.theme.bar)?;
        let mut inner = Cut(inset(area, 1, 1));
        let width = u64::from(inner.0.size.width);
        let filled = (u64::from(done.min(whole)) * width).checked_div(u64::from(whole)).unwrap_or(width);
        inner.left(filled as u32);
        self.fill(inner.0, self.theme.track)
    }
}

/// An area that is cut into pieces; no piece is larger than what is left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut(pub Rectangle);

impl Cut {
    pub fn top(&mut self, height: u32) -> Rectangle {
        let height = height.min(self.0.size.height);
        let piece = Rectangle::new(self.0.top_left, Size::new(self.0.size.width, height));
        self.0.top_left.y += height.cast_signed();
        self.0.size.height -= height;
        piece
    }

    pub fn bottom(&mut self, height: u32) -> Rectangle {
        let mut rest = *self;
        let top = self.0.size.height.saturating_sub(height);
        self.0 = rest.top(top);
        rest.0
    }

    pub fn left(&mut self, width: u32) -> Rectangle {
        let width = width.min(self.0.size.width);
        let piece = Rectangle::new(self.0.top_left, Size::new(width, self.0.size.height));
        self.0.top_left.x += width.cast_signed();
        self.0.size.width -= width;
        piece
    }

    pub fn right(&mut self, width: u32) -> Rectangle {
        let mut rest = *self;
        let left = self.0.size.width.saturating_sub(width);
        self.0 = rest.left(left);
        rest.0
    }
}

/// The area without a border of `x` columns and `y` rows on each side.
pub(super) fn inset(area: Rectangle, x: u32, y: u32) -> Rectangle {
    let mut cut = Cut(area);
    cut.left(x);
    cut.right(x);
    cut.top(y);
    cut.bottom(y);
    cut.0
}

/// A target that draws each dot as a square of `times` by `times`.
struct Enlarged<'a, D> {
    target: &'a mut D,
    size: Size,
    times: u32,
    origin: Point,
}

impl<D> Enlarged<'_, D> {
    fn square(&self, area: Rectangle) -> Rectangle {
        Rectangle::new(area.top_left * self.times.cast_signed() + self.origin, area.size * self.times)
    }
}

impl<D> OriginDimensions for Enlarged<'_, D> {
    fn size(&self) -> Size {
        self.size
    }
}

impl<D: DrawTarget> DrawTarget for Enlarged<'_, D> {
    type Color = D::Color;
    type Error = D::Error;

    fn draw_iter<I: IntoIterator<Item = Pixel<D::Color>>>(&mut self, pixels: I) -> Result<(), D::Error> {
        pixels
            .into_iter()
            .try_for_each(|Pixel(point, colour)| self.fill_solid(&Rectangle::new(point, Size::new_equal(1)), colour))
    }

    fn fill_solid(&mut self, area: &Rectangle, colour: D::Color) -> Result<(), D::Error> {
        let square = self.square(*area);
        self.target.fill_solid(&square, colour)
    }
}
