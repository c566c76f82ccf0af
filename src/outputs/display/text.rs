//! Text that fits: rendered as a grid of dots, enlarged smoothly, and placed inside an area, never outside it.

use std::convert::Infallible;

use embedded_graphics::mono_font::{MonoFont, MonoTextStyle, iso_8859_1 as fonts};
use embedded_graphics::pixelcolor::BinaryColor;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;
use embedded_graphics::text::{Baseline, Text};

/// A font, enlarged by doubling.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScreenFace {
    font: &'static MonoFont<'static>,
    /// Number of doublings: 0 is the font's own size, 1 twice that, 2 four times.
    doublings: u32,
}

const fn face(font: &'static MonoFont<'static>, doublings: u32) -> ScreenFace {
    ScreenFace { font, doublings }
}

pub(super) const TINY: ScreenFace = face(&fonts::FONT_5X7, 0);
pub(super) const SMALL: ScreenFace = face(&fonts::FONT_6X10, 0);
pub(super) const PLAIN: ScreenFace = face(&fonts::FONT_7X13, 0);
pub(super) const NARROW_BOLD: ScreenFace = face(&fonts::FONT_7X13_BOLD, 0);
pub(super) const BOLD: ScreenFace = face(&fonts::FONT_8X13_BOLD, 0);
pub(super) const LARGE: ScreenFace = face(&fonts::FONT_9X15_BOLD, 0);
pub(super) const HUGE: ScreenFace = face(&fonts::FONT_10X20, 0);
pub(super) const DOUBLE: ScreenFace = face(&fonts::FONT_7X13_BOLD, 1);
/// For the cell count, if there is room.
pub(super) const TOWER: ScreenFace = face(&fonts::FONT_7X13_BOLD, 2);
pub(super) const GIANT: ScreenFace = face(&fonts::FONT_9X18_BOLD, 1);

impl ScreenFace {
    /// Width of one letter with the space after it, px.
    pub(super) const fn advance(self) -> u32 {
        self.font.character_size.width << self.doublings
    }

    /// Height of a line, px.
    pub(super) const fn line(self) -> u32 {
        self.font.character_size.height << self.doublings
    }
}

/// Horizontal alignment; vertically, text is always centred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Centre,
    Right,
}

/// Which end of overlong text is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    Start,
    /// The end, where running numbers of sample ids differ.
    End,
}

/// A grid of dots.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Dots {
    width: u32,
    height: u32,
    lit: Vec<bool>,
}

impl Dots {
    fn set(text: &str, face: ScreenFace) -> Self {
        let size = face.font.character_size;
        let letters = text.chars().count() as u32;
        let (width, height) = (size.width * letters, size.height);
        let mut dots = Self { width, height, lit: vec![false; (width * height) as usize] };
        let style = MonoTextStyle::new(face.font, BinaryColor::On);
        // Drawing on our own grid cannot fail.
        let Ok(_) = Text::with_baseline(text, Point::zero(), style, Baseline::Top).draw(&mut dots);
        (0..face.doublings).fold(dots, |dots, _| dots.doubled())
    }

    fn at(&self, x: i64, y: i64) -> bool {
        x >= 0
            && y >= 0
            && x < i64::from(self.width)
            && y < i64::from(self.height)
            && self.lit[(y * i64::from(self.width) + x) as usize]
    }

    /// Doubles the size and keeps slanted edges smooth (Scale2x), so that large digits have no stairs.
    fn doubled(&self) -> Self {
        let (width, height) = (self.width * 2, self.height * 2);
        let mut lit = Vec::with_capacity((width * height) as usize);
        for y in 0..i64::from(height) {
            for x in 0..i64::from(width) {
                let (cx, cy) = (x / 2, y / 2);
                let (side, other_side) = if x % 2 == 0 { (cx - 1, cx + 1) } else { (cx + 1, cx - 1) };
                let (end, other_end) = if y % 2 == 0 { (cy - 1, cy + 1) } else { (cy + 1, cy - 1) };
                let near = self.at(side, cy);
                let corner =
                    near == self.at(cx, end) && near != self.at(other_side, cy) && near != self.at(cx, other_end);
                lit.push(if corner { near } else { self.at(cx, cy) });
            }
        }
        Self { width, height, lit }
    }

    /// Bounding box of the lit dots: (left, top, right, bottom), the last two exclusive. `None` if all is dark.
    fn ink(&self) -> Option<(u32, u32, u32, u32)> {
        let lit = || (0..self.width * self.height).filter(|&i| self.lit[i as usize]);
        let rows = || lit().map(|i| i / self.width);
        let columns = || lit().map(|i| i % self.width);
        Some((columns().min()?, rows().min()?, columns().max()? + 1, rows().max()? + 1))
    }

    fn points(&self) -> impl Iterator<Item = Point> {
        (0..self.width * self.height)
            .filter(|&i| self.lit[i as usize])
            .map(|i| Point::new((i % self.width).cast_signed(), (i / self.width).cast_signed()))
    }
}

impl OriginDimensions for Dots {
    fn size(&self) -> Size {
        Size::new(self.width, self.height)
    }
}

impl DrawTarget for Dots {
    type Color = BinaryColor;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<BinaryColor>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(point, colour) in pixels {
            if self.bounding_box().contains(point) {
                self.lit[point.y as usize * self.width as usize + point.x as usize] = colour.is_on();
            }
        }
        Ok(())
    }
}

