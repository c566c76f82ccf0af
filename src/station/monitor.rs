//! What monitoring sees of the station: whether it lives, whether it is ready to count and to send, and where its
//! figures are kept. Reasons are fixed sentences: they are shown without a login, and what parts say of themselves may
//! name files.

use std::time::Instant;

use jiff::Timestamp;

use crate::camera::supervise::{CameraState, CameraWatch};
use crate::station::control::Controls;
use crate::station::drops::Drops;
use crate::station::in_force::InForce;
use crate::station::live_view::Live;
use crate::station::queues::Queues;
use crate::station::service::watchdog::{Watchdog, alive};
use crate::station::tallies::Tallies;
use crate::station::trouble::{Part, Troubles};
use crate::store::Store;
use crate::system::board::Board;

/// The places where a station's figures are kept; clones lead to the same station.
#[derive(Clone, Debug)]
pub struct Monitor {
    /// Name of the station.
    pub station: String,
    /// When the program started.
    pub began: Timestamp,
    /// Heartbeats of the parts that must make progress.
    pub watchdog: Watchdog,
    pub camera: CameraWatch,
    /// Settings, models and profile in force.
    pub in_force: InForce,
    /// Quality control.
    pub controls: Controls,
    /// The newest state of the count.
    pub live: Live,
    /// Current problems, part by part.
    pub troubles: Troubles,
    /// What was done since the program started.
    pub tallies: Tallies,
    /// What was given up since then.
    pub drops: Drops,
    /// What waits.
    pub queues: Queues,
    pub store: Store,
    pub board: Board,
}

/// Why the station is not alive or not ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The part concerned.
    pub part: &'static str,
    /// What is wrong, in a sentence.
    pub words: String,
}

impl Monitor {
    /// Whether the parts that must make progress do.
    ///
    /// # Errors
    /// With the part that is stuck, longest beyond its allowance.
    pub fn alive(&self) -> Result<(), Reason> {
        alive(Instant::now(), &self.watchdog.beats()).map_err(|part| Reason {
            part,
            words: format!("the {part} thread makes no progress; under systemd the program is started anew"),
        })
    }

    /// Why the station cannot count samples and deliver their results now; empty if it can.
    #[must_use]
    pub fn not_ready(&self) -> Vec<Reason> {
        let troubled = self.troubles.parts();
        let camera = match self.camera.state() {
            // Its trouble says so, too.
            _ if troubled.contains(&Part::Camera) => None,
            CameraState::Running(_) => None,
            CameraState::Opening => Some("the camera has given no frame yet"),
            CameraState::Lost(_) => Part::Camera.stops(),
            CameraState::Ended => Some("the camera has ended: its recording is over, or the program is ending"),
        };
        let models = self.in_force.vision().is_none().then_some("the networks do not run yet");
        let found = [("camera", camera), ("models", models)];
        let at_start = found.into_iter().filter_map(|(part, words)| Some((part, words?)));
        let troubles = troubled.iter().filter_map(|part| Some((part.name(), part.stops()?)));
        let reasons = at_start.chain(troubles).map(|(part, words)| Reason { part, words: words.to_owned() });
        self.alive().err().into_iter().chain(reasons).collect()
    }
}
