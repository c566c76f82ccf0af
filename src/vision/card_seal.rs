//! The seal of `model.toml` and of a profile: a SHA-256 over all its values, so that no class name, scale or limit changes unnoticed.
//!
//! The values are written as one text: tables with sorted keys, texts as JSON, numbers with a point as the 64 bits of
//! their double. Comments, blanks and the order of keys do not matter. `models/training/card.py` computes the same.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use toml::{Table, Value};

/// Key of the seal in the card; it does not count itself.
pub(super) const KEY: &str = "card_sha256";

/// The seal that this text of a card must have, hexadecimal; `None` if it is no TOML.
#[must_use]
pub fn seal_of(text: &str) -> Option<String> {
    seal_without(text, KEY)
}

/// The same for a file whose seal stands under `key`.
pub(super) fn seal_without(text: &str, key: &str) -> Option<String> {
    let mut card: Table = text.parse().ok()?;
    card.remove(key);
    let mut canonical = String::new();
    write_table(&mut canonical, &card);
    Some(hexadecimal(&Sha256::digest(canonical)))
}

/// This text of a card with the seal it must have; `None` if it is no TOML.
#[must_use]
pub fn sealed(text: &str) -> Option<String> {
    sealed_under(text, KEY)
}

/// The same for a file whose seal stands under `key`.
pub(super) fn sealed_under(text: &str, key: &str) -> Option<String> {
    let seal = seal_without(text, key)?;
    let rest: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with(key)).collect();
    Some(format!("{key} = \"{seal}\"\n{}\n", rest.join("\n")))
}

/// Bytes as hexadecimal digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // Writing to a String cannot fail.
        text
    })
}

fn write_table(out: &mut String, table: &Table) {
    let mut entries: Vec<(&String, &Value)> = table.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    out.push('{');
    for (at, (key, value)) in entries.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_text(out, key);
        out.push(':');
        write_value(out, value);
    }
    out.push('}');
}

fn write_value(out: &mut String, value: &Value) {
    // Writing to a String cannot fail.
    match value {
        Value::String(text) => write_text(out, text),
        Value::Integer(number) => {
            let _ = write!(out, "{number}");
        }
        Value::Float(number) => {
            let _ = write!(out, "f{:016x}", number.to_bits());
        }
        Value::Boolean(flag) => {
            let _ = write!(out, "{flag}");
        }
        Value::Datetime(time) => write_text(out, &time.to_string()),
        Value::Array(values) => {
            out.push('[');
            for (at, value) in values.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_value(out, value);
            }
            out.push(']');
        }
        Value::Table(table) => write_table(out, table),
    }
}

fn write_text(out: &mut String, text: &str) {
    // Text always serialises.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_counts_and_no_comment_blank_or_order_does() {
        let card = "# a\nb = 1\nc = 2\n\n[t]\nx = 0.5\nnames = [\"A\", \"B\"]\n";
        let seal = seal_of(card).unwrap();
        assert_eq!(seal_of("c = 2\nb = 1 # d\n[t]\nnames = ['A', 'B']\nx = 5e-1\n"), Some(seal.clone()));
        for (before, after) in [("b = 1", "b = 1.0"), ("0.5", "0.25"), ("\"A\", \"B\"", "\"B\", \"A\""), ("[t]", "[u]")]
        {
            assert_ne!(seal_of(&card.replace(before, after)), Some(seal.clone()), "{after}");
        }
        assert_eq!(seal_of(&sealed(card).unwrap()), Some(seal));
        assert_eq!(sealed(&sealed(card).unwrap()), sealed(card));
        assert_eq!(seal_of("= ["), None);
    }

    #[test]
    fn the_training_scripts_compute_the_same_seal() {
        // By `models/training/card.py`.
        let card = "a = \"é\\\"\\n\\u0001\"\nb = -3\nc = 0.1\nd = [1e300, 5e-324]\n[t]\nx = true\n";
        assert_eq!(seal_of(card).as_deref(), Some("fcbf4ddb4ca60f925d6465a41b2ed47480d84589fc7112709f90f8590f57c99b"));
    }
}
