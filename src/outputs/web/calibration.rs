//! Calibration from the page: the counting thread takes it, by the frames of the camera that it holds.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use crossbeam_channel::bounded;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::app::{App, SharedApp, blocking_in};
use super::error::{ApiError, Body, Code, ErrorBody};
use super::guard::Caller;
use crate::station::calibrate::{NotCalibrated, Step};
use crate::station::pipeline::{Calibrated, CalibrationRequest};
use crate::vision::optics::calibration::CalibrationError;
use crate::vision::optics::flat_field::Illumination;

/// How long ten frames and their red cells may take on the slowest board.
const PATIENCE: Duration = Duration::from_mins(2);

/// What is to be calibrated.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CalibrateBody {
    step: CalibrationStep,
}

/// Of what.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum CalibrationStep {
    /// The light, by an empty field in view.
    Light,
    /// Micrometres a pixel, by red cells in view.
    Scale,
}

/// What was found; it is kept and in force.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CalibrationFound {
    /// Camera, objective and time.
    calibration: String,
    /// What this step found.
    words: String,
    /// Micrometres a pixel; null until it was taken.
    um_per_px: Option<f64>,
    /// How much of the light is missing in the darkest place, 0..=1; null until it was taken.
    fall_off: Option<f64>,
}

/// Calibrate camera and objective by what is in view now. Takes some seconds; not while a sample is counted.
#[utoipa::path(post, path = "/api/calibration", tag = "settings", request_body = CalibrateBody, responses(
    (status = 200, body = CalibrationFound),
    (status = 409, description = "A sample is being counted", body = ErrorBody),
    (status = 422, description = "What is in view does not serve; the sentence says what to do", body = ErrorBody),
    (status = 503, description = "Another calibration is being taken", body = ErrorBody),
))]
pub(super) async fn calibrate(
    State(app): State<SharedApp>,
    caller: Caller,
    Body(CalibrateBody { step }): Body<CalibrateBody>,
) -> Result<Json<CalibrationFound>, ApiError> {
    let ending = || ApiError::busy("the count does not answer; the program may be ending");
    // Each holds a thread of the server until the counting thread is done.
    let turn = app.calibration_permit()?;
    blocking_in(&app, turn, move |app: &App| {
        let (answer, answered) = bounded(1);
        let wanted = match step {
            CalibrationStep::Light => Step::Light,
            CalibrationStep::Scale => Step::Scale,
        };
        let note = |detail| app.store.note(&caller.by(), Timestamp::now(), "calibrate", None, &detail);
        // Before anything comes of it: what is in force must not be missing in the trail.
        note(json!({"step": step}))?;
        app.calibration_requests.ask(CalibrationRequest { step: wanted, answer })?;
        let Calibrated { calibration, words } = answered.recv_timeout(PATIENCE).map_err(|_| ending())??;
        note(json!({"step": step, "found": words}))?;
        Ok::<_, ApiError>(Json(CalibrationFound {
            calibration: calibration.in_words(),
            words,
            um_per_px: calibration.um_per_px,
            fall_off: calibration.light.as_ref().map(Illumination::fall_off),
        }))
    })
    .await
}

impl From<NotCalibrated> for ApiError {
    fn from(problem: NotCalibrated) -> Self {
        use axum::http::StatusCode;
        let words = problem.to_string();
        match problem {
            NotCalibrated::Counting => Self::new(StatusCode::CONFLICT, Code::Counting, words),
            NotCalibrated::Vision(_) => Self::internal(&words),
            NotCalibrated::Kept(CalibrationError::Disk { .. }) => {
                log::error!("page: {words}");
                // What is wrong with the disk is for whoever stands before it.
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, Code::Store, words)
            }
            _ => Self::wrong(StatusCode::UNPROCESSABLE_ENTITY, words),
        }
    }
}
