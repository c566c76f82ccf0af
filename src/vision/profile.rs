//! The profile of a laboratory: the classifier's last layer, learned anew from its own labelled cells, with what it was
//! learned from and how much it helped. `leukoscope adapt` writes it.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::class::CellClass;
use crate::system::file;
use crate::vision::card_seal::{seal_without, sealed_under};
use crate::vision::net::LastLayer;
use crate::vision::optics::calibration::Setup;

/// Key of the seal; it does not count itself.
const SEAL: &str = "profile_sha256";

/// Version of the file format.
const VERSION: u32 = 1;

/// Largest number in a last layer: far above those of any network, and small enough that no sum overflows.
const LARGEST: f64 = 1e4;

/// Longest name, characters.
const LONGEST_NAME: usize = 64;

/// A profile's file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// SHA-256 over all other values, hexadecimal: see [`crate::vision::card_seal`].
    pub profile_sha256: String,
    /// Version of the file format: 1.
    pub version: u32,
    /// Name for people, 1 to 64 characters.
    pub name: String,
    /// When it was learned.
    pub made: Timestamp,
    /// SHA-256 of the classifier it belongs to, hexadecimal.
    pub classifier_sha256: String,
    /// Camera and objective of the cells; none where the pictures' own are not known.
    pub setup: Option<Setup>,
    /// Cells it was learned from, by the label a person gave: a class or a group.
    pub cells: BTreeMap<String, u32>,
    /// How the figures were found.
    pub validation: Validation,
    /// Predictions of the cross-validation.
    pub confusion: CellTable,
    /// The classes, in the network's order.
    pub classes: Vec<CellClass>,
    /// Row by row, one for each class.
    pub weights: Vec<Vec<f64>>,
    /// One for each class.
    pub bias: Vec<f64>,
}

/// Cross-validation of a profile: every cell is named by weights that were learned without it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validation {
    /// How the cells were divided: `session` or `cell`.
    pub by: String,
    /// Parts they were divided into.
    pub parts: u32,
    /// Cells named.
    pub cells: u32,
    /// Of those, named correctly by the network as shipped.
    pub right_before: u32,
    /// Named correctly by the weights learned without them.
    pub right_after: u32,
}

/// Cells of one known class by answer, where the network alone answers.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellTable {
    /// Probability below which a cell is UNK.
    pub unknown_below: f64,
    /// Answers, UNK among them.
    pub answers: Vec<CellClass>,
    /// By class, counts in the order of `answers`.
    pub cells: BTreeMap<CellClass, Vec<u32>>,
}

/// Names the profile that a result was counted with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProfileMark {
    /// Its name.
    pub name: String,
    /// SHA-256 of its values, hexadecimal.
    pub sha256: String,
    /// Cells it was learned from.
    pub cells: u32,
}

impl fmt::Display for ProfileMark {
    /// `ward 3, learned from 120 cells, SHA-256 …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, learned from {} cells, SHA-256 {}", self.name, self.cells, self.sha256)
    }
}

/// Why a profile is refused.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    #[error("cannot read the profile {}: {source}; name a file that `leukoscope adapt` wrote", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("the profile {} is damaged: {problem}; copy it again, or learn it anew with `leukoscope adapt`", path.display())]
    Damaged { path: PathBuf, problem: ProfileProblem },
    #[error(
        "the profile {} was learned with another classifier (sha256 {found}, this one is {wanted}); learn it anew with \
         `leukoscope adapt`", path.display()
    )]
    OtherClassifier { path: PathBuf, found: String, wanted: String },
    #[error(
        "the profile `{name}` was learned with {found}, and here is {wanted}: another camera or objective shows cells \
         differently. Name cells without it, or learn one here, on the page or with `leukoscope adapt`; if it is the same camera, \
         plug it in or name it with [optics] camera"
    )]
    OtherSetup { name: String, found: String, wanted: String },
}

/// What is wrong with a profile's text.
#[derive(Debug, thiserror::Error)]
pub enum ProfileProblem {
    #[error("{0}")]
    Toml(String),
    #[error("its values do not fit its {SEAL}")]
    Seal,
    #[error("it has version {0}, and this program knows version {VERSION}")]
    Version(u32),
    #[error("{0}")]
    Value(String),
}

impl Profile {
    /// Reads the profile in a file.
    ///
    /// # Errors
    /// If it cannot be read, or is damaged.
    pub fn read(path: &Path) -> Result<Self, ProfileError> {
        let text =
            file::read_to_string(path).map_err(|source| ProfileError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|problem| ProfileError::Damaged { path: path.to_owned(), problem })
    }

