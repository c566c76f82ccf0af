//! Counts that the power cut off: what is kept of one, and going on with it.

use jiff::Timestamp;

use super::Session;
use super::snapshot::{Ending, Interruption};
use crate::counting::counter::CountedCell;
use crate::counting::statistics::absolute::Entered;

/// What is kept of a count that broke off.
#[derive(Clone, Debug)]
pub struct BrokenOffCount {
    pub sample: String,
    pub started: Timestamp,
    pub cells: Vec<CountedCell>,
    /// The last one is the one it is to go on after, or to be closed at.
    pub interruptions: Vec<Interruption>,
    /// What was entered for this sample: what, by whom, when.
    pub entered: Vec<(Entered, String, Timestamp)>,
}

/// What became of a count that the power cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenOff {
    /// It was closed with the cells it had.
    pub partial: bool,
    /// It went on.
    pub resumed: bool,
}

impl BrokenOff {
    /// By the interruptions of a count and how it ended.
    #[must_use]
    pub fn of(interruptions: &[Interruption], ending: Option<Ending>) -> Self {
        let partial = ending == Some(Ending::PowerCut);
        // One that was closed did not go on after its last interruption.
        Self { partial, resumed: interruptions.len() > usize::from(partial) }
    }
}

impl Session {
    /// Goes on with a count that broke off, from the cells that were kept. Which of them are seen again is not known:
    /// the result says so by its interruptions.
    pub fn go_on(&mut self, kept: BrokenOffCount) {
        let BrokenOffCount { sample, started, cells, interruptions, entered } = kept;
        // A red count given for the first sample of this start was not given for one of an earlier start.
        self.first_red_count = None;
        self.begin(Some(sample), started);
        self.cells.add(&cells);
        self.interruptions = interruptions;
        for (told, by, at) in &entered {
            self.enter(told, by, *at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, found, named, session};
    use super::*;
    use crate::counting::statistics::per_red_cell::RedCount;
    use crate::domain::flag::Flag;

    fn kept(cells: usize, interruptions: usize) -> BrokenOffCount {
        BrokenOffCount {
            sample: "A-17".into(),
            started: at(0),
            cells: vec![named(); cells],
            interruptions: vec![Interruption { at: at(5), cells: Some(2) }; interruptions],
            entered: Vec::new(),
        }
    }

    #[test]
    fn only_a_running_count_can_be_ended() {
        let mut session = session(100);
        assert!(!session.finish(Ending::Stopped));
        session.begin(None, at(0));
        session.add(&[named()], false);
        assert!(session.finish(Ending::Stopped));
        assert!(!session.finish(Ending::Shutdown));
        let result = session.snapshot(at(1));
        assert_eq!((result.counted, result.ending), (1, Some(Ending::Stopped)));
    }

    #[test]
    fn a_count_goes_on_with_the_cells_it_had_and_says_so() {
        let mut session = session(5);
        session.go_on(kept(3, 1));
        let running = session.snapshot(at(9));
        assert_eq!((running.sample.as_str(), running.counted, running.started), ("A-17", 3, Some(at(0))));
        assert!(session.add(&[named(), named()], false), "the target counts all of them");
        let result = session.snapshot(at(10));
        assert_eq!((result.counted, result.ending), (5, Some(Ending::TargetReached)));
        assert_eq!(result.flags, [Flag::Resumed]);
        assert_eq!(result.interruptions.len(), 1);
        session.begin(Some("B".into()), at(11));
        assert_eq!(session.snapshot(at(12)).interruptions, [], "the next sample was not interrupted");
    }

    #[test]
    fn a_count_that_is_closed_is_partial_and_went_on_only_if_it_did() {
        for (interruptions, went_on) in [(1, false), (2, true)] {
            let mut session = session(100);
            session.go_on(kept(3, interruptions));
            assert!(session.finish(Ending::PowerCut));
            let flags = session.snapshot(at(9)).flags;
            assert!(flags.contains(&Flag::Partial) && flags.contains(&Flag::FewCells));
            assert_eq!(flags.contains(&Flag::Resumed), went_on);
        }
    }

    #[test]
    fn a_red_count_stays_with_the_sample_it_was_entered_for() {
        let red = |count| RedCount::new(count);
        let reds = || vec![found(0, crate::domain::class::Kind::Rbc); 2000];
        let per = |session: &Session| session.snapshot(at(1)).statistics.per_red_cell.and_then(|per| per.red_count);
        // Given on the command line for the first sample of this start, which the resumed one is not.
        let mut session = session(100).with_first_red_count(red(4.0));
        let entered = vec![(Entered::Red(red(5.0).unwrap()), "otto".to_owned(), at(1))];
        session.go_on(BrokenOffCount { entered, ..kept(3, 1) });
        session.add(&reds(), false);
        assert_eq!(per(&session), Some(5.0));
        session.finish(Ending::Stopped);
        session.begin(Some("B".into()), at(2));
        session.add(&reds(), false);
        assert_eq!(per(&session), None);
    }
}
