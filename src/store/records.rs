//! What is kept: the words that store, page and report share. Data only.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::config::{Flags, SessionConfig};
use crate::counting::session::snapshot::Snapshot;
use crate::domain::class::{CellClass, Kind};
use crate::domain::flag::Flag;

/// Number of a session in its store, from 1, never given twice.
pub type SessionId = i64;

/// Number of a cell in its session.
pub type CellNumber = i64;

/// What holds for a session from its first cell on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionStart {
    /// Sample id; nothing else is known of whose blood it is.
    pub sample: String,
    /// Name of the station that counts.
    pub station: String,
    /// When the count began.
    pub started: Timestamp,
    /// What was in force.
    pub settings: Settings,
}

/// Settings, models and calibration under which a session was counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Settings {
    /// Version of this program.
    pub version: String,
    /// Where the frames came from, as in the configuration.
    pub camera: String,
    /// Limits of the count.
    pub session: SessionConfig,
    /// Limits of the flags.
    pub flags: Flags,
    /// SHA-256 of the classifier's and the detector's file, hexadecimal.
    pub models: BTreeMap<String, String>,
    /// Camera, objective and time of the calibration in force, in words.
    pub calibration: Option<String>,
    /// True micrometres a pixel of the pictures that are kept of white cells.
    #[serde(default)]
    pub um_per_px: Option<f64>,
    /// Probability under which a cell was called unknown.
    #[serde(default)]
    pub unknown_below: Option<f64>,
}

/// A cell that was counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CellRecord {
    /// Its number in the session.
    #[schema(value_type = i64)]
    pub number: CellNumber,
    /// What detection took it for.
    pub kind: Kind,
    /// The connected part of the slide that it lies on, from 0; places on two patches cannot be compared.
    pub patch: u32,
    /// Left edge of its box on the patch, camera px.
    pub x: f64,
    /// Top edge of its box on the patch, camera px.
    pub y: f64,
    /// Width of its box, camera px.
    pub w: f64,
    /// Height of its box, camera px.
    pub h: f64,
    /// What the program counts it as; of white cells only.
    pub class: Option<CellClass>,
    /// Probability of `class`, 0..=1.
    pub probability: Option<f64>,
    /// The network's own probabilities of every class, most probable first.
    pub ranked: Vec<(CellClass, f64)>,
    /// What a person called it, if one did.
    pub by_person: Option<Reclassified>,
    /// Whether a picture of it is kept.
    pub has_crop: bool,
}

impl CellRecord {
    /// The class that holds: the person's, else the program's.
    #[must_use]
    pub fn class_in_force(&self) -> Option<CellClass> {
        self.by_person.as_ref().map(|change| change.class).or(self.class)
    }
}

/// A person's answer about a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reclassified {
    /// The class.
    pub class: CellClass,
    /// Name of the user.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// What happens to the cells of a running session, in this order.
#[derive(Clone, Debug)]
pub enum CellChange {
    /// A cell counts, or is seen better: this is known of it now. The picture is a JPEG; none leaves the one there was.
    Put {
        /// The cell.
        cell: CellRecord,
        /// Its picture.
        crop: Option<Vec<u8>>,
    },
    /// It does not count any more.
    Withdrawn(CellNumber),
}

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It is being counted.
    Counting,
    /// The power failed or the program ended before it had a result; its cells so far are kept.
    Interrupted,
    /// It has a result that nobody signed.
    Preliminary,
    /// Its result was signed.
    Final,
}

/// A session in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SessionSummary {
    /// Its number.
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
    /// Where it stands.
    pub status: Status,
    /// Cells of the differential, persons' answers included.
    pub counted: u32,
    /// What a person must look at.
    pub flags: Vec<Flag>,
    /// Who signed.
    pub signed_by: Option<String>,
}

/// All that is kept of a session, without its cells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SessionDetail {
    /// As in a list.
    #[serde(flatten)]
    pub summary: SessionSummary,
    /// What was in force; not known of results of versions before there was a store.
    pub settings: Option<Settings>,
    /// The result as it was counted.
    pub counted_result: Option<Snapshot>,
    /// The result with persons' answers in place of the program's; the signed one once it is signed.
    pub reviewed_result: Option<Snapshot>,
    /// SHA-256 of `reviewed_result` as it is served, hexadecimal: whoever signs says by it what was looked at.
    pub fingerprint: Option<String>,
    /// White cells that a person gave another class than the program.
    pub reclassified: u32,
    /// The signature.
    pub signature: Option<Signature>,
}

/// A signature under a result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Signature {
    /// Name of the user.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What the reviewer wrote; may be empty.
    pub comment: String,
    /// SHA-256 of the signed result, hexadecimal.
    pub sha256: String,
}

/// What to list.
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
    /// Standing so.
    #[param(inline)]
    pub status: Option<Status>,
    /// How many to leave out, newest first.
    pub offset: u32,
    /// How many to give, 1..=500; 50 for 0.
    pub limit: u32,
}

/// What a user may do. Each may also do what the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Count samples and look at results.
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
    /// What the user may do.
    pub role: Role,
    /// Whether the user may log in.
    pub enabled: bool,
}

/// One line of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Its number, from 1 without a gap.
    pub number: i64,
    /// When.
    pub at: Timestamp,
    /// Name of the user, `device` for the program itself, `console` for the command line.
    pub by: String,
    /// What was done.
    pub action: String,
    /// To which session.
    #[schema(value_type = Option<i64>)]
    pub session: Option<SessionId>,
    /// More of it, as JSON.
    pub detail: serde_json::Value,
    /// SHA-256 over the hash before it and all the above, hexadecimal.
    pub hash: String,
}
