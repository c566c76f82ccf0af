//! Adapting to the laboratory from the page: what was looked at, what to look at next, learning, and which profile names
//! cells.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use crossbeam_channel::bounded;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::app::{App, SharedApp, blocking, blocking_in};
use super::error::{ApiError, Body, Code, ErrorBody};
use super::guard::Caller;
use crate::domain::label::Label;
use crate::station::adapt::kept::KeptProfile;
use crate::station::adapt::learned::Lesson;
use crate::station::adapt::{FEWEST, NextCell, NotLearned, NotSwitched, Overview};
use crate::station::pipeline::WeightsRequest;
use crate::vision::Vision;
use crate::vision::models::ModelError;
use crate::vision::optics::calibration::Setup;
use crate::vision::profile::ProfileMark;

/// Time for the counting thread to finish what it is at.
const PATIENCE: Duration = Duration::from_secs(30);

/// How far this laboratory's cells are looked at, and its profiles.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Adaptation {
    /// Camera and objective in use; everything here is about them.
    setup: Setup,
    /// Cells that a person looked at and whose pictures are kept, by class.
    looked_at: BTreeMap<String, u32>,
    /// Classes and groups with too few cells to learn, and how many those have.
    few: BTreeMap<String, u32>,
    /// Cells that each needs.
    fewest: u32,
    /// Why nothing can be learned yet, as a sentence; null if it can.
    problem: Option<String>,
    /// The profile in force; null for the weights as shipped.
    in_force: Option<ProfileMark>,
    /// The kept profiles, by name.
    profiles: Vec<KeptProfile>,
}

/// Cells to label next.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NextCells {
    /// The least sure ones first, then the most different ones.
    cells: Vec<NextCell>,
}

/// A profile to learn.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LearnBody {
    /// Its name: 1 to 64 letters, digits, spaces, `-` and `_`.
    name: String,
    /// Classes and groups to leave out, because there are too few cells of them.
    #[serde(default)]
    without: Vec<String>,
}

/// Which profile is to name cells.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfileBody {
    /// SHA-256 of a kept profile, hexadecimal; null for the weights as shipped.
    // Required, so that an empty body does not switch anything off.
    #[serde(deserialize_with = "required")]
    #[schema(required)]
    sha256: Option<String>,
}

fn required<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer)
}

/// How far this laboratory's cells are looked at, what is missing to learn from them, and its profiles.
#[utoipa::path(get, path = "/api/adaptation", tag = "settings", responses((status = 200, body = Adaptation)))]
pub(super) async fn adaptation(State(app): State<SharedApp>) -> Result<Json<Adaptation>, ApiError> {
    blocking(&app, |app: &App| {
        let Overview { looked_at, few, problem, profiles } = app.laboratory.overview(&app.store)?;
        let coded = |counts: BTreeMap<Label, u32>| {
            counts.into_iter().map(|(label, count)| (label.code().to_owned(), count)).collect()
        };
        Ok::<_, ApiError>(Json(Adaptation {
            setup: app.laboratory.setup(),
            looked_at: coded(looked_at),
            few: coded(few),
            fewest: FEWEST,
            problem,
            in_force: app.in_force.now().settings.profile.clone(),
            profiles,
        }))
    })
    .await
}

/// Cells that teach most, of the newest unsigned results of this camera and objective: up to 12 that the program is least
/// sure of, and up to 12 least like any that were looked at. Takes some seconds.
#[utoipa::path(get, path = "/api/adaptation/next", tag = "settings", responses((status = 200, body = NextCells)))]
pub(super) async fn next(State(app): State<SharedApp>) -> Result<Json<NextCells>, ApiError> {
    // Counting runs on the same board, so one at a time.
    let turn = app.picture_permit().await?;
    blocking_in(&app, turn, |app: &App| {
        let networks = app.networks()?;
        let cells = app.laboratory.next(&app.store, &networks)?;
        Ok::<_, ApiError>(Json(NextCells { cells }))
    })
    .await
}

