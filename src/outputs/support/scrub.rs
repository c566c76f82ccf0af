//! Takes out of a text whatever may say something of a patient, a person or the network: every word that the program's own
//! messages do not have, every long number, and every id, name and comment of the store even where it is such a word.
//!
//! Listing what is harmless rather than what is private also covers what the store has forgotten or never knew: the id
//! of a deleted sample, a mistyped name.

use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;

/// The words of the program's messages and of the system's, one a line, as they are written there.
const VOCABULARY: &str = include_str!("vocabulary.txt");

/// What stands for something taken out.
pub(super) const OUT: &str = "…";

/// Longest number that is kept, digits: error numbers and counts have no more, ids mostly do.
const LONGEST_NUMBER: usize = 3;

/// Shortest id or name that is looked for within the text. Shorter ones are compared with whole words.
const WITHIN_FROM: usize = 3;

static WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| VOCABULARY.lines().collect());

/// What is private on this station.
#[derive(Clone, Debug, Default)]
pub(super) struct Private {
    /// To be found anywhere in a text.
    phrases: Vec<String>,
    /// Whole words, in small letters.
    words: BTreeSet<String>,
}

impl Private {
    pub(super) fn new(values: impl IntoIterator<Item = String>) -> Self {
        let mut private = Self::default();
        for value in values {
            let words: Vec<String> = tokens(&value).filter(|token| is_word(token)).map(str::to_lowercase).collect();
            if let [word] = words.as_slice() {
                private.words.insert(word.clone());
            }
            if value.chars().count() >= WITHIN_FROM {
                private.phrases.push(value);
            }
        }
        // One that holds another goes first.
        private.phrases.sort_by_key(|phrase| std::cmp::Reverse(phrase.len()));
        private
    }

    /// The same with only those phrases that occur in a text at all: a store has many ids, a log names few.
    pub(super) fn within(&self, text: &str) -> Self {
        let phrases = self.phrases.iter().filter(|phrase| text.contains(phrase.as_str())).cloned().collect();
        Self { phrases, words: self.words.clone() }
    }

    /// A text without anything private.
    pub(super) fn scrub(&self, text: &str) -> String {
        let text = self.phrases.iter().fold(text.to_owned(), |text, phrase| text.replace(phrase.as_str(), OUT));
        let tokens: Vec<&str> = tokens(&text).collect();
        let mut kept = String::with_capacity(text.len());
        let mut begins = true;
        for (place, token) in tokens.iter().enumerate() {
            if !is_word(token) {
                kept.push_str(token);
                begins |= token.ends_with(". ");
                continue;
            }
            let harmless =
                if is_number(token) { self.is_figure(&tokens, place) } else { self.is_message(token, begins) };
            begins = false;
            if harmless {
                kept.push_str(token);
            } else if !kept.ends_with(OUT) {
                kept.push_str(OUT);
            }
        }
        kept
    }

    /// Whether a number is a short one that stands alone or has decimals: one that is joined to something else may be a piece of an
    /// id, a date or an address.
    fn is_figure(&self, tokens: &[&str], place: usize) -> bool {
        let joined = |between: Option<usize>, beyond: Option<usize>| {
            let between = between.and_then(|at| tokens.get(at)).filter(|token| !token.contains(char::is_whitespace))?;
            Some((*between, *beyond.and_then(|at| tokens.get(at))?))
        };
        let left = |place: usize| joined(place.checked_sub(1), place.checked_sub(2));
        let right = |place: usize| joined(Some(place + 1), Some(place + 2));
        let decimal =
            |side: Option<(&str, &str)>| side.is_some_and(|(between, beyond)| between == "." && is_number(beyond));
        let token = tokens[place];
        let short = token.len() <= LONGEST_NUMBER && !self.words.contains(token);
        short
            && match (left(place), right(place)) {
                (None, None) => true,
                (None, side @ Some(_)) => decimal(side) && right(place + 2).is_none(),
                (side @ Some(_), None) => decimal(side) && place.checked_sub(2).and_then(left).is_none(),
                _ => false,
            }
    }

    /// Whether a word is one of the program's messages, and nobody's.
    fn is_message(&self, token: &str, begins: bool) -> bool {
        let small = token.to_lowercase();
        // A name may be a word, too: with a capital letter only a sentence may begin.
        !self.words.contains(&small) && (WORDS.contains(token) || (begins && WORDS.contains(small.as_str())))
    }
}

fn is_number(token: &str) -> bool {
    token.bytes().all(|byte| byte.is_ascii_digit())
}

/// Cuts a text into words and what is between them.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = rest.find(|c: char| c.is_alphanumeric() != first.is_alphanumeric()).unwrap_or(rest.len());
        let (token, after) = rest.split_at(end);
        rest = after;
        Some(token)
    })
}

