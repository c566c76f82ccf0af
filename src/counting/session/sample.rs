//! Valid sample ids, whether from the page, the serial line or the command line.

use jiff::Timestamp;

use crate::config::{SampleConfig, whole_pattern};
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
    /// It does not fit `[sample] pattern`.
    #[error(
        "the sample id does not have the form of this laboratory, {0} ([sample] pattern); check it and enter it again"
    )]
    Pattern(String),
    /// It is not as long as `[sample]` says.
    #[error(
        "the sample id has {has} characters, and this laboratory's have {least} to {most} ([sample]); check it and enter it again"
    )]
    Characters {
        has: usize,
        /// Fewest and most.
        least: u32,
        most: u32,
    },
    /// Its last character is not the one that the others ask for.
    #[error(
        "the check character of the sample id is wrong, so a character was misread or mistyped ([sample] check_digit = {0:?}); \
         scan or enter it again"
    )]
    CheckDigit(&'static str),
    /// It looks like a person's name.
    #[error(
        "the sample id looks like a person's name: it has letters and no digit ([sample] refuse_names); enter the number of \
         the sample, never a name"
    )]
    Name,
}

impl NoSampleId {
    /// The rule that it breaks, in one word, for a sentence in the reader's language.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Letters(_) => "letters",
            Self::Pattern(_) => "pattern",
            Self::Characters { .. } => "characters",
            Self::CheckDigit(_) => "check-digit",
            Self::Name => "name",
        }
    }
}

/// Id of a sample that nobody named, made from the time it begins: `20260921-141440`, or `20260921-141440-2` and so on
/// if that one is taken. The second alone is not enough: two samples may begin in one, and a board without a clock
/// battery begins every day at the same time.
pub fn nameless(now: Timestamp, taken: impl Fn(&str) -> bool) -> String {
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
pub fn sample_id(text: &str) -> Result<String, NoSampleId> {
    let id = text.trim_matches(' ');
    if !(1..=LONGEST_SAMPLE).contains(&id.chars().count()) {
        return Err(NoSampleId::Length);
    }
    match unfit_in_line(id) {
        Some(letters) => Err(NoSampleId::Letters(letters)),
        None => Ok(id.to_owned()),
    }
}

/// Checks an id that was entered against the rules of the laboratory. A name comes first: it is the worst mistake, and a
/// sentence about a pattern would not say so.
///
/// # Errors
/// If it breaks one.
pub fn check_rules(id: &str, rules: &SampleConfig) -> Result<(), NoSampleId> {
    let SampleConfig { pattern, min_length, max_length, check_digit, refuse_names, .. } = rules;
    if *refuse_names && looks_like_a_name(id) {
        return Err(NoSampleId::Name);
    }
    let has = id.chars().count();
    if !(*min_length as usize..=*max_length as usize).contains(&has) {
        return Err(NoSampleId::Characters { has, least: *min_length, most: *max_length });
    }
    if !pattern.is_empty() && !whole_pattern(pattern).is_ok_and(|form| form.is_match(id)) {
        return Err(NoSampleId::Pattern(pattern.clone()));
    }
    if !check_digit.fits(id) {
        return Err(NoSampleId::CheckDigit(check_digit.word()));
    }
    Ok(())
}

/// Two letters or more, and else only what stands in names: no digit. `Maria Lopez`, `LOPEZ,MARIA`, `O'Brien`.
fn looks_like_a_name(id: &str) -> bool {
    id.chars().all(|c| c.is_alphabetic() || " ,.'-\u{2019}".contains(c))
        && id.chars().filter(|c| c.is_alphabetic()).count() >= 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::check_digit::CheckDigit;

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
        let rules = SampleConfig { pattern: "[A-Z]-[0-9]+|[0-9]{8}".to_owned(), ..SampleConfig::default() };
        assert!(["A-17", "12345678"].iter().all(|id| check_rules(id, &rules).is_ok()));
        for id in ["Maria Lopez 1961-03-05", "A-17 ", "xA-17", "123456789"] {
            assert!(check_rules(id, &rules).is_err(), "{id}");
        }
        assert!(check_rules("Maria Lopez 1961-03-05", &SampleConfig::default()).is_ok());
    }

    #[test]
    fn what_looks_like_a_name_is_refused_as_one_whatever_else_is_wrong_with_it() {
        let rules = SampleConfig { refuse_names: true, pattern: "[0-9]+".to_owned(), ..SampleConfig::default() };
        for name in ["Maria Lopez", "LOPEZ,MARIA", "Lopez, María-José", "O'Brien", "von Hagen, J."] {
            assert_eq!(check_rules(name, &rules), Err(NoSampleId::Name), "{name}");
        }
        for id in ["A-17", "LOPEZ1961", "X", "--"] {
            assert!(matches!(check_rules(id, &rules), Err(NoSampleId::Pattern(_))), "{id}");
        }
        assert_eq!(check_rules("Maria Lopez", &SampleConfig::default()), Ok(()), "a control may have words as its id");
    }

    #[test]
    fn an_id_has_the_length_and_the_check_character_of_the_laboratory() {
        let rules =
            SampleConfig { min_length: 4, max_length: 11, check_digit: CheckDigit::Luhn, ..SampleConfig::default() };
        assert_eq!(check_rules("79927398713", &rules), Ok(()));
        assert_eq!(
            check_rules("79927398731", &rules),
            Err(NoSampleId::CheckDigit("luhn")),
            "two digits changed places"
        );
        for id in ["123", "123456789012"] {
            assert!(matches!(check_rules(id, &rules), Err(NoSampleId::Characters { least: 4, most: 11, .. })), "{id}");
        }
    }

    #[test]
    fn a_sample_that_nobody_named_is_called_by_its_second_and_a_number_if_that_is_taken() {
        let now = Timestamp::from_second(1_790_000_080).unwrap();
        assert_eq!(nameless(now, |_| false), "20260921-141440");
        let taken = ["20260921-141440", "20260921-141440-2"];
        assert_eq!(nameless(now, |id| taken.contains(&id)), "20260921-141440-3");
    }
}
