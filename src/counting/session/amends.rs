//! What an amendment replaces. Data only.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The signed version of a result that this one, an amendment, replaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Amends {
    /// Version of this result, from 2.
    pub version: u32,
    /// Session of the version that it replaces.
    pub session: i64,
    /// Number of that version's result.
    pub result: u64,
    /// Who signed that version.
    pub by: String,
    /// When that version was signed.
    pub at: Timestamp,
    /// Why it is amended, on one line; never empty.
    pub reason: String,
    /// Who began the amendment.
    pub amended_by: String,
    /// When it was begun.
    pub since: Timestamp,
    /// Number of the first version's result, by which hosts know the order.
    pub first: u64,
    /// Sample id of that version, where this one corrects it; else null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<String>,
}
