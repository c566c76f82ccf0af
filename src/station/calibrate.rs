//! A calibration taken from frames: the light of an empty field, or the scale of red cells; and what the light of one
//! means for counting.

use std::path::Path;

use image::RgbImage;
use jiff::Timestamp;

use crate::camera;
use crate::config::{CameraConfig, FlatFieldChoice, Optics};
use crate::domain::scale::MicrometresPerPixel;
use crate::vision::optics::calibration::{Calibration, CalibrationError, Setup};
use crate::vision::optics::empty_field::{self, NotEmpty};
use crate::vision::optics::flat_field::FlatField;
use crate::vision::{Lighting, Vision, VisionError};

/// Frames that must show red cells before their scale is believed, unless there are fewer.
const ENOUGH: usize = 5;

/// Interquartile range over median from which frames do not agree on a scale.
const SPREAD: f64 = 0.1;

/// What is calibrated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The light, by an empty field.
    Light,
    /// Micrometres a pixel, by red cells.
    Scale,
}

/// Why frames give no calibration; each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum NotCalibrated {
    /// There was nothing to calibrate with.
    #[error("the camera gave {0} whole frames, too few; look after its cable and try again")]
    FewFrames(usize),
    /// Frames of several sizes came.
    #[error("the camera changed the size of its frames; try again")]
    Sizes,
    /// The field is not empty, or its light cannot be measured.
    #[error(transparent)]
    NotEmpty(#[from] NotEmpty),
    /// Too few red cells.
    #[error(
        "only {with} of {of} frames show red cells; move to a place where they lie side by side, focus, and try again"
    )]
    FewRedCells {
        /// Frames that show some.
        with: usize,
        /// Frames.
        of: usize,
    },
    /// Each frame says something else.
    #[error(
        "the frames do not agree on a scale; move to a place where red cells lie side by side, focus, and try again"
    )]
    Disagreement,
    /// The detector failed.
    #[error("looking for red cells: {0}")]
    Vision(#[from] VisionError),
    /// An earlier one is in the way, or the disk refuses.
    #[error(transparent)]
    Kept(#[from] CalibrationError),
    /// Nothing would come of it.
    #[error("the light of a calibration is not used here: set flat_field = \"auto\" in [optics] and restart first")]
    NotUsed,
    /// Frames of a sample cannot serve both.
    #[error("a sample is being counted; stop the count first")]
    Counting,
}

/// What camera and objective are called in a calibration, as things are now: a camera that was not plugged in tells its
/// own name only once it is.
#[must_use]
pub fn setup(camera: &CameraConfig, optics: &Optics) -> Setup {
    Setup {
        camera: optics.camera.clone().unwrap_or_else(|| camera::name(camera)),
        objective: optics.objective.clone().unwrap_or_default(),
    }
}

/// What a step goes on from: the calibration of `setup` in the state folder, or a new one where there is none for frames
/// of `size` (px) or it is damaged.
///
/// # Errors
/// When the disk refuses, the file is of another setup, or a scale is asked for while the light that is kept belongs to
/// frames of another size: it would be lost.
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

/// The calibration with the light of `frames`, which show an empty field.
///
/// # Errors
/// When they do not show one well.
pub(crate) fn with_light(calibration: Calibration, frames: &[RgbImage]) -> Result<Calibration, NotCalibrated> {
    Ok(Calibration { light: Some(empty_field::light(frames)?), ..calibration })
}

/// The calibration with the scale that the red cells of most `frames` agree on. `seen` is called after each frame.
///
/// # Errors
/// When too few show red cells, or they do not agree.
pub(crate) fn with_scale(
    calibration: Calibration,
    vision: &Vision,
    frames: &[RgbImage],
    mut seen: impl FnMut(),
) -> Result<Calibration, NotCalibrated> {
    let vision = vision.measuring(fixed(&calibration).unwrap_or(Lighting::Own));
    let mut told = Vec::new();
    for frame in frames {
        told.extend(vision.told(&vision.balanced(frame))?.red_cells.map(MicrometresPerPixel::get));
        seen();
    }
    told.sort_by(f64::total_cmp);
    if told.is_empty() || told.len() < ENOUGH.min(frames.len()) {
        return Err(NotCalibrated::FewRedCells { with: told.len(), of: frames.len() });
    }
    let at = |share: f64| told[((told.len() - 1) as f64 * share).round() as usize];
    if (at(0.75) - at(0.25)) / at(0.5) > SPREAD {
        return Err(NotCalibrated::Disagreement);
    }
    Ok(Calibration { um_per_px: Some(at(0.5)), ..calibration })
}

/// What a step found, in words.
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

/// How a counter takes out uneven light under this choice, given the calibration of its camera and objective.
#[must_use]
pub(crate) fn lighting(choice: FlatFieldChoice, calibration: Option<&Calibration>) -> Lighting {
    match choice {
        FlatFieldChoice::None => Lighting::AsIs,
        FlatFieldChoice::Learned => Lighting::Learned,
        FlatFieldChoice::Auto | FlatFieldChoice::Stored => calibration.and_then(fixed).unwrap_or(Lighting::Learned),
    }
}

/// The light of a calibration, if it has one.
fn fixed(calibration: &Calibration) -> Option<Lighting> {
    let light = calibration.light.clone()?;
    Some(Lighting::Fixed(FlatField::new(light, (calibration.width, calibration.height))))
}
