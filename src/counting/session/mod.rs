//! One sample from start to result: what was counted, and when it is enough. Has no clock and no threads.

pub mod amends;
pub mod broken_off;
mod cells;
pub mod describe;
mod entered;
mod fields;
pub mod sample;
pub mod snapshot;
mod two_reviewers;
mod uncorrected;

use jiff::Timestamp;

use crate::config::{CriticalConfig, Flags, RedCellsConfig, SessionConfig};
use crate::counting::counter::{CountedCell, Revision};
use crate::counting::session::broken_off::BrokenOff;
use crate::counting::session::cells::SessionCells;
use crate::counting::session::describe::{Described, Description, describe, precision};
use crate::counting::session::snapshot::{Ending, FrameCounts, Interruption, Phase, Snapshot};
use crate::counting::statistics::absolute::{Entered, Entry};
use crate::counting::statistics::confusion;
use crate::counting::statistics::correction::MisclassificationCorrection;
use crate::counting::statistics::per_red_cell::RedCount;
use crate::counting::track::CellId;
use crate::vision::prediction::Prediction;
use crate::vision::prevalence::PriorShift;

/// The count of one sample.
#[derive(Debug)]
pub struct Session {
    limits: SessionConfig,
    flags: Flags,
    critical: CriticalConfig,
    sample: String,
    phase: Phase,
    ending: Option<Ending>,
    started: Option<Timestamp>,
    cells: SessionCells,
    jumped: bool,
    interruptions: Vec<Interruption>,
    red_count: Option<RedCount>,
    /// What was entered for the sample, each kind once.
    entered: Vec<Entry>,
    first_red_count: Option<RedCount>,
    confusion: confusion::ConfusionSource,
    red_cells: RedCellsConfig,
    /// Whether the scale of its pictures was stated, so that red cells need not be the ruler.
    scale_stated: bool,
    /// Only for a count that has ended, because it takes a moment to compute.
    corrected: Option<MisclassificationCorrection>,
}

impl Session {
    /// Waits for the first sample. `correction` sets how white cells are named.
    #[must_use]
    pub fn new(limits: SessionConfig, flags: Flags, correction: PriorShift) -> Self {
        Self {
            limits,
            flags,
            critical: CriticalConfig::default(),
            sample: String::new(),
            phase: Phase::Waiting,
            ending: None,
            started: None,
            cells: SessionCells::new(correction),
            jumped: false,
            interruptions: Vec::new(),
            red_count: None,
            entered: Vec::new(),
            first_red_count: None,
            confusion: confusion::ConfusionSource::None,
            red_cells: RedCellsConfig::default(),
            scale_stated: false,
            corrected: None,
        }
    }

    /// Also corrects results for the classifier's errors from now on, using this matrix.
    pub fn correct_by(&mut self, confusion: confusion::ConfusionSource) {
        self.confusion = confusion;
    }

    /// The same with these limits for red cells, of pictures whose scale was stated or was not: only with one do red cells have
    /// a size.
    #[must_use]
    pub fn grading_red_cells(self, limits: RedCellsConfig, scale_stated: bool) -> Self {
        Self { red_cells: limits, scale_stated, ..self }
    }

    /// Id of the sample that is counted, or was counted last; empty before the first.
    #[must_use]
    pub fn sample(&self) -> &str {
        &self.sample
    }

    /// Tells the critical values of results from now on.
    pub fn alarm_at(&mut self, critical: &CriticalConfig) {
        self.critical.clone_from(critical);
    }

    /// The current phase.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Applies these limits and flags from now on, to a running count too.
    pub fn set(&mut self, limits: &SessionConfig, flags: &Flags) {
        self.limits.clone_from(limits);
        self.flags.clone_from(flags);
    }

    /// Applies revisions from a later frame. Call it before adding that frame's new cells. Does nothing once the result
    /// is final.
    pub fn revise(&mut self, revisions: &[Revision]) {
        if self.phase == Phase::Counting {
            self.cells.revise(revisions);
        }
    }

