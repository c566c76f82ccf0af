//! Text that is safe to print: a file's name may hold control characters, which would move the cursor, change colours or
//! forge a line of the log.

use std::borrow::Cow;

/// One line: control characters, and those that turn the direction of the text, as escapes such as `\n` and `\u{1b}`.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, misleads)
}

/// The same, but line breaks stay.
#[must_use]
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c != '\n' && misleads(c))
}

fn misleads(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn escaped(text: &str, misleads: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&misleads) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if misleads(c) { safe.extend(c.escape_default()) } else { safe.push(c) }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_become_visible_and_everything_else_stays() {
        assert_eq!(printable("a\u{1b}[31m\nb\tÄ µ 血"), "a\\u{1b}[31m\\nb\\tÄ µ 血");
        assert_eq!(printable("a\u{202e}gpj.exe\u{9b}2J"), "a\\u{202e}gpj.exe\\u{9b}2J");
        assert_eq!(printable_lines("a\n  b\r"), "a\n  b\\r");
        assert!(matches!(printable("plain"), Cow::Borrowed("plain")));
    }
}
