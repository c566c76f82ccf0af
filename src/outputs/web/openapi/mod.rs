//! `OpenAPI` 3.1 description of the API.

#[cfg(test)]
mod description;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

#[cfg(test)]
pub(super) use description::{describe, frame};

/// What the handlers declare, written by a test of [`description`].
const DOCUMENT: &str = include_str!("openapi.json");

/// This description.
#[utoipa::path(get, path = "/api/openapi.json", tag = "account", responses(
    (status = 200, description = "OpenAPI 3.1", body = Object),
))]
pub(super) async fn document() -> Response {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT).into_response()
}
