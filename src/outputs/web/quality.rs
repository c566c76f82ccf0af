//! Quality control: how it stands, its runs, its lots, and why signing was opened without it.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::app::{App, SharedApp, blocking, blocking_in};
use super::error::{ApiError, Body, Code, ErrorBody, Path, QueryParameters};
use super::guard::Caller;
use crate::counting::quality_control::{ControlKind, ControlLot, ControlOf, ControlRun, NewLot, Override};
use crate::counting::session::snapshot::{Command, Phase};
use crate::outputs::report::control_runs;
use crate::station::control::{MOST_RUNS, NotControlled, Standing};
use crate::station::requests::Asked;
use crate::system::stop::Stop;

/// Which runs are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichRuns {
    /// Number of a lot; every lot without it.
    lot: Option<i64>,
}

/// Runs as judged.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Runs {
    /// In the order they were entered, the newest 500.
    runs: Vec<ControlRun>,
    /// Every lot, those out of use too.
    lots: Vec<ControlLot>,
}

/// A lot that was defined.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LotDefined {
    /// Its number.
    lot: i64,
}

/// Why signing is opened.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reason {
    /// 5 to 500 characters; it stands on every report that is signed on it.
    reason: String,
}

impl From<NotControlled> for ApiError {
    fn from(problem: NotControlled) -> Self {
        let words = problem.to_string();
        match problem {
            NotControlled::Store(problem) => problem.into(),
            NotControlled::NoLot(_) => Self::not_found(words),
            NotControlled::NoNetworks | NotControlled::Busy => Self::busy(words),
            NotControlled::Expired(..)
            | NotControlled::Slide(_)
            | NotControlled::FewRuns { .. }
            | NotControlled::Reference(_) => Self::wrong(StatusCode::CONFLICT, words),
        }
    }
}

/// How quality control stands: whether it passed, what is due, and whether results may be signed.
#[utoipa::path(get, path = "/api/quality", tag = "quality control", responses((status = 200, body = Standing)))]
pub(super) async fn standing(State(app): State<SharedApp>) -> Result<Json<Standing>, ApiError> {
    blocking(&app, |app: &App| app.controls.standing(Timestamp::now()).map(Json)).await
}

/// The runs, for charts. All are kept, also those that failed and were repeated.
#[utoipa::path(get, path = "/api/quality/runs", tag = "quality control", params(WhichRuns), responses(
    (status = 200, body = Runs),
))]
pub(super) async fn runs(
    State(app): State<SharedApp>,
    QueryParameters(WhichRuns { lot }): QueryParameters<WhichRuns>,
) -> Result<Json<Runs>, ApiError> {
    blocking(&app, move |app: &App| {
        app.controls.settle(Timestamp::now())?;
        let (runs, lots) = (app.store.control_runs(lot, MOST_RUNS)?, app.store.control_lots()?);
        Ok::<_, ApiError>(Json(Runs { runs, lots }))
    })
    .await
}

/// The same for spreadsheets, a line for each point.
#[utoipa::path(get, path = "/api/quality/runs.csv", tag = "quality control", params(WhichRuns), responses(
    (status = 200, content_type = "text/csv", body = String),
))]
pub(super) async fn runs_csv(
    State(app): State<SharedApp>,
    QueryParameters(WhichRuns { lot }): QueryParameters<WhichRuns>,
) -> Result<Response, ApiError> {
    let text = blocking(&app, move |app: &App| {
        let runs = app.store.control_runs(lot, u32::MAX)?;
        control_runs(&runs).map_err(|problem| ApiError::internal(&problem))
    })
    .await?;
    let head = [
        (CONTENT_TYPE, "text/csv; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"quality-control.csv\""),
    ];
    Ok((head, text).into_response())
}

