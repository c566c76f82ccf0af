//! For monitoring: figures, and whether the station is alive and ready. The latter two need no login and name no file
//! and no sample.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::app::{App, SharedApp, blocking};
use super::error::ApiError;
use crate::outputs::metrics;
use crate::station::monitor::Reason;

/// How the station is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Condition {
    /// Whether it is alive, or ready.
    ok: bool,
    /// Why not; empty if it is.
    reasons: Vec<ReasonMessage>,
}

/// Why the station is not alive or not ready.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reason)]
pub(super) struct ReasonMessage {
    /// The part concerned.
    part: &'static str,
    /// Sentence for a person.
    words: String,
}

fn condition(reasons: Vec<Reason>) -> (StatusCode, Json<Condition>) {
    let ok = reasons.is_empty();
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let reasons = reasons.into_iter().map(|Reason { part, words }| ReasonMessage { part, words }).collect();
    (status, Json(Condition { ok, reasons }))
}

/// Figures of the station in Prometheus' text format 0.0.4, as in the file of `[metrics] file`. The secret in `[metrics]
/// token` opens this and nothing else.
#[utoipa::path(get, path = "/metrics", tag = "monitoring", responses(
    (status = 200, description = "docs/monitoring.md lists every figure", body = String, content_type = "text/plain"),
))]
pub(super) async fn figures(State(app): State<SharedApp>) -> Result<Response, ApiError> {
    // It looks at the disk.
    let text =
        blocking(&app, |app: &App| metrics::render(&app.monitor).map_err(|problem| ApiError::internal(&problem)));
    Ok(([(CONTENT_TYPE, metrics::MEDIA_TYPE)], text.await?).into_response())
}

/// Whether the program lives: every part that must make progress does.
#[utoipa::path(get, path = "/healthz", tag = "monitoring", responses(
    (status = 200, body = Condition),
    (status = 503, description = "A part is stuck; reasons say which", body = Condition),
))]
pub(super) async fn alive(State(app): State<SharedApp>) -> (StatusCode, Json<Condition>) {
    condition(app.monitor.alive().err().into_iter().collect())
}

/// Whether samples can be counted and their results delivered: camera, models, store and outputs are in order.
#[utoipa::path(get, path = "/readyz", tag = "monitoring", responses(
    (status = 200, body = Condition),
    (status = 503, description = "Not now; reasons say why", body = Condition),
))]
pub(super) async fn ready(State(app): State<SharedApp>) -> (StatusCode, Json<Condition>) {
    condition(app.monitor.not_ready())
}
