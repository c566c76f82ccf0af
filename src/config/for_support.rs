//! The configuration as it may be shown to strangers: numbers, switches and words of a fixed choice, and everything that
//! stands at its default. Names, addresses, paths, patterns and whatever else a person wrote are only said to be set.

use toml::Value;

use super::keys::{Accepts, ConfigKey};
use super::sections::{Config, SECTIONS};

/// What stands for something that a person wrote.
const SET: &str = "# set, and taken out here";

impl Config {
    /// The configuration as text, without anything that a person wrote.
    #[must_use]
    pub fn for_support(&self) -> String {
        let whole = Value::try_from(self).unwrap_or(Value::Boolean(false));
        let mut lines = Vec::new();
        for section in &SECTIONS {
            lines.push(format!("[{}]", section.name));
            for key in section.keys {
                let value = whole.get(section.name).and_then(|keys| keys.get(key.name));
                lines.extend(value.map(|value| line(key, value)));
            }
        }
        lines.join("\n")
    }

    /// What a person wrote into it, to be found elsewhere: each value as a whole, and the names of hosts and files in it.
    #[must_use]
    pub fn private_words(&self) -> Vec<String> {
        let whole = Value::try_from(self).unwrap_or(Value::Boolean(false));
        let keys = SECTIONS.iter().flat_map(|section| section.keys);
        let hidden = keys.filter(|key| !says_nothing(key.accepts));
        let written = hidden.filter_map(|key| {
            let value = whole.get(key.section)?.get(key.name)?;
            let default = (key.default)().is_some_and(|default| default == *value);
            value.as_str().filter(|text| !default && text.len() > 2)
        });
        let name = |c: char| c.is_alphanumeric() || "._-".contains(c);
        let pieces = |text: &str| {
            let names = text.split(|c| !name(c)).filter(|piece| piece.len() > 3 && piece.contains('.'));
            names.map(str::to_owned).chain([text.to_owned()]).collect::<Vec<_>>()
        };
        written.flat_map(pieces).collect()
    }
}

/// One key.
fn line(key: &ConfigKey, value: &Value) -> String {
    let default = (key.default)().is_some_and(|default| default == *value);
    if default || says_nothing(key.accepts) {
        return format!("{} = {}", key.name, key.as_toml(value));
    }
    // Which kind of camera it is says much, and nothing of anybody.
    match (key.accepts, value.as_str().and_then(|text| text.split_once(':'))) {
        (Accepts::Camera, Some((kind @ ("replay" | "pan" | "v4l" | "nokhwa" | "command"), _))) => {
            format!("{} = \"{kind}:\" {SET}", key.name)
        }
        _ => format!("{} = {SET}", key.name),
    }
}

/// Whether no value of a key can hold a name, an address or a secret.
const fn says_nothing(accepts: Accepts) -> bool {
    matches!(
        accepts,
        Accepts::Flag | Accepts::Whole(..) | Accepts::Hex(..) | Accepts::Number(..) | Accepts::OneOf(_) | Accepts::Baud
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_wrote_is_taken_out_and_what_is_chosen_stays() {
        let mut config = Config::default();
        config.station.name = "Ward 7 of St Mary".into();
        config.camera.source = "command:/home/mary/grab --host 10.1.2.3".parse().unwrap();
        config.hl7.host = "lis.example:2575".parse().unwrap();
        config.session.target = 321;
        let shown = config.for_support();
        for secret in ["Mary", "mary", "10.1", "lis.example", "2575"] {
            assert!(!shown.contains(secret), "{secret}: {shown}");
        }
        assert!(shown.contains("target = 321") && shown.contains("source = \"command:\" # set"), "{shown}");
        let private = config.private_words();
        for word in ["lis.example", "10.1.2.3", "Ward 7 of St Mary"] {
            assert!(private.iter().any(|one| one == word), "{word}: {private:?}");
        }
        assert_eq!(Config::default().private_words(), Vec::<String>::new());
        assert!(Config::default().for_support().contains("source = \"simulated\""));
    }

    #[test]
    fn no_key_that_is_shown_takes_a_word_of_a_persons_own() {
        for key in crate::config::sections::keys().filter(|key| says_nothing(key.accepts)) {
            for word in ["mary", "ward-7", "lis.example:2575", "10.1.2.3"] {
                let written = Value::String(word.into());
                assert!(key.wrong(&written, word).is_some(), "[{}] {}", key.section, key.name);
            }
        }
    }
}
