//! Everything in the store that must not leave the station in a file for support.

use std::collections::BTreeSet;

use super::{Store, StoreError};

/// Where people's words, names and ids stand, and what a person gave as one.
const PLACES: [&str; 9] = [
    "SELECT DISTINCT sample FROM session",
    "SELECT DISTINCT station FROM session",
    "SELECT DISTINCT sample FROM ordered",
    "SELECT DISTINCT order_id FROM ordered",
    "SELECT DISTINCT host FROM ordered",
    "SELECT name FROM user",
    "SELECT name FROM token",
    "SELECT DISTINCT person FROM audit",
    "SELECT comment FROM signature",
];

/// Names that the program itself gives.
const OURS: [&str; 9] = ["device", "console", "astm", "hl7", "serial", "mqtt", "fhir", "leukoscope", "page"];

impl Store {
    /// Sample ids, orders, names of people and tokens, and comments.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn private_words(&self) -> Result<BTreeSet<String>, StoreError> {
        self.read(|transaction| {
            let mut found = BTreeSet::new();
            for place in PLACES {
                let mut select = transaction.prepare_cached(place)?;
                let rows = select.query_map([], |row| row.get::<_, String>(0))?;
                for word in rows {
                    let word = word?;
                    found.insert(word.strip_prefix("token:").unwrap_or(&word).trim().to_owned());
                }
            }
            found.retain(|word| !word.is_empty() && !OURS.contains(&word.as_str()));
            Ok(found)
        })
    }
}
