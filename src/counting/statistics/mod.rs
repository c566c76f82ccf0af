//! What the counted cells tell about the sample: intervals, estimates per microlitre, and the differential corrected
//! for the classifier's known errors. Pure.
//!
//! `docs/statistics.md` states each method, its source, and how often its intervals hold the truth in simulation.

pub mod absolute;
pub mod confusion;
pub mod correction;
mod dice;
pub mod interval;
pub mod per_red_cell;
pub mod precision;
pub mod simultaneous;
pub mod text;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::counting::statistics::absolute::{AbsoluteCounts, Entry};
use crate::counting::statistics::correction::MisclassificationCorrection;
use crate::counting::statistics::per_red_cell::PerRedCell;
use crate::counting::statistics::precision::Precision;
use crate::counting::statistics::simultaneous::Simultaneous;
use crate::domain::class::Group;
use crate::domain::counts::ClassCount;
use crate::domain::flag::{Flag, Share};
use crate::domain::interval::Figure;

/// Statistics of a sample beyond the line of each class.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Statistics {
    /// Percentage of the differential with the exact 95 % interval, for each group with at least one cell.
    pub groups: BTreeMap<Group, Figure>,
    /// The figure behind each flag that depends on a limit.
    pub evidence: Vec<Evidence>,
    /// Counts by the network alone, of the classes whose share by it lies outside the interval of the corrected share:
    /// the two readings differ by more than chance there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub network_alone: Vec<ClassCount>,
    /// White cells and platelets per red cell, once red cells are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_red_cell: Option<PerRedCell>,
    /// What was entered for the sample: red count, white count, group of the reference ranges.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entered: Vec<Entry>,
    /// Cells of each class per microlitre, if a white count was entered or the red count gives one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absolute: Option<AbsoluteCounts>,
    /// The share that decides when the count ends, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// Simultaneous intervals; in results only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simultaneous: Option<Simultaneous>,
    /// The differential corrected for the classifier's known errors; in results only, if a confusion matrix is
    /// installed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrected: Option<MisclassificationCorrection>,
}

/// The flags of these figures, each once, in their order.
#[must_use]
pub(super) fn flags(evidence: &[Evidence]) -> Vec<Flag> {
    let mut flags: Vec<Flag> = evidence.iter().map(|evidence| evidence.flag).collect();
    flags.dedup();
    flags
}

/// Why a flag was raised: a figure at or above its limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Evidence {
    pub flag: Flag,
    pub of: Share,
    /// In percent, or per 100 white cells for nucleated red cells, with the exact 95 % interval.
    pub figure: Figure,
    /// The configured limit.
    pub limit: f64,
    /// Whether the whole interval lies at or above the limit, so that chance alone does not explain the flag.
    pub beyond_chance: bool,
    /// Whether only the network alone reaches the limit; the classes corrected to the sample's composition do not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub network_alone: bool,
}
