//! What the counting thread is connected to.

use std::sync::Arc;

use crossbeam_channel::Receiver;

use super::{CalibrationRequest, Calibrator, WeightsRequest};
use crate::camera::supervise::CameraWatch;
use crate::counting::session::snapshot::Snapshot;
use crate::domain::frame::Frame;
use crate::station::in_force::InForce;
use crate::station::live_view::Live;
use crate::station::recorder::Recorder;
use crate::station::requests::{Asked, Running};
use crate::station::service::watchdog::Pulse;
use crate::station::tallies::Tallies;
use crate::station::trouble::Troubles;
use crate::store::Store;
use crate::system::latest::Latest;
use crate::system::stop::Stop;

/// Connections of the counting thread.
#[derive(Debug)]
pub struct PipelinePorts {
    /// Frames from the camera.
    pub frames: Latest<Frame>,
    /// Camera state and its counts of skipped and damaged frames.
    pub camera: CameraWatch,
    /// Whether frames come from a recording, which waits until each is read.
    pub recording: bool,
    /// Commands from people and serial hosts.
    pub commands: Receiver<Asked>,
    /// Tells the senders of commands whether a sample runs.
    pub running: Running,
    /// One slot per sink for the newest snapshot.
    pub sinks: Vec<Latest<Arc<Snapshot>>>,
    /// Stores cells, and results before any sink shows them.
    pub recorder: Recorder,
    /// Where earlier results of a sample are looked up.
    pub store: Option<Store>,
    /// Limits, settings and calibration: read once per loop, changed by a calibration.
    pub in_force: InForce,
    /// The page's live view.
    pub live: Live,
    /// Current problems, part by part.
    pub troubles: Troubles,
    /// Counts what this thread does, for monitoring.
    pub tallies: Tallies,
    /// Tells the watchdog that this thread makes progress.
    pub pulse: Pulse,
    /// Stop signal for the thread.
    pub stop: Stop,
    /// Whether frames that are not good enough are left out.
    pub gate: bool,
    /// Whole fields kept a sample, at most.
    pub fields: u32,
    /// What is calibrated, and where the calibration is stored.
    pub calibrator: Calibrator,
    /// Requests for a calibration.
    pub calibration_requests: Receiver<CalibrationRequest>,
    /// Requests to name cells with other weights.
    pub weights_requests: Receiver<WeightsRequest>,
}
