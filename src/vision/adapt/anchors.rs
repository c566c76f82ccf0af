//! `anchors.toml`: pooled features of some training cells of every class. They stand in for the classes of which a
//! laboratory labelled no cell, so that these keep being recognised. `models/training/anchors.py` writes the file.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::domain::class::CellClass;
use crate::system::file;

/// The file's name, in the models folder.
pub const FILE: &str = "anchors.toml";

/// Features of training cells by class.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Anchors {
    /// By class, each with as many numbers as the last layer takes.
    pub cells: BTreeMap<CellClass, Vec<Vec<f64>>>,
}

/// Why anchors are refused.
#[derive(Debug, thiserror::Error)]
pub enum AnchorsError {
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}: {problem}; copy it again from the release of these networks", path.display())]
    Wrong { path: PathBuf, problem: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnchorsFile {
    classifier_sha256: String,
    /// Value of one step.
    step: f64,
    cells: BTreeMap<CellClass, Vec<Vec<u8>>>,
}

impl Anchors {
    /// Reads those of a models folder, for the classifier with this SHA-256 and so many features; `None` if it has none.
    ///
    /// # Errors
    /// If the file is damaged or belongs to another classifier.
    pub fn find(folder: &Path, classifier_sha256: &str, features: usize) -> Result<Option<Self>, AnchorsError> {
        let path = folder.join(FILE);
        let text = match file::read_to_string(&path) {
            Ok(text) => text,
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(AnchorsError::Unreadable { path, source }),
        };
        Self::parse(&text, classifier_sha256, features)
            .map(Some)
            .map_err(|problem| AnchorsError::Wrong { path, problem })
    }

    fn parse(text: &str, classifier_sha256: &str, features: usize) -> Result<Self, String> {
        let file: AnchorsFile = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        if !file.classifier_sha256.eq_ignore_ascii_case(classifier_sha256) {
            return Err("it belongs to another classifier".into());
        }
        if !(file.step > 0.0 && file.step < 1e3) {
            return Err(format!("step is {}", file.step));
        }
        if file.cells.values().flatten().any(|row| row.len() != features) {
            return Err(format!("not every cell has {features} features"));
        }
        let features = |row: Vec<u8>| row.into_iter().map(|steps| f64::from(steps) * file.step).collect();
        let cells = file.cells.into_iter().map(|(class, rows)| (class, rows.into_iter().map(features).collect()));
        Ok(Self { cells: cells.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "classifier_sha256 = \"ab\"\nstep = 0.5\n[cells]\nLYT = [[0, 3], [1, 255]]\n";

    #[test]
    fn features_are_steps_times_their_value() {
        let anchors = Anchors::parse(GOOD, "AB", 2).unwrap();
        assert_eq!(anchors.cells, BTreeMap::from([(CellClass::Lyt, vec![vec![0.0, 1.5], vec![0.5, 127.5]])]));
    }

    #[test]
    fn a_wrong_file_is_refused_with_the_reason() {
        for (from, to, reason) in [
            ("\"ab\"", "\"cd\"", "another classifier"),
            ("[0, 3]", "[0]", "2 features"),
            ("0.5", "nan", "step"),
            ("255", "256", "256"),
        ] {
            let problem = Anchors::parse(&GOOD.replace(from, to), "ab", 2).unwrap_err();
            assert!(problem.contains(reason), "{to}: {problem}");
        }
    }
}
