//! Forms of texts: what a key of each kind may hold, and how a text is written in TOML.

use std::fmt::Write as _;

use regex::{Regex, RegexBuilder};

use crate::domain::letters::{unfit_in_comment, unfit_in_line};

pub(super) fn refuse_text(text: &str, longest: usize) -> Option<String> {
    let length = text.chars().count();
    if text.trim().is_empty() {
        Some(format!("is empty; it must have 1 to {longest} characters"))
    } else if length > longest {
        Some(format!("has {length} characters; it must have 1 to {longest}"))
    } else if text.chars().any(char::is_control) {
        Some("has a control character in it".to_owned())
    } else {
        unfit_in_line(text).map(|letters| format!("holds {letters}, which reports cannot print"))
    }
}

pub(super) fn refuse_words(text: &str, longest: usize) -> Option<String> {
    let length = text.chars().count();
    if length > longest {
        return Some(format!("has {length} characters; it must have at most {longest}"));
    }
    if text.chars().any(char::is_control) {
        return Some("has a control character in it".to_owned());
    }
    unfit_in_comment(text).map(|letters| format!("holds {letters}, which this station cannot print"))
}

/// Most memory of a compiled pattern, bytes: far more than the form of an id takes, and little on a small board.
const LARGEST_PATTERN: usize = 1 << 22;

/// A regular expression that matches whole texts only.
///
/// # Errors
/// The pattern is none, or would take more memory than a small board can spare.
pub fn whole_pattern(pattern: &str) -> Result<Regex, regex::Error> {
    // Compiled alone first, so that an unbalanced parenthesis does not close the group around it.
    RegexBuilder::new(pattern).size_limit(LARGEST_PATTERN).build()?;
    RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(LARGEST_PATTERN).build()
}

/// Whether this is a language tag, and so a valid catalogue name: parts of 1 to 8 letters and digits joined by hyphens,
/// the first part letters only.
#[must_use]
pub fn is_language(tag: &str) -> bool {
    let part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let first = tag.split('-').next().unwrap_or_default();
    tag.len() <= 32 && first.len() >= 2 && first.bytes().all(|b| b.is_ascii_alphabetic()) && tag.split('-').all(part)
}

/// Whether this is the base address of a server, without user, query or fragment.
pub(super) fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let plain = rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#@\"<>\\^`{|}".contains(&byte));
        plain && !rest.starts_with(['/', ':']) && !rest.is_empty() && text.len() <= 500
    })
}

/// Whether every standard can carry this as a code, without escapes.
pub(super) fn is_code(text: &str) -> bool {
    text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._#%".contains(&byte))
}

/// Text as a TOML string on one line; [`Value`] itself would write some text over several.
pub(super) fn toml_text(text: &str) -> String {
    let mut written = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => written.extend(['\\', c]),
            c if c.is_control() => {
                // Writing to a String cannot fail.
                let _ = write!(written, "\\u{:04X}", u32::from(c));
            }
            c => written.push(c),
        }
    }
    written + "\""
}
