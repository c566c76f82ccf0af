//! A cell as it is stored: what it was counted as, and what a reviewer said of it. Data only.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::records::CellNumber;
use crate::domain::class::{CellClass, Kind};
use crate::domain::own_class::{GivenClass, OwnName};
use crate::domain::red_class::RedClass;

/// A counted cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CellRecord {
    /// Its number in the session.
    #[schema(value_type = i64)]
    pub number: CellNumber,
    /// Kind it was detected as.
    pub kind: Kind,
    /// Its patch of the slide, from 0; places on different patches cannot be compared.
    pub patch: u32,
    /// Left edge of its box on the patch, camera px.
    pub x: f64,
    /// Top edge of its box on the patch, camera px.
    pub y: f64,
    /// Width of its box, camera px.
    pub w: f64,
    /// Height of its box, camera px.
    pub h: f64,
    /// Class that the program counts it as; only for white cells.
    pub class: Option<CellClass>,
    /// Probability of `class`, 0..=1.
    pub probability: Option<f64>,
    /// Raw probabilities of every class, most probable first.
    pub ranked: Vec<(CellClass, f64)>,
    /// What a red cell looks like; only for red cells that were named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub red: Option<RedRecord>,
    /// Class of a white cell from a reviewer, if any.
    pub by_person: Option<Reclassified>,
    /// Whether a crop of it is stored.
    pub has_crop: bool,
}

impl CellRecord {
    /// The class in force: the reviewer's, else the program's.
    #[must_use]
    pub fn class_in_force(&self) -> Option<CellClass> {
        self.by_person.as_ref().map(|change| change.class).or(self.class)
    }

    /// What a reviewer said of it, if anything.
    #[must_use]
    pub fn given(&self) -> Option<GivenClass> {
        self.by_person.as_ref().map(|person| GivenClass { class: person.class, own: person.own.clone() })
    }

    /// The laboratory's own class that a reviewer gave it, if any.
    #[must_use]
    pub fn own(&self) -> Option<&OwnName> {
        self.by_person.as_ref().and_then(|person| person.own.as_ref())
    }

    /// Whether a person confirmed it or gave it another class, in the time that a look takes.
    #[must_use]
    pub fn is_looked_at(&self) -> bool {
        self.by_person.as_ref().is_some_and(|person| !person.quickly)
    }
}

/// Class given to a cell by a reviewer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reclassified {
    pub class: CellClass,
    /// The laboratory's own class within it, if one was given, with its name as it was then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<OwnName>,
    /// Name of the user.
    pub by: String,
    /// When it was given.
    pub at: Timestamp,
    /// Whether that came faster than anybody can look, so that the cell counts as looked at by nobody.
    #[serde(default)]
    pub quickly: bool,
}

/// What a red cell looks like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RedRecord {
    /// Class that the program gives it.
    pub class: RedClass,
    /// Probability of the most probable class, 0..=1.
    pub probability: f64,
    /// Probabilities of every class, most probable first.
    pub ranked: Vec<(RedClass, f64)>,
    /// Whether it counts for the film's grades: it is whole, and lies by itself.
    pub graded: bool,
    /// Its diameter, um. Only as true as the scale.
    pub diameter_um: f64,
    /// Width of its pale middle as a share of its diameter, 0..=1; null where that can't be told.
    pub pallor: Option<f64>,
    /// Class from a reviewer, if any.
    pub by_person: Option<RedReclassified>,
}

impl RedRecord {
    /// The class in force: the reviewer's, else the program's.
    #[must_use]
    pub fn class_in_force(&self) -> RedClass {
        self.by_person.as_ref().map_or(self.class, |person| person.class)
    }
}

/// Class given to a red cell by a reviewer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RedReclassified {
    pub class: RedClass,
    /// Name of the user.
    pub by: String,
    /// When it was given.
    pub at: Timestamp,
    /// Whether that came faster than anybody can look.
    #[serde(default)]
    pub quickly: bool,
}
