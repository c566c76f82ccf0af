//! Quality control: a control is counted or classified, and its figures are compared with those of its lot. Pure; no clock,
//! no store.
//!
//! Each class is a chart of its own, judged by [`westgard`]. The rules look at one chart: at the run before it, and at the
//! other levels of the same lot in the same run. Classes are never set against each other: they sum to 100 %, so one
//! that is high makes the others low.

pub mod judge;
pub mod limits;
mod lot;
pub mod westgard;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::limits::Limits;
pub use self::lot::{Charted, ControlKind, ControlLot, NewLot, NoLot, Target, charted, named};
use self::westgard::Rule;

/// What came of a control run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Passed,
    /// Passed, with a chart beyond 2 SD.
    Warning,
    Failed,
    /// One of the runs that the limits will be learned from: neither passed nor failed.
    Learning,
}

impl Outcome {
    /// Whether samples may be signed on it.
    #[must_use]
    pub const fn passes(self) -> bool {
        matches!(self, Self::Passed | Self::Warning)
    }
}

/// Why a run failed, apart from the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Fewer cells than `[quality_control] fewest_cells`: the limits would be too wide to see an error.
    TooFewCells,
    LotExpired,
    /// The same figures to the last red cell as another run: the same pictures were counted again.
    SamePictures,
    /// The reference cells cannot be read.
    Unreadable,
    /// The reference lacks cells of a label, or the model does not know it.
    ClassesMissing,
    /// Micrometres a pixel differ from the calibration.
    Scale,
    /// The background is darker or brighter than at the first control after the calibration.
    Light,
    /// Frames are less sharp than then.
    Sharpness,
    /// Too many frames were out of focus.
    Focus,
}

impl Cause {
    /// Whether the figures of the run say nothing: they are left out of the rules.
    #[must_use]
    pub const fn spoils(self) -> bool {
        matches!(
            self,
            Self::TooFewCells | Self::LotExpired | Self::SamePictures | Self::Unreadable | Self::ClassesMissing
        )
    }
}

/// A point of a chart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChartValue {
    /// Code of class, group or label.
    pub chart: String,
    /// Cells of it, or cells named right.
    pub count: u32,
    /// Cells of the differential, or cells of the label.
    pub of: u32,
    /// `count` of `of`, percent.
    pub percent: f64,
    /// Target, percent; null while the lot learns.
    pub mean: Option<f64>,
    /// -3, -2, +2 and +3 SD, percent.
    #[schema(value_type = Option<Vec<f64>>)]
    pub limits: Option<Limits>,
    /// Deviation from the target, SD.
    pub z: Option<f64>,
    /// The rule it broke, if any.
    pub rule: Option<Rule>,
}

/// How the frames of a control were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Look {
    /// Micrometres a pixel by the red cells of the slide.
    pub um_per_px: Option<f64>,
    /// Mean brightness of the background of frames that counted, 0..=255.
    pub background: Option<f64>,
    /// Mean sharpness of frames that counted.
    pub sharpness: Option<f64>,
    /// Frames that were out of focus, percent of all that were looked at.
    pub out_of_focus_percent: f64,
}

/// One thing about the frames, compared with what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LookCheck {
    pub what: Cause,
    /// As found: um/px, brightness, sharpness, or percent.
    pub value: f64,
    /// As it should be; null if nothing is known yet, and for the share out of focus.
    pub reference: Option<f64>,
    /// Lowest and highest value allowed.
    pub low: f64,
    pub high: f64,
    pub good: bool,
}

/// A control run as judged. It does not change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ControlRun {
    /// Number of the run in this store.
    #[serde(default)]
    pub id: i64,
    /// Number of its lot.
    pub lot: i64,
    pub lot_name: String,
    pub level: u8,
    /// Session of a counted slide.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub session: Option<i64>,
    /// When it ended.
    pub at: Timestamp,
    /// Who began it.
    pub by: String,
    /// Which run it is of its lot since the control was due, from 1: repeats are counted.
    pub try_number: u32,
    pub outcome: Outcome,
    pub causes: Vec<Cause>,
    pub values: Vec<ChartValue>,
    pub look: Option<Look>,
    pub look_checks: Vec<LookCheck>,
    /// Calibration in force, in words.
    pub calibration: Option<String>,
    /// Cells by kind, to recognise the same pictures: white, red, platelets.
    pub kinds: [u32; 3],
    /// More about a cause, for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
}

impl ControlRun {
    /// Whether its figures say something about the station.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        !self.causes.iter().any(|cause| cause.spoils())
    }

    /// Its deviation on a chart, if its figures are valid.
    #[must_use]
    pub fn deviation(&self, chart: &str) -> Option<f64> {
        let value = self.values.iter().find(|value| value.chart == chart);
        value.filter(|_| self.is_valid()).and_then(|value| value.z)
    }

    /// Rules broken, worst first, each with its chart.
    #[must_use]
    pub fn broken(&self) -> Vec<(Rule, &str)> {
        let mut broken: Vec<(Rule, &str)> =
            self.values.iter().filter_map(|value| Some((value.rule?, value.chart.as_str()))).collect();
        broken.sort_by_key(|(rule, _)| std::cmp::Reverse(*rule));
        broken
    }
}

/// Marks a count as a control: no patient's sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ControlOf {
    /// Number of the lot.
    pub id: i64,
    pub lot: String,
    pub level: u8,
}

impl ControlOf {
    /// What stands where a sample's id stands.
    #[must_use]
    pub fn sample(&self) -> String {
        format!("QC {}", named(&self.lot, self.level))
    }
}

/// State of quality control at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ControlState {
    /// Every lot in use has passed since it was due.
    Passed,
    /// The latest run of a lot failed.
    Failed,
    /// A lot in use has no run since it was due.
    Due,
    /// Only lots that still learn their limits.
    Learning,
    /// No lot is in use.
    NotDefined,
    /// The clock is behind what the store already holds: what is "today" is not known.
    ClockDoubted,
}

/// What an admin wrote to open signing although the control did not pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Override {
    pub at: Timestamp,
    pub by: String,
    pub reason: String,
}

/// A run named beside a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MarkedRun {
    pub run: i64,
    pub at: Timestamp,
    pub lot: String,
    pub level: u8,
    pub outcome: Outcome,
    /// Which run of its lot it was since the control was due.
    pub try_number: u32,
}

/// Quality control as it stood beside a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ControlMark {
    pub state: ControlState,
    /// The latest run of each lot in use.
    pub runs: Vec<MarkedRun>,
    /// Why it was signed all the same, if the control had not passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overridden: Option<Override>,
}

/// What a count has to do with quality control.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum QualityControl {
    /// The count is a control run.
    Run {
        #[serde(flatten)]
        of: ControlOf,
        look: Look,
    },
    /// The count is a sample's, and this is how quality control stood when it was signed.
    Mark(ControlMark),
}
