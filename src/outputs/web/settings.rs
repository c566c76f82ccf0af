//! Settings in force, and the limits that admins may change.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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

/// Settings in force now; clones share them.
#[derive(Clone, Debug)]
pub struct InForce(Arc<Mutex<Settings>>);

impl InForce {
    /// Starts with these settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self(Arc::new(Mutex::new(settings)))
    }

    /// Locks the settings to read or change them. Hold the guard only briefly, since other threads wait for it.
    pub fn now(&self) -> MutexGuard<'_, Settings> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Settings in force.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SettingsAnswer {
    settings: Settings,
    /// Camera, objective and time of the calibration, in words; null without one.
    calibration: Option<String>,
}

/// Settings in force.
#[utoipa::path(get, path = "/api/settings", tag = "settings", responses((status = 200, body = SettingsAnswer)))]
pub(super) async fn settings(State(app): State<SharedApp>) -> Result<Json<SettingsAnswer>, ApiError> {
    let settings = blocking(&app, |app: &App| Ok::<_, ApiError>(app.settings.now().clone())).await?;
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
        // One change at a time, so that the file always holds what is in force.
        let _one_at_a_time = app.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = app.settings.now().clone();
        let mut config = Config { session: before.session.clone(), ..Config::default() };
        limits.apply(&mut config).map_err(|problem| match problem {
            LimitsError::Wrong(wrong) => {
                let words = wrong.problems().iter().map(|problem| format!("{}; write {}", problem.what, problem.write));
                ApiError::request(words.collect::<Vec<_>>().join(". "))
            }
            LimitsError::File { .. } => ApiError::internal(&problem),
        })?;
        let detail = json!({"target": [before.session.target, limits.target], "flags": [before.flags, limits.flags]});
        app.store.note(&caller.by(), Timestamp::now(), "limits", None, &detail)?;
        limits.keep(&app.state).map_err(|problem| ApiError::internal(&problem))?;
        {
            let mut now = app.settings.now();
            (now.session, now.flags) = (config.session.clone(), config.flags.clone());
        }
        if app.limits.send((config.session, config.flags)).is_err() {
            return Err(ApiError::busy("the count does not listen; the program is ending"));
        }
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}
