//! Worklist: samples ordered by a laboratory system or a person, and not counted yet.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::app::{App, SharedApp, blocking};
use super::error::{ApiError, Body, ErrorBody, Path};
use super::guard::Caller;
use crate::station::worklist::{NotOrdered, Worklist};
use crate::store::records::WorklistEntry;

/// Samples to count.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WorklistAnswer {
    /// Urgent ones first, then as they were ordered.
    samples: Vec<WorklistEntry>,
}

/// A sample to be counted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OrderBody {
    /// Sample id, 1 to 64 characters that show and print, in the form of `[session] sample_pattern`.
    sample: String,
    /// Whether it comes before the others.
    #[serde(default)]
    urgent: bool,
}

impl App {
    fn worklist(&self) -> Worklist {
        Worklist::new(self.store.clone(), self.in_force.clone())
    }
}

impl From<NotOrdered> for ApiError {
    fn from(problem: NotOrdered) -> Self {
        match problem {
            NotOrdered::Sample(_) | NotOrdered::Number => Self::request(problem.to_string()),
            NotOrdered::Store(problem) => problem.into(),
        }
    }
}

/// Samples to count.
#[utoipa::path(get, path = "/api/worklist", tag = "worklist", responses((status = 200, body = WorklistAnswer)))]
pub(super) async fn worklist(State(app): State<SharedApp>) -> Result<Json<WorklistAnswer>, ApiError> {
    let samples = blocking(&app, |app: &App| app.worklist().open()).await?;
    Ok(Json(WorklistAnswer { samples }))
}

/// Put a sample on the worklist. One that is there already stays one.
#[utoipa::path(post, path = "/api/worklist", tag = "worklist", request_body = OrderBody, responses(
    (status = 204, description = "It is on the list"),
    (status = 409, description = "The list is full", body = ErrorBody),
))]
pub(super) async fn order(
    State(app): State<SharedApp>,
    caller: Caller,
    Body(OrderBody { sample, urgent }): Body<OrderBody>,
) -> Result<StatusCode, ApiError> {
    blocking(&app, move |app: &App| app.worklist().order(&caller.by(), &sample, None, urgent)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take a sample off the worklist.
#[utoipa::path(delete, path = "/api/worklist/{number}", tag = "worklist", params(("number" = i64, Path)), responses(
    (status = 204, description = "It is off the list"),
    (status = 404, description = "It is not on the list", body = ErrorBody),
))]
pub(super) async fn cancel(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(number): Path<i64>,
) -> Result<StatusCode, ApiError> {
    let done = blocking(&app, move |app: &App| app.store.cancel_entry(number, &caller.by(), Timestamp::now())).await?;
    if done { Ok(StatusCode::NO_CONTENT) } else { Err(ApiError::not_found("it is not on the worklist any more")) }
}
