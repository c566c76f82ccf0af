//! What is said of critical values: who was told, by whom, and whether they read it back. Data only.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::critical::{CriticalOf, CriticalValue};

/// Whether somebody was told of a result's critical values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Alarm {
    /// Nobody has said so yet.
    Open,
    /// A person has said who was told, or why nobody is.
    Acknowledged,
}

/// What a person says of the critical values of a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// Who was told, such as the ward and the name of who took the call; empty if nobody was.
    #[serde(default)]
    pub told: String,
    /// Who told them; left out: whoever says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_by: Option<String>,
    /// When they were told; left out: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_at: Option<Timestamp>,
    /// Whether they read the value back.
    #[serde(default)]
    pub read_back: bool,
    /// A note; where nobody was told, why.
    #[serde(default)]
    pub note: String,
}

/// What a person said of the critical values of a result, as the audit trail holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Acknowledgement {
    /// Name of the user.
    pub by: String,
    /// When it was said.
    pub at: Timestamp,
    /// The critical values it speaks of.
    pub critical: Vec<CriticalOf>,
    /// Who was told; empty if nobody was.
    pub told: String,
    /// Who told them, and when.
    pub told_by: String,
    pub told_at: Timestamp,
    /// Whether they read the value back.
    pub read_back: bool,
    /// A note; where nobody was told, why.
    pub note: String,
    /// The session of the earlier version that it was said of, where this one takes it over; else null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_session: Option<i64>,
}

/// A result whose critical values nobody was told of yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OpenAlarm {
    /// Number of its session.
    pub session: i64,
    /// Sample id.
    pub sample: String,
    /// When its count ended.
    pub at: Timestamp,
    /// The critical values that it meets.
    pub critical: Vec<CriticalValue>,
}
