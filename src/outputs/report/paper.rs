//! A4 sheets and drawing on them. Positions are in points from the lower left corner.

use std::cell::RefCell;
use std::rc::Rc;

use pdf_writer::types::TextRenderingMode;
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, Str, TextStr};

use super::ReportError;
use super::embed::{self, Embedded};
use super::shape::{self, Piece};
use super::typeface::{self, PdfFace};

/// A4 in points.
pub(super) const SHEET: (f32, f32) = (595.0, 842.0);

/// Left and right edge of the printed area.
pub(super) const LEFT: f32 = 48.0;
pub(super) const RIGHT: f32 = SHEET.0 - LEFT;

/// Lower edge of the content; the footer is below it.
const BOTTOM: f32 = 62.0;

/// Red, green, blue, each 0..=1.
pub(super) type Colour = [f32; 3];

pub(super) const INK: Colour = [0.1, 0.09, 0.13];
pub(super) const SOFT: Colour = [0.38, 0.36, 0.42];
pub(super) const RULE: Colour = [0.82, 0.8, 0.85];
pub(super) const ACCENT: Colour = [0.36, 0.12, 0.69];
pub(super) const TINT: Colour = [0.92, 0.89, 0.97];
pub(super) const WARN: Colour = [0.54, 0.29, 0.0];
pub(super) const WARN_TINT: Colour = [1.0, 0.94, 0.86];
pub(super) const ALARM: Colour = [0.68, 0.04, 0.12];
pub(super) const ALARM_TINT: Colour = [1.0, 0.9, 0.91];
pub(super) const GOOD: Colour = [0.04, 0.42, 0.23];
pub(super) const GOOD_TINT: Colour = [0.88, 0.96, 0.91];

/// Text style.
#[derive(Clone, Copy)]
pub(super) struct Type {
    pub(super) face: PdfFace,
    pub(super) size: f32,
    pub(super) colour: Colour,
}

pub(super) const BODY: Type = Type { face: PdfFace::Plain, size: 9.5, colour: INK };
pub(super) const STRONG: Type = Type { face: PdfFace::Bold, size: 9.5, colour: INK };
pub(super) const SMALL: Type = Type { face: PdfFace::Plain, size: 8.0, colour: SOFT };
pub(super) const HEADING: Type = Type { face: PdfFace::Bold, size: 11.5, colour: INK };

/// A JPEG, embedded without re-encoding.
#[derive(Clone, Debug)]
pub(super) struct Jpeg {
    pub(super) bytes: Vec<u8>,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) grey: bool,
}

/// A picture that stands on every sheet.
#[derive(Clone, Copy)]
pub(super) struct Shared {
    number: usize,
    sides: (f32, f32),
}

pub(super) struct Sheet {
    content: Content,
    pictures: Vec<usize>,
    /// Installed typefaces, shared by all sheets.
    embedded: Rc<RefCell<Embedded>>,
}

/// Sheets of a report; drawing goes to the last one.
pub(super) struct Paper {
    sheets: Vec<Sheet>,
    pictures: Vec<Jpeg>,
    embedded: Rc<RefCell<Embedded>>,
    /// Width and height, points.
    size: (f32, f32),
    /// Upper edge of the content; the header is above it.
    top: f32,
    /// Where the next item goes.
    pub(super) y: f32,
}

impl Sheet {
    fn new(embedded: &Rc<RefCell<Embedded>>) -> Self {
        Self { content: Content::new(), pictures: Vec::new(), embedded: Rc::clone(embedded) }
    }

    fn ink(&mut self, [red, green, blue]: Colour) -> &mut Content {
        self.content.set_fill_rgb(red, green, blue)
    }

    pub(super) fn text(&mut self, x: f32, y: f32, how: Type, text: &str) {
        if typeface::of_these(text) {
            self.plain(x, y, how, text);
            return;
        }
        let mut x = x;
        for piece in shape::pieces(text) {
            match piece {
                Piece::Plain(text) => {
                    self.plain(x, y, how, &text);
                    x += typeface::plain_width(how.face, how.size, &text);
                }
                Piece::Shaped(run) => {
                    self.embedded.borrow_mut().draw(&mut self.content, (x, y), how, &run);
                    x += run.width() * how.size;
                }
            }
        }
    }

