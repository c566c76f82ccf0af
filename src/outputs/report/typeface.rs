//! The two typefaces every PDF reader has, Helvetica and Helvetica-Bold: their letters and letter widths. Widths are
//! Adobe's metrics of the standard 14 fonts (Core 14 AFM), in thousandths of the font size. Other letters come from
//! installed typefaces (`shape`).

use unicode_segmentation::UnicodeSegmentation as _;

use super::shape::{self, Piece};
use crate::domain::letters::win_ansi;
use crate::system::fonts;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PdfFace {
    Plain,
    Bold,
}

/// Widths from space to tilde.
const PLAIN: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
];
const BOLD: [u16; 95] = [
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556, 333, 556, 611, 556, 611,
    556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389,
    280, 389, 584,
];

/// Spaces that do not break a line.
const HARD_SPACES: [char; 2] = ['\u{a0}', '\u{202f}'];

/// Stands for a letter that neither typeface has.
const MISSING: u8 = b'?';

/// Text in the encoding of these typefaces, one byte per letter.
pub(super) fn encoded(text: &str) -> Vec<u8> {
    text.chars().map(byte).collect()
}

/// Whether every letter of the text can be printed, by these typefaces or an installed one.
pub(super) fn prints(text: &str) -> bool {
    text.graphemes(true).all(|cluster| of_these(cluster) || fonts::installed().find(cluster).is_some())
}

/// Whether these typefaces have every letter of the text.
pub(super) fn of_these(text: &str) -> bool {
    text.chars().all(|letter| letter == '?' || byte(letter) != MISSING)
}

fn byte(letter: char) -> u8 {
    match win_ansi(letter) {
        Some(code) => code,
        None if letter.is_control() || letter.is_whitespace() => b' ',
        None => MISSING,
    }
}

/// Width of text, in the unit of `size`.
pub(super) fn width(face: PdfFace, size: f32, text: &str) -> f32 {
    if of_these(text) {
        return plain_width(face, size, text);
    }
    let of = |piece: &Piece| match piece {
        Piece::Plain(text) => plain_width(face, size, text),
        Piece::Shaped(run) => run.width() * size,
    };
    shape::pieces(text).iter().map(of).sum()
}

/// Width of text in these typefaces alone.
pub(super) fn plain_width(face: PdfFace, size: f32, text: &str) -> f32 {
    let thousandths: u32 = encoded(text).iter().map(|byte| u32::from(letter(face, *byte))).sum();
    thousandths as f32 * size / 1000.0
}

fn letter(face: PdfFace, byte: u8) -> u16 {
    let table = match face {
        PdfFace::Plain => &PLAIN,
        PdfFace::Bold => &BOLD,
    };
    if let Some(width) = byte.checked_sub(b' ').and_then(|place| table.get(usize::from(place))) {
        return *width;
    }
    // For other letters the width of the base letter is close enough to break lines; numbers, which are aligned, have
    // none.
    let base = match byte {
        0x85 | 0x89 | 0x8C | 0x97 | 0x99 | 0xC6 => return 1000,
        0x91 | 0x92 | 0xB7 => b'.',
        0xA0 => b' ',
        0xC0..=0xC5 => b'A',
        0xC7 => b'C',
        0xC8..=0xCB => b'E',
        0xCC..=0xCF | 0xEC..=0xEF => b'I',
        0xD1 => b'N',
        0xD2..=0xD6 | 0xD8 => b'O',
        0xD9..=0xDC => b'U',
        0xE7 => b'c',
        _ => b'a',
    };
    letter(face, base)
}

/// Breaks text into lines no wider than `most`; a word wider than that is cut.
pub(super) fn lines(face: PdfFace, size: f32, text: &str, most: f32) -> Vec<String> {
    let mut done = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        let may_break = |letter: char| letter.is_whitespace() && !HARD_SPACES.contains(&letter);
        for word in paragraph.split(may_break).filter(|word| !word.is_empty()) {
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if width(face, size, &longer) <= most {
                line = longer;
                continue;
            }
            if !line.is_empty() {
                done.push(std::mem::take(&mut line));
            }
            // Between clusters only: a mark stays on its letter.
            for cluster in word.graphemes(true) {
                let before = line.len();
                line.push_str(cluster);
                if before > 0 && width(face, size, &line) > most {
                    line.truncate(before);
                    done.push(std::mem::replace(&mut line, cluster.to_owned()));
                }
            }
        }
        done.push(line);
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn western_letters_are_printed_and_others_say_that_they_are_missing() {
        assert_eq!(encoded("Ñandú – 5 µl’"), b"\xD1and\xFA \x96 5 \xB5l\x92");
        assert_eq!(encoded("при\n"), b"??? ");
        assert!(prints("Fórmula?") && !prints("\u{378}"));
    }

    #[test]
    fn digits_are_of_one_width_so_that_columns_align() {
        for face in [PdfFace::Plain, PdfFace::Bold] {
            assert!((width(face, 10.0, "1111") - width(face, 10.0, "8888")).abs() < 1e-6);
        }
    }

    #[test]
    fn a_line_does_not_break_between_a_number_and_its_unit() {
        assert_eq!(lines(PdfFace::Plain, 9.0, "about 95\u{a0}%", 40.0), ["about", "95\u{a0}%"]);
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_asked_and_no_word_is_lost(text in "\\PC{0,200}", most in 20.0f32..400.0) {
            let broken = lines(PdfFace::Plain, 9.0, &text, most);
            for line in &broken {
                prop_assert!(width(PdfFace::Plain, 9.0, line) <= most || line.graphemes(true).count() == 1);
            }
            let letters = |text: &str| text.chars().filter(|letter| !letter.is_whitespace()).collect::<String>();
            prop_assert_eq!(letters(&broken.concat()), letters(&text));
        }
    }
}
