//! Counts that the power cut off: go on with one, or close it with the cells it has.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::app::{App, SharedApp, blocking};
use super::error::{ApiError, Code, ErrorBody, Path};
use super::guard::Caller;
use crate::counting::session::snapshot::Command;
use crate::station::interrupted::{self, NotTakenUp};
use crate::station::requests::Asked;
use crate::store::InterruptedSession;
use crate::store::records::{SessionDetail, SessionId};

/// Counts that broke off.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InterruptedAnswer {
    /// Newest first, 20 at most.
    sessions: Vec<Interrupted>,
}

/// A count that broke off, and whether it can go on.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Interrupted {
    #[serde(flatten)]
    session: InterruptedSession,
    /// Why it cannot go on but only be closed, as a sentence; null if it can.
    closed_only: Option<String>,
}

impl From<NotTakenUp> for ApiError {
    fn from(problem: NotTakenUp) -> Self {
        match problem {
            NotTakenUp::NoSession(_) => Self::not_found(problem.to_string()),
            NotTakenUp::NotInterrupted(_)
            | NotTakenUp::Control(_)
            | NotTakenUp::OtherNetworks(_)
            | NotTakenUp::OtherCamera(..) => Self::new(StatusCode::CONFLICT, Code::Request, problem.to_string()),
            NotTakenUp::Store(problem) => problem.into(),
        }
    }
}

/// Counts that broke off and have neither gone on nor been closed.
#[utoipa::path(get, path = "/api/interrupted", tag = "interrupted", responses((status = 200, body = InterruptedAnswer)))]
pub(super) async fn list(State(app): State<SharedApp>) -> Result<Json<InterruptedAnswer>, ApiError> {
    let sessions = blocking(&app, |app: &App| {
        let now = app.in_force.now();
        let found = app.store.interrupted()?.into_iter();
        let told = found.map(|session| {
            let closed_only = match interrupted::goes_on(&app.store, session.id, &now.settings) {
                Ok(_) => None,
                Err(NotTakenUp::Store(problem)) => return Err(problem),
                Err(problem) => Some(problem.to_string()),
            };
            Ok(Interrupted { session, closed_only })
        });
        told.collect::<Result<Vec<_>, _>>()
    });
    Ok(Json(InterruptedAnswer { sessions: sessions.await? }))
}

/// Go on with an interrupted count, at a place of the slide that was not counted yet. The result says that it was
/// interrupted, and that cells may be counted twice. It takes effect within a moment; the state shows when it has.
#[utoipa::path(post, path = "/api/sessions/{id}/resume", tag = "interrupted", params(("id" = i64, Path)), responses(
    (status = 202, description = "Passed on to the count"),
    (status = 409, description = "It is no interrupted one, a count runs, or camera or networks are others now", body = ErrorBody),
))]
pub(super) async fn resume(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(id): Path<SessionId>,
) -> Result<StatusCode, ApiError> {
    blocking(&app, move |app: &App| interrupted::goes_on(&app.store, id, &app.in_force.now().settings)).await?;
    app.commands.ask(Asked::by(caller.by(), Command::GoOn(id)))?;
    Ok(StatusCode::ACCEPTED)
}

/// Close an interrupted count as partial: its result is that of the cells it has, to be reviewed and signed as any other.
#[utoipa::path(post, path = "/api/sessions/{id}/close", tag = "interrupted", params(("id" = i64, Path)), responses(
    (status = 200, body = SessionDetail),
    (status = 409, description = "It is no interrupted one", body = ErrorBody),
))]
pub(super) async fn close(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(id): Path<SessionId>,
) -> Result<Json<SessionDetail>, ApiError> {
    blocking(&app, move |app: &App| {
        let now = app.in_force.now();
        let how = (app.laboratory.prevalence(), &now.settings);
        let result = interrupted::close(&app.store, id, &caller.by(), app.in_force.vision().as_deref(), how)?;
        app.monitor.tallies.result(&result);
        let closed = app.store.session(id)?;
        closed.map(Json).ok_or_else(|| ApiError::not_found("there is no such session"))
    })
    .await
}