fn is_word(token: &str) -> bool {
    token.starts_with(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    /// The words of every sentence that the program's source holds, and of the system's errors.
    fn of_the_source() -> BTreeSet<String> {
        fn collect(folder: &Path, into: &mut Vec<String>) {
            for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                // Instructions for processors are no words.
                if entry.is_dir() && !entry.ends_with("int8") {
                    collect(&entry, into);
                } else if entry.extension().is_some_and(|extension| extension == "rs") {
                    let text = fs::read_to_string(&entry).unwrap();
                    // Names that tests make up are no words of the program.
                    into.push(text.split("#[cfg(test)]").next().unwrap_or_default().to_owned());
                }
            }
        }
        let mut sources = Vec::new();
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut sources);
        let literal = Regex::new(r#"(?s)"((?:[^"\\]|\\.)*)""#).unwrap();
        let value = Regex::new(r"\{[^}]*\}").unwrap();
        let line_end = Regex::new(r"\\(?:n|\s+)").unwrap();
        let word = Regex::new(r"[A-Za-z][A-Za-z0-9]*").unwrap();
        // Comments, and quotes that are no text's, would turn texts and what is between them around.
        let code = |source: &String| {
            let lines = source.lines().filter(|line| !line.trim_start().starts_with("//"));
            lines.collect::<Vec<_>>().join("\n").replace("'\"'", "").replace("'\\\"'", "")
        };
        let mut texts = Vec::new();
        for source in &sources {
            let found = literal.captures_iter(&code(source)).map(|found| found[1].to_owned()).collect::<Vec<_>>();
            let sentences = found.iter().filter(|text| text.contains(' '));
            texts.extend(sentences.map(|text| value.replace_all(&line_end.replace_all(text, " "), " ").into_owned()));
        }
        texts.extend((1..134).map(|number| std::io::Error::from_raw_os_error(number).to_string()));
        let words = texts.iter().flat_map(|text| word.find_iter(text)).map(|found| found.as_str());
        // A word that only begins with a capital letter may be a name; a sentence may begin with any.
        let plain = |word: &&str| {
            let capitals = word.chars().filter(char::is_ascii_uppercase).count();
            capitals == 0 || (capitals > 1 && word.starts_with(|c: char| c.is_ascii_uppercase()))
        };
        let long = |word: &&str| (2..=20).contains(&word.len()) || ["a", "s", "x"].contains(word);
        words.filter(long).filter(plain).map(str::to_owned).collect()
    }

    /// `UPDATE_VOCABULARY=1 cargo test --lib vocabulary` writes the file anew. It need not be complete: a word that is not in it
    /// is taken out.
    #[test]
    fn the_vocabulary_has_nearly_every_word_of_the_programs_messages() {
        let needed = of_the_source();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/outputs/support/vocabulary.txt");
        if std::env::var_os("UPDATE_VOCABULARY").is_some() {
            let text = needed.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
            fs::write(&path, text).unwrap();
            return;
        }
        let known: BTreeSet<String> = WORDS.iter().map(|word| (*word).to_owned()).collect();
        let missing: Vec<&String> = needed.difference(&known).collect();
        assert!(missing.len() * 20 < needed.len(), "UPDATE_VOCABULARY=1 cargo test --lib vocabulary: {missing:?}");
    }

    #[test]
    fn a_message_keeps_its_sense_and_loses_what_it_is_about() {
        let private = Private::new(["A-17".to_owned(), "camera".to_owned(), "7".to_owned()]);
        let scrubbed = private.scrub("hl7: result 12 of sample A-17 is delivered to ward7.example:2575 (os error 111)");
        assert!(scrubbed.contains("result 12 of sample … is delivered to"), "{scrubbed}");
        assert!(scrubbed.ends_with("(os error 111)"), "{scrubbed}");
        assert!(!scrubbed.contains("A-17") && !scrubbed.contains("2575") && !scrubbed.contains("ward7"), "{scrubbed}");
        assert!(!private.scrub("the camera 7 is gone").contains("camera"), "an id that is a word of ours");
        assert_eq!(private.scrub("the camera 7 is gone"), "the … … is gone");
        for address in
            ["from 10.1.2.3", "at 192.168.1.20:80", "born 01-02-99", "fe80::1", "17/123", "sample 12-34", "id 1.2.3"]
        {
            assert!(!private.scrub(address).contains(|c: char| c.is_ascii_digit()), "{}", private.scrub(address));
        }
        assert_eq!(private.scrub("seed 1, 640 x 480 px at 0.14 um/px"), "seed 1, 640 x 480 px at 0.14 um/px");
        assert!(!private.scrub("sample Mark begins").contains("Mark"), "a name that nobody stored");
        assert_eq!(private.scrub("Permission denied"), "Permission denied");
    }

    proptest! {
        #[test]
        fn nothing_private_is_left_wherever_it_stands(
            secret in "[A-Za-z0-9äé._-]{1,3}[A-Za-z0-9]{4,12}|[0-9]{4,14}|[a-z]{6,12} [a-z]{6,12}",
            before in "[ -~]{0,20}", after in "[ -~]{0,20}",
        ) {
            let text = format!("{before}{secret}{after}");
            prop_assert!(!Private::new([secret.clone()]).scrub(&text).contains(&secret), "{text}");
        }

        #[test]
        fn what_the_store_never_knew_is_left_out_as_well(secret in "[0-9]{4,14}|[A-Z][0-9]{3,9}|[bcdfghjkmqxz]{7,12}|[0-9]{1,3}[./:-][0-9]{1,3}[./:-][0-9]{1,3}") {
            let text = format!("page: device asks for a new sample {secret}, and {secret}");
            prop_assert!(!Private::default().scrub(&text).contains(&secret), "{text}");
        }

        #[test]
        fn any_text_can_be_scrubbed(values in prop::collection::vec(any::<String>(), 0..4), text in any::<String>()) {
            let _ = Private::new(values).within(&text).scrub(&text);
        }
    }
}