    /// Parses a profile.
    ///
    /// # Errors
    /// If it was changed since it was written, or holds what no profile can.
    pub fn parse(text: &str) -> Result<Self, ProfileProblem> {
        let profile: Self = toml::from_str(text).map_err(|error| ProfileProblem::Toml(error.message().to_owned()))?;
        let seal = seal_without(text, SEAL);
        if seal.is_none_or(|seal| !seal.eq_ignore_ascii_case(&profile.profile_sha256)) {
            return Err(ProfileProblem::Seal);
        }
        profile.check()?;
        Ok(profile)
    }

    fn check(&self) -> Result<(), ProfileProblem> {
        let wrong = |problem: String| Err(ProfileProblem::Value(problem));
        if self.version != VERSION {
            return Err(ProfileProblem::Version(self.version));
        }
        check_name(&self.name).or_else(wrong)?;
        let (classes, features) = (self.classes.len(), self.weights.first().map_or(0, Vec::len));
        if classes < 2 || features == 0 || self.weights.len() != classes || self.bias.len() != classes {
            let (rows, bias) = (self.weights.len(), self.bias.len());
            return wrong(format!("it has {rows} rows of weights and {bias} biases for {classes} classes"));
        }
        if let Some(row) = self.weights.iter().find(|row| row.len() != features) {
            return wrong(format!("its rows of weights have {features} and {} numbers", row.len()));
        }
        if let Some(number) =
            self.weights.iter().flatten().chain(&self.bias).find(|number| number.is_nan() || number.abs() > LARGEST)
        {
            return wrong(format!("{number} is no weight"));
        }
        let CellTable { unknown_below, answers, cells } = &self.confusion;
        if !(0.0..1.0).contains(unknown_below) {
            return wrong(format!("confusion.unknown_below is {unknown_below}"));
        }
        if !answers.contains(&CellClass::Unk) || cells.values().any(|counts| counts.len() != answers.len()) {
            return wrong("confusion has not one count for each answer, UNK among them".into());
        }
        let Validation { cells, right_before, right_after, .. } = &self.validation;
        if right_before > cells || right_after > cells {
            return wrong(format!("validation has more cells named correctly than {cells}"));
        }
        Ok(())
    }

    /// The file's text, with the seal that fits.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let text = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let codes =
            |classes: &[CellClass]| classes.iter().map(|class| format!("\"{class}\"")).collect::<Vec<_>>().join(", ");
        let mut out = format!(
            "# The classifier's last layer, learned by `leukoscope adapt` from the cells of one laboratory. Do not change it:\n\
             # any other value makes the program refuse it.\n\
             version = {}\nname = {}\nmade = \"{}\"\nclassifier_sha256 = {}\nclasses = [{}]\nbias = {:?}\nweights = [\n",
            self.version,
            text(&self.name),
            self.made,
            text(&self.classifier_sha256),
            codes(&self.classes),
            self.bias,
        );
        // Writing to a String cannot fail.
        for row in &self.weights {
            let _ = writeln!(out, "  {row:?},");
        }
        out.push_str("]\n\n# Cells it was learned from, by the label a person gave.\n[cells]\n");
        for (label, count) in &self.cells {
            let _ = writeln!(out, "{} = {count}", text(label));
        }
        if let Some(Setup { camera, objective }) = &self.setup {
            let _ = write!(out, "\n[setup]\ncamera = {}\nobjective = {}\n", text(camera), text(objective));
        }
        let Validation { by, parts, cells, right_before, right_after } = &self.validation;
        let _ = write!(
            out,
            "\n# Cross-validation: every cell named by weights that were learned without it.\n[validation]\nby = {}\n\
             parts = {parts}\ncells = {cells}\nright_before = {right_before}\nright_after = {right_after}\n",
            text(by)
        );
        let CellTable { unknown_below, answers, cells } = &self.confusion;
        let _ = write!(
            out,
            "\n# The same cells by class and answer.\n[confusion]\nunknown_below = {unknown_below:?}\nanswers = [{}]\n\n\
             [confusion.cells]\n",
            codes(answers)
        );
        for (class, counts) in cells {
            let _ = writeln!(out, "{class} = {counts:?}");
        }
        Self::sealed(&out).unwrap_or(out)
    }

    /// This text with the seal that fits; `None` if it is no TOML.
    #[must_use]
    pub fn sealed(text: &str) -> Option<String> {
        sealed_under(text, SEAL)
    }

    /// The last layer.
    #[must_use]
    pub fn layer(&self) -> LastLayer {
        LastLayer {
            features: self.weights.first().map_or(0, Vec::len),
            weights: self.weights.iter().flatten().map(|number| *number as f32).collect(),
            bias: self.bias.iter().map(|number| *number as f32).collect(),
        }
    }

    /// Its name, hash and number of cells.
    #[must_use]
    pub fn mark(&self) -> ProfileMark {
        let cells = self.cells.values().fold(0, |sum: u32, count| sum.saturating_add(*count));
        ProfileMark { name: self.name.clone(), sha256: self.profile_sha256.clone(), cells }
    }

    /// Refuses another camera or objective than it was learned with, or where that is not known.
    ///
    /// # Errors
    /// If they differ.
    pub fn check_setup(&self, here: &Setup) -> Result<(), ProfileError> {
        if self.setup.as_ref() == Some(here) {
            return Ok(());
        }
        let found = self.setup.as_ref().map_or_else(|| "pictures of an unnamed camera".into(), Setup::words);
        Err(ProfileError::OtherSetup { name: self.name.clone(), found, wanted: here.words() })
    }
}

