//! Valid sample ids, whether from the page, the serial line or the command line.

use jiff::Timestamp;

use crate::config::whole_pattern;
use crate::domain::letters::unfit_in_line;

/// The longest sample id, in characters.
pub(crate) const LONGEST_SAMPLE: usize = 64;

/// Why a text is not a valid sample id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSampleId {
    /// It is empty or too long.
    #[error("a sample id has 1 to {LONGEST_SAMPLE} characters")]
    Length,
    /// It holds letters that do not show, or that reports cannot print.
    #[error(
        "a sample id has 1 to {LONGEST_SAMPLE} characters that show and that reports can print: letters of western \
         Europe, digits, signs and plain spaces; this one holds {0}"
    )]
    Letters(String),
    /// It does not fit `[session] sample_pattern`.
    #[error(
        "the sample id does not have the form of this laboratory, {0} ([session] sample_pattern); check it and enter it again"
    )]
    Pattern(String),
}

/// Id of a sample that nobody named, made from the time it begins: `20260921-141440`, or `20260921-141440-2` and so on
/// if that one is taken. The second alone is not enough: two samples may begin in one, and a board without a clock
/// battery begins every day at the same time.
pub(crate) fn nameless(now: Timestamp, taken: impl Fn(&str) -> bool) -> String {
    let second = now.strftime("%Y%m%d-%H%M%S").to_string();
    let mut id = second.clone();
    let mut next = 2_u32;
    while taken(&id) && next < u32::MAX {
        id = format!("{second}-{next}");
        next += 1;
    }
    id
}

/// Checks a sample id and trims the spaces around it.
///
/// # Errors
/// If it is empty, too long, or has letters that do not show or cannot be printed.
pub(crate) fn sample_id(text: &str) -> Result<String, NoSampleId> {
    let id = text.trim_matches(' ');
    if !(1..=LONGEST_SAMPLE).contains(&id.chars().count()) {
        return Err(NoSampleId::Length);
    }
    match unfit_in_line(id) {
        Some(letters) => Err(NoSampleId::Letters(letters)),
        None => Ok(id.to_owned()),
    }
}

/// Checks a whole id against a pattern, a regular expression; an empty one fits all.
///
/// # Errors
/// If it does not fit.
pub(crate) fn check_form(id: &str, pattern: &str) -> Result<(), NoSampleId> {
    if pattern.is_empty() || whole_pattern(pattern).is_ok_and(|form| form.is_match(id)) {
        return Ok(());
    }
    Err(NoSampleId::Pattern(pattern.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_looks_like_another_one_is_refused() {
        for text in ["A-\u{200b}17", "A-17\u{202e}", "\u{feff}A-17", "A\u{a0}17", "A-17\n", "A\t17", "\u{410}-17"] {
            assert!(matches!(sample_id(text), Err(NoSampleId::Letters(_))), "{text:?}");
        }
        assert_eq!(sample_id("  A 17 ").as_deref(), Ok("A 17"));
        assert_eq!(sample_id("   "), Err(NoSampleId::Length));
    }

    #[test]
    fn a_pattern_holds_for_the_whole_id() {
        let pattern = "[A-Z]-[0-9]+|[0-9]{8}";
        assert!(["A-17", "12345678"].iter().all(|id| check_form(id, pattern).is_ok()));
        for id in ["Maria Lopez 1961-03-05", "A-17 ", "xA-17", "123456789"] {
            assert!(check_form(id, pattern).is_err(), "{id}");
        }
        assert!(check_form("Maria Lopez 1961-03-05", "").is_ok());
    }

    #[test]
    fn a_sample_that_nobody_named_is_called_by_its_second_and_a_number_if_that_is_taken() {
        let now = Timestamp::from_second(1_790_000_080).unwrap();
        assert_eq!(nameless(now, |_| false), "20260921-141440");
        let taken = ["20260921-141440", "20260921-141440-2"];
        assert_eq!(nameless(now, |id| taken.contains(&id)), "20260921-141440-3");
    }
}
