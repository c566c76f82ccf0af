//! What reviewers do: give cells another class, take that back, sign.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::account::check_password;
use super::app::{App, Shared, blocking};
use super::error::{ApiError, Body, Path};
use super::guard::{Caller, How};
use crate::class::CellClass;
use crate::store::records::{CellNumber, SessionDetail, SessionId, Signature};

/// The class that a person gives a cell.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Given {
    /// Code of the class; null goes back to the program's.
    #[serde(deserialize_with = "said")]
    #[schema(value_type = Option<String>, required)]
    class: Option<CellClass>,
}

/// A body without the field is no body that says null.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<CellClass>, D::Error> {
    Option::deserialize(deserializer)
}

/// A change that was taken back.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Undone {
    /// The cell that it was of; null where there was none to take back.
    #[schema(value_type = Option<i64>)]
    cell: Option<CellNumber>,
}

/// A signature: an act, for which the password is asked again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Signing {
    password: String,
    /// At most 2000 characters.
    #[serde(default)]
    comment: String,
}

/// Give a white cell another class. The program's answer is kept beside it.
#[utoipa::path(put, path = "/api/sessions/{id}/cells/{n}", tag = "review",
    params(("id" = i64, Path), ("n" = i64, Path)), request_body = Given,
    responses((status = 200, body = SessionDetail), (status = 409, description = "It is signed, or no white cell",
        body = super::error::ErrorBody)),
)]
pub(super) async fn reclassify(
    State(app): State<Shared>,
    caller: Caller,
    Path((id, number)): Path<(SessionId, CellNumber)>,
    Body(Given { class }): Body<Given>,
) -> Result<Json<SessionDetail>, ApiError> {
    blocking(&app, move |app: &App| {
        if app.store.cell(id, number)?.is_none() {
            return Err(ApiError::not_found("there is no such cell"));
        }
        app.store.reclassify(id, number, class, &caller.by(), Timestamp::now())?;
        app.session(id).map(Json)
    })
    .await
}

/// Take back the latest class that one gave.
#[utoipa::path(post, path = "/api/sessions/{id}/undo", tag = "review", params(("id" = i64, Path)), responses(
    (status = 200, body = Undone),
))]
pub(super) async fn undo(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<SessionId>,
) -> Result<Json<Undone>, ApiError> {
    blocking(&app, move |app: &App| {
        app.session(id)?;
        let cell = app.store.undo(id, &caller.by(), Timestamp::now())?;
        Ok::<_, ApiError>(Json(Undone { cell }))
    })
    .await
}

/// Sign the result. It does not change any more.
#[utoipa::path(post, path = "/api/sessions/{id}/sign", tag = "review", params(("id" = i64, Path)),
    request_body = Signing,
    responses((status = 200, body = Signature), (status = 403, description = "The password is wrong, or a token asks",
        body = super::error::ErrorBody), (status = 409, description = "It has no result, or is signed already",
        body = super::error::ErrorBody)),
)]
pub(super) async fn sign(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<SessionId>,
    Body(Signing { password, comment }): Body<Signing>,
) -> Result<Json<Signature>, ApiError> {
    if !matches!(caller.how, How::Login(_)) {
        return Err(ApiError::forbidden("only a person signs; log in with name and password"));
    }
    let checked = check_password(&app, &caller.name, password, caller.address).await;
    checked.map_err(|error| match error.status() {
        // The login itself still holds.
        StatusCode::UNAUTHORIZED => ApiError::forbidden("the password is wrong"),
        _ => error,
    })?;
    blocking(&app, move |app: &App| {
        app.session(id)?;
        let signature = app.store.sign(id, &caller.name, Timestamp::now(), comment.trim())?;
        Ok::<_, ApiError>(Json(signature))
    })
    .await
}

impl App {
    /// A session that somebody works on.
    fn session(&self, id: SessionId) -> Result<SessionDetail, ApiError> {
        self.store.session(id)?.ok_or_else(|| ApiError::not_found("there is no such session"))
    }
}
