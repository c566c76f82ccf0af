//! Text in letters of installed typefaces: which typeface each letter takes, the direction of writing, and the glyphs
//! with their places (joined Arabic letters, marks of Indian scripts).

use std::sync::Arc;

use rustybuzz::{Direction, UnicodeBuffer};
use unicode_bidi::{BidiInfo, Level};
use unicode_segmentation::UnicodeSegmentation as _;

use super::typeface::of_these;
use crate::system::fonts::{self, Typeface};

/// Makes a line run from right to left, and shows nothing.
pub(super) const FROM_THE_RIGHT: char = '\u{200f}';

/// Signs that are turned round in writing from right to left.
const TURNED: [(char, char); 6] = [('(', ')'), ('[', ']'), ('{', '}'), ('<', '>'), ('«', '»'), ('‹', '›')];

/// A part of a line in one typeface.
#[derive(Debug)]
pub(super) enum Piece {
    /// Letters of the typefaces that every reader has.
    Plain(String),
    /// Letters of an installed typeface.
    Shaped(Run),
}

/// Glyphs of one installed typeface, from left to right.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) face: Arc<Typeface>,
    pub(super) glyphs: Vec<Glyph>,
    pub(super) from_the_right: bool,
}

/// A glyph. Lengths are in the font size.
#[derive(Debug)]
pub(super) struct Glyph {
    pub(super) id: u16,
    /// How far the next glyph is.
    pub(super) advance: f32,
    /// From its place on the line to where it is drawn.
    pub(super) offset: (f32, f32),
    /// The letters that it and the glyphs of the same number stand for.
    pub(super) stands_for: String,
    /// Number of its cluster within the run.
    pub(super) cluster: u32,
}

impl Run {
    /// Width, in the font size.
    pub(super) fn width(&self) -> f32 {
        self.glyphs.iter().map(|glyph| glyph.advance).sum()
    }
}

/// Whether text begins in a script that runs from right to left.
pub(super) fn runs_from_the_right(text: &str) -> bool {
    !of_these(text) && unicode_bidi::get_base_direction(text) == unicode_bidi::Direction::Rtl
}

/// The parts of a line from left to right, as they stand on paper.
pub(super) fn pieces(line: &str) -> Vec<Piece> {
    if of_these(line) {
        return vec![Piece::Plain(line.to_owned())];
    }
    let directed = BidiInfo::new(line, None);
    let mut done = Vec::new();
    for paragraph in &directed.paragraphs {
        let (levels, runs) = directed.visual_runs(paragraph, paragraph.range.clone());
        for run in runs {
            let from_the_right = levels.get(run.start).is_some_and(Level::is_rtl);
            let mut parts = of_one_direction(line.get(run).unwrap_or_default(), from_the_right);
            if from_the_right {
                parts.reverse();
            }
            done.extend(parts);
        }
    }
    done
}

/// Parts in the order of reading.
fn of_one_direction(text: &str, from_the_right: bool) -> Vec<Piece> {
    let mut parts: Vec<(Option<Arc<Typeface>>, String)> = Vec::new();
    // What only shapes neighbours and has none shows nothing.
    let shows = |letter: char| letter != FROM_THE_RIGHT && !fonts::shapes_neighbours(letter);
    for cluster in text.graphemes(true).filter(|cluster| cluster.chars().any(shows)) {
        let before = parts.last().and_then(|(face, _)| face.clone());
        let plain = of_these(cluster);
        // Blanks and signs stay in the typeface of the letters before them, which also turns them round.
        let stays = !plain || !cluster.chars().any(char::is_alphanumeric);
        let face = match before.filter(|face| stays && face.has(cluster)) {
            Some(face) => Some(face),
            None if plain => None,
            None => fonts::installed().find(cluster),
        };
        match parts.last_mut() {
            Some((last, letters)) if last.as_ref().map(Arc::as_ptr) == face.as_ref().map(Arc::as_ptr) => {
                letters.push_str(cluster);
            }
            _ => parts.push((face, cluster.to_owned())),
        }
    }
    let piece = |(face, text): (Option<Arc<Typeface>>, String)| match face
        .and_then(|face| shaped(face, &text, from_the_right))
    {
        Some(run) => Piece::Shaped(run),
        None if from_the_right => Piece::Plain(text.graphemes(true).rev().flat_map(str::chars).map(turned).collect()),
        None => Piece::Plain(text),
    };
    parts.into_iter().map(piece).collect()
}

fn turned(letter: char) -> char {
    let pair = TURNED.iter().find(|(opens, closes)| letter == *opens || letter == *closes);
    pair.map_or(letter, |(opens, closes)| if letter == *opens { *closes } else { *opens })
}