/// Text from people or drivers on one line: control characters become spaces.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

/// Shortens to `letters`, with two dots for what was left out.
fn shorten(text: &str, letters: usize, keep: Keep) -> String {
    let length = text.chars().count();
    if length <= letters {
        return text.to_owned();
    }
    let left = letters.saturating_sub(2);
    match keep {
        Keep::Start => text.chars().take(left).chain("..".chars().take(letters)).collect(),
        Keep::End => "..".chars().take(letters).chain(text.chars().skip(length - left)).collect(),
    }
}

/// Draws `text` into `area` with the first of `faces` in which all of it fits, else shortened with the last of them.
/// Draws nothing if not even two letters would fit.
pub(super) fn label<D: DrawTarget>(
    target: &mut D,
    area: Rectangle,
    text: &str,
    faces: &[ScreenFace],
    (align, keep): (Align, Keep),
    colour: D::Color,
) -> Result<(), D::Error> {
    let text = one_line(text);
    for (i, &face) in faces.iter().enumerate() {
        let last = i + 1 == faces.len();
        // The space after the last letter may extend beyond the area.
        let letters = ((area.size.width + (1 << face.doublings)) / face.advance()) as usize;
        let fits = text.chars().count() <= letters;
        if !fits && (!last || letters < 3) {
            continue;
        }
        let dots = Dots::set(&shorten(&text, letters, keep), face);
        let Some((left, top, right, bottom)) = dots.ink() else { return Ok(()) };
        if right - left > area.size.width || bottom - top > area.size.height {
            continue;
        }
        return blit(target, area, &dots, (left, top, right, bottom), (face, align), colour);
    }
    Ok(())
}

fn blit<D: DrawTarget>(
    target: &mut D,
    area: Rectangle,
    dots: &Dots,
    (left, top, right, bottom): (u32, u32, u32, u32),
    (face, align): (ScreenFace, Align),
    colour: D::Color,
) -> Result<(), D::Error> {
    let (width, height) = (area.size.width.cast_signed(), area.size.height.cast_signed());
    let (left, top, right, bottom) = (left.cast_signed(), top.cast_signed(), right.cast_signed(), bottom.cast_signed());
    let x = match align {
        Align::Left => -left,
        Align::Centre => (width - (right - left)) / 2 - left,
        Align::Right => width - right,
    };
    // Centred by capitals, so that neighbours with and without descenders share a baseline.
    let (cap_top, cap_bottom) = Dots::set("H", face)
        .ink()
        .map_or((top, bottom), |(_, top, _, bottom)| (top.cast_signed(), bottom.cast_signed()));
    let y = ((height - (cap_bottom - cap_top)) / 2 - cap_top).max(-top).min(height - bottom);
    let origin = area.top_left + Point::new(x, y);
    target.draw_iter(dots.points().map(|point| Pixel(point + origin, colour)))
}

/// Breaks text into lines of at most `letters`, at spaces if possible; what does not fit in `lines` ends in two dots.
pub(super) fn wrap(text: &str, letters: usize, lines: usize) -> Vec<String> {
    if letters == 0 || lines == 0 {
        return Vec::new();
    }
    let mut wrapped: Vec<String> = Vec::new();
    for word in one_line(text).split_whitespace() {
        if let Some(line) = wrapped.last_mut()
            && line.chars().count() + 1 + word.chars().count() <= letters
        {
            line.push(' ');
            line.push_str(word);
            continue;
        }
        let word: Vec<char> = word.chars().collect();
        wrapped.extend(word.chunks(letters).map(|part| part.iter().collect::<String>()));
    }
    if wrapped.len() > lines {
        wrapped.truncate(lines);
        if let Some(last) = wrapped.last_mut() {
            *last = last.chars().take(letters.saturating_sub(2)).chain("..".chars().take(letters)).collect();
        }
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_long_text_keeps_the_end_it_is_told_to_keep() {
        assert_eq!(shorten("2026-11-23-0042", 9, Keep::End), "..23-0042");
        assert_eq!(shorten("2026-11-23-0042", 9, Keep::Start), "2026-11..");
        assert_eq!(shorten("0042", 4, Keep::End), "0042");
    }

    #[test]
    fn text_is_broken_at_spaces_and_ends_in_dots_when_it_is_cut() {
        assert_eq!(wrap("camera gone, check the cable", 12, 3), ["camera gone,", "check the", "cable"]);
        assert_eq!(wrap("camera gone, check the cable", 12, 2), ["camera gone,", "check the.."]);
        assert_eq!(wrap("/dev/video0-is-lost now", 8, 2), ["/dev/vid", "eo0-is.."]);
    }

    proptest! {
        #[test]
        fn wrapped_lines_are_never_too_long_nor_too_many(text in "\\PC{0,200}", letters in 0usize..30, lines in 0usize..6) {
            let wrapped = wrap(&text, letters, lines);
            prop_assert!(wrapped.len() <= lines);
            prop_assert!(wrapped.iter().all(|line| line.chars().count() <= letters));
        }

        #[test]
        fn wrapping_loses_no_letter_where_there_is_room(text in "[a-z ]{0,80}", letters in 1usize..30) {
            let kept: String = wrap(&text, letters, 1000).concat().split_whitespace().collect();
            prop_assert_eq!(kept, text.split_whitespace().collect::<String>());
        }
    }
}
