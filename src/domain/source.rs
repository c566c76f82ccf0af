//! Where pictures come from, and the words that everything counted from them carries.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where pictures come from, the most real first: of two, the later one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A camera that is there, or a program that stands for one.
    Camera,
    /// Stored pictures: a recording, or a simulated stage over a scan.
    Replayed,
    /// Drawn by the simulated microscope.
    Simulated,
}

impl Source {
    /// The word used in every output.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Replayed => "replayed",
            Self::Simulated => "simulated",
        }
    }
}

/// A word that a whole result must be read with, wherever it is shown. Translations are under `mark.CODE` and
/// `markMeans.CODE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// Counted or signed on a station for training.
    Training,
    /// Counted from drawn pictures.
    Simulated,
    /// Counted from stored pictures.
    Replayed,
    /// No person has looked at a cell of this camera yet.
    Unchecked,
}

impl Mark {
    /// Every mark, the strongest first.
    pub const ALL: [Self; 4] = [Self::Training, Self::Simulated, Self::Replayed, Self::Unchecked];

    /// The word used in every output.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Simulated => "simulated",
            Self::Replayed => "replayed",
            Self::Unchecked => "unchecked",
        }
    }

    /// The same in capitals, for a small display.
    #[must_use]
    pub const fn short(self) -> &'static str {
        match self {
            Self::Training => "TRAINING",
            Self::Simulated => "SIMULATED",
            Self::Replayed => "REPLAYED",
            Self::Unchecked => "UNCHECKED",
        }
    }

    /// What it means, in a sentence for a laboratory system.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Training => "TRAINING: from a station for training; not a patient's result.",
            Self::Simulated => "SIMULATED: counted from drawn pictures; not a patient's result.",
            Self::Replayed => "REPLAYED: counted from stored pictures, not from a slide under the microscope.",
            Self::Unchecked => "UNCHECKED: no person has looked at a cell of this camera yet.",
        }
    }

    /// The mark of a source, if it has one.
    #[must_use]
    pub const fn of(source: Source) -> Option<Self> {
        match source {
            Source::Camera => None,
            Source::Replayed => Some(Self::Replayed),
            Source::Simulated => Some(Self::Simulated),
        }
    }

    /// Whether what carries it is no patient's result.
    #[must_use]
    pub const fn no_patient(self) -> bool {
        !matches!(self, Self::Unchecked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_written_as_their_codes_and_fit_on_a_small_display() {
        for mark in Mark::ALL {
            assert_eq!(serde_json::to_value(mark).unwrap(), mark.code());
            assert_eq!(mark.short(), mark.code().to_uppercase());
            assert!(mark.sentence().starts_with(mark.short()));
        }
        for source in [Source::Camera, Source::Replayed, Source::Simulated] {
            assert_eq!(serde_json::to_value(source).unwrap(), source.code());
            assert_eq!(Mark::of(source).map(Mark::code), Some(source.code()).filter(|code| *code != "camera"));
        }
    }
}
