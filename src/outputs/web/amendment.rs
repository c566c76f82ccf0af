//! Amendments of signed results: begin one, withdraw one. The rest of it is a review like any other.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::app::{App, SharedApp, blocking};
use super::error::{ApiError, Body, Path};
use super::guard::Caller;
use crate::store::records::SessionId;

/// An amendment that somebody begins.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Amending {
    /// Why, at most 500 characters; printed on the corrected report. Line breaks become blanks.
    reason: String,
}

/// Two results that somebody looks at side by side.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Comparing {
    /// Session of the other result.
    #[schema(value_type = i64)]
    with: SessionId,
    /// Why, at most 500 characters.
    reason: String,
}

/// Where to go on.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Version {
    /// Session of the version.
    #[schema(value_type = i64)]
    session: SessionId,
}

/// Begin an amendment of a signed result: a new version, with its cells and the classes that people gave them, to be
/// reviewed and signed. Until it is signed the version before stays in force; that one never changes.
#[utoipa::path(post, path = "/api/sessions/{id}/amend", tag = "review", params(("id" = i64, Path)), request_body = Amending,
    responses((status = 200, body = Version, description = "The session of the new version"), (status = 409, description = "It \
        is not signed, is amended already, has lost its cells to retention, or no reason is given",
        body = super::error::ErrorBody)),
)]
pub(super) async fn amend(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(id): Path<SessionId>,
    Body(Amending { reason }): Body<Amending>,
) -> Result<Json<Version>, ApiError> {
    blocking(&app, move |app: &App| {
        app.store.amend(id, &reason, &caller.by(), Timestamp::now()).map(|session| Json(Version { session }))
    })
    .await
}

/// Note in the audit trail that a result is looked at beside an earlier one, and why: what was found before biases a review.
#[utoipa::path(post, path = "/api/sessions/{id}/compare", tag = "review", params(("id" = i64, Path)), request_body = Comparing,
    responses((status = 204), (status = 409, description = "No reason is given", body = super::error::ErrorBody)),
)]
pub(super) async fn compare(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(id): Path<SessionId>,
    Body(Comparing { with, reason }): Body<Comparing>,
) -> Result<StatusCode, ApiError> {
    blocking(&app, move |app: &App| app.store.note_comparison([id, with], &caller.by(), Timestamp::now(), &reason))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Withdraw an amendment that is not signed, with all that was changed in it. The answer names the version that stays in
/// force.
#[utoipa::path(post, path = "/api/sessions/{id}/withdraw", tag = "review", params(("id" = i64, Path)), responses(
    (status = 200, body = Version, description = "The session of the version in force"), (status = 409, description = "It is no \
        amendment, or signed", body = super::error::ErrorBody),
))]
pub(super) async fn withdraw(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(id): Path<SessionId>,
) -> Result<Json<Version>, ApiError> {
    blocking(&app, move |app: &App| {
        app.store.withdraw_amendment(id, &caller.by(), Timestamp::now()).map(|session| Json(Version { session }))
    })
    .await
}
