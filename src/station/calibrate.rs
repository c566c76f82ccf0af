//! Calibrates from frames: the light from an empty field, or the scale from red cells. Also chooses the lighting that
//! counting uses.

use std::path::Path;

use image::RgbImage;
use jiff::Timestamp;

use crate::camera;
use crate::config::{CameraConfig, CameraSource, FlatFieldChoice, Optics};
use crate::domain::red_cell_colour::RedCellColour;
use crate::domain::scale::MicrometresPerPixel;
use crate::vision::optics::calibration::{Calibration, CalibrationError, Setup};
use crate::vision::optics::empty_field::{self, NotEmpty};
use crate::vision::optics::flat_field::FlatField;
use crate::vision::{Lighting, Vision, VisionError};

/// Frames that must show red cells before their scale is trusted, unless there are fewer in all.
const ENOUGH: usize = 5;

/// Interquartile range over median above which frames disagree on the scale.
const SPREAD: f64 = 0.1;

/// Steps of a calibration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The light, from an empty field.
    Light,
    /// The scale in micrometres per pixel, from red cells.
    Scale,
}

/// Why a calibration failed; each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum NotCalibrated {
    /// Too few frames arrived.
    #[error("the camera gave {0} whole frames, too few; look after its cable and try again")]
    FewFrames(usize),
    /// The frame size changed on the way.
    #[error("the camera changed the size of its frames; try again")]
    Sizes,
    /// The field is not empty, or its light cannot be measured.
    #[error(transparent)]
    NotEmpty(#[from] NotEmpty),
    /// Too few frames show red cells.
    #[error(
        "only {with} of {of} frames show red cells; move to a place where they lie side by side, focus, and try again"
    )]
    FewRedCells {
        /// Frames that show red cells.
        with: usize,
        /// Frames in all.
        of: usize,
    },
    /// The frames disagree on the scale.
    #[error(
        "the frames do not agree on a scale; move to a place where red cells lie side by side, focus, and try again"
    )]
    Disagreement,
    /// The detector failed.
    #[error("looking for red cells: {0}")]
    Vision(#[from] VisionError),
    /// A stored calibration is in the way, or the disk failed.
    #[error(transparent)]
    Kept(#[from] CalibrationError),
    /// The configuration does not use a calibrated light.
    #[error("the light of a calibration is not used here: set flat_field = \"auto\" in [optics] and restart first")]
    NotUsed,
    /// A count is running and needs the frames.
    #[error("a sample is being counted; stop the count first")]
    Counting,
}

/// Names of camera and objective for a calibration. Read again each time, because a camera that was not plugged in
/// reports its own name only once it is.
#[must_use]
pub fn setup(camera: &CameraConfig, optics: &Optics) -> Setup {
    Setup {
        camera: optics.camera.clone().unwrap_or_else(|| camera::name(camera)),
        objective: optics.objective.clone().unwrap_or_default(),
    }
}

/// Camera and objective that a result belongs to. A simulated or replayed source is a camera of its own, whatever name
/// the configuration gives the camera: what people say of its cells proves nothing about a device.
#[must_use]
pub fn taken_with(camera: &CameraConfig, optics: &Optics) -> Setup {
    let named = setup(camera, optics);
    match &camera.source {
        source @ (CameraSource::Simulated | CameraSource::Replay(_) | CameraSource::Pan(_)) => {
            Setup { camera: source.to_string(), ..named }
        }
        CameraSource::Choose | CameraSource::V4l(_) | CameraSource::Nokhwa(_) | CameraSource::Command(_) => named,
    }
}

/// The calibration that a step builds on: the one of `setup` in the state folder, or a new one where there is none for
/// frames of `size` (px) or it is damaged.
///
/// # Errors
/// If the disk fails, the file belongs to another setup, or a scale is requested while the stored light belongs to
/// frames of another size: that light would be lost.
pub fn begin(step: Step, state: &Path, setup: Setup, size: (u32, u32)) -> Result<Calibration, CalibrationError> {
    let before = match Calibration::find(state, &setup) {
        Ok(before) => before,
        Err(problem @ CalibrationError::Damaged { .. }) => {
            log::warn!("{problem}; it is replaced");
            None
        }
        Err(problem) => return Err(problem),
    };
    let taken = Timestamp::now();
    match before {
        Some(before) if step == Step::Scale && before.light.is_some() => {
            before.fits(size)?;
            Ok(Calibration { taken, ..before })
        }
        Some(before) if before.fits(size).is_ok() => Ok(Calibration { taken, ..before }),
        _ => Ok(Calibration::new(setup, size, taken)),
    }
}

/// Returns the calibration with the light of `frames`, which must show an empty field.
///
/// # Errors
/// If the field is not empty or its light cannot be measured.
pub(crate) fn with_light(calibration: Calibration, frames: &[RgbImage]) -> Result<Calibration, NotCalibrated> {
    Ok(Calibration { light: Some(empty_field::light(frames)?), ..calibration })
}

/// Returns the calibration with the scale that the red cells of most `frames` agree on. `seen` is called after each
/// frame.
///
/// # Errors
/// If too few frames show red cells, they disagree, or the detector fails.
pub(crate) fn with_scale(
    calibration: Calibration,
    vision: &Vision,
    frames: &[RgbImage],
    mut seen: impl FnMut(),
) -> Result<Calibration, NotCalibrated> {
    let vision = vision.measuring(fixed(&calibration).unwrap_or(Lighting::Own));
    let (mut scales, mut colours) = (Vec::new(), Vec::new());
    for frame in frames {
        let balanced = vision.balanced(frame);
        let estimates = vision.estimate_scale(&balanced)?;
        scales.extend(estimates.red_cells.map(MicrometresPerPixel::get));
        if let Some(scale) = estimates.scale().filter(|scale| !scale.source.is_guess() && !scale.is_too_coarse()) {
            colours.extend(vision.red_cell_colour(&balanced, &vision.detect(&balanced, scale)?));
        }
        seen();
    }
    scales.sort_by(f64::total_cmp);
    if scales.is_empty() || scales.len() < ENOUGH.min(frames.len()) {
        return Err(NotCalibrated::FewRedCells { with: scales.len(), of: frames.len() });
    }
    let at = |share: f64| scales[((scales.len() - 1) as f64 * share).round() as usize];
    if (at(0.75) - at(0.25)) / at(0.5) > SPREAD {
        return Err(NotCalibrated::Disagreement);
    }
    Ok(Calibration { um_per_px: Some(at(0.5)), red_cells: RedCellColour::median(&colours), ..calibration })
}

/// What a step found, as text.
#[must_use]
pub(crate) fn in_words(step: Step, calibration: &Calibration, frames: usize) -> String {
    match step {
        Step::Light => {
            let fall_off = calibration.light.as_ref().map_or(0.0, |light| light.fall_off() * 100.0);
            format!("light falls off by {fall_off:.0} %, by {frames} frames")
        }
        Step::Scale => {
            let um_per_px = calibration.um_per_px.unwrap_or_default();
            format!("{um_per_px:.4} um a pixel, by the red cells of {frames} frames")
        }
    }
}

/// The flat-field correction for this choice, given the calibration of the camera and objective.
#[must_use]
pub(crate) fn lighting(choice: FlatFieldChoice, calibration: Option<&Calibration>) -> Lighting {
    match choice {
        FlatFieldChoice::None => Lighting::AsIs,
        FlatFieldChoice::Learned => Lighting::Learned,
        FlatFieldChoice::Auto | FlatFieldChoice::Stored => calibration.and_then(fixed).unwrap_or(Lighting::Learned),
    }
}

/// The calibration's light as a fixed flat field, if it has one.
fn fixed(calibration: &Calibration) -> Option<Lighting> {
    let light = calibration.light.clone()?;
    Some(Lighting::Fixed(FlatField::new(light, (calibration.width, calibration.height))))
}
