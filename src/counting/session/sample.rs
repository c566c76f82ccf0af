//! Valid sample ids, whether from the page, the serial line or the command line.

use jiff::Timestamp;

/// The longest sample id, in characters.
pub(crate) const LONGEST_SAMPLE: usize = 64;

/// The text is not a valid sample id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sample id has 1 to {LONGEST_SAMPLE} characters, none of them a control character")]
pub struct NoSampleId;

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

/// Checks a sample id and trims the blanks around it.
///
/// # Errors
/// If it is empty, too long, or has control characters.
pub(crate) fn sample_id(text: &str) -> Result<String, NoSampleId> {
    let id = text.trim();
    if !(1..=LONGEST_SAMPLE).contains(&id.chars().count()) || id.chars().any(char::is_control) {
        return Err(NoSampleId);
    }
    Ok(id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_that_nobody_named_is_called_by_its_second_and_a_number_if_that_is_taken() {
        let now = Timestamp::from_second(1_790_000_080).unwrap();
        assert_eq!(nameless(now, |_| false), "20260921-141440");
        let taken = ["20260921-141440", "20260921-141440-2"];
        assert_eq!(nameless(now, |id| taken.contains(&id)), "20260921-141440-3");
    }
}
