//! What the world outside sees of a session: the data every sink renders.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::counting::statistics::Statistics;
use crate::counting::statistics::per_red_cell::RedCount;
use crate::domain::class::CellClass;
use crate::domain::counts::{ClassCount, KindCounts};
use crate::domain::flag::Flag;
use crate::system::timing::StageTime;
use crate::vision::prevalence::PrevalenceReport;
use crate::vision::quality::{Quality, Refusals};

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
    pub(crate) fn mark_experimental(&mut self, classes: &[CellClass]) {
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