/// Learn a profile from all cells of this camera and objective that a person looked at. It is kept, but not switched on.
#[utoipa::path(post, path = "/api/adaptation", tag = "settings", request_body = LearnBody, responses(
    (status = 200, body = Lesson),
    (status = 409, description = "There is a profile of this name, or the models were replaced since the start", body = ErrorBody),
    (status = 422, description = "Too few cells, or it does not help; the sentence says what to do", body = ErrorBody),
    (status = 503, description = "Another profile is being learned or switched on", body = ErrorBody),
))]
pub(super) async fn learn(
    State(app): State<SharedApp>,
    caller: Caller,
    Body(LearnBody { name, without }): Body<LearnBody>,
) -> Result<Json<Lesson>, ApiError> {
    let without = without.iter().map(|label| label.parse()).collect::<Result<Vec<Label>, _>>();
    let without = without.map_err(|problem| ApiError::request(format!("without: {problem}")))?;
    let turn = app.adaptation_permit()?;
    blocking_in(&app, turn, move |app: &App| {
        let networks = app.networks()?;
        let learned = app.laboratory.learn(&name, &without, &app.store, &networks, &caller.by())?;
        Ok::<_, ApiError>(Json(learned.lesson()))
    })
    .await
}

/// Name cells with a kept profile, or with the weights as shipped, from the next sample on. It comes before `[models]
/// profile`, and the next start keeps to it. Refused while a sample is counted.
#[utoipa::path(put, path = "/api/adaptation/profile", tag = "settings", request_body = ProfileBody, responses(
    (status = 204, description = "It is in force"),
    (status = 404, description = "No such profile is kept", body = ErrorBody),
    (status = 409, description = "A sample is being counted, or the models were replaced since the start", body = ErrorBody),
    (status = 422, description = "The profile cannot be used here; the sentence says why", body = ErrorBody),
    (status = 503, description = "Another profile is being learned or switched on", body = ErrorBody),
))]
pub(super) async fn switch(
    State(app): State<SharedApp>,
    caller: Caller,
    Body(ProfileBody { sha256 }): Body<ProfileBody>,
) -> Result<StatusCode, ApiError> {
    let turn = app.adaptation_permit()?;
    blocking_in(&app, turn, move |app: &App| {
        // Here, because the counting thread has frames to take meanwhile.
        let networks = app.networks()?;
        let weights = app.laboratory.weights(sha256.as_deref(), &networks)?;
        let (answer, answered) = bounded(1);
        app.weights_requests.ask(WeightsRequest { weights, by: caller.by(), answer })?;
        let ending = || ApiError::busy("the count does not answer; look again whether the profile is in force");
        answered.recv_timeout(PATIENCE).map_err(|_| ending())??;
        Ok::<_, ApiError>(StatusCode::NO_CONTENT)
    })
    .await
}

impl App {
    /// The networks in force.
    fn networks(&self) -> Result<Arc<Vision>, ApiError> {
        self.in_force.vision().ok_or_else(|| ApiError::busy("the networks do not run yet"))
    }
}

impl From<NotLearned> for ApiError {
    fn from(problem: NotLearned) -> Self {
        let words = problem.to_string();
        match problem {
            NotLearned::Store(problem) => problem.into(),
            NotLearned::NameTaken(_) | NotLearned::Models(ModelError::Replaced { .. }) => {
                Self::wrong(StatusCode::CONFLICT, words)
            }
            NotLearned::Unwritable { .. } => disk(words),
            NotLearned::Models(_) | NotLearned::Network(_) | NotLearned::Unreadable(_) => Self::internal(&words),
            _ => Self::wrong(StatusCode::UNPROCESSABLE_ENTITY, words),
        }
    }
}

impl From<NotSwitched> for ApiError {
    fn from(problem: NotSwitched) -> Self {
        let words = problem.to_string();
        match problem {
            NotSwitched::Counting => Self::new(StatusCode::CONFLICT, Code::Counting, words),
            NotSwitched::Models(ModelError::Replaced { .. }) => Self::wrong(StatusCode::CONFLICT, words),
            NotSwitched::None(_) => Self::not_found(words),
            NotSwitched::Profile(_) => Self::wrong(StatusCode::UNPROCESSABLE_ENTITY, words),
            NotSwitched::Store(problem) => problem.into(),
            NotSwitched::Kept(_) => disk(words),
            NotSwitched::Models(_) | NotSwitched::Confusion(_) => Self::internal(&words),
        }
    }
}

/// Disk trouble is for the person at the device to fix.
fn disk(words: String) -> ApiError {
    log::error!("page: {words}");
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, Code::Store, words)
}