    /// Text in the typefaces that every reader has.
    fn plain(&mut self, x: f32, y: f32, how: Type, text: &str) {
        let font: &[u8] = if how.face == PdfFace::Bold { b"Bold" } else { b"Plain" };
        self.ink(how.colour)
            .begin_text()
            .set_font(Name(font), how.size)
            .next_line(x, y)
            .show(Str(&typeface::encoded(text)))
            .end_text();
    }

    /// A word in outlines from corner to corner, under which everything can still be read.
    pub(super) fn across(&mut self, colour: Colour, word: &str) {
        let size = 110.0;
        let (wide, high) = SHEET;
        let width = typeface::width(PdfFace::Bold, size, word);
        let size = size * (760.0 / width).min(1.0);
        let width = typeface::width(PdfFace::Bold, size, word);
        let (sine, cosine) = high.atan2(wide).sin_cos();
        let (x, y) = (
            f32::midpoint(wide - width * cosine, size * 0.7 * sine),
            (high - width * sine - size * 0.7 * cosine) / 2.0,
        );
        let [red, green, blue] = colour;
        self.content.set_stroke_rgb(red, green, blue).set_line_width(0.8);
        self.content
            .begin_text()
            .set_font(Name(b"Bold"), size)
            .set_text_rendering_mode(TextRenderingMode::Stroke)
            .set_text_matrix([cosine, sine, -sine, cosine, x, y])
            .show(Str(&typeface::encoded(word)))
            .set_text_rendering_mode(TextRenderingMode::Fill)
            .end_text();
    }

    /// Right-aligned text that ends at `x`.
    pub(super) fn right(&mut self, x: f32, y: f32, how: Type, text: &str) {
        self.text(x - typeface::width(how.face, how.size, text), y, how, text);
    }

    pub(super) fn filled(&mut self, x: f32, y: f32, width: f32, height: f32, colour: Colour) {
        self.ink(colour).rect(x, y, width, height).fill_nonzero();
    }

    /// A shared picture within this width and height, its upper right corner here.
    pub(super) fn shared(&mut self, (right, top): (f32, f32), (width, height): (f32, f32), picture: Shared) {
        let Shared { number, sides: (wide, high) } = picture;
        let scale = (width / wide).min(height / high);
        let (wide, high) = (wide * scale, high * scale);
        self.pictures.push(number);
        self.content
            .save_state()
            .transform([wide, 0.0, 0.0, high, right - wide, top - high])
            .x_object(Name(name(number).as_bytes()))
            .restore_state();
    }

    pub(super) fn rule(&mut self, x: f32, to: f32, y: f32, thickness: f32, colour: Colour) {
        let [red, green, blue] = colour;
        self.content.set_stroke_rgb(red, green, blue).set_line_width(thickness).move_to(x, y).line_to(to, y).stroke();
    }
}

impl Paper {
    /// Sheets of this size with the content below `top`.
    pub(super) fn new(size: (f32, f32), top: f32) -> Self {
        let embedded = Rc::default();
        Self { sheets: vec![Sheet::new(&embedded)], pictures: Vec::new(), embedded, size, top, y: top }
    }

    /// The current sheet.
    pub(super) fn sheet(&mut self) -> &mut Sheet {
        if self.sheets.is_empty() {
            self.sheets.push(Sheet::new(&self.embedded));
        }
        let last = self.sheets.len() - 1;
        &mut self.sheets[last]
    }

    /// Starts a new sheet if less than `height` is left on this one. Returns whether it did.
    pub(super) fn room(&mut self, height: f32) -> bool {
        let full = self.y - height < BOTTOM;
        if full {
            self.sheets.push(Sheet::new(&self.embedded));
            self.y = self.top;
        }
        full
    }

    /// Text broken into as many lines as it needs.
    pub(super) fn paragraph(&mut self, x: f32, to: f32, how: Type, text: &str) {
        for part in text.lines() {
            let from_the_right = shape::runs_from_the_right(part);
            for line in typeface::lines(how.face, how.size, part, to - x) {
                self.room(how.size * 1.35);
                self.y -= how.size * 1.35;
                let y = self.y;
                if from_the_right {
                    self.sheet().right(to, y, how, &format!("{}{line}", shape::FROM_THE_RIGHT));
                } else {
                    self.sheet().text(x, y, how, &line);
                }
            }
        }
    }

    pub(super) fn heading(&mut self, text: &str, follows: f32) {
        self.room(26.0 + follows);
        self.y -= 24.0;
        let y = self.y;
        self.sheet().text(LEFT, y, HEADING, text);
        self.y -= 5.0;
    }

