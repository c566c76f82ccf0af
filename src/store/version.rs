//! The version that amends a result, as lists and results show it. Data only.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The version that amends a signed result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AmendedBy {
    /// Its session.
    pub session: i64,
    /// Number of its result.
    pub result: u64,
    /// Its version, from 2.
    pub version: u32,
    /// Who began the amendment.
    pub by: String,
    /// When it was begun.
    pub since: Timestamp,
    /// Why.
    pub reason: String,
    /// Who signed it; null while it is being made.
    pub signed_by: Option<String>,
    /// When it was signed.
    pub signed_at: Option<Timestamp>,
}
