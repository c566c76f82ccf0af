//! `confusion.toml`: confusion matrix of the classifier on cells of known class, as counts.
//!
//! It is valid for one set of weights, one UNK threshold, and the laboratory and stain it was measured on.
//! `leukoscope validate cells DIR --confusion FILE` writes it, from raw predictions without any prevalence: only
//! their error rates are the same in every sample.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::domain::class::CellClass;
use crate::system::file;
use crate::vision::models::Models;
use crate::vision::profile::{CellTable, Profile};

/// The file's usual name, in the models folder.
pub const FILE: &str = "confusion.toml";

/// Confusion matrix: predictions for cells of known class.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfusionMatrix {
    /// Images it was measured on, in words for a person.
    pub measured_on: String,
    /// Sha256 of the classifier it was measured with, or of the profile.
    pub classifier_sha256: String,
    /// Probability below which a cell was UNK.
    pub unknown_below: f64,
    /// Classes of the columns, including UNK.
    pub answers: Vec<CellClass>,
    /// Counts for each true class, by predicted class in the order of `answers`.
    pub cells: BTreeMap<CellClass, Vec<u32>>,
}

/// Why a matrix was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfusionError {
    #[error("cannot read {}: {problem}; name a file that `leukoscope validate cells DIR --confusion FILE` wrote", path.display())]
    Unreadable { path: PathBuf, problem: io::Error },
    #[error("{}: {problem}; write it anew with `leukoscope validate cells DIR --confusion FILE`", path.display())]
    Wrong { path: PathBuf, problem: String },
}

impl ConfusionMatrix {
    /// Reads a matrix file.
    ///
    /// # Errors
    /// If it does not exist, or is not a matrix of counts.
    pub fn read(path: &Path) -> Result<Self, ConfusionError> {
        let text = file::read_to_string(path)
            .map_err(|problem| ConfusionError::Unreadable { path: path.to_owned(), problem })?;
        Self::parse(&text).map_err(|problem| ConfusionError::Wrong { path: path.to_owned(), problem })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let matrix: Self = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let mut once = matrix.answers.clone();
        once.sort_unstable();
        once.dedup();
        if once.len() != matrix.answers.len() {
            return Err("answers names a class twice".into());
        }
        if !matrix.answers.contains(&CellClass::Unk) {
            return Err("answers does not name UNK".into());
        }
        for (class, counts) in &matrix.cells {
            if counts.len() != matrix.answers.len() {
                let (counts, answers) = (counts.len(), matrix.answers.len());
                return Err(format!("{class} has {counts} counts for {answers} answers"));
            }
        }
        if matrix.cells.is_empty() {
            return Err("it holds no cells".into());
        }
        Ok(matrix.with_blasts_joined())
    }

    /// The same with all blasts as BLA, in rows and columns: the program answers nothing finer. Files of before tell their
    /// lines.
    #[must_use]
    pub fn with_blasts_joined(self) -> Self {
        let mut answers: Vec<CellClass> = Vec::new();
        for answer in self.answers.iter().map(|class| class.answered_as()) {
            if !answers.contains(&answer) {
                answers.push(answer);
            }
        }
        let mut cells = BTreeMap::<CellClass, Vec<u32>>::new();
        for (class, counts) in &self.cells {
            let row = cells.entry(class.answered_as()).or_insert_with(|| vec![0; answers.len()]);
            for (answer, count) in self.answers.iter().zip(counts) {
                let joined = answers.iter().zip(row.iter_mut()).find(|(class, _)| **class == answer.answered_as());
                if let Some((_, sum)) = joined {
                    *sum = sum.saturating_add(*count);
                }
            }
        }
        Self { answers, cells, ..self }
    }

    /// That of a profile, by cross-validation; `None` if it learned from groups alone.
    #[must_use]
    pub fn of_profile(profile: &Profile) -> Option<Self> {
        let CellTable { unknown_below, answers, cells } = profile.confusion.clone();
        (!cells.is_empty()).then(|| Self {
            measured_on: format!("{}, cross-validation on {} cells", profile.name, profile.validation.cells),
            classifier_sha256: profile.profile_sha256.clone(),
            unknown_below,
            answers,
            cells,
        })
    }

    /// The file's text.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let codes: Vec<String> = self.answers.iter().map(|class| format!("\"{class}\"")).collect();
        let mut text = format!(
            "# What the classifier answered to cells of known class, without a composition brought in. Written by\n\
             # `leukoscope validate cells DIR --confusion FILE`; holds for these weights and this laboratory's stain only.\n\
             measured_on = {}\nclassifier_sha256 = \"{}\"\nunknown_below = {}\nanswers = [{}]\n\n[cells]\n",
            toml::Value::String(self.measured_on.clone()),
            self.classifier_sha256,
            self.unknown_below,
            codes.join(", ")
        );
        for (class, counts) in &self.cells {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{class} = {counts:?}");
        }
        text
    }

    /// Why the matrix does not apply to this classifier at this threshold; `None` if it does.
    #[must_use]
    pub fn stranger(&self, classifier_sha256: &str, unknown_below: f64) -> Option<String> {
        if !self.classifier_sha256.eq_ignore_ascii_case(classifier_sha256) {
            return Some("the confusion matrix was measured with another classifier; measure it anew".into());
        }
        ((self.unknown_below - unknown_below).abs() > 1e-9).then(|| {
            format!(
                "the confusion matrix was measured with unknown_below = {}, and {unknown_below} is set; measure it anew",
                self.unknown_below
            )
        })
    }

    /// Cells of true class `class` whose predicted class satisfies `of`.
    #[must_use]
    pub fn count(&self, class: CellClass, of: impl Fn(CellClass) -> bool) -> u32 {
        let Some(counts) = self.cells.get(&class) else { return 0 };
        let pairs = self.answers.iter().zip(counts).filter(|(answer, _)| of(**answer));
        pairs.fold(0, |sum: u32, (_, count)| sum.saturating_add(*count))
    }
}

