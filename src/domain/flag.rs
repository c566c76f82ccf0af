//! What a person must look at before a result is believed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something in the result that a person must look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Flag {
    /// Blasts at or above the limit.
    Blasts,
    /// Immature granulocytes or bands at or above the limit.
    LeftShift,
    /// Erythroblasts at or above the limit.
    NucleatedRedCells,
    /// More unclassified white cells than the limit.
    ManyUnclassified,
    /// The session ended before the target or the precision that was asked for was reached.
    FewCells,
    /// The stage jumped: parts of the slide may have been counted twice.
    PossibleOverlap,
}

impl Flag {
    /// Short words for a small display, at most 16 characters.
    #[must_use]
    pub const fn short(self) -> &'static str {
        match self {
            Self::Blasts => "BLASTS?",
            Self::LeftShift => "LEFT SHIFT?",
            Self::NucleatedRedCells => "NUCL. RED CELLS?",
            Self::ManyUnclassified => "MANY UNKNOWN",
            Self::FewCells => "FEW CELLS",
            Self::PossibleOverlap => "MAY OVERLAP",
        }
    }
}
