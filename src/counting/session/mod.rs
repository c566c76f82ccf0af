//! One sample from start to result: what was counted, and when it is enough. Has no clock and no threads.

pub mod amends;
pub(crate) mod broken_off;
mod cells;
pub mod describe;
mod entered;
mod fields;
pub mod sample;
pub mod snapshot;
mod two_reviewers;
mod uncorrected;

use jiff::Timestamp;

use crate::config::{CriticalConfig, Flags, SessionConfig};
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
            corrected: None,
        }
    }

    /// Also corrects results for the classifier's errors from now on, using this matrix.
    pub(crate) fn correct_by(&mut self, confusion: confusion::ConfusionSource) {
        self.confusion = confusion;
    }

    /// Id of the sample that is counted, or was counted last; empty before the first.
    #[must_use]
    pub fn sample(&self) -> &str {
        &self.sample
    }

    /// Tells the critical values of results from now on.
    pub(crate) fn alarm_at(&mut self, critical: &CriticalConfig) {
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
    pub(crate) fn revise(&mut self, revisions: &[Revision]) {
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
        let Description { counted, target, kinds, classes, flags, critical, statistics } = describe(Described {
            tally: self.cells.tally(),
            network_alone: Some(self.cells.uncorrected()),
            limits: &self.limits,
            flags: &self.flags,
            critical: &self.critical,
            done: self.phase == Phase::Done,
            overlap: self.jumped,
            broken_off: BrokenOff::of(&self.interruptions, self.ending),
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
            platelets: self.cells.platelets(),
        }
    }
}

#[cfg(test)]
mod tests_of_readings;
#[cfg(test)]
mod tests_of_red_counts;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counting::track::OnSlide;
    use crate::domain::class::{CellClass, Group, Kind};
    use crate::domain::flag::Flag;
    use crate::domain::prevalence_mode::PrevalenceMode;

    pub(super) fn found(id: u32, kind: Kind) -> CountedCell {
        CountedCell { id: CellId(id), kind, opinion: None, at: OnSlide::default(), red: None, picture: None }
    }

    pub(super) fn white(probabilities: &[(CellClass, f64)]) -> CountedCell {
        CountedCell { opinion: Some(Prediction::of(probabilities.to_vec(), 0.6)), ..found(0, Kind::Wbc) }
    }

    pub(super) fn named() -> CountedCell {
        white(&[(CellClass::Ngs, 1.0)])
    }

    fn unnamed() -> CountedCell {
        white(&[(CellClass::Ngs, 0.5), (CellClass::Ngb, 0.5)])
    }

    pub(super) fn session(target: u32) -> Session {
        let limits = SessionConfig { target, autostart: false, ..SessionConfig::default() };
        Session::new(limits, Flags::default(), PriorShift::off())
    }

    pub(super) fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn nothing_is_counted_before_start() {
        let mut session = session(2);
        assert!(!session.add(&[named(), named()], false));
        assert_eq!(session.snapshot(at(0)).kinds.wbc, 0);
    }

    #[test]
    fn the_target_ends_the_count_and_unnamed_cells_do_not_bring_it_nearer() {
        let mut session = session(2);
        session.begin(None, at(0));
        assert!(!session.add(&[named(), unnamed(), unnamed()], false));
        assert!(session.add(&[named(), named()], false));
        let result = session.snapshot(at(9));
        assert_eq!((result.phase, result.ending), (Phase::Done, Some(Ending::TargetReached)));
        assert_eq!((result.counted, result.kinds.wbc), (3, 5));
        assert!(!session.add(&[named()], false), "a result does not change any more");
        assert_eq!(session.snapshot(at(10)).counted, 3);
    }

    #[test]
    fn a_stopped_count_says_that_it_is_short() {
        let mut session = session(100);
        session.begin(None, at(0));
        session.add(&[named()], true);
        assert!(session.finish(Ending::Stopped));
        let flags = session.snapshot(at(1)).flags;
        assert!(flags.contains(&Flag::FewCells) && flags.contains(&Flag::PossibleOverlap));
    }

    #[test]
    fn the_next_sample_begins_from_zero_under_its_own_name() {
        let mut session = session(100);
        session.begin(None, at(0));
        session.add(&[named()], false);
        assert!(session.finish(Ending::Stopped));
        assert_eq!(session.snapshot(at(1)).counted, 1);
        session.begin(Some("B7".into()), at(1));
        let next = session.snapshot(at(1));
        assert_eq!((next.sample.as_str(), next.counted), ("B7", 0));
    }

    #[test]
    fn a_count_by_precision_goes_on_until_the_share_is_known_or_the_most_is_counted() {
        let limits = SessionConfig {
            target: 100,
            precision_of: Some(Group::Blasts),
            precision_points: 2.0,
            at_most: 400,
            ..SessionConfig::default()
        };
        let mut session = Session::new(limits, Flags::default(), PriorShift::off());
        session.begin(None, at(0));
        assert!(!session.add(&vec![named(); 100], false), "none of 100 may still be 3 %");
        assert_eq!(session.snapshot(at(1)).target, 400);
        // 1 - 0.015^(1/n) <= 0.02 from n = 208 on.
        assert!(!session.add(&vec![named(); 107], false));
        assert!(session.add(&[named()], false));
        let result = session.snapshot(at(2));
        let precision = result.statistics.precision.unwrap();
        assert!(precision.reached && precision.figure.width() <= 2.0);
        assert_eq!((result.target, result.ending), (100, Some(Ending::TargetReached)));
        assert!(!result.flags.contains(&Flag::FewCells));

        session.begin(None, at(4));
        let blast = white(&[(CellClass::Myo, 1.0)]);
        let mut mixed = vec![named(); 360];
        mixed.extend(vec![blast; 40]);
        assert!(session.add(&mixed, false), "10 % blasts are never known to 2 points with 400 cells");
        let result = session.snapshot(at(5));
        assert!(!result.statistics.precision.unwrap().reached);
        assert!(result.flags.contains(&Flag::FewCells));
    }

    #[test]
    fn a_cell_seen_better_changes_its_name_and_one_that_was_none_goes() {
        let of = |id: u32, class| CountedCell { id: CellId(id), ..white(&[(class, 1.0)]) };
        let mut session = session(100);
        session.begin(None, at(0));
        let red = found(9, Kind::Rbc);
        session.add(&[of(1, CellClass::Ngs), red, of(2, CellClass::Lyt), of(3, CellClass::Mon)], false);
        let better = Prediction::of(vec![(CellClass::Eos, 1.0)], 0.6);
        session.revise(&[
            Revision::Withdrawn { id: CellId(1), kind: Kind::Wbc },
            Revision::Named { id: CellId(3), opinion: better.clone(), picture: None },
            Revision::Withdrawn { id: CellId(9), kind: Kind::Rbc },
            Revision::Named { id: CellId(77), opinion: better.clone(), picture: None },
        ]);
        let now = session.snapshot(at(1));
        assert_eq!(now.classes_uncorrected, [(CellClass::Lyt, 1), (CellClass::Eos, 1)].into());
        assert_eq!(
            now.classes.iter().map(|line| (line.class, line.count)).collect::<std::collections::BTreeMap<_, _>>(),
            now.classes_uncorrected
        );
        assert_eq!((now.kinds.wbc, now.kinds.rbc, now.counted), (2, 0, 2));
        session.finish(Ending::Stopped);
        session.revise(&[Revision::Named { id: CellId(2), opinion: better, picture: None }]);
        assert_eq!(session.snapshot(at(3)).classes_uncorrected[&CellClass::Lyt], 1, "a result does not change");
    }

    #[test]
    fn doubtful_cells_are_named_once_the_sample_shows_what_it_is_made_of() {
        let classes = [CellClass::Ngs, CellClass::Myb];
        let correction = PriorShift::new(Some(PrevalenceMode::Sample), &classes, Some(&[0.5, 0.5]), 0.6);
        let limits = SessionConfig { target: 1000, autostart: false, ..SessionConfig::default() };
        let mut session = Session::new(limits, Flags::default(), correction);
        session.begin(None, at(0));
        let doubtful = white(&[(CellClass::Myb, 0.55), (CellClass::Ngs, 0.45)]);
        session.add(&vec![white(&[(CellClass::Ngs, 0.98), (CellClass::Myb, 0.02)]); 60], false);
        session.add(&vec![doubtful; 3], false);
        session.finish(Ending::Stopped);
        let result = session.snapshot(at(1));
        assert_eq!(
            result.classes.iter().map(|line| (line.class, line.count)).collect::<Vec<_>>(),
            [(CellClass::Ngs, 63)]
        );
        assert_eq!(result.classes_uncorrected, [(CellClass::Ngs, 60), (CellClass::Unk, 3)].into());
        let prevalence = result.prevalence.unwrap();
        assert_eq!((prevalence.form, prevalence.cells), (PrevalenceMode::Sample, 63));
        assert!(prevalence.percent[&CellClass::Ngs] > 95.0);
        assert_eq!((result.kinds.wbc, result.counted), (63, 63));
    }
}
