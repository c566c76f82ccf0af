//! Valid sample ids, whether from the page, the serial line or the command line.

/// The longest sample id, in characters.
pub(crate) const LONGEST_SAMPLE: usize = 64;

/// The text is not a valid sample id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sample id has 1 to {LONGEST_SAMPLE} characters, none of them a control character")]
pub struct NoSampleId;

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
