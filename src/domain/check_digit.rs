//! Check characters of ids: a mistyped or misread id is noticed before it names a sample.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How the last character of an id is computed from those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum CheckDigit {
    /// The id has none.
    #[default]
    #[serde(rename = "none")]
    None,
    /// Luhn's formula for digits, modulo 10: ISO/IEC 7812-1, annex B.
    #[serde(rename = "luhn")]
    Luhn,
    /// Modulo 11 for 2 to 10 digits, the last may be X, with the weights 1, 2, 3, … from the right: ISO 2108 (ISBN of ten
    /// digits), and the NHS number.
    #[serde(rename = "mod11")]
    Mod11,
    /// ISO/IEC 7064 MOD 37-2 for digits and capital letters, the last may be `*`: the donation numbers of ISBT 128.
    #[serde(rename = "mod37-2")]
    Mod37_2,
}

impl CheckDigit {
    /// The words that choose one.
    pub const WORDS: &'static [&'static str] = &["none", "luhn", "mod11", "mod37-2"];

    /// The word that chooses it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Luhn => "luhn",
            Self::Mod11 => "mod11",
            Self::Mod37_2 => "mod37-2",
        }
    }

    /// Whether the last character of an id is the one that those before it ask for. An id with other characters than
    /// the formula knows, or without any before the last, does not fit.
    #[must_use]
    pub fn fits(self, id: &str) -> bool {
        match self {
            Self::None => true,
            Self::Luhn => luhn(id),
            Self::Mod11 => mod11(id),
            Self::Mod37_2 => mod37_2(id),
        }
    }
}

/// Every second digit from the right, from the second on, counts double, with the two digits of such a product added.
fn luhn(id: &str) -> bool {
    let digits: Option<Vec<u32>> = id.chars().map(|c| c.to_digit(10)).collect();
    let Some(digits) = digits.filter(|digits| digits.len() >= 2) else { return false };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| if place % 2 == 0 { *digit } else { digit * 2 / 10 + digit * 2 % 10 })
        .sum();
    sum.is_multiple_of(10)
}

fn mod11(id: &str) -> bool {
    let mut values = Vec::new();
    for (place, c) in id.chars().rev().enumerate() {
        match c.to_digit(10) {
            Some(digit) => values.push(digit),
            None if place == 0 && c == 'X' => values.push(10),
            None => return false,
        }
    }
    let sum: u32 = (1..).zip(&values).map(|(weight, value): (u32, &u32)| weight * value).sum();
    (2..=10).contains(&values.len()) && sum.is_multiple_of(11)
}

/// A pure system: the sum of the values, each times a power of 2 by its place from the right, is 1 modulo 37.
fn mod37_2(id: &str) -> bool {
    let last = id.chars().count().saturating_sub(1);
    let mut sum = 0;
    for (place, c) in id.chars().enumerate() {
        let value = match c {
            '0'..='9' | 'A'..='Z' => c.to_digit(36).unwrap_or_default(),
            '*' if place == last => 36,
            _ => return false,
        };
        sum = (sum * 2 + value) % 37;
    }
    last > 0 && sum == 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn published_examples_fit_and_their_neighbours_do_not() {
        for (kind, id) in [
            // ISO/IEC 7812-1.
            (CheckDigit::Luhn, "79927398713"),
            // ISO 2108, and the number that the NHS data dictionary shows.
            (CheckDigit::Mod11, "0306406152"),
            (CheckDigit::Mod11, "080442957X"),
            (CheckDigit::Mod11, "9434765919"),
            // ISO/IEC 7064 and ISBT 128: G1234 98 654321 with its check character H.
            (CheckDigit::Mod37_2, "G123498654321H"),
        ] {
            assert!(kind.fits(id), "{kind:?} {id}");
            assert!(CheckDigit::None.fits(id));
            for (at, c) in id.char_indices() {
                let Some(digit) = c.to_digit(10) else { continue };
                let wrong = format!("{}{}{}", &id[..at], (digit + 1) % 10, &id[at + 1..]);
                assert!(!kind.fits(&wrong), "{kind:?} {wrong}");
            }
        }
        for kind in [CheckDigit::Luhn, CheckDigit::Mod11, CheckDigit::Mod37_2] {
            for id in ["", "0", "A-17", "X12", "12*4", "Maria", "１２"] {
                assert!(!kind.fits(id), "{kind:?} {id}");
            }
        }
    }

    proptest! {
        #[test]
        fn exactly_one_last_character_fits(id in "[0-9A-Z]{1,20}") {
            let fitting = |kind: CheckDigit, id: &str, last: &str| {
                last.chars().filter(|last| kind.fits(&format!("{id}{last}"))).count()
            };
            let all = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*";
            prop_assert_eq!(fitting(CheckDigit::Mod37_2, &id, all), 1);
            let digits: String = id.chars().filter(char::is_ascii_digit).take(9).collect();
            if !digits.is_empty() {
                prop_assert_eq!(fitting(CheckDigit::Luhn, &digits, "0123456789"), 1);
                prop_assert_eq!(fitting(CheckDigit::Mod11, &digits, "0123456789X"), 1);
            }
        }
    }
}
