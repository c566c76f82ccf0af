//! Translations: the page's catalogues, which reports use too.

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

/// The built-in catalogues, by language tag.
pub(super) const SHIPPED: &[(&str, &str)] = languages!["en", "es", "fr"];

/// Size limit of a catalogue, bytes.
const LONGEST_CATALOGUE: u64 = 1 << 20;

/// The built-in catalogues and a clinic's own.
#[derive(Clone, Debug)]
pub struct Catalogues(Option<PathBuf>);

impl Catalogues {
    /// Uses the clinic's own catalogues in this folder, `LANGUAGE.json` each, if there is one.
    #[must_use]
    pub fn new(own: Option<PathBuf>) -> Self {
        Self(own)
    }

    /// The clinic's own file `LANGUAGE.json`, if there is one.
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

    /// The available languages, built-in and the clinic's own, in alphabetical order.
    #[must_use]
    pub fn languages(&self) -> Vec<String> {
        let own = self.0.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
        let own = own.filter_map(|entry| entry.file_name().into_string().ok());
        let own = own.filter_map(|file| file.strip_suffix(".json").map(str::to_owned)).filter(|tag| is_language(tag));
        let tags: BTreeSet<String> = SHIPPED.iter().map(|(tag, _)| (*tag).to_owned()).chain(own).collect();
        tags.into_iter().collect()
    }

    /// Whether there is a catalogue for a language or its base language: `es` for `es-MX`.
    #[must_use]
    pub fn has(&self, language: &str) -> bool {
        self.languages().iter().any(|tag| tag == language || tag == general(language))
    }

    /// The texts of a language; those it lacks come from its base language, then from English.
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

/// The base language of a tag: `es` of `es-MX`, `es` of `es`.
fn general(language: &str) -> &str {
    language.split_once('-').map_or(language, |(general, _)| general)
}

fn read(catalogue: &str) -> Option<BTreeMap<String, String>> {
    serde_json::from_str(catalogue).ok()
}

/// The built-in texts of a language; empty if there is no such catalogue.
fn shipped(language: &str) -> BTreeMap<String, String> {
    let found = SHIPPED.iter().find(|(tag, _)| *tag == language);
    found.and_then(|(_, text)| read(text)).unwrap_or_default()
}

/// The texts of one language.
#[derive(Clone, Debug, Serialize)]
pub struct Words(BTreeMap<String, String>);

impl Words {
    /// The text of a key; the key itself if no catalogue has it.
    #[must_use]
    pub fn say<'a>(&'a self, key: &'a str) -> &'a str {
        self.0.get(key).map_or(key, String::as_str)
    }

    /// Replaces each text that cannot be printed by the English one where that can; returns whether any was replaced.
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

    /// A number with this many decimals in the notation of this language; a dash if it is not finite.
    #[must_use]
    pub fn number(&self, value: f64, decimals: usize) -> String {
        if !value.is_finite() {
            return "–".to_owned();
        }
        format!("{value:.decimals$}").replace('.', self.say("number.decimal"))
    }

    /// Both ends of an interval, to one decimal.
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
