//! Calibration from the page. The counting thread does it, because it holds the camera.

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

/// Time for ten frames and their red cells on the slowest board.
const PATIENCE: Duration = Duration::from_mins(2);

/// Which calibration step to run.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CalibrateBody {
    step: CalibrationStep,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum CalibrationStep {
    /// Light, from an empty field in view.
    Light,
    /// Scale in micrometres per pixel, from red cells in view.
    Scale,
}

/// Result of a calibration step; it is stored and in force.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CalibrationFound {
    /// Camera, objective and time.
    calibration: String,
    /// What this step found, as a sentence.
    words: String,
    /// Micrometres per pixel; null until calibrated.
    um_per_px: Option<f64>,
    /// Share of the light missing at the darkest place, 0..=1; null until calibrated.
    fall_off: Option<f64>,
}

/// Calibrate camera and objective from what is in view now. Takes some seconds; refused while a sample is counted.
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
    // Each request holds a server thread until the counting thread is done, so one at a time.
    let turn = app.calibration_permit()?;
    blocking_in(&app, turn, move |app: &App| {
        let (answer, answered) = bounded(1);
        let wanted = match step {
            CalibrationStep::Light => Step::Light,
            CalibrationStep::Scale => Step::Scale,
        };
        let note = |detail| app.store.note(&caller.by(), Timestamp::now(), "calibrate", None, &detail);
        // Noted before anything changes: nothing may come into force that the audit trail lacks.
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
                // Disk trouble is for the person at the device to fix.
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, Code::Store, words)
            }
            _ => Self::wrong(StatusCode::UNPROCESSABLE_ENTITY, words),
        }
    }
}
