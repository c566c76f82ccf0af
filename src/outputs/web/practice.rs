//! Practice: cells whose class is known, to be named by a person. Apart from everything that is counted.

use std::io::Cursor;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use image::ImageFormat;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::app::{App, SharedApp, blocking, blocking_in};
use super::error::{ApiError, Body, Path};
use super::guard::{Caller, How};
use crate::counting::tally::share;
use crate::domain::class::CellClass;
use crate::domain::interval::Figure;
use crate::station::practice::{self, MOST, Outcome, Source};
use crate::store::PracticeScore;
use crate::store::records::Role;

/// Scores that are listed.
const LISTED: u32 = 50;

/// What can be practised on, and how it went.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Practice {
    sources: Vec<SourceMessage>,
    /// The caller's newest scores, an admin's view all of them; newest first.
    scores: Vec<Score>,
}

/// Cells to practise on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PracticeCells)]
struct SourceMessage {
    source: Source,
    /// How many there are; null if there is no end of them.
    cells: Option<usize>,
}

/// A score that was kept.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PracticeScore)]
struct Score {
    person: String,
    at: Timestamp,
    /// `drawn` or `exported`.
    source: String,
    right: u32,
    cells: u32,
    /// Percent right with the exact 95 % interval.
    percent: Figure,
}

impl From<PracticeScore> for Score {
    fn from(PracticeScore { person, at, source, classes }: PracticeScore) -> Self {
        let (right, cells) = classes.values().fold((0, 0), |(a, b), (right, cells)| (a + right, b + cells));
        Self { person, at, source, right, cells, percent: share(right, cells) }
    }
}

/// What can be practised on, and the scores of people who are logged in.
#[utoipa::path(get, path = "/api/practice", tag = "practice", responses((status = 200, body = Practice)))]
pub(super) async fn practice(State(app): State<SharedApp>, caller: Caller) -> Result<Json<Practice>, ApiError> {
    blocking(&app, move |app: &App| {
        let mut sources = vec![SourceMessage { source: Source::Drawn, cells: None }];
        if let Some(folder) = &app.configured.practice.cells {
            let found = practice::exported(folder).inspect_err(|problem| log::warn!("practice: {problem}"));
            let cells = found.map_or(0, |classes| classes.values().map(Vec::len).sum());
            sources.push(SourceMessage { source: Source::Exported, cells: Some(cells) });
        }
        let whose = (caller.role < Role::Admin).then_some(caller.name.as_str());
        let scores = app.store.scores(whose, LISTED)?.into_iter().map(Score::from).collect();
        Ok::<_, ApiError>(Json(Practice { sources, scores }))
    })
    .await
}

/// An exercise to begin.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewExercise {
    source: Source,
    /// Cells to name, 1 to 200; fewer are asked if there are no more.
    cells: u32,
}

/// An exercise that has begun.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Exercise {
    /// Its number.
    id: u64,
    source: Source,
    /// Cells to name, numbered from 0.
    cells: usize,
}

/// Begin an exercise. It is kept in memory for two hours; each class comes as often as the others as far as there are cells.
#[utoipa::path(post, path = "/api/practice", tag = "practice", request_body = NewExercise, responses(
    (status = 200, body = Exercise),
))]
pub(super) async fn begin(
    State(app): State<SharedApp>,
    caller: Caller,
    Body(NewExercise { source, cells }): Body<NewExercise>,
) -> Result<Json<Exercise>, ApiError> {
    if !(1..=MOST).contains(&cells) {
        return Err(ApiError::request(format!("an exercise has 1 to {MOST} cells")));
    }
    blocking(&app, move |app: &App| {
        let exported = match source {
            Source::Drawn => None,
            Source::Exported => Some(exported(app)?),
        };
        let chosen = practice::choose(exported, cells, &mut fastrand::Rng::new());
        let cells = chosen.len();
        let id = app.exercises().begin(caller.by(), source, chosen, Instant::now());
        Ok::<_, ApiError>(Json(Exercise { id, source, cells }))
    })
    .await
}

fn exported(app: &App) -> Result<std::collections::BTreeMap<CellClass, Vec<std::path::PathBuf>>, ApiError> {
    let none =
        "there are no exported cells: an admin names a folder that `leukoscope export` wrote in [practice] cells";
    let folder = app.configured.practice.cells.as_ref().ok_or_else(|| ApiError::request(none))?;
    let cells = practice::exported(folder).map_err(|problem| ApiError::request(problem.to_string()))?;
    if cells.is_empty() { Err(ApiError::request(none)) } else { Ok(cells) }
}

/// The picture of a cell of one's own exercise.
#[utoipa::path(get, path = "/api/practice/{id}/cells/{n}", tag = "practice",
    params(("id" = u64, Path, description = "Number of the exercise"), ("n" = usize, Path, description = "Number of the cell, from 0")),
    responses((status = 200, description = "PNG", body = Vec<u8>, content_type = "image/png")))]
pub(super) async fn cell(
    State(app): State<SharedApp>,
    caller: Caller,
    Path((id, number)): Path<(u64, usize)>,
) -> Result<Response, ApiError> {
    // Counting runs on the same board, so one picture at a time.
    let turn = app.picture_permit().await?;
    let work = move |app: &App| {
        let cell = app.exercises().cell(id, &caller.by(), number);
        let cell = cell.ok_or_else(|| ApiError::not_found("there is no such cell, or its exercise has ended"))?;
        let picture = cell.picture().map_err(|problem| ApiError::internal(&problem))?;
        let mut png = Cursor::new(Vec::new());
        picture.write_to(&mut png, ImageFormat::Png).map_err(|problem| ApiError::internal(&problem))?;
        Ok::<_, ApiError>(png.into_inner())
    };
    let png = blocking_in(&app, turn, work).await?;
    Ok(([(CONTENT_TYPE, "image/png")], png).into_response())
}

/// Names for all cells of an exercise.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Answers {
    /// One class for each cell, in their order.
    classes: Vec<CellClass>,
}

/// How an exercise ended.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Ended {
    #[serde(flatten)]
    outcome: Outcome,
    /// Whether the score was kept: only for a person who is logged in.
    kept: bool,
}

/// End one's own exercise with a class for every cell. A blast whose line is not told is right for every blast.
#[utoipa::path(post, path = "/api/practice/{id}", tag = "practice", request_body = Answers,
    params(("id" = u64, Path, description = "Number of the exercise")), responses((status = 200, body = Ended)))]
pub(super) async fn answer(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(id): Path<u64>,
    Body(Answers { classes }): Body<Answers>,
) -> Result<Json<Ended>, ApiError> {
    let ended = app.exercises().end(id, &caller.by(), &classes);
    let (source, outcome) = ended.ok_or_else(|| {
        ApiError::not_found("there is no such exercise, it has ended, or the answers are not as many as its cells")
    })?;
    let kept = matches!(caller.how, How::Login(_));
    if kept {
        let classes = outcome.classes.iter().map(|one| (one.class, (one.right, one.cells))).collect();
        let score =
            PracticeScore { person: caller.name, at: Timestamp::now(), source: source.word().to_owned(), classes };
        blocking(&app, move |app: &App| app.store.keep_score(&score)).await?;
    }
    Ok(Json(Ended { outcome, kept }))
}