    /// Counts cells and returns true if that reached the target. Ignores cells unless a count is running.
    pub fn add(&mut self, cells: &[CountedCell], jumped: bool) -> bool {
        if self.phase != Phase::Counting {
            return false;
        }
        self.jumped |= jumped;
        // A field is always counted whole: stopping inside one would favour the cells that are found first.
        self.cells.add(cells);
        if !self.is_enough() {
            return false;
        }
        // The result uses the final composition, which must not take the count back below the target it ended at.
        self.cells.settle();
        if !self.is_enough() {
            return false;
        }
        self.end(Ending::TargetReached);
        true
    }

    fn is_enough(&self) -> bool {
        let tally = self.cells.tally();
        let counted = tally.differential();
        counted >= self.limits.target
            && (counted >= self.limits.at_most
                || precision(&self.limits, tally).is_none_or(|precision| precision.reached))
    }

    /// Ends a running count; returns true if there was one.
    pub fn finish(&mut self, ending: Ending) -> bool {
        let running = self.phase == Phase::Counting;
        if running {
            self.end(ending);
        }
        running
    }

    /// Begins a sample from zero, under this id or else one made from the time. Discards the previous count: end a
    /// running one with [`Session::finish`] and store its result first.
    pub fn begin(&mut self, id: Option<String>, now: Timestamp) {
        self.sample = id.unwrap_or_else(|| sample::nameless(now, |_| false));
        self.phase = Phase::Counting;
        self.ending = None;
        self.started = Some(now);
        self.cells = self.cells.emptied();
        self.jumped = false;
        self.interruptions.clear();
        self.entered.clear();
        self.red_count = None;
        if let Some(count) = self.first_red_count.take() {
            // Of the command line, so by whoever started the program.
            self.enter(&Entered::Red(count), "console", now);
        }
        self.corrected = None;
    }

    fn end(&mut self, ending: Ending) {
        self.cells.settle();
        self.cells.finish_platelets(ending != Ending::TargetReached);
        self.phase = Phase::Done;
        self.ending = Some(ending);
        // By the network's own classes: the error rates of corrected names differ from sample to sample.
        self.corrected = MisclassificationCorrection::of(self.cells.classes_uncorrected(), &self.confusion);
    }

    /// The counted white cells, each with its prediction corrected to the composition of all.
    pub fn named(&self) -> impl Iterator<Item = (CellId, Prediction)> + '_ {
        self.cells.named()
    }

    /// The state for the sinks. Frames, trouble, speed, scale and experimental classes are known elsewhere and filled
    /// in there.
    #[must_use]
    pub fn snapshot(&self, now: Timestamp) -> Snapshot {
        let red_cells = self.cells.red_film().report(self.scale_stated).map(|report| report.judged(&self.red_cells));
        let Description { counted, target, kinds, classes, flags, critical, statistics } = describe(Described {
            tally: self.cells.tally(),
            network_alone: Some(self.cells.uncorrected()),
            limits: &self.limits,
            flags: &self.flags,
            critical: &self.critical,
            done: self.phase == Phase::Done,
            overlap: self.jumped,
            broken_off: BrokenOff::of(&self.interruptions, self.ending),
            red_cells: red_cells.as_ref(),
            unfamiliar: self.cells.prevalence().tempering().is_some_and(|tempering| tempering.unfamiliar),
            red_count: self.red_count,
            entered: &self.entered,
            corrected: self.corrected.clone(),
            platelets: self.cells.platelets().as_ref(),
        });
        Snapshot {
            sample: self.sample.clone(),
            phase: self.phase,
            ending: self.ending,
            trouble: None,
            time: now,
            started: self.started,
            target,
            counted,
            kinds,
            classes,
            classes_uncorrected: self.cells.classes_uncorrected().clone(),
            prevalence: Some(self.cells.prevalence().report()),
            profile: None,
            blasts_kept: self.cells.blasts_kept(),
            experimental: Vec::new(),
            flags,
            critical,
            source: None,
            training: false,
            statistics,
            frames: FrameCounts::default(),
            frame_rate: None,
            stages: Vec::new(),
            um_per_px: None,
            red_cell_density: None,
            quality: None,
            looked_at: None,
            camera_check: None,
            earlier: None,
            interruptions: self.interruptions.clone(),
            amends: None,
            first_reviewer: None,
            quality_control: None,
            own_classes: Vec::new(),
            red_cells,
            platelets: self.cells.platelets(),
        }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_readings;
#[cfg(test)]
mod tests_of_red_counts;