/// The glyphs of text; none if the typeface cannot be read.
fn shaped(face: Arc<Typeface>, text: &str, from_the_right: bool) -> Option<Run> {
    let tables = rustybuzz::Face::from_slice(&face.data, 0)?;
    let em = tables.units_per_em() as f32;
    let mut buffer = UnicodeBuffer::new();
    buffer.push_str(text);
    buffer.set_direction(if from_the_right { Direction::RightToLeft } else { Direction::LeftToRight });
    buffer.guess_segment_properties();
    let done = rustybuzz::shape(&tables, &[], buffer);
    let mut starts: Vec<u32> = done.glyph_infos().iter().map(|info| info.cluster).collect();
    starts.sort_unstable();
    starts.dedup();
    let stands_for = |cluster: u32| {
        let next = starts.get(starts.partition_point(|start| *start <= cluster));
        let end = next.map_or(text.len(), |next| *next as usize);
        text.get(cluster as usize..end).unwrap_or_default().to_owned()
    };
    let glyphs = done.glyph_infos().iter().zip(done.glyph_positions()).map(|(info, place)| {
        let of = |length: i32| length as f32 / em;
        Glyph {
            id: u16::try_from(info.glyph_id).unwrap_or(0),
            advance: of(place.x_advance),
            offset: (of(place.x_offset), of(place.y_offset)),
            stands_for: stands_for(info.cluster),
            cluster: info.cluster,
        }
    });
    let glyphs = glyphs.collect();
    Some(Run { face, glyphs, from_the_right })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::letters::unfit_in_comment;
    use proptest::prelude::*;

    /// Letters of one run as they stand on paper, with the number of glyphs.
    fn seen(text: &str) -> Vec<(bool, String, usize)> {
        let piece = |piece: &Piece| match piece {
            Piece::Plain(text) => (false, text.clone(), 0),
            Piece::Shaped(run) => {
                let mut letters = String::new();
                let mut last = None;
                for glyph in run.glyphs.iter().filter(|glyph| last.replace(glyph.cluster) != Some(glyph.cluster)) {
                    letters.push_str(&glyph.stands_for);
                }
                (true, letters, run.glyphs.len())
            }
        };
        pieces(text).iter().map(piece).collect()
    }

    /// Whether Debian's Noto is installed; says so if it is not.
    fn noto() -> bool {
        let there = unfit_in_comment("бم血").is_none();
        if !there {
            let _ = std::io::Write::write_all(
                &mut std::io::stderr(),
                b"skipped: fonts-noto-core and fonts-noto-cjk are not installed\n",
            );
        }
        there
    }

    #[test]
    fn western_text_takes_no_typeface_and_other_scripts_take_one() {
        assert_eq!(seen("Blastos 5 %"), [(false, "Blastos 5 %".to_owned(), 0)]);
        if !noto() {
            return;
        }
        assert_eq!(seen("Hb 5, бласты"), [(false, "Hb 5, ".to_owned(), 0), (true, "бласты".to_owned(), 6)]);
        let hebrew = seen("5 (דם)");
        assert!(
            hebrew.len() > 1 && hebrew.iter().any(|(shaped, letters, _)| *shaped && letters.contains("םד")),
            "{hebrew:?}"
        );
        assert!(runs_from_the_right("دم 5") && !runs_from_the_right("5 кровь"));
        let Some(Piece::Shaped(run)) = pieces("क्षि").pop() else { panic!("no Devanagari") };
        assert!(run.glyphs.len() < 4, "letters join: {run:?}");
        // A joiner that ends up alone behind a change of direction.
        assert!(seen("กऄ؛\u{200c}").iter().all(|(shaped, letters, _)| *shaped || !letters.contains('\u{200c}')));
    }

    proptest! {
        #[test]
        fn whatever_a_comment_may_hold_has_a_glyph_and_a_width(
            comment in prop_oneof!["\\PC{0,60}", "[а-яΑ-ωا-ي๐-๙ก-ฮअ-ह一-丏가-각 ()a-z0-9]{1,40}", "[\u{600}-\u{6ff}\u{900}-\u{97f}\u{e00}-\u{e7f}\u{200c}\u{200d}]{1,30}"],
        ) {
            if unfit_in_comment(&comment).is_none() {
                for piece in pieces(&comment) {
                    match piece {
                        Piece::Plain(text) => prop_assert!(of_these(&text), "{text:?} of {comment:?}"),
                        Piece::Shaped(run) => {
                            prop_assert!(run.glyphs.iter().all(|glyph| glyph.id != 0), "{run:?} of {comment:?}");
                            prop_assert!(run.width().is_finite());
                        }
                    }
                }
            }
        }
    }
}
