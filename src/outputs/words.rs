//! What persons read, in their language: the page's catalogues, by which reports are written, too.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::fs;
use std::path::PathBuf;

use serde::Serialize;

use crate::config::is_language;

macro_rules! languages {
    ($($tag:literal),+ $(,)?) => {
        &[$(($tag, include_str!(concat!("web/page/languages/", $tag, ".json")))),+]
    };
}

/// The catalogues that are part of the program, by their tags.
pub(super) const SHIPPED: &[(&str, &str)] = languages!["en", "es", "fr"];

/// A catalogue is no longer than this, in bytes.
const LONGEST_CATALOGUE: u64 = 1 << 20;

/// The program's catalogues and a clinic's own.
#[derive(Clone, Debug)]
pub struct Catalogues(Option<PathBuf>);

impl Catalogues {
    /// With the clinic's own in this folder, `LANGUAGE.json` each, if there is one.
    #[must_use]
    pub fn new(own: Option<PathBuf>) -> Self {
        Self(own)
    }

    /// The file `LANGUAGE.json` of the clinic's own, if there is one.
    pub(crate) fn own(&self, file: &str) -> Option<Vec<u8>> {
        let language = file.strip_suffix(".json")?;
        let folder = self.0.as_deref().filter(|_| is_language(language))?;
        let path = folder.join(file);
        let length = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?.len();
        if length > LONGEST_CATALOGUE {
            log::warn!("{}: longer than {LONGEST_CATALOGUE} bytes, so it is no catalogue", path.display());
            return None;
        }
        fs::read(&path).inspect_err(|problem| log::warn!("{}: {problem}", path.display())).ok()
    }

    /// The languages that there are, the program's and the clinic's own, in the order of the alphabet.
    #[must_use]
    pub fn languages(&self) -> Vec<String> {
        let own = self.0.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
        let own = own.filter_map(|entry| entry.file_name().into_string().ok());
        let own = own.filter_map(|file| file.strip_suffix(".json").map(str::to_owned)).filter(|tag| is_language(tag));
        let tags: BTreeSet<String> = SHIPPED.iter().map(|(tag, _)| (*tag).to_owned()).chain(own).collect();
        tags.into_iter().collect()
    }

    /// Whether there is a catalogue of a language, or of the one it is a kind of: `es` for `es-MX`.
    #[must_use]
    pub fn has(&self, language: &str) -> bool {
        self.languages().iter().any(|tag| tag == language || tag == general(language))
    }

    /// What is said in a language; where its catalogue lacks a text, or there is none, what the language says that it is a
    /// kind of, else in English.
    #[must_use]
    pub fn words(&self, language: &str) -> Words {
        let mut texts = shipped("en");
        let mut tags = vec![general(language), language];
        tags.dedup();
        for tag in tags {
            texts.extend(shipped(tag));
            let own = self.own(&format!("{tag}.json")).and_then(|bytes| String::from_utf8(bytes).ok());
            if let Some(own) = own {
                match read(&own) {
                    Some(own) => texts.extend(own),
                    None => log::warn!("{tag}.json in [web] catalogues is no list of texts; reports go without it"),
                }
            }
        }
        Words(texts)
    }
}

/// The language that a tag is a kind of: `es` of `es-MX`, `es` of `es`.
fn general(language: &str) -> &str {
    language.split_once('-').map_or(language, |(general, _)| general)
}

fn read(catalogue: &str) -> Option<BTreeMap<String, String>> {
    serde_json::from_str(catalogue).ok()
}

/// The program's own texts of a language; none where it has no such catalogue.
fn shipped(language: &str) -> BTreeMap<String, String> {
    let found = SHIPPED.iter().find(|(tag, _)| *tag == language);
    found.and_then(|(_, text)| read(text)).unwrap_or_default()
}

/// What is said in one language.
#[derive(Clone, Debug, Serialize)]
pub struct Words(BTreeMap<String, String>);

