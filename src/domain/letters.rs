//! Letters that people may type into what the reports print: those of `WinAnsi` (PDF 32000-1, annex D), which the
//! typefaces of the PDF report have. Everything else is refused when it is typed, so that nothing invisible gets into a
//! sample id and no report has a hole.

use std::fmt::Write as _;

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
    listed(text.chars().filter(|letter| *letter != ' ' && (letter.is_whitespace() || !prints(*letter))))
}

/// The same for a comment, which may have line breaks (`\n`) and every blank.
#[must_use]
pub fn unfit_in_comment(text: &str) -> Option<String> {
    let blank = |letter: char| letter == '\n' || letter.is_whitespace() && !letter.is_control() && !breaks(letter);
    listed(text.chars().filter(|letter| !blank(*letter) && !prints(*letter)))
}

fn prints(letter: char) -> bool {
    letter != SOFT_HYPHEN && win_ansi(letter).is_some()
}

/// Whether this is a line or paragraph separator.
fn breaks(letter: char) -> bool {
    matches!(letter, '\u{2028}' | '\u{2029}')
}

/// The first few different letters, with their codes: an invisible one is known by its code alone.
fn listed(letters: impl Iterator<Item = char>) -> Option<String> {
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
            write!(words, "{before}“{letter}” (U+{:04X})", u32::from(*letter))
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
        for letter in ['\t', '\r', '\u{1b}', '\u{7f}', '\u{2028}', '\u{200b}', '\u{202e}', 'й'] {
            assert!(unfit_in_comment(&format!("a{letter}b")).is_some(), "{letter:?}");
        }
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