    /// Keeps a picture that stands on every sheet; returns what [`Sheet::shared`] needs.
    pub(super) fn share(&mut self, picture: Jpeg) -> Shared {
        let sides = (picture.width.max(1) as f32, picture.height.max(1) as f32);
        self.pictures.push(picture);
        Shared { number: self.pictures.len() - 1, sides }
    }

    /// Picture in a square.
    pub(super) fn picture(&mut self, x: f32, y: f32, side: f32, picture: Jpeg) {
        let number = self.pictures.len();
        let (width, height) = (picture.width.max(1) as f32, picture.height.max(1) as f32);
        let scale = side / width.max(height);
        let (wide, high) = (width * scale, height * scale);
        self.pictures.push(picture);
        let sheet = self.sheet();
        sheet.pictures.push(number);
        sheet
            .content
            .save_state()
            .transform([wide, 0.0, 0.0, high, x + (side - wide) / 2.0, y + (side - high) / 2.0])
            .x_object(Name(name(number).as_bytes()))
            .restore_state();
    }

    /// Finishes the file. `draw_frame` draws header and footer of each sheet from its number, counted from 1, and the
    /// total.
    ///
    /// # Errors
    /// If a typeface cannot be embedded.
    pub(super) fn finish(
        mut self,
        title: &str,
        draw_frame: impl Fn(&mut Sheet, usize, usize),
    ) -> Result<Vec<u8>, ReportError> {
        let count = self.sheets.len();
        for (number, sheet) in self.sheets.iter_mut().enumerate() {
            draw_frame(sheet, number + 1, count);
        }
        let mut pdf = Pdf::new();
        let mut next = 1;
        let mut fresh = || {
            next += 1;
            Ref::new(next - 1)
        };
        let (catalog, tree, info, plain, bold) = (fresh(), fresh(), fresh(), fresh(), fresh());
        let sheets: Vec<(Ref, Ref)> = self.sheets.iter().map(|_| (fresh(), fresh())).collect();
        let pictures: Vec<Ref> = self.pictures.iter().map(|_| fresh()).collect();
        let embedded = self.embedded.take();
        let faces: Vec<Ref> = (0..embedded.len()).map(|_| fresh()).collect();
        pdf.catalog(catalog).pages(tree);
        pdf.document_info(info)
            .title(TextStr(title))
            .producer(TextStr(concat!("leukoscope ", env!("CARGO_PKG_VERSION"))));
        pdf.pages(tree).kids(sheets.iter().map(|(page, _)| *page)).count(i32::try_from(count).unwrap_or(i32::MAX));
        for (font, base) in [(plain, b"Helvetica".as_slice()), (bold, b"Helvetica-Bold".as_slice())] {
            pdf.type1_font(font).base_font(Name(base)).encoding_predefined(Name(b"WinAnsiEncoding"));
        }
        for (sheet, (page, content)) in self.sheets.into_iter().zip(&sheets) {
            let mut written = pdf.page(*page);
            written.media_box(Rect::new(0.0, 0.0, self.size.0, self.size.1)).parent(tree).contents(*content);
            let mut resources = written.resources();
            let mut fonts = resources.fonts();
            fonts.pair(Name(b"Plain"), plain).pair(Name(b"Bold"), bold);
            for (place, face) in faces.iter().enumerate() {
                fonts.pair(Name(embed::name(place).as_bytes()), *face);
            }
            fonts.finish();
            let mut objects = resources.x_objects();
            for number in &sheet.pictures {
                objects.pair(Name(name(*number).as_bytes()), pictures[*number]);
            }
            objects.finish();
            resources.finish();
            written.finish();
            pdf.stream(*content, &sheet.content.finish());
        }
        for (picture, id) in self.pictures.iter().zip(&pictures) {
            let side = |length: u32| i32::try_from(length).unwrap_or(i32::MAX);
            let mut written = pdf.image_xobject(*id, &picture.bytes);
            written.filter(Filter::DctDecode);
            written.width(side(picture.width)).height(side(picture.height));
            if picture.grey {
                written.color_space().device_gray();
            } else {
                written.color_space().device_rgb();
            }
            written.bits_per_component(8);
        }
        embedded.write(&mut pdf, &faces, fresh)?;
        Ok(pdf.finish())
    }
}

fn name(picture: usize) -> String {
    format!("Cell{picture}")
}