impl Words {
    /// The text of a key; the key itself where no catalogue has it.
    #[must_use]
    pub fn say<'a>(&'a self, key: &'a str) -> &'a str {
        self.0.get(key).map_or(key, String::as_str)
    }

    /// The same words, each text that does not print in English where the English one does; and whether there is such a
    /// text.
    pub(crate) fn printing(&self, prints: impl Fn(&str) -> bool) -> (Self, bool) {
        let mut texts = self.0.clone();
        let mut in_english = false;
        for (key, english) in shipped("en") {
            if let Some(text) = texts.get_mut(&key)
                && !prints(text)
                && prints(&english)
            {
                *text = english;
                in_english = true;
            }
        }
        (Self(texts), in_english)
    }

    /// The text of a key with `{name}` replaced by values.
    #[must_use]
    pub fn with(&self, key: &str, values: &[(&str, &dyn Display)]) -> String {
        let replaced = |text: String, (name, value): &(&str, &dyn Display)| {
            text.replace(&format!("{{{name}}}"), &value.to_string())
        };
        values.iter().fold(self.say(key).to_owned(), replaced)
    }

    /// A number with so many decimals, as it is written in this language; a dash for what is none.
    #[must_use]
    pub fn number(&self, value: f64, decimals: usize) -> String {
        if !value.is_finite() {
            return "–".to_owned();
        }
        format!("{value:.decimals$}").replace('.', self.say("number.decimal"))
    }

    /// Two ends of an interval, to a tenth.
    #[must_use]
    pub fn interval(&self, low: f64, high: f64) -> String {
        format!("{} – {}", self.number(low, 1), self.number(high, 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clinics_catalogue_is_found_by_its_language_only() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("pt-BR.json"), "{}").unwrap();
        fs::write(folder.path().join("secret"), "x").unwrap();
        let own = folder.path().join("languages");
        fs::create_dir(&own).unwrap();
        fs::write(own.join("de.json"), "{\"report.title\":\"Differentialblutbild\"}").unwrap();
        let catalogues = Catalogues::new(Some(own));
        assert!(catalogues.own("de.json").is_some());
        for path in ["../pt-BR.json", "../secret", "..", "de", "/etc/passwd", "fr.json", ".json", "de.json/"] {
            assert_eq!(catalogues.own(path), None, "{path}");
        }
        assert_eq!(catalogues.languages(), ["de", "en", "es", "fr"]);
        let words = catalogues.words("de");
        assert_eq!(words.say("report.title"), "Differentialblutbild");
        assert_eq!(words.say("class.NGS"), "Neutrophil (segmented)");
    }

    #[test]
    fn a_kind_of_a_language_says_what_the_language_says_and_an_unknown_one_speaks_english() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("es-MX.json"), "{\"class.NGB\":\"Banda\"}").unwrap();
        let catalogues = Catalogues::new(Some(folder.path().to_owned()));
        let mexican = catalogues.words("es-MX");
        assert_eq!(mexican.say("class.NGB"), "Banda");
        assert_eq!(mexican.say("report.title"), catalogues.words("es").say("report.title"));
        assert_eq!(catalogues.words("fr-CA").say("report.title"), "Formule leucocytaire");
        assert_eq!(catalogues.words("xx").say("report.title"), catalogues.words("en").say("report.title"));
        for (language, there) in [("es-MX", true), ("fr-CA", true), ("es", true), ("xx", false), ("xx-YY", false)] {
            assert_eq!(catalogues.has(language), there, "{language}");
        }
    }

    #[test]
    fn numbers_and_values_stand_in_the_text_as_the_language_writes_them() {
        let catalogues = Catalogues::new(None);
        assert_eq!(catalogues.words("en").interval(4.25, 9.0), "4.2 – 9.0");
        assert_eq!(catalogues.words("fr").interval(4.25, 9.0), "4,2 – 9,0");
        assert_eq!(catalogues.words("xx").number(f64::NAN, 1), "–");
        let words = catalogues.words("es");
        assert_eq!(words.with("gallery.by", &[("by", &"rita")]), "según rita");
    }
}
