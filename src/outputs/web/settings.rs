//! Settings in force, and the limits that admins may change.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::app::{App, SharedApp, blocking};
use super::error::{ApiError, Body};
use super::guard::Caller;
use crate::config::Config;
use crate::config::limits::{Limits, LimitsError};
use crate::store::records::Settings;

/// What is in force.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SettingsAnswer {
    settings: Settings,
    /// Camera, objective and time of the calibration, in words; null without one.
    calibration: Option<String>,
}

/// Settings in force.
#[utoipa::path(get, path = "/api/settings", tag = "settings", responses((status = 200, body = SettingsAnswer)))]
pub(super) async fn settings(State(app): State<SharedApp>) -> Result<Json<SettingsAnswer>, ApiError> {
    let settings = app.in_force.now().settings.clone();
    Ok(Json(SettingsAnswer { calibration: settings.calibration.clone(), settings }))
}

/// Set all limits of counts and flags. They apply at once, survive a restart, and override the configuration file.
#[utoipa::path(put, path = "/api/settings", tag = "settings", request_body = Limits, responses(
    (status = 204, description = "They hold"),
))]
pub(super) async fn change(
    State(app): State<SharedApp>,
    caller: Caller,
    Body(limits): Body<Limits>,
) -> Result<StatusCode, ApiError> {
    blocking(&app, move |app: &App| {
        app.in_force.change_limits(|before| {
            let mut config = Config { session: before.session.clone(), ..Config::default() };
            limits.apply(&mut config).map_err(|problem| match problem {
                LimitsError::Wrong(wrong) => {
                    let words =
                        wrong.problems().iter().map(|problem| format!("{}; write {}", problem.what, problem.write));
                    ApiError::request(words.collect::<Vec<_>>().join(". "))
                }
                LimitsError::File { .. } => ApiError::internal(&problem),
            })?;
            let detail =
                json!({"target": [before.session.target, limits.target], "flags": [before.flags, limits.flags]});
            app.store.note(&caller.by(), Timestamp::now(), "limits", None, &detail)?;
            limits.keep(&app.state).map_err(|problem| ApiError::internal(&problem))?;
            Ok::<_, ApiError>((config.session, config.flags))
        })?;
        Ok::<_, ApiError>(StatusCode::NO_CONTENT)
    })
    .await
}
