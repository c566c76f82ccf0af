//! The state of a session that every sink renders.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use super::amends::Amends;
pub use super::two_reviewers::{Difference, FirstReviewer, HandedBack};
use crate::counting::platelets::PlateletReport;
use crate::counting::quality_control::{ControlOf, QualityControl};
use crate::counting::red_morphology::RedMorphology;
use crate::counting::statistics::Statistics;
use crate::counting::statistics::absolute::Entered;
use crate::counting::tally::share;
use crate::domain::class::CellClass;
use crate::domain::counts::{ClassCount, KindCounts};
use crate::domain::critical::CriticalValue;
use crate::domain::flag::Flag;
use crate::domain::interval::Figure;
use crate::domain::own_class::OwnCount;
use crate::domain::red_cell_colour::RedCellColour;
use crate::domain::source::{Mark, Source};
use crate::system::timing::StageTime;
use crate::vision::prevalence::PrevalenceReport;
use crate::vision::profile::ProfileMark;
use crate::vision::quality::{Quality, Refusals};

/// Phase of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// No count is running; `start` begins one.
    Waiting,
    /// Cells are being counted.
    Counting,
    /// The count ended: target reached, stopped, or the recording is over. The result is final.
    Done,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// The target count was reached.
    TargetReached,
    /// Somebody stopped the count.
    Stopped,
    /// The recording ended.
    RecordingOver,
    /// The program was shut down.
    Shutdown,
    /// The power failed or the program broke off, and the cells counted until then are all there is.
    PowerCut,
}

impl Ending {
    /// All endings.
    pub const ALL: [Self; 5] =
        [Self::TargetReached, Self::Stopped, Self::RecordingOver, Self::Shutdown, Self::PowerCut];

    /// The word used in every output.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TargetReached => "target-reached",
            Self::Stopped => "stopped",
            Self::RecordingOver => "recording-over",
            Self::Shutdown => "shutdown",
            Self::PowerCut => "power-cut",
        }
    }
}

/// Frames by outcome, since the session began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FrameCounts {
    /// Analysed by the vision.
    pub used: u64,
    /// Skipped because a newer one had arrived.
    pub skipped: u64,
    /// Torn or undecodable.
    pub damaged: u64,
    /// Of those analysed, not counted because they were not good enough.
    #[serde(default)]
    pub refused: Refusals,
    /// Passed over because the vision failed on them.
    #[serde(default)]
    pub failed: u64,
}

/// How many white cells of a result a person confirmed or gave another class, in the time that a look takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LookedAt {
    /// Cells looked at.
    pub cells: u32,
    /// White cells in all.
    pub of: u32,
    /// Cells that a person confirmed or gave another class faster than anybody can look; not among `cells`, and unseen.
    #[serde(default, skip_serializing_if = "is_none")]
    pub quickly: u32,
    /// The same for each class in force; empty in results of versions that did not tell them apart.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub classes: BTreeMap<CellClass, LookedAtOf>,
}

/// How many cells of one class a person looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LookedAtOf {
    /// Cells looked at.
    pub cells: u32,
    /// Cells of the class.
    pub of: u32,
    /// Cells seen quickly.
    #[serde(default, skip_serializing_if = "is_none")]
    pub quickly: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_none(count: &u32) -> bool {
    *count == 0
}

impl LookedAt {
    /// Cells that nobody looked at.
    #[must_use]
    pub fn unseen(&self) -> u32 {
        self.of.saturating_sub(self.cells)
    }

    /// That a result was signed with cells that nobody looked at, in English; nothing if there are none.
    #[must_use]
    pub fn signed_unseen(&self) -> Option<String> {
        let unseen = self.unseen();
        if unseen == 0 {
            return None;
        }
        let quickly = if self.quickly > 0 { format!(", {} of them seen quickly", self.quickly) } else { String::new() };
        Some(format!("signed with {unseen} of {} cells unseen{quickly}", self.of))
    }
}

/// Whether the camera of a result was checked: how far the program agrees with people who looked at its cells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CameraCheck {
    /// Name of the camera.
    pub camera: String,
    /// Name of the objective; empty if none is configured.
    pub objective: String,
    /// White cells of this camera and objective that a person confirmed or gave another class, in all results of the
    /// store. 0: not checked with this camera.
    pub cells: u32,
    /// Of these, cells that have the class the program had given.
    pub agree: u32,
    /// Percent that agree, with the exact 95 % interval; none without cells.
    pub percent: Option<Figure>,
}

impl CameraCheck {
    /// `agree` of `cells` looked at agree.
    #[must_use]
    pub fn new(camera: String, objective: String, cells: u32, agree: u32) -> Self {
        let agree = agree.min(cells);
        Self { camera, objective, cells, agree, percent: (cells > 0).then(|| share(agree, cells)) }
    }
}

/// An end of a count that nobody wanted: the power failed or the program broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Interruption {
    /// When the program started again.
    pub at: Timestamp,
    /// White cells counted until then that were kept; unknown for counts that versions broke off that did not say.
    pub cells: Option<u32>,
}

/// A signed result of the same sample id, from before this count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EarlierResult {
    /// Number of its session.
    pub session: i64,
    /// Number of the result.
    pub result: u64,
    /// When its count began.
    pub started: Timestamp,
    /// Cells of the differential.
    pub counted: u32,
    /// Who signed it.
    pub by: String,
}

