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
use crate::station::import::{self, Table};
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
    /// Sample id, 1 to 64 characters that show and print, by the rules of `[sample]`.
    sample: String,
    /// Whether it comes before the others.
    #[serde(default)]
    urgent: bool,
}

/// A table of samples.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportBody {
    /// One id a line; or a header row that names the columns `sample`, and if there are any `order` and `urgent`. Columns
    /// are apart by commas, semicolons or tabs.
    text: String,
    /// Take the good lines. Without it they are only read and checked.
    #[serde(default)]
    take: bool,
}

/// A table as read.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ImportAnswer {
    #[serde(flatten)]
    table: Table,
    /// How many samples are new on the worklist; null where none was to be taken.
    new: Option<usize>,
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

/// Read a table of samples: first to see which lines are good, then again with `take` to put those on the worklist.
#[utoipa::path(post, path = "/api/worklist/import", tag = "worklist", request_body = ImportBody, responses(
    (status = 200, body = ImportAnswer),
    (status = 400, description = "It is no table of samples", body = ErrorBody),
))]
pub(super) async fn import(
    State(app): State<SharedApp>,
    caller: Caller,
    Body(ImportBody { text, take }): Body<ImportBody>,
) -> Result<Json<ImportAnswer>, ApiError> {
    blocking(&app, move |app: &App| {
        let rules = app.in_force.now().settings.sample.clone();
        let mut table = import::read(&text, &rules).map_err(|problem| ApiError::request(problem.to_string()))?;
        let new = if take { Some(import::take(&app.store, &caller.by(), &mut table)?) } else { None };
        Ok::<_, ApiError>(Json(ImportAnswer { table, new }))
    })
    .await
}
