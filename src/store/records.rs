//! Records shared by store, page and report. Data only.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

pub use super::cell_record::{CellRecord, Reclassified, RedReclassified, RedRecord};
pub use super::fields::{FieldCell, FieldRecord, ShownField};
pub use super::version::AmendedBy;
use crate::config::{CameraSource, CriticalConfig, Flags, RedCellsConfig, SampleConfig, SessionConfig};
use crate::counting::delta::Delta;
use crate::counting::session::snapshot::{CameraCheck, LookedAt, Snapshot};
use crate::domain::flag::Flag;
use crate::domain::source::{Mark, Source};
use crate::store::told::{Acknowledgement, Alarm};
use crate::vision::optics::calibration::Setup;
use crate::vision::profile::ProfileMark;

/// Number of a session in its store, from 1, never reused.
pub type SessionId = i64;

/// Number of a cell in its session.
pub type CellNumber = i64;

/// What is known of a session from its start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionStart {
    /// Sample id; the only link to the person it comes from.
    pub sample: String,
    /// Name of the counting station.
    pub station: String,
    /// When the count began.
    pub started: Timestamp,
    /// Settings in force.
    pub settings: Settings,
    /// Who began it, by the name for the audit trail.
    pub by: String,
    /// Number of the lot that the count is a control of; none for a sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<i64>,
}

/// Settings, models and calibration in force for a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Settings {
    /// Version of this program.
    pub version: String,
    /// Camera, as configured.
    pub camera: String,
    /// Where its pictures come from; missing in sessions of versions that did not store it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Whether the station is for training.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub training: bool,
    /// Camera and objective that its cells are checked under; unknown for sessions of versions that did not store it.
    #[serde(default)]
    pub taken_with: Option<Setup>,
    /// Limits of the count.
    #[serde(deserialize_with = "limits_of_any_version")]
    pub session: SessionConfig,
    /// Rules of the sample ids; the default for sessions of versions that did not store them.
    #[serde(default)]
    pub sample: SampleConfig,
    /// Limits of the flags.
    pub flags: Flags,
    /// Limits of red cells; the default for sessions of versions that did not grade them.
    #[serde(default)]
    pub red_cells: RedCellsConfig,
    /// Critical values.
    #[serde(default)]
    pub critical: CriticalConfig,
    /// SHA-256 of the classifier and detector files and of the values of their card, hexadecimal.
    pub models: BTreeMap<String, String>,
    /// Camera, objective and time of the calibration in force, in words.
    pub calibration: Option<String>,
    /// True micrometres per pixel of stored white cell crops.
    #[serde(default)]
    pub um_per_px: Option<f64>,
    /// Probability below which a cell was UNK.
    #[serde(default)]
    pub unknown_below: Option<f64>,
    /// Profile of the laboratory that named the cells, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileMark>,
}

/// Reads the limits of a session, also of a version that had the pattern of the ids among them.
fn limits_of_any_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SessionConfig, D::Error> {
    let mut limits = serde_json::Map::deserialize(deserializer)?;
    limits.remove("sample_pattern");
    SessionConfig::deserialize(serde_json::Value::Object(limits)).map_err(D::Error::custom)
}

impl Settings {
    /// Where the pictures come from; of sessions that did not store it, by the camera as it was configured.
    #[must_use]
    pub fn source(&self) -> Option<Source> {
        self.source.or_else(|| self.camera.parse::<CameraSource>().ok().map(|camera| camera.kind()))
    }
}

/// A count that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Order {
    /// Sample id, checked as every sample id.
    pub sample: String,
    /// Who ordered it: a connection such as `astm`, or a person.
    pub host: String,
    /// The host's own number of the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    /// Whether it comes before the others.
    pub urgent: bool,
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderTaken {
    New,
    /// It was there already with another urgency, or cancelled.
    Changed,
    /// It was there already.
    Known,
}

/// A line of the worklist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorklistEntry {
    /// Number of the order in this store.
    pub number: i64,
    #[serde(flatten)]
    pub order: Order,
    /// When it came.
    pub at: Timestamp,
}

/// Changes to the cells of a running session, applied in order.
#[expect(clippy::large_enum_variant, reason = "nearly all of them are cells")]
#[derive(Clone, Debug)]
pub enum CellChange {
    /// A cell counts, or was seen better.
    Put {
        cell: CellRecord,
        /// JPEG; `None` leaves the one stored before.
        crop: Option<Vec<u8>>,
    },
    /// A cell does not count any more.
    Withdrawn(CellNumber),
    /// A whole field, as JPEG, is kept.
    Field { field: FieldRecord, jpeg: Vec<u8> },
}

/// Status of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It is being counted.
    Counting,
    /// The power failed or the program ended before there was a result; the cells so far are kept.
    Interrupted,
    /// It has an unsigned result.
    Preliminary,
    /// Its result is signed.
    Final,
}

