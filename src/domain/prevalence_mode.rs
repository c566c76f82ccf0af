//! Which prevalence the classifier's answers are corrected for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which prevalence the classifier's answers are corrected for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PrevalenceMode {
    /// No correction: the network's answers unchanged.
    None,
    /// The prevalence of normal blood, tempered.
    Blood,
    /// The sample's own prevalence, estimated from its cells.
    Sample,
}

impl fmt::Display for PrevalenceMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::Blood => "blood",
            Self::Sample => "sample",
        })
    }
}

/// The text names no prevalence mode.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no form of prevalence; write none, blood or sample")]
pub struct UnknownPrevalenceMode(String);

impl FromStr for PrevalenceMode {
    type Err = UnknownPrevalenceMode;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        [Self::None, Self::Blood, Self::Sample]
            .into_iter()
            .find(|form| form.to_string() == word)
            .ok_or_else(|| UnknownPrevalenceMode(word.to_owned()))
    }
}
