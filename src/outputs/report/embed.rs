//! Installed typefaces inside a PDF: only the glyphs that are used, and the letters they stand for, so that text can be
//! searched and copied.

use std::collections::BTreeMap;
use std::sync::Arc;

use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, TextRenderingMode, UnicodeCmap};
use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str, TextStr};
use rustybuzz::ttf_parser::{Face as Tables, GlyphId, RawFace, Tag};
use subsetter::GlyphRemapper;

use super::ReportError;
use super::paper::Type;
use super::shape::{Glyph, Run};
use super::typeface::PdfFace;
use crate::system::fonts::Typeface;

const SYSTEM: SystemInfo<'static> = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };

/// Width of the outline that makes a letter bold, in the font size: only regular cuts are embedded.
const BOLD: f32 = 0.028;

/// The typefaces of one report.
#[derive(Debug, Default)]
pub(super) struct Embedded(Vec<Used>);

#[derive(Debug)]
struct Used {
    face: Arc<Typeface>,
    glyphs: GlyphRemapper,
    /// Letters by new glyph number.
    letters: BTreeMap<u16, String>,
}

impl Embedded {
    /// Number of typefaces.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Draws a run with its beginning at this place.
    pub(super) fn draw(&mut self, content: &mut Content, (x, y): (f32, f32), how: Type, run: &Run) {
        let same = |used: &Used| Arc::ptr_eq(&used.face, &run.face);
        let place = self.0.iter().position(same).unwrap_or_else(|| {
            let fresh = Used { face: Arc::clone(&run.face), glyphs: GlyphRemapper::new(), letters: BTreeMap::new() };
            self.0.push(fresh);
            self.0.len() - 1
        });
        let used = &mut self.0[place];
        let [red, green, blue] = how.colour;
        content.set_fill_rgb(red, green, blue);
        if how.face == PdfFace::Bold {
            content.save_state();
            content.set_stroke_rgb(red, green, blue).set_line_width(BOLD * how.size);
        }
        content.begin_text().set_font(Name(name(place).as_bytes()), how.size);
        let mode = if how.face == PdfFace::Bold { TextRenderingMode::FillStroke } else { TextRenderingMode::Fill };
        content.set_text_rendering_mode(mode);
        let mut at = x;
        let mut rest = run.glyphs.as_slice();
        while let Some(first) = rest.first() {
            let length = rest.iter().take_while(|glyph| glyph.cluster == first.cluster).count();
            let (cluster, after) = rest.split_at(length);
            if run.from_the_right && cluster.len() == 1 {
                used.joined(content, (at, y), how.size, &cluster[0], mode);
            }
            at = used.cluster(content, (at, y), how.size, (cluster, run.from_the_right));
            rest = after;
        }
        content.end_text();
        if how.face == PdfFace::Bold {
            content.restore_state();
        }
    }

    /// Writes the typefaces; `ids` has one for each.
    pub(super) fn write(self, pdf: &mut Pdf, ids: &[Ref], mut fresh: impl FnMut() -> Ref) -> Result<(), ReportError> {
        for (used, id) in self.0.iter().zip(ids) {
            used.write(pdf, *id, [fresh(), fresh(), fresh(), fresh()])?;
        }
        Ok(())
    }
}

/// Name of a typeface on a sheet.
pub(super) fn name(place: usize) -> String {
    format!("Set{place}")
}

impl Used {
    /// Letters after the first of a glyph that joins several, drawn unseen to its left. Readers put letters that run from
    /// the right in order by their places, so that of two letters in one place the second would be read first.
    fn joined(&mut self, content: &mut Content, (x, y): (f32, f32), size: f32, glyph: &Glyph, mode: TextRenderingMode) {
        let Ok(tables) = Tables::parse(&self.face.data, 0) else { return };
        let letters: Vec<char> = glyph.stands_for.chars().collect();
        for (place, letter) in letters.iter().enumerate().skip(1).rev() {
            let Some(own) = tables.glyph_index(*letter) else { continue };
            let id = self.glyphs.remap(own.0);
            self.letters.entry(id).or_insert_with(|| letter.to_string());
            let left = (letters.len() - 1 - place) as f32 / letters.len() as f32;
            content.set_text_rendering_mode(TextRenderingMode::Invisible);
            content.set_text_matrix([1.0, 0.0, 0.0, 1.0, x + left * glyph.advance * size, y]);
            content.show(Str(&id.to_be_bytes()));
            content.set_text_rendering_mode(mode);
        }
    }

