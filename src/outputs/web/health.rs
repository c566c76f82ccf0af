//! Whether the station may be trusted today.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;

use super::app::{App, SharedApp, blocking};
use super::error::ApiError;
use crate::station::health::Health;

/// Whether this station may be trusted today, in findings: camera, light, focus, scale, quality control, networks, profile, backup, store,
/// receivers, clock, board, troubles now and of the last week, version.
#[utoipa::path(get, path = "/api/health", tag = "monitoring", responses((status = 200, body = Health)))]
pub(super) async fn health(State(app): State<SharedApp>) -> Result<Json<Health>, ApiError> {
    // It looks at the disk.
    blocking(&app, |app: &App| Ok::<_, ApiError>(Json(Health::of(&app.monitor, Timestamp::now())))).await
}
