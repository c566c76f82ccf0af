//! Letters that people may type into what the reports print: those of `WinAnsi` (PDF 32000-1, annex D), which the
//! typefaces of every PDF reader have, and in comments those of every typeface installed on this machine. Everything else
//! is refused when it is typed, so that nothing invisible gets into a sample id and no report has a hole.

use std::fmt::Write as _;

use unicode_segmentation::UnicodeSegmentation as _;

use crate::system::fonts;

/// Letters whose code in `WinAnsi` differs from Unicode.
const MOVED: [(char, u8); 27] = [
    ('€', 0x80),
    ('‚', 0x82),
    ('ƒ', 0x83),
    ('„', 0x84),
    ('…', 0x85),
    ('†', 0x86),
    ('‡', 0x87),
    ('ˆ', 0x88),
    ('‰', 0x89),
    ('Š', 0x8A),
    ('‹', 0x8B),
    ('Œ', 0x8C),
    ('Ž', 0x8E),
    ('‘', 0x91),
    ('’', 0x92),
    ('“', 0x93),
    ('”', 0x94),
    ('•', 0x95),
    ('–', 0x96),
    ('—', 0x97),
    ('˜', 0x98),
    ('™', 0x99),
    ('š', 0x9A),
    ('›', 0x9B),
    ('œ', 0x9C),
    ('ž', 0x9E),
    ('Ÿ', 0x9F),
];

/// Shows nothing, although it has a code of its own.
const SOFT_HYPHEN: char = '\u{ad}';

/// Letters listed in a refusal, at most.
const LISTED: usize = 5;

/// Code of a letter in `WinAnsi`; `None` if it has none.
#[must_use]
pub fn win_ansi(letter: char) -> Option<u8> {
    match letter {
        ' '..='~' | '\u{a0}'..='\u{ff}' => Some(letter as u8),
        _ => MOVED.iter().find(|(moved, _)| *moved == letter).map(|(_, code)| *code),
    }
}

/// What an id, a name or another text of one line must not hold, in words; `None` if it is fit to be typed. Blanks are
/// plain spaces only: two ids that look alike must be alike.
#[must_use]
pub fn unfit_in_line(text: &str) -> Option<String> {
    listed(text.chars().filter(|letter| *letter != ' ' && (letter.is_whitespace() || !prints(*letter))), false)
}

/// The same for a comment, which may have line breaks (`\n`), every blank, and the letters of installed typefaces. A
/// letter that another typeface would bring is named with Debian's package of it.
#[must_use]
pub fn unfit_in_comment(text: &str) -> Option<String> {
    unfit_among(text, fonts::installed())
}

fn unfit_among(text: &str, fonts: &fonts::Fonts) -> Option<String> {
    let blank = |letter: char| letter == '\n' || letter.is_whitespace() && !letter.is_control() && !breaks(letter);
    let known = |letter: char| blank(letter) || prints(letter);
    // Looked up with its marks: one typeface must have both.
    let clusters = text.graphemes(true).filter(|cluster| !cluster.chars().all(known));
    let unfit = clusters.filter(|cluster| !may_be_set(cluster) || fonts.find(cluster).is_none());
    listed(unfit.flat_map(str::chars).filter(|letter| !known(*letter)), true)
}

/// Whether every letter of a cluster shows or shapes its neighbours: no control characters, no marks of direction, no
/// tags.
fn may_be_set(cluster: &str) -> bool {
    let invisible = |letter: char| {
        letter.is_control()
            || letter.is_whitespace()
            || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
                | '\u{34f}' | '\u{180b}'..='\u{180f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
    };
    !cluster.chars().any(invisible)
}

fn prints(letter: char) -> bool {
    letter != SOFT_HYPHEN && win_ansi(letter).is_some()
}

/// Whether this is a line or paragraph separator.
fn breaks(letter: char) -> bool {
    matches!(letter, '\u{2028}' | '\u{2029}')
}

/// The first few different letters, with their codes: an invisible one is known by its code alone. With the package that
/// brings each, if asked.
fn listed(letters: impl Iterator<Item = char>, packages: bool) -> Option<String> {
    let mut named: Vec<char> = Vec::new();
    for letter in letters {
        if !named.contains(&letter) {
            named.push(letter);
        }
        if named.len() == LISTED {
            break;
        }
    }
    let mut words = String::new();
    for letter in &named {
        let before = if words.is_empty() { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = if letter.is_alphanumeric() {
            let package = fonts::package(*letter).filter(|_| packages);
            let package = package.map(|package| format!(", of the package {package}")).unwrap_or_default();
            write!(words, "{before}“{letter}” (U+{:04X}{package})", u32::from(*letter))
        } else {
            write!(words, "{before}U+{:04X}", u32::from(*letter))
        };
    }
    (!named.is_empty()).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_does_not_show_or_turns_the_direction_is_named_by_its_code() {
        for (letter, code) in [
            ('\u{200b}', "U+200B"),
            ('\u{200e}', "U+200E"),
            ('\u{202e}', "U+202E"),
            ('\u{2066}', "U+2066"),
            ('\u{feff}', "U+FEFF"),
            ('\u{ad}', "U+00AD"),
            ('\u{a0}', "U+00A0"),
            ('\u{3164}', "U+3164"),
            ('\u{e0041}', "U+E0041"),
            ('\u{0}', "U+0000"),
            ('\t', "U+0009"),
            ('\u{85}', "U+0085"),
            ('\u{301}', "U+0301"),
        ] {
            let said = unfit_in_line(&format!("A-{letter}17")).unwrap();
            assert!(said.contains(code), "{said}");
        }
        assert_eq!(unfit_in_line("Muestra ñ-17 µ–€"), None);
        assert_eq!(unfit_in_line("血 и 血").unwrap(), "“血” (U+8840), “и” (U+0438)");
    }

    #[test]
    fn a_comment_has_lines_and_the_blanks_of_french_but_no_other_control_characters() {
        assert_eq!(unfit_in_comment("Répéter\u{202f}:\nfrottis épais, 5\u{a0}% d’érythroblastes"), None);
        for letter in ['\t', '\r', '\u{1b}', '\u{7f}', '\u{2028}', '\u{200b}', '\u{202e}', '\u{378}', '\u{ad}'] {
            assert!(unfit_in_comment(&format!("a{letter}b")).is_some(), "{letter:?}");
        }
    }

    #[test]
    fn a_letter_that_no_typeface_here_has_is_named_with_the_package_that_brings_it() {
        let none = fonts::Fonts::below(Vec::new());
        assert_eq!(
            unfit_among("Hb 5 – бласты 血", &none).unwrap(),
            "“б” (U+0431, of the package fonts-noto-core), “л” (U+043B, of the package fonts-noto-core), “а” (U+0430, of \
             the package fonts-noto-core), “с” (U+0441, of the package fonts-noto-core), “т” (U+0442, of the package \
             fonts-noto-core)"
        );
        assert_eq!(unfit_among("血", &none).unwrap(), "“血” (U+8840, of the package fonts-noto-cjk)");
        assert_eq!(unfit_among("Blastos: frotis 1,5\u{a0}% – µ€\n", &none), None);
    }

    proptest! {
        #[test]
        fn what_is_fit_for_a_line_is_printed_letter_by_letter(text in "\\PC{0,80}") {
            if unfit_in_line(&text).is_none() {
                prop_assert!(text.chars().all(|letter| win_ansi(letter).is_some()));
                prop_assert!(text.chars().all(|letter| !letter.is_control()));
            }
        }
    }
}
