//! The topics of one station.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// Topics of one station, below `PREFIX/STATION`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    base: String,
    name: String,
    /// The station's name in Home Assistant's topics: letters, digits, `_` and `-`.
    pub home_assistant: String,
}

impl Topics {
    /// Topics below `prefix` for a station of this name, made [`safe`].
    #[must_use]
    pub fn new(prefix: &str, station: &str) -> Self {
        let name = safe(station);
        Self { base: format!("{prefix}/{name}"), home_assistant: plain(&name), name }
    }

    /// Name by which the broker knows the station. Of two with one name it closes the connection of the first, so that
    /// their topics are never mixed unseen.
    #[must_use]
    pub fn client(&self) -> String {
        format!("leukoscope-{}", self.name)
    }

    /// `online` or `offline`, retained.
    #[must_use]
    pub fn availability(&self) -> String {
        self.below("availability")
    }

    /// The newest state, retained.
    #[must_use]
    pub fn state(&self) -> String {
        self.below("state")
    }

    /// Flags of the present sample, retained.
    #[must_use]
    pub fn flags(&self) -> String {
        self.below("flags")
    }

    /// Signed results, each once.
    #[must_use]
    pub fn result(&self) -> String {
        self.below("result")
    }

    /// Commands to the station.
    #[must_use]
    pub fn command(&self) -> String {
        self.below("command")
    }

    /// Why a command was refused.
    #[must_use]
    pub fn error(&self) -> String {
        self.below("error")
    }

    fn below(&self, what: &str) -> String {
        format!("{}/{what}", self.base)
    }
}

/// A station's name as one level of a topic: letters, digits, `_`, `-` and `.` stay, all else becomes `-`.
#[must_use]
pub fn safe(station: &str) -> String {
    station.chars().map(|c| if c.is_alphanumeric() || "_-.".contains(c) { c } else { '-' }).collect()
}

/// The name in plain letters. One that has others ends in a part of its SHA-256, so that no two become the same.
fn plain(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    let mut plain: String = name.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    if !name.chars().all(fits) {
        for byte in &Sha256::digest(name)[..3] {
            // Writing to a String cannot fail.
            let _ = write!(plain, "{byte:02x}");
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_stations_name_is_one_level_of_its_topics() {
        let topics = Topics::new("leukoscope", "Ward 3/left #2+");
        assert_eq!(topics.result(), "leukoscope/Ward-3-left--2-/result");
        assert_eq!(topics.client(), "leukoscope-Ward-3-left--2-");
        assert_eq!(topics.home_assistant, "Ward-3-left--2-");
        assert_eq!(Topics::new("lab/blood", "Süd").state(), "lab/blood/Süd/state");
    }

    #[test]
    fn names_in_other_letters_stay_different_in_home_assistant() {
        let (one, other) = (Topics::new("l", "Клиника"), Topics::new("l", "Киргизи"));
        assert_ne!(one.home_assistant, other.home_assistant);
        assert!(one.home_assistant.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
    }

    proptest! {
        #[test]
        fn no_name_reaches_another_topic(station in ".{1,64}") {
            let topics = Topics::new("leukoscope", &station);
            prop_assert!(rumqttc::valid_topic(&topics.command()));
            prop_assert_eq!(topics.command().split('/').count(), 3);
        }
    }
}
