//! Which camera this is: asked at the first start of a station whose configuration says `choose`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::app::{App, SharedApp, blocking};
use super::error::{ApiError, Body, Code, ErrorBody};
use super::guard::Caller;
use crate::config::CameraSource;
use crate::counting::session::snapshot::Phase;
use crate::station::camera_choice::{CameraChoice, FoundCamera, found};
use crate::store::records::Role;

/// Cameras that can be chosen.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "it is called so in the answer")]
pub(super) struct Cameras {
    /// Whether the camera is chosen here; else the configuration names it.
    asks: bool,
    /// The source in use; null until one is chosen.
    source: Option<String>,
    /// Those found on this machine, then `simulated`; empty where the configuration names the camera.
    cameras: Vec<FoundCamera>,
}

/// The camera of this station.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Chosen {
    /// A source of the list.
    source: String,
}

/// Which camera is in use, and which could be.
#[utoipa::path(get, path = "/api/camera", tag = "settings", responses((status = 200, body = Cameras)))]
pub(super) async fn cameras(State(app): State<SharedApp>) -> Result<Json<Cameras>, ApiError> {
    let (asks, source) = (app.camera.asks(), app.source());
    let cameras = if asks { blocking(&app, |_: &App| Ok::<_, ApiError>(found())).await? } else { Vec::new() };
    Ok(Json(Cameras { asks, source, cameras }))
}

/// Choose the camera. The program begins anew with it, within seconds. Whoever is at the device may make the first
/// choice; later only an admin changes it.
#[utoipa::path(put, path = "/api/camera", tag = "settings", request_body = Chosen, responses(
    (status = 202, description = "The program begins anew"),
    (status = 409, description = "The configuration names the camera, or a sample is being counted", body = ErrorBody),
))]
pub(super) async fn choose(
    State(app): State<SharedApp>,
    caller: Caller,
    Body(Chosen { source }): Body<Chosen>,
) -> Result<StatusCode, ApiError> {
    if !app.camera.asks() {
        let words = "the configuration names the camera; write source = \"choose\" under [camera] to choose it here";
        return Err(ApiError::wrong(StatusCode::CONFLICT, words));
    }
    let before = app.source();
    if before.is_some() && caller.role < Role::Admin {
        return Err(ApiError::may_not("a camera is chosen already; only an admin chooses another"));
    }
    if app.live.state().snapshot.is_some_and(|snapshot| snapshot.phase == Phase::Counting) {
        return Err(ApiError::new(StatusCode::CONFLICT, Code::Counting, "a sample is being counted; end it first"));
    }
    blocking(&app, move |app: &App| {
        if !found().iter().any(|camera| camera.source == source) {
            return Err(ApiError::request("there is no such camera; choose one of the list"));
        }
        let chosen: CameraSource = source.parse().map_err(|_| ApiError::request("this names no camera"))?;
        let detail = json!({"from": before, "to": source});
        app.store.note(&caller.by(), Timestamp::now(), "camera", None, &detail)?;
        CameraChoice { source: chosen }.keep(&app.state).map_err(|problem| ApiError::internal(&problem))?;
        log::info!("page: {} chose the camera {source}", caller.by());
        app.camera.begin_anew();
        Ok(StatusCode::ACCEPTED)
    })
    .await
}

impl App {
    /// The source in use; `None` until one is chosen.
    fn source(&self) -> Option<String> {
        let source = self.in_force.now().settings.camera.clone();
        Some(source).filter(|source| *source != CameraSource::Choose.to_string())
    }
}
