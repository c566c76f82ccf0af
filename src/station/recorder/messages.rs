//! What the counting thread tells the recorder's thread.

use crossbeam_channel::Sender;
use jiff::Timestamp;
use serde_json::Value;

use super::running::{RunningSession, SeenCell, SeenField};
use crate::counting::session::snapshot::Snapshot;
use crate::counting::track::CellId;
use crate::store::StoreError;
use crate::store::records::{SessionId, Settings};
use crate::vision::prediction::Prediction;

/// Messages from the counting thread.
pub(super) enum RecorderMessage {
    /// A new session, or one that goes on.
    Begin(Box<RunningSession>),
    Cell(SeenCell),
    Withdrawn(CellId),
    Field(SeenField),
    Note(Box<Noted>),
    Finish(Box<Finish>),
}

/// A line for the audit trail.
pub(super) struct Noted {
    pub(super) by: String,
    pub(super) at: Timestamp,
    pub(super) action: &'static str,
    pub(super) detail: Value,
    /// The session that ran; none while it is not in the store yet.
    pub(super) session: Option<SessionId>,
}

pub(super) struct Finish {
    pub(super) named: Vec<(CellId, Prediction)>,
    pub(super) result: Snapshot,
    pub(super) settings: Settings,
    pub(super) stopped_by: Option<String>,
    pub(super) answer: Sender<Result<u64, StoreError>>,
}