/// Define a lot of a control. For stored cells without targets, the share of each label that is named right now is taken; that
/// takes a while.
#[utoipa::path(post, path = "/api/quality/lots", tag = "quality control", request_body = NewLot, responses(
    (status = 201, body = LotDefined),
    (status = 409, description = "It is wrong, in use already, or the reference cells cannot be read", body = ErrorBody),
))]
pub(super) async fn define(
    State(app): State<SharedApp>,
    caller: Caller,
    Body(lot): Body<NewLot>,
) -> Result<(StatusCode, Json<LotDefined>), ApiError> {
    let measured = lot.kind == ControlKind::Cells && lot.targets.is_empty();
    // Networks work for long, so one at a time.
    let turn = app.adaptation_permit()?;
    blocking_in(&app, turn, move |app: &App| {
        let targets = if measured {
            let vision = app.in_force.vision().ok_or(NotControlled::NoNetworks)?;
            app.controls.cell_targets(&vision, &Stop::new())?
        } else {
            BTreeMap::new()
        };
        let lot = if measured { NewLot { targets, ..lot } } else { lot };
        lot.check().map_err(|problem| ApiError::request(problem.to_string()))?;
        let lot = app.store.add_control_lot(&lot, &caller.by(), Timestamp::now())?;
        Ok::<_, ApiError>((StatusCode::CREATED, Json(LotDefined { lot })))
    })
    .await
}

/// Learn mean and SD of a slide from its valid runs, at least 20.
#[utoipa::path(post, path = "/api/quality/lots/{id}/learn", tag = "quality control", params(("id" = i64, Path)), responses(
    (status = 200, body = ControlLot),
    (status = 409, description = "Too few runs, or it has its limits", body = ErrorBody),
))]
pub(super) async fn learn(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<ControlLot>, ApiError> {
    blocking(&app, move |app: &App| app.controls.learn(id, &caller.by(), Timestamp::now()).map(Json)).await
}

/// Take a lot out of use. Its runs stay.
#[utoipa::path(delete, path = "/api/quality/lots/{id}", tag = "quality control", params(("id" = i64, Path)), responses(
    (status = 204, description = "It is out of use"),
    (status = 404, description = "It was not in use", body = ErrorBody),
))]
pub(super) async fn retire(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<StatusCode, ApiError> {
    let retire = move |app: &App| app.store.retire_control_lot(id, &caller.by(), Timestamp::now());
    if blocking(&app, retire).await? { Ok(StatusCode::NO_CONTENT) } else { Err(NotControlled::NoLot(id).into()) }
}

/// Begin a control run: a slide is counted, with stop as for a sample; stored cells are checked. The run shows once it is
/// done.
#[utoipa::path(post, path = "/api/quality/lots/{id}/run", tag = "quality control", params(("id" = i64, Path)), responses(
    (status = 202, description = "It begins"),
    (status = 409, description = "A sample is being counted, or the lot has expired", body = ErrorBody),
))]
pub(super) async fn run(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<StatusCode, ApiError> {
    blocking(&app, move |app: &App| {
        let now = Timestamp::now();
        let lot = app.controls.usable(id, now)?;
        if lot.lot.kind == ControlKind::Cells {
            app.controls.ask_cells(id, &caller.by(), now)?;
            return Ok(StatusCode::ACCEPTED);
        }
        let counting = app.live.state().snapshot.is_some_and(|snapshot| snapshot.phase == Phase::Counting);
        if counting {
            let words = "a sample is being counted; end it first, then count the control";
            return Err(ApiError::new(StatusCode::CONFLICT, Code::Counting, words));
        }
        let of = ControlOf { id, lot: lot.lot.name, level: lot.lot.level };
        app.commands.ask(Asked::by(caller.by(), Command::Control(of)))?;
        Ok(StatusCode::ACCEPTED)
    })
    .await
}

/// Open signing although the control has not passed, with a reason that stands on every report signed on it. It holds until the
/// next run, at most until the control is due again.
#[utoipa::path(post, path = "/api/quality/override", tag = "quality control", request_body = Reason, responses(
    (status = 201, body = Override),
    (status = 409, description = "The control passed, or the reason is none", body = ErrorBody),
))]
pub(super) async fn open(
    State(app): State<SharedApp>,
    caller: Caller,
    Body(Reason { reason }): Body<Reason>,
) -> Result<(StatusCode, Json<Override>), ApiError> {
    blocking(&app, move |app: &App| {
        let now = Timestamp::now();
        if app.controls.standing(now)?.state == crate::counting::quality_control::ControlState::Passed {
            return Err(ApiError::wrong(StatusCode::CONFLICT, "the control passed; nothing needs a reason"));
        }
        let opened = app.store.override_control(&reason, &caller.by(), now)?;
        Ok((StatusCode::CREATED, Json(opened)))
    })
    .await
}
