//! Lots of a control: what is charted, and against what.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::class::{CellClass, Group};
use crate::domain::label::Label;
use crate::domain::letters::unfit_in_line;

/// Longest name of a lot, characters.
const LONGEST_NAME: usize = 32;

/// What a control is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ControlKind {
    /// A slide that is counted: its charts are percent of the differential, by class or group.
    Slide,
    /// Stored cells named by people: its charts are percent named right, by label.
    Cells,
}

/// What a chart is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "by", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Target {
    /// Mean and SD, percent: from the maker, or from at least 20 runs of the laboratory.
    Normal {
        /// 0..=100.
        mean: f64,
        /// Above 0, at most 50.
        sd: f64,
    },
    /// A reference percentage; the limits are what chance gives for as many cells as were counted.
    Chance {
        /// 0..=100; above 0 and below 100 where it is not said on how many cells it was found.
        percent: f64,
        /// Cells that the reference was counted on, 20 to 1000000: their chance widens the limits. Without it the share is taken as
        /// known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cells: Option<u32>,
    },
    /// Not known yet: the lot's first runs will tell.
    Learning,
}

/// What somebody says of a new lot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLot {
    pub kind: ControlKind,
    /// Name of the lot, 1 to 32 characters.
    pub name: String,
    /// Level of the control, 1 to 3. Levels of one lot are judged together.
    #[serde(default = "first_level")]
    pub level: u8,
    /// Last day it may be used.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub expires: Option<Date>,
    /// What is charted, by the code of class, group (slides) or label (cells).
    pub targets: BTreeMap<String, Target>,
}

fn first_level() -> u8 {
    1
}

/// Why a lot is not taken.
#[derive(Debug, thiserror::Error)]
pub enum NoLot {
    #[error("the name of a lot has 1 to {LONGEST_NAME} characters that show; this one does not")]
    Name,
    #[error("the level of a control is 1, 2 or 3")]
    Level,
    #[error("name at least one class that is charted")]
    Nothing,
    #[error(
        "`{0}` is not charted: write the code of a class of the differential such as NGS, or a group such as neutrophils"
    )]
    NoClass(String),
    #[error("`{0}` is no label of cells: write the name of a folder of the reference such as NGS, NEU or IG")]
    NoLabel(String),
    #[error("{0}: a mean is 0 to 100 percent and an SD above 0 and at most 50; take the SD from at least 20 runs")]
    Normal(String),
    #[error(
        "{0}: a reference share is 0 to 100 percent of 20 cells or more; without their number it is above 0 and below 100, since a \
         class that the reference did not show may still be there"
    )]
    Chance(String),
    #[error("{0}: stored cells always get the same answers, so there is nothing to learn; give a reference share")]
    LearnCells(String),
}

impl NewLot {
    /// Checks name, level and targets.
    ///
    /// # Errors
    /// With what is wrong and what to write instead.
    pub fn check(&self) -> Result<(), NoLot> {
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > LONGEST_NAME || unfit_in_line(name).is_some() {
            return Err(NoLot::Name);
        }
        if !(1..=3).contains(&self.level) {
            return Err(NoLot::Level);
        }
        if self.targets.is_empty() {
            return Err(NoLot::Nothing);
        }
        for (chart, target) in &self.targets {
            match self.kind {
                ControlKind::Slide if charted(chart).is_none() => return Err(NoLot::NoClass(chart.clone())),
                ControlKind::Cells if chart.parse::<Label>().is_err() => return Err(NoLot::NoLabel(chart.clone())),
                ControlKind::Cells if *target == Target::Learning => return Err(NoLot::LearnCells(chart.clone())),
                _ => {}
            }
            match *target {
                Target::Normal { mean, sd } if !((0.0..=100.0).contains(&mean) && sd > 0.0 && sd <= 50.0) => {
                    return Err(NoLot::Normal(chart.clone()));
                }
                Target::Chance { percent, cells: None } if !(percent > 0.0 && percent < 100.0) => {
                    return Err(NoLot::Chance(chart.clone()));
                }
                Target::Chance { percent, cells: Some(cells) }
                    if !((0.0..=100.0).contains(&percent) && (20..=1_000_000).contains(&cells)) =>
                {
                    return Err(NoLot::Chance(chart.clone()));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// A class or a group of the differential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charted {
    Class(CellClass),
    Group(Group),
}

/// What a slide's chart of this code counts; `None` if there is no such class in the differential, and no such group.
#[must_use]
pub fn charted(code: &str) -> Option<Charted> {
    let class = code.parse().ok().filter(|class: &CellClass| class.in_differential()).map(Charted::Class);
    class.or_else(|| Group::ALL.iter().find(|group| group.code() == code).map(|group| Charted::Group(*group)))
}

/// A lot of a control.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ControlLot {
    /// Number of the lot in this store.
    pub id: i64,
    #[serde(flatten)]
    pub lot: NewLot,
    /// When it was defined.
    pub at: Timestamp,
    /// Who defined it.
    pub by: String,
    /// When it was taken out of use; none while it is used.
    pub retired: Option<Timestamp>,
}

impl ControlLot {
    /// Whether its limits are still to be learned.
    #[must_use]
    pub fn learns(&self) -> bool {
        self.lot.targets.values().any(|target| *target == Target::Learning)
    }

    /// The name for people: with the level, if it is not the only one.
    #[must_use]
    pub fn words(&self) -> String {
        named(&self.lot.name, self.lot.level)
    }
}

/// A lot's name with its level, unless that is the first.
#[must_use]
pub fn named(lot: &str, level: u8) -> String {
    if level == 1 { lot.to_owned() } else { format!("{lot}, level {level}") }
}
