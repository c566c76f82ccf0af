//! Other weights on request while the program runs: between two samples, so that one result has one profile.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use jiff::Timestamp;
use serde_json::json;

use super::Counting;
use crate::counting::session::snapshot::Phase;
use crate::station::adapt::{NotSwitched, Weights};
use crate::station::drops::{Dropped, Drops};
use crate::station::requests::Requests;
use crate::vision::Vision;

/// A request to name cells with other weights from now on.
#[derive(Debug)]
pub struct WeightsRequest {
    pub weights: Weights,
    /// Who asked, by the name for the audit trail.
    pub by: String,
    /// Receives the outcome.
    pub answer: Sender<Result<(), NotSwitched>>,
}

impl WeightsRequest {
    /// Both ends of a queue of one request.
    #[must_use]
    pub fn requests(drops: Drops) -> (Requests<Self>, Receiver<Self>) {
        Requests::within(1, Dropped::WeightsRequest, drops)
    }
}

impl Counting {
    /// Puts the weights in force and sends the answer.
    pub(super) fn switch(&mut self, WeightsRequest { weights, by, answer }: WeightsRequest) {
        let done = self.switched(weights, &by);
        if let Err(problem) = &done {
            log::warn!("the weights stay as they were: {problem}");
        }
        // The requester may be gone; the weights hold all the same.
        let _ = answer.send(done);
        self.publish();
    }

    fn switched(&mut self, Weights { vision, confusion, choice }: Weights, by: &str) -> Result<(), NotSwitched> {
        if self.session.phase() == Phase::Counting || self.next.is_some() {
            return Err(NotSwitched::Counting);
        }
        let after = vision.profile().cloned();
        // Noted before anything changes: nothing may come into force that the audit trail lacks.
        if let Some(store) = &self.connections.store {
            let detail = json!({"profile": [self.vision.profile(), &after]});
            store.note(by, Timestamp::now(), "profile", None, &detail)?;
        }
        // Kept before it holds: the next start must not name cells in another way than this one.
        choice.keep(&self.connections.calibrator.state)?;
        self.look_with(Arc::new(self.vision.naming_as(&vision)));
        self.session.correct_by(confusion);
        match &after {
            Some(profile) => log::info!("cells are named with the profile {profile}"),
            None => log::info!("cells are named with the weights as shipped"),
        }
        self.connections.in_force.name_by(after);
        self.take_what_is_in_force();
        Ok(())
    }

    /// Looks at the next frames with this, the page too. What was learned of light and scale stays.
    fn look_with(&mut self, vision: Arc<Vision>) {
        self.counter.look_with(Arc::clone(&vision));
        self.connections.in_force.look_with(Arc::clone(&vision));
        self.vision = vision;
    }
}
