//! Going on with a count that the power cut off.

use jiff::Timestamp;

use super::Counting;
use crate::counting::session::snapshot::Phase;
use crate::station::interrupted::{self, NotTakenUp};
use crate::store::records::{SessionId, SessionStart};
use crate::store::{Kept, Reopened};
use crate::vision::quality::Gate;

impl Counting {
    /// Goes on with an interrupted session, unless a count runs or its result is not stored yet: the recorder holds one
    /// session at a time.
    pub(super) fn go_on(&mut self, session: SessionId, by: String) {
        if self.session.phase() == Phase::Counting || self.next.is_some() || self.unkept.is_some() {
            log::warn!("session {session} does not go on: another count is not done yet");
            return;
        }
        if let Err(problem) = self.take_up(session, by) {
            log::error!("session {session} does not go on: {problem}");
        }
    }

    fn take_up(&mut self, session: SessionId, by: String) -> Result<(), NotTakenUp> {
        let Some(store) = self.connections.store.clone() else { return Ok(()) };
        let now = self.settings();
        interrupted::goes_on(&store, session, &now)?;
        let kept = store.reopen(session, &by, Timestamp::now(), Reopened::Resume)?;
        let next_id = kept.cells.last().map_or(0, |cell| cell.number.saturating_add(1));
        let patches = kept.cells.iter().map(|cell| cell.patch + 1).max().unwrap_or(0);
        let (sample, started) = (kept.detail.summary.sample.clone(), kept.detail.summary.started);
        self.session.go_on(interrupted::broken_off(&kept));
        // Which parts of the slide were seen before is not known: the stage is followed anew, and no id is given twice.
        let gate = Gate::new(self.connections.gate);
        self.counter.go_on(gate, u32::try_from(next_id).unwrap_or(0), patches as usize);
        self.forget_the_last();
        let Kept { cells, entered, interruptions, .. } = kept;
        for (told, ..) in entered {
            self.note_entered(told);
        }
        self.look_up_earlier(&sample);
        self.look_up_check(now.taken_with.as_ref());
        let times = interruptions.len();
        log::info!("sample {sample}: session {session} goes on with {} cells after {times} interruptions", cells.len());
        let start = SessionStart { sample, station: self.station.clone(), started, settings: now, by, control: None };
        self.connections.recorder.go_on(session, start, &cells);
        Ok(())
    }
}
