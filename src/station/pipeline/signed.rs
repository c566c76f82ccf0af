//! The signed result of the session that is shown: once there is one, nothing of the program's own figures is published any
//! more.

use super::Counting;
use crate::counting::session::snapshot::{Phase, Snapshot};
use crate::store::records::SessionId;

/// What was found in the store.
#[derive(Debug, Default)]
pub(super) struct Signed {
    /// Number of the last signature that was looked for.
    looked: i64,
    /// The session it was looked for, and its signed result, if any.
    found: Option<(SessionId, Option<Box<Snapshot>>)>,
}

impl Counting {
    /// Whether somebody signed a result since this was looked up.
    pub(super) fn was_signed(&self) -> bool {
        self.session.phase() == Phase::Done
            && self.connections.store.as_ref().is_some_and(|store| store.last_signed() != self.signed.looked)
    }

    /// The state with the figures of the signed result, if the session shown has one: what is wrong, the picture and the time
    /// are those of now.
    pub(super) fn as_signed(&mut self, state: Snapshot) -> Snapshot {
        let Some(session) = self.connections.recorder.session().filter(|_| state.phase == Phase::Done) else {
            return state;
        };
        self.look_for_signature(session);
        match &self.signed.found {
            Some((_, Some(signed))) => Snapshot {
                trouble: state.trouble,
                time: state.time,
                frame_rate: state.frame_rate,
                stages: state.stages,
                quality: state.quality,
                ..Snapshot::clone(signed)
            },
            _ => state,
        }
    }

    fn look_for_signature(&mut self, session: SessionId) {
        let Some(store) = &self.connections.store else { return };
        let newest = store.last_signed();
        if newest == self.signed.looked && self.signed.found.as_ref().is_some_and(|(of, _)| *of == session) {
            return;
        }
        match store.result_of(session) {
            Ok(result) => {
                let signed = result.filter(|result| result.signature.is_some()).map(|result| Box::new(result.snapshot));
                self.signed = Signed { looked: newest, found: Some((session, signed)) };
            }
            // What was found before still holds; the next state looks again.
            Err(problem) => log::error!("whether session {session} is signed cannot be read: {problem}"),
        }
    }
}