    /// Draws glyphs that stand for the same letters; returns where the next ones begin.
    fn cluster(
        &mut self,
        content: &mut Content,
        (x, y): (f32, f32),
        size: f32,
        (glyphs, from_the_right): (&[Glyph], bool),
    ) -> f32 {
        let mut at = x;
        let letters = glyphs.first().map_or("", |glyph| {
            // The others were drawn apart.
            let first = glyph.stands_for.char_indices().nth(1).map_or(glyph.stands_for.len(), |(end, _)| end);
            if from_the_right && glyphs.len() == 1 { &glyph.stands_for[..first] } else { &glyph.stands_for }
        });
        let mut named = false;
        for (place, glyph) in glyphs.iter().enumerate() {
            let id = self.glyphs.remap(glyph.id);
            let of =
                self.letters.entry(id).or_insert_with(|| if place == 0 { letters.to_owned() } else { String::new() });
            // Of several glyphs, or where one stands for different letters in different words, the letters are said apart.
            named |= glyphs.len() > 1 || of.as_str() != letters;
        }
        if named {
            content.begin_marked_content_with_properties(Name(b"Span")).properties().actual_text(TextStr(letters));
        }
        for glyph in glyphs {
            let id = self.glyphs.remap(glyph.id);
            let (right, up) = glyph.offset;
            content.set_text_matrix([1.0, 0.0, 0.0, 1.0, at + right * size, y + up * size]);
            content.show(Str(&id.to_be_bytes()));
            at += glyph.advance * size;
        }
        if named {
            content.end_marked_content();
        }
        at
    }

    fn write(&self, pdf: &mut Pdf, id: Ref, [cid, descriptor, to_unicode, file]: [Ref; 4]) -> Result<(), ReportError> {
        let unusable = || ReportError::Typeface(self.face.name.clone());
        let subset = subsetter::subset(&self.face.data, 0, &self.glyphs).map_err(|_| unusable())?;
        let tables = Tables::parse(&self.face.data, 0).map_err(|_| unusable())?;
        let outlines = RawFace::parse(&subset, 0).ok().and_then(|face| face.table(Tag::from_bytes(b"CFF ")));
        let thousandths = 1000.0 / f32::from(tables.units_per_em());
        let base = format!("LEUKOS+{}", self.face.name);
        pdf.type0_font(id)
            .base_font(Name(base.as_bytes()))
            .encoding_predefined(Name(b"Identity-H"))
            .descendant_font(cid)
            .to_unicode(to_unicode);
        let mut font = pdf.cid_font(cid);
        font.subtype(if outlines.is_some() { CidFontType::Type0 } else { CidFontType::Type2 });
        font.base_font(Name(base.as_bytes())).system_info(SYSTEM).font_descriptor(descriptor);
        if outlines.is_none() {
            font.cid_to_gid_map_predefined(Name(b"Identity"));
        }
        let advance = |glyph| f32::from(tables.glyph_hor_advance(GlyphId(glyph)).unwrap_or(0)) * thousandths;
        font.widths().consecutive(0, self.glyphs.remapped_gids().map(advance));
        font.finish();
        let bounds = tables.global_bounding_box();
        let [left, bottom, right, top] =
            [bounds.x_min, bounds.y_min, bounds.x_max, bounds.y_max].map(|length| f32::from(length) * thousandths);
        let of = |height: i16| f32::from(height) * thousandths;
        let mut about = pdf.font_descriptor(descriptor);
        about.name(Name(base.as_bytes())).flags(FontFlags::SYMBOLIC).bbox(Rect::new(left, bottom, right, top));
        about.italic_angle(0.0).ascent(of(tables.ascender())).descent(of(tables.descender()));
        about.cap_height(of(tables.capital_height().unwrap_or_else(|| tables.ascender()))).stem_v(80.0);
        if outlines.is_some() {
            about.font_file3(file);
        } else {
            about.font_file2(file);
        }
        about.finish();
        let mut map = UnicodeCmap::new(Name(b"Letters"), SYSTEM);
        for (glyph, letters) in self.letters.iter().filter(|(_, letters)| !letters.is_empty()) {
            map.pair_with_multiple(*glyph, letters.chars());
        }
        pdf.cmap(to_unicode, &map.finish());
        if let Some(outlines) = outlines {
            pdf.stream(file, outlines).pair(Name(b"Subtype"), Name(b"CIDFontType0C"));
        } else {
            let length = i32::try_from(subset.len()).unwrap_or(i32::MAX);
            pdf.stream(file, &subset).pair(Name(b"Length1"), length);
        }
        Ok(())
    }
}
