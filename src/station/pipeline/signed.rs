//! The signed result of the session that is shown: once there is one, nothing of the program's own figures is published any
//! more.

use super::Counting;
use crate::counting::session::snapshot::{Phase, Snapshot};
use crate::store::Store;
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
        self.session.phase() == Phase::Done && self.newest_signature() != self.signed.looked
    }

    fn newest_signature(&self) -> i64 {
        self.connections.store.as_ref().map_or(0, Store::last_signed)
    }

    /// The state with the figures of the signed result, if the session shown has one: what is wrong, the picture and the time
    /// are those of now.
    pub(super) fn as_signed(&mut self, state: Snapshot) -> Snapshot {
        if state.phase != Phase::Done {
            return state;
        }
        match self.connections.recorder.session() {
            Some(session) => self.look_for_signature(session),
            None => self.signed = Signed { looked: self.newest_signature(), found: None },
        }
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
        let known = self.signed.found.as_ref().is_some_and(|(of, _)| *of == session);
        if known && newest == self.signed.looked {
            return;
        }
        self.signed.looked = newest;
        match store.result_of(session) {
            Ok(result) => {
                let signed = result.filter(|result| result.signature.is_some()).map(|result| Box::new(result.snapshot));
                self.signed.found = Some((session, signed));
            }
            Err(problem) => {
                log::error!("whether session {session} is signed cannot be read: {problem}");
                // A signed result still holds; else the next state looks again.
                self.signed.found = self.signed.found.take().filter(|(of, signed)| *of == session && signed.is_some());
            }
        }
    }
}
