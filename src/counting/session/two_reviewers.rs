//! What two reviewers say of a result, where flags ask for two.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::class::CellClass;
use crate::domain::own_class::{OwnName, coded};

/// The first of two reviewers of a result, where flags ask for two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FirstReviewer {
    /// Who signed first.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The first reviewer's comment; may be empty.
    pub comment: String,
    /// White cells whose class is another one now, by number: as the second reviewer left them.
    pub differs: Vec<Difference>,
    /// That the second reviewer handed the result back instead of signing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handed_back: Option<HandedBack>,
}

/// A cell on which two reviewers differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Difference {
    /// Number of the cell in its session.
    pub cell: i64,
    /// The first reviewer's class.
    pub first: CellClass,
    /// The second reviewer's.
    pub second: CellClass,
    /// The program's.
    pub program: CellClass,
    /// The laboratory's own class that the first reviewer gave within the fixed one, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_own: Option<OwnName>,
    /// The second reviewer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_own: Option<OwnName>,
}

/// A result that the second reviewer handed back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HandedBack {
    /// Who handed it back.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why; never empty.
    pub comment: String,
}

impl Difference {
    /// The first reviewer's class, with the own one in brackets.
    #[must_use]
    pub fn first_coded(&self) -> String {
        coded(self.first, self.first_own.as_ref())
    }

    /// The second reviewer's.
    #[must_use]
    pub fn second_coded(&self) -> String {
        coded(self.second, self.second_own.as_ref())
    }
}