/// The state of a session at one moment. Every sink renders this and nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Snapshot {
    /// Sample id; made from the start time unless somebody gave one.
    pub sample: String,
    /// Phase of the session.
    pub phase: Phase,
    /// Why the count ended, once it has.
    pub ending: Option<Ending>,
    /// The most important current problem, as text for the person at the device: camera, display, serial.
    pub trouble: Option<String>,
    /// Time of this state.
    pub time: Timestamp,
    /// When the count began.
    pub started: Option<Timestamp>,
    /// Cells of the differential to count, 1.. Once that is reached while a share is not known precisely enough, the
    /// maximum to count.
    pub target: u32,
    /// Cells of the differential counted so far.
    pub counted: u32,
    /// Cells by kind.
    pub kinds: KindCounts,
    /// One line per class with at least one cell, most frequent first, UNK last.
    pub classes: Vec<ClassCount>,
    /// White cells that people gave one of the laboratory's own classes; they are among `classes` and `kinds`, under the fixed class.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own_classes: Vec<OwnCount>,
    /// What its red cells look like, by a sample of them; missing where none was looked at, in counts that the power broke off
    /// before any was, and in results of versions that did not look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub red_cells: Option<RedMorphology>,
    /// White cells by the network's own class, before the correction to the sample's composition.
    #[serde(default)]
    pub classes_uncorrected: BTreeMap<CellClass, u32>,
    /// The composition that the classes are corrected to; missing in results of versions that had none.
    #[serde(default)]
    pub prevalence: Option<PrevalenceReport>,
    /// Profile of the laboratory that named the cells, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileMark>,
    /// Cells among `classes` that are blasts by the uncorrected prediction alone.
    #[serde(default)]
    pub blasts_kept: u32,
    /// Classes counted here that the model learned from too few images to be trusted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub experimental: Vec<CellClass>,
    /// What a person must look at, worst first.
    pub flags: Vec<Flag>,
    /// Critical values that a result meets; none while it is counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub critical: Vec<CriticalValue>,
    /// Where its pictures come from; missing in results of versions that did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Whether it was counted, or signed, on a station for training.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub training: bool,
    /// Further statistics of the counts; empty in results of versions that had none.
    #[serde(default)]
    pub statistics: Statistics,
    /// Frames by outcome.
    pub frames: FrameCounts,
    /// Frames per second that the vision can process, if known.
    pub frame_rate: Option<f64>,
    /// Processing time of each stage of a frame, if known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageTime>,
    /// Scale of the camera in micrometres per pixel, if known.
    pub um_per_px: Option<f64>,
    /// Optical density of the red cells in red, green and blue, by the latest frames that counted: stored crops of white
    /// cells are brought to the colours of the classifier by it. Missing where they showed too few, and in results of
    /// versions that did not keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub red_cell_density: Option<RedCellColour>,
    /// Quality of the newest frame; none before the first.
    #[serde(default)]
    pub quality: Option<Quality>,
    /// How many cells a person had looked at when it was signed; only in signed results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<LookedAt>,
    /// Whether its camera was checked when it was signed, or when its count ended; missing in results of versions that
    /// did not say, and where the camera is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub camera_check: Option<CameraCheck>,
    /// The latest signed result that this sample id had when the count began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<EarlierResult>,
    /// How often this count broke off before it went on or was closed. Cells seen before and after such an end may be
    /// counted twice: where the stage had been is not known any more. Frames count from the last one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interruptions: Vec<Interruption>,
    /// The version that this result, an amendment, replaces; missing in results that were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amends: Option<Amends>,
    /// Who signed first, where flags ask for two reviewers and the first one has signed.
    pub first_reviewer: Option<FirstReviewer>,
    /// Whether this count is a control run itself; else, once signed, how quality control stood then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality_control: Option<QualityControl>,
    /// Clumps and giant ones among the platelets, and their estimate by fields; missing before the first platelet and in results
    /// of versions that did not look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platelets: Option<PlateletReport>,
}

impl Snapshot {
    /// Whether these are the figures of a signed result: only those tell how many cells a person had looked at.
    #[must_use]
    pub const fn is_signed(&self) -> bool {
        self.looked_at.is_some()
    }

    /// Whether the count is a control run: no sample's, and nothing for a laboratory system.
    #[must_use]
    pub const fn is_control(&self) -> bool {
        matches!(self.quality_control, Some(QualityControl::Run { .. }))
    }

    /// The words that everything shown of it carries, the strongest first.
    #[must_use]
    pub fn marks(&self) -> Vec<Mark> {
        self.marks_by(self.camera_check.as_ref())
    }

    /// The same by another check of its camera.
    pub fn marks_by(&self, check: Option<&CameraCheck>) -> Vec<Mark> {
        let training = self.training.then_some(Mark::Training);
        let checked = check.is_none_or(|check| check.cells > 0);
        let source = match self.source.and_then(Mark::of) {
            // What people said of drawn or stored cells says nothing of a camera.
            Some(mark) => Some(mark),
            None => (!checked).then_some(Mark::Unchecked),
        };
        training.into_iter().chain(source).collect()
    }

    /// Lists the model's experimental classes that were counted.
    pub fn mark_experimental(&mut self, classes: &[CellClass]) {
        let counted = self.classes.iter().filter(|line| line.count > 0).map(|line| line.class);
        self.experimental = counted.filter(|class| classes.contains(class)).collect();
    }
}

/// A command from a person or a serial host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Begin a count, or a new sample after one is done.
    Start,
    /// End the count and produce the result.
    Stop,
    /// End the count if one runs, and begin the next sample, under this id if one is given.
    NewSample(Option<String>),
    /// Enter a red count, a white count or a group for the running sample.
    Enter(Entered),
    /// The same only if this is the running sample: what is entered for one never reaches another.
    EnterFor(String, Entered),
    /// Count a control of this lot; not while a sample is counted.
    Control(ControlOf),
    /// Go on with the interrupted count of the session with this number.
    GoOn(i64),
}