/// A confusion matrix for corrections, or why there is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ConfusionSource {
    /// None installed, so nothing is reported.
    #[default]
    None,
    /// Installed, but not valid here, and why.
    Stranger { measured_on: String, why: String },
    /// Installed and valid.
    Matrix(ConfusionMatrix),
}

impl ConfusionSource {
    /// Reads the matrix `asked` for, else that of the models' profile, else the one in the models' folder, if any.
    ///
    /// # Errors
    /// If the requested file does not exist, or a file is not a valid matrix.
    pub fn find(asked: Option<&Path>, models: &Models, unknown_below: f64) -> Result<Self, ConfusionError> {
        let usual = models.folder.join(FILE);
        let (matrix, place) = match (asked, &models.profile) {
            (Some(path), _) => (ConfusionMatrix::read(path)?, path.display().to_string()),
            (None, Some(profile)) => match ConfusionMatrix::of_profile(profile) {
                Some(matrix) => (matrix, format!("profile {}", profile.name)),
                // That of the folder was measured with other weights.
                None => return Ok(Self::None),
            },
            (None, None) if usual.exists() => (ConfusionMatrix::read(&usual)?, usual.display().to_string()),
            (None, None) => return Ok(Self::None),
        };
        Ok(match matrix.stranger(models.weights_sha256(), unknown_below) {
            Some(why) => {
                log::warn!("{place}: {why}; results are given uncorrected");
                Self::Stranger { measured_on: matrix.measured_on, why }
            }
            None => Self::Matrix(matrix),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix() -> ConfusionMatrix {
        ConfusionMatrix {
            measured_on: "our own \"May-Grünwald\" slides".into(),
            classifier_sha256: "ab".into(),
            unknown_below: 0.66,
            answers: vec![CellClass::Lyt, CellClass::Ngs, CellClass::Unk],
            cells: BTreeMap::from([(CellClass::Ngs, vec![1, 95, 4]), (CellClass::Lyt, vec![90, 0, 10])]),
        }
    }

    #[test]
    fn what_was_written_is_read_again() {
        assert_eq!(ConfusionMatrix::parse(&matrix().to_toml()).unwrap(), matrix());
    }

    #[test]
    fn a_file_that_tells_the_lines_of_blasts_is_read_with_all_blasts_as_one() {
        use CellClass::{Bla, Lyt, Mob, Myo, Unk};
        let told = ConfusionMatrix {
            answers: vec![Lyt, Mob, Myo, Unk],
            cells: [(Lyt, vec![90, 1, 2, 7]), (Mob, vec![0, 30, 5, 1]), (Myo, vec![2, 3, 40, 4])].into(),
            ..matrix()
        };
        let read = ConfusionMatrix::parse(&told.to_toml()).unwrap();
        assert_eq!(read.answers, [Lyt, Bla, Unk]);
        assert_eq!(read.cells, [(Lyt, vec![90, 3, 7]), (Bla, vec![2, 78, 5])].into());
        let shipped =
            ConfusionMatrix::read(&Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("models").join(FILE)).unwrap();
        assert_eq!(shipped.answers.iter().filter(|class| class.answered_as() == Bla).count(), 1);
    }

    #[test]
    fn damaged_files_are_refused_with_the_reason() {
        let good = matrix().to_toml();
        for (from, to, reason) in [
            ("[1, 95, 4]", "[1, 95]", "NGS has 2 counts for 3 answers"),
            ("[1, 95, 4]", "[1, -95, 4]", "invalid value"),
            ("\"UNK\"", "\"NGS\"", "twice"),
            ("\"UNK\"", "\"MYB\"", "does not name UNK"),
            ("NGS =", "XYZ =", "XYZ"),
            ("measured_on", "mesured_on", "mesured_on"),
        ] {
            let problem = ConfusionMatrix::parse(&good.replace(from, to)).unwrap_err();
            assert!(problem.contains(reason), "{to}: {problem}");
        }
    }

    #[test]
    fn other_weights_or_another_limit_make_it_a_stranger() {
        assert_eq!(matrix().stranger("AB", 0.66), None);
        assert!(matrix().stranger("cd", 0.66).unwrap().contains("another classifier"));
        assert!(matrix().stranger("ab", 0.5).unwrap().contains("unknown_below = 0.66"));
    }
}
