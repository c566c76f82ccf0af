//! One sample from start to result: what was counted, and when it is enough. No clock and no threads of its own.

mod cells;
pub mod results;
pub mod snapshot;

use jiff::Timestamp;

use crate::config::{Flags, SessionConfig};
use crate::counter::{CountedCell, Revision};
use crate::prevalence::Correction;
use crate::session::cells::Cells;
use crate::session::snapshot::{Command, Ending, Flag, FrameCounts, Phase, Snapshot};

/// What a command changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing: what was asked for is already so.
    None,
    /// A count began, from zero.
    Begun,
    /// The count ended; its result stands.
    Ended,
    /// The count ended, and the next begins once its result is safe.
    EndedThenNext,
}

/// One sample.
#[derive(Debug)]
pub struct Session {
    limits: SessionConfig,
    flags: Flags,
    sample: String,
    next_sample: Option<String>,
    phase: Phase,
    ending: Option<Ending>,
    started: Option<Timestamp>,
    cells: Cells,
    jumped: bool,
}

impl Session {
    /// A station that waits for its first sample, whose white cells are named as `correction` says.
    #[must_use]
    pub fn new(limits: SessionConfig, flags: Flags, correction: Correction) -> Self {
        Self {
            limits,
            flags,
            sample: String::new(),
            next_sample: None,
            phase: Phase::Waiting,
            ending: None,
            started: None,
            cells: Cells::new(correction),
            jumped: false,
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Takes new limits and flags; a running count goes on under them.
    pub fn set(&mut self, limits: SessionConfig, flags: Flags) {
        self.limits = limits;
        self.flags = flags;
    }

    /// Does what a person or a host asked for.
    pub fn command(&mut self, command: Command, now: Timestamp) -> Change {
        match (command, self.phase) {
            (Command::Start, Phase::Counting) | (Command::Stop, Phase::Waiting | Phase::Done) => Change::None,
            (Command::Start, _) => {
                let id = self.next_sample.take();
                self.begin(id, now);
                Change::Begun
            }
            (Command::Stop, Phase::Counting) => {
                self.end(Ending::Stopped);
                Change::Ended
            }
            (Command::NewSample(id), Phase::Counting) => {
                self.next_sample = id;
                self.end(Ending::Stopped);
                Change::EndedThenNext
            }
            (Command::NewSample(id), _) => {
                self.begin(id, now);
                Change::Begun
            }
        }
    }

    /// Changes what was counted as later frames showed it; to be done before the same frame's new cells are counted. A
    /// result does not change any more.
    pub fn revise(&mut self, revisions: &[Revision]) {
        if self.phase == Phase::Counting {
            self.cells.revise(revisions);
        }
    }

    /// Counts cells; true when that reached the target. Cells of a session that does not count are ignored.
    pub fn add(&mut self, cells: &[CountedCell], jumped: bool) -> bool {
        if self.phase != Phase::Counting {
            return false;
        }
        self.jumped |= jumped;
        // A field is counted whole even where it passes the target: stopping inside one would prefer the cells that
        // are found first.
        self.cells.add(cells);
        if self.cells.tally().differential() < self.limits.target {
            return false;
        }
        // A result goes by its last composition; that must not take it below the target it was ended at.
        self.cells.settle();
        if self.cells.tally().differential() < self.limits.target {
            return false;
        }
        self.end(Ending::TargetReached);
        true
    }

    /// Ends a running count; true when there was one.
    pub fn finish(&mut self, ending: Ending) -> bool {
        let running = self.phase == Phase::Counting;
        if running {
            self.end(ending);
        }
        running
    }

    fn begin(&mut self, id: Option<String>, now: Timestamp) {
        self.sample = id.unwrap_or_else(|| now.strftime("%Y%m%d-%H%M%S").to_string());
        self.phase = Phase::Counting;
        self.ending = None;
        self.started = Some(now);
        self.cells = self.cells.emptied();
        self.jumped = false;
    }

    fn end(&mut self, ending: Ending) {
        self.cells.settle();
        self.phase = Phase::Done;
        self.ending = Some(ending);
    }

    /// Its state for the world outside; frames, trouble, speed, scale and experimental classes are known elsewhere and filled in there.
    #[must_use]
    pub fn snapshot(&self, now: Timestamp) -> Snapshot {
        let tally = self.cells.tally();
        let counted = tally.differential();
        let mut flags = tally.flags(&self.flags);
        if self.phase == Phase::Done && counted < self.limits.target {
            flags.push(Flag::FewCells);
        }
        if self.jumped {
            flags.push(Flag::PossibleOverlap);
        }
        Snapshot {
            sample: self.sample.clone(),
            phase: self.phase,
            ending: self.ending,
            trouble: None,
            time: now,
            started: self.started,
            target: self.limits.target,
            counted,
            kinds: tally.kinds(),
            classes: tally.lines(),
            classes_uncorrected: self.cells.classes_uncorrected(),
            prevalence: Some(self.cells.prevalence().report()),
            blasts_kept: self.cells.blasts_kept(),
            experimental: Vec::new(),
            flags,
            frames: FrameCounts::default(),
            frame_rate: None,
            um_per_px: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::{CellClass, Kind};
    use crate::classify::Opinion;
    use crate::prevalence::Form;
    use crate::track::CellId;

    fn white(probabilities: &[(CellClass, f64)]) -> CountedCell {
        CountedCell { id: CellId::default(), kind: Kind::Wbc, opinion: Some(Opinion::of(probabilities.to_vec(), 0.6)) }
    }

    fn named() -> CountedCell {
        white(&[(CellClass::Ngs, 1.0)])
    }

    fn unnamed() -> CountedCell {
        white(&[(CellClass::Ngs, 0.5), (CellClass::Ngb, 0.5)])
    }

    fn session(target: u32) -> Session {
        Session::new(SessionConfig { target, autostart: false }, Flags::default(), Correction::off())
    }

    fn at(second: i64) -> Timestamp {
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
        assert_eq!(session.command(Command::Start, at(0)), Change::Begun);
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
        session.command(Command::Start, at(0));
        session.add(&[named()], true);
        assert_eq!(session.command(Command::Stop, at(1)), Change::Ended);
        let flags = session.snapshot(at(1)).flags;
        assert!(flags.contains(&Flag::FewCells) && flags.contains(&Flag::PossibleOverlap));
    }

    #[test]
    fn a_new_sample_ends_the_one_before_and_takes_its_name() {
        let mut session = session(100);
        session.command(Command::Start, at(0));
        session.add(&[named()], false);
        assert_eq!(session.command(Command::NewSample(Some("B7".into())), at(1)), Change::EndedThenNext);
        assert_eq!(session.snapshot(at(1)).counted, 1);
        assert_eq!(session.command(Command::Start, at(1)), Change::Begun);
        let next = session.snapshot(at(1));
        assert_eq!((next.sample.as_str(), next.counted), ("B7", 0));
    }

    #[test]
    fn commands_that_change_nothing_do_no_harm() {
        let mut session = session(100);
        assert_eq!(session.command(Command::Stop, at(0)), Change::None);
        session.command(Command::Start, at(0));
        session.add(&[named()], false);
        assert_eq!(session.command(Command::Start, at(1)), Change::None);
        assert_eq!(session.snapshot(at(1)).counted, 1);
    }

    #[test]
    fn a_cell_seen_better_changes_its_name_and_one_that_was_none_goes() {
        let of = |id: u32, class| CountedCell { id: CellId(id), ..white(&[(class, 1.0)]) };
        let mut session = session(100);
        session.command(Command::Start, at(0));
        let red = CountedCell { id: CellId(9), kind: Kind::Rbc, opinion: None };
        session.add(&[of(1, CellClass::Ngs), red, of(2, CellClass::Lyt), of(3, CellClass::Mon)], false);
        let better = Opinion::of(vec![(CellClass::Eos, 1.0)], 0.6);
        session.revise(&[
            Revision::Withdrawn { id: CellId(1), kind: Kind::Wbc },
            Revision::Named { id: CellId(3), opinion: better.clone() },
            Revision::Withdrawn { id: CellId(9), kind: Kind::Rbc },
            Revision::Named { id: CellId(77), opinion: better.clone() },
        ]);
        let now = session.snapshot(at(1));
        assert_eq!(now.classes_uncorrected, [(CellClass::Lyt, 1), (CellClass::Eos, 1)].into());
        assert_eq!(
            now.classes.iter().map(|line| (line.class, line.count)).collect::<std::collections::BTreeMap<_, _>>(),
            now.classes_uncorrected
        );
        assert_eq!((now.kinds.wbc, now.kinds.rbc, now.counted), (2, 0, 2));
        session.command(Command::Stop, at(2));
        session.revise(&[Revision::Named { id: CellId(2), opinion: better }]);
        assert_eq!(session.snapshot(at(3)).classes_uncorrected[&CellClass::Lyt], 1, "a result does not change");
    }

    #[test]
    fn doubtful_cells_are_named_once_the_sample_shows_what_it_is_made_of() {
        let classes = [CellClass::Ngs, CellClass::Myb];
        let correction = Correction::new(Some(Form::Sample), &classes, Some(&[0.5, 0.5]), 0.6);
        let limits = SessionConfig { target: 1000, autostart: false };
        let mut session = Session::new(limits, Flags::default(), correction);
        session.command(Command::Start, at(0));
        let doubtful = white(&[(CellClass::Myb, 0.55), (CellClass::Ngs, 0.45)]);
        session.add(&vec![white(&[(CellClass::Ngs, 0.98), (CellClass::Myb, 0.02)]); 60], false);
        session.add(&vec![doubtful; 3], false);
        session.command(Command::Stop, at(1));
        let result = session.snapshot(at(1));
        assert_eq!(
            result.classes.iter().map(|line| (line.class, line.count)).collect::<Vec<_>>(),
            [(CellClass::Ngs, 63)]
        );
        assert_eq!(result.classes_uncorrected, [(CellClass::Ngs, 60), (CellClass::Unk, 3)].into());
        let prevalence = result.prevalence.unwrap();
        assert_eq!((prevalence.form, prevalence.cells), (Form::Sample, 63));
        assert!(prevalence.percent[&CellClass::Ngs] > 95.0);
        assert_eq!((result.kinds.wbc, result.counted), (63, 63));
    }
}
