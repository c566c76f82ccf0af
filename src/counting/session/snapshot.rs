//! What the world outside sees of a session: the data every sink renders.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::class::{CellClass, Kind};
use crate::vision::prevalence::PrevalenceReport;
use crate::vision::quality::{Quality, Refusals};
use crate::counting::statistics::Statistics;
use crate::counting::statistics::per_red_cell::RedCount;
use crate::system::timing::StageTime;

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// No sample is being counted; `start` begins one.
    Waiting,
    /// Cells are being counted.
    Counting,
    /// The count ended: target reached, stopped, or the recording is over. The result stands.
    Done,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// The target count was reached.
    TargetReached,
    /// Somebody pressed stop.
    Stopped,
    /// The recording ended.
    RecordingOver,
    /// The program was told to end.
    Shutdown,
}

/// Cells counted, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KindCounts {
    /// White cells.
    #[serde(rename = "WBC")]
    pub wbc: u32,
    /// Red cells.
    #[serde(rename = "RBC")]
    pub rbc: u32,
    /// Platelets.
    #[serde(rename = "PLT")]
    pub plt: u32,
}

impl KindCounts {
    /// The count of one kind.
    #[must_use]
    pub const fn get(self, kind: Kind) -> u32 {
        match kind {
            Kind::Wbc => self.wbc,
            Kind::Rbc => self.rbc,
            Kind::Plt => self.plt,
        }
    }

    /// The count of one kind, to change.
    pub const fn get_mut(&mut self, kind: Kind) -> &mut u32 {
        match kind {
            Kind::Wbc => &mut self.wbc,
            Kind::Rbc => &mut self.rbc,
            Kind::Plt => &mut self.plt,
        }
    }
}

/// One line of the differential.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClassCount {
    /// The class.
    pub class: CellClass,
    /// Cells of it, each counted once.
    pub count: u32,
    /// Percent, 0..=100: of the differential for its classes; per 100 cells of the differential for EBO and KSC
    /// (may pass 100); of all white cells found for UNK.
    pub percent: f64,
    /// Lower end of the exact 95 % interval of `percent`. (Where a precision decides when the count ends it is the 97 %
    /// one, which then holds the truth in 95 % of samples: see `statistics::precision`.)
    pub low: f64,
    /// Upper end of the exact 95 % interval of `percent`.
    pub high: f64,
}

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

/// Frames by what became of them, since the session began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FrameCounts {
    /// Looked at by the vision.
    pub used: u64,
    /// Passed over because a newer one had come.
    pub skipped: u64,
    /// Torn or undecodable.
    pub damaged: u64,
    /// Of those looked at, not counted because they were not good enough.
    #[serde(default)]
    pub refused: Refusals,
}

/// The state of a session at one moment. Every sink renders this and nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Snapshot {
    /// Sample id; a number of the station unless somebody gave one.
    pub sample: String,
    /// Where the session stands.
    pub phase: Phase,
    /// Why it ended, once it is done.
    pub ending: Option<Ending>,
    /// What does not work right now, in words for the person at the device: camera, display, serial.
    pub trouble: Option<String>,
    /// When this state was reached.
    pub time: Timestamp,
    /// When the count began.
    pub started: Option<Timestamp>,
    /// Cells of the differential to count, 1.. Past it, while a share is not known precisely enough, the most to count.
    pub target: u32,
    /// Cells of the differential counted so far.
    pub counted: u32,
    /// Cells by kind.
    pub kinds: KindCounts,
    /// One line a class with at least one cell, most frequent first, UNK last.
    pub classes: Vec<ClassCount>,
    /// White cells by the class the network alone gave them, before the sample's composition was brought in.
    #[serde(default)]
    pub classes_uncorrected: BTreeMap<CellClass, u32>,
    /// The composition that the classes were brought to; none in results of versions that knew none.
    #[serde(default)]
    pub prevalence: Option<PrevalenceReport>,
    /// Cells among `classes` that are blasts by the uncorrected answer alone.
    #[serde(default)]
    pub blasts_kept: u32,
    /// Classes counted here that the model learned from too few images to be trusted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub experimental: Vec<CellClass>,
    /// What a person must look at, worst first.
    pub flags: Vec<Flag>,
    /// What else can be said from the counts; nothing in results of versions that said none.
    #[serde(default)]
    pub statistics: Statistics,
    /// Frames by what became of them.
    pub frames: FrameCounts,
    /// Frames a second the vision gets through, if known.
    pub frame_rate: Option<f64>,
    /// How long the stages of a frame take, if known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageTime>,
    /// Micrometres a pixel of the camera, if known.
    pub um_per_px: Option<f64>,
    /// How good the newest frame is; none before the first.
    #[serde(default)]
    pub quality: Option<Quality>,
}

impl Snapshot {
    /// Marks the counted ones among the model's experimental classes.
    pub fn mark_experimental(&mut self, classes: &[CellClass]) {
        let counted = self.classes.iter().filter(|line| line.count > 0).map(|line| line.class);
        self.experimental = counted.filter(|class| classes.contains(class)).collect();
    }
}

/// What a person or a host can ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Begin to count, or go on with a new sample after one is done.
    Start,
    /// End the count and give the result.
    Stop,
    /// End the count if one runs, and begin the next sample, under this id if one is given.
    NewSample(Option<String>),
    /// The red count of the sample that is being counted, or else of the next one.
    RedCount(RedCount),
}