/// Refuses what is no name of a profile.
///
/// # Errors
/// What is wrong with it.
pub fn check_name(name: &str) -> Result<(), String> {
    let length = name.chars().count();
    if length == 0 || length > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(format!(
            "the name of a profile has 1 to {LONGEST_NAME} characters, none of them a control character"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn profile() -> Profile {
        let mut profile = Profile {
            profile_sha256: String::new(),
            version: VERSION,
            name: "ward \"3\"".into(),
            made: Timestamp::from_second(1_700_000_000).unwrap(),
            classifier_sha256: "ab".into(),
            setup: Some(Setup { camera: "cam".into(), objective: "100x".into() }),
            cells: BTreeMap::from([("LYT".into(), 12), ("NEU".into(), 30)]),
            validation: Validation { by: "cell".into(), parts: 5, cells: 42, right_before: 20, right_after: 40 },
            confusion: CellTable {
                unknown_below: 0.68,
                answers: vec![CellClass::Lyt, CellClass::Ngs, CellClass::Unk],
                cells: BTreeMap::from([(CellClass::Lyt, vec![10, 1, 1])]),
            },
            classes: vec![CellClass::Lyt, CellClass::Ngs, CellClass::Unk],
            weights: vec![vec![0.5, -1e-20], vec![f64::from(0.1_f32), 3.0], vec![0.0, 1.0]],
            bias: vec![0.25, -1.0, 0.0],
        };
        profile.profile_sha256 = seal_without(&profile.to_toml(), SEAL).unwrap();
        profile
    }

    #[test]
    fn what_was_written_is_read_again() {
        let profile = profile();
        assert_eq!(Profile::parse(&profile.to_toml()).unwrap(), profile);
        let without = Profile { setup: None, ..profile };
        let again = Profile::parse(&without.to_toml()).unwrap();
        assert_eq!(again.setup, None);
        assert_ne!(again.profile_sha256, without.profile_sha256, "the camera counts in the hash");
    }

    #[test]
    fn an_altered_or_malformed_profile_is_refused_with_the_reason() {
        let good = profile().to_toml();
        let altered = good.replace("right_after = 40", "right_after = 41");
        assert!(matches!(Profile::parse(&altered), Err(ProfileProblem::Seal)));
        for (from, to, reason) in [
            ("version = 1", "version = 2", "version 2"),
            ("3.0]", "inf]", "inf is no weight"),
            ("3.0]", "nan]", "is no weight"),
            (", 3.0]", "]", "2 and 1 numbers"),
            ("bias = [0.25, -1.0, 0.0]", "bias = [0.25]", "1 biases for 3 classes"),
            ("\"UNK\"]\n\n[confusion", "\"MYB\"]\n\n[confusion", "UNK among them"),
            ("unknown_below = 0.68", "unknown_below = 2.0", "unknown_below is 2"),
            ("right_after = 40", "right_after = 43", "more cells"),
            ("name = ", "nome = ", "nome"),
        ] {
            assert!(good.contains(from), "{from}");
            let text = Profile::sealed(&good.replace(from, to)).unwrap();
            let problem = Profile::parse(&text).unwrap_err().to_string();
            assert!(problem.contains(reason), "{to}: {problem}");
        }
    }

    #[test]
    fn another_camera_or_objective_is_refused_with_both_names() {
        let profile = profile();
        let here = Setup { camera: "cam".into(), objective: "100x".into() };
        profile.check_setup(&here).unwrap();
        let other = Setup { objective: "40x".into(), ..here.clone() };
        let said = profile.check_setup(&other).unwrap_err().to_string();
        assert!(said.contains("100x") && said.contains("40x"), "{said}");
        let unnamed = Profile { setup: None, ..profile };
        assert!(unnamed.check_setup(&here).unwrap_err().to_string().contains("unnamed camera"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(?s).{0,400}", at in 0_usize..2000, with in "(?s).{0,12}") {
            let _ = Profile::parse(&text);
            // The file with something else somewhere in it.
            let good = profile().to_toml();
            let mut at = at.min(good.len());
            while !good.is_char_boundary(at) {
                at -= 1;
            }
            let mixed = format!("{}{with}{}", &good[..at], &good[at..]);
            for text in [Profile::sealed(&mixed).unwrap_or_default(), mixed] {
                if let Ok(profile) = Profile::parse(&text) {
                    prop_assert!(profile.layer().weights.iter().all(|number| number.is_finite()));
                }
            }
        }
    }
}
