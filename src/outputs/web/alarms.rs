//! Alarms: results that meet a critical value, and who was told of them.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::app::{App, SharedApp, blocking};
use super::error::{ApiError, Body, ErrorBody, Path};
use super::guard::{Caller, How};
use crate::store::records::SessionId;
use crate::store::told::{Acknowledgement, OpenAlarm, Told};

/// Open alarms.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Alarms {
    /// Oldest first, at most 100.
    alarms: Vec<OpenAlarm>,
}

/// Results that meet a critical value of which nobody was told yet.
#[utoipa::path(get, path = "/api/alarms", tag = "alarms", responses((status = 200, body = Alarms)))]
pub(super) async fn open(State(app): State<SharedApp>) -> Result<Json<Alarms>, ApiError> {
    let alarms = blocking(&app, |app: &App| app.store.open_alarms()).await?;
    Ok(Json(Alarms { alarms }))
}

/// Write down who was told of the critical values of a result, and that they read them back; or why nobody is told. The
/// audit trail keeps it. Only a person who is logged in does this.
#[utoipa::path(post, path = "/api/sessions/{id}/acknowledge", tag = "alarms", params(("id" = i64, Path)),
    request_body = Told,
    responses((status = 200, body = Acknowledgement), (status = 409, description = "It meets no critical value, or what \
        is said lacks something: the sentence says what", body = ErrorBody)),
)]
pub(super) async fn acknowledge(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(id): Path<SessionId>,
    Body(told): Body<Told>,
) -> Result<Json<Acknowledgement>, ApiError> {
    if !matches!(caller.how, How::Login(_)) {
        return Err(ApiError::may_not("only a person says who was told; log in with name and password"));
    }
    blocking(&app, move |app: &App| app.store.acknowledge(id, &caller.name, Timestamp::now(), &told).map(Json)).await
}