/// A session in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SessionSummary {
    #[schema(value_type = i64)]
    pub id: SessionId,
    /// Number of its result, if it has one.
    pub result: Option<u64>,
    /// Sample id.
    pub sample: String,
    /// Name of the station.
    pub station: String,
    /// When the count began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    pub status: Status,
    /// Cells of the differential, as reviewed; those so far where there is no result.
    pub counted: u32,
    /// Flags that need a person's attention.
    pub flags: Vec<Flag>,
    /// Who signed.
    pub signed_by: Option<String>,
    /// Version of the result: 1 as counted, more for amendments.
    pub version: u32,
    /// The version that amends this one, if there is one. Once that is signed, this one is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amended_by: Option<AmendedBy>,
    /// Who signed first, while a second reviewer must sign, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaits_second: Option<String>,
    /// Number of the lot that it is a control of; missing for samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub control: Option<i64>,
    /// The words that everything shown of it carries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
    /// Whether it meets a critical value, and somebody was told.
    pub alarm: Option<Alarm>,
}

/// Everything stored about a session except its cells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SessionDetail {
    /// The same as in a list.
    #[serde(flatten)]
    pub summary: SessionSummary,
    /// Settings in force; unknown for results from versions without a store.
    pub settings: Option<Settings>,
    /// The result as counted.
    pub counted_result: Option<Snapshot>,
    /// The result with the review applied; the signed one once it is signed.
    pub reviewed_result: Option<Snapshot>,
    /// SHA-256 of `reviewed_result` as served, hexadecimal; a signature names it, so that nothing unseen is signed.
    pub fingerprint: Option<String>,
    /// White cells whose class from review differs from the program's.
    pub reclassified: u32,
    /// Red cells whose class from review differs from the program's; of cells that are kept.
    #[serde(default)]
    pub red_reclassified: u32,
    /// How many of the white cells a person looked at; when it was signed, once it is. Unknown for results of versions
    /// that did not count them.
    pub looked_at: Option<LookedAt>,
    /// Whether the camera of the result was checked; as it was when it was signed, once it is. Null if its camera is
    /// not known, as for results of versions that did not store it.
    pub camera_check: Option<CameraCheck>,
    pub signature: Option<Signature>,
    /// How far it differs from the latest signed result before of the same patient; null without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<Delta>,
    /// Whether flags of the result ask for the signatures of two persons, and it is not signed.
    #[serde(default)]
    pub needs_second: bool,
    /// What was said of its critical values, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acknowledged: Vec<Acknowledgement>,
    /// Identity of the store that gave the result its number: with it the number is unique for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
}

/// Signature of a result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Signature {
    /// Name of the user.
    pub by: String,
    /// When it was signed.
    pub at: Timestamp,
    /// The reviewer's comment; may be empty.
    pub comment: String,
    /// SHA-256 of the signed result, hexadecimal.
    pub sha256: String,
}

/// Filter for a list of sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct SessionQuery {
    /// Part of a sample id.
    pub sample: Option<String>,
    /// Begun at or after.
    pub from: Option<Timestamp>,
    /// Begun before.
    pub to: Option<Timestamp>,
    /// With this status.
    #[param(inline)]
    pub status: Option<Status>,
    /// Also versions that a signed amendment replaced.
    pub replaced: bool,
    /// Controls instead of samples.
    pub controls: bool,
    /// How many to skip, newest first.
    pub offset: u32,
    /// How many to return, 1..=500; 0 means 50.
    pub limit: u32,
}

/// Role of a user. Each role includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Count samples and view results.
    Operator,
    /// Reclassify cells, comment and sign.
    Reviewer,
    /// Users, tokens, settings, the audit trail.
    Admin,
}

/// A user, without the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// Name, 1 to 32 letters, digits, `.`, `-` or `_`.
    pub name: String,
    pub role: Role,
    /// Whether the user may log in.
    pub enabled: bool,
}

/// A line of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Its number, from 1 without gaps.
    pub number: i64,
    /// When it happened.
    pub at: Timestamp,
    /// Name of the user, `token:NAME` for a program, `device` for the program itself and a person at the device without
    /// a login, `device:button`, `device:key` and `device:serial` for what sent a command, `hl7` for a host that
    /// ordered, `console` for the command line.
    pub by: String,
    /// What was done.
    pub action: String,
    /// Session concerned, if any.
    #[schema(value_type = Option<i64>)]
    pub session: Option<SessionId>,
    /// Details, as JSON.
    pub detail: serde_json::Value,
    /// SHA-256 of the rows that the line speaks of, by kind, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<serde_json::Value>,
    /// SHA-256 over the previous hash and all the fields above, hexadecimal.
    pub hash: String,
}
