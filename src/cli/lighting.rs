//! Flat-field correction as set by arguments and configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;

use crate::camera::picture::read_picture;
use crate::camera::{Camera, Capture};
use crate::cli::args::{FieldArguments, VisionArguments};
use crate::cli::failure::{Blame, Failure};
use crate::cli::light_form::LightForm;
use crate::cli::pictures::{progress, vision_as_is};
use crate::config::{Config, FlatFieldChoice};
use crate::station::calibrate;
use crate::vision::models::Models;
use crate::vision::optics::calibration::Calibration;
use crate::vision::optics::flat_field::FlatField;
use crate::vision::optics::flat_field::learn::Learner;
use crate::vision::{Lighting, Vision};

/// Pictures that light is learned from: as many as the learner remembers.
const LEARNED_FROM: usize = 48;

/// Prepares the models for `pictures` of fields.
///
/// # Errors
/// With exit code 2 for wrong arguments, or a calibration that cannot be read or is for pictures of another size.
pub(crate) fn vision_with_lighting(
    arguments: &VisionArguments,
    field: &FieldArguments,
    pictures: &[PathBuf],
) -> Result<(Arc<Vision>, Models), Failure> {
    let (vision, models) = vision_as_is(arguments)?;
    Ok((Arc::new(vision.lit(lighting(field, pictures)?)), models))
}

/// Chooses the flat-field correction for `pictures`.
///
/// # Errors
/// With exit code 2 if a calibration cannot be read or is for pictures of another size.
pub(crate) fn lighting(field: &FieldArguments, pictures: &[PathBuf]) -> Result<Lighting, Failure> {
    Ok(match field.flat_field.as_ref().unwrap_or(&LightForm::Own) {
        LightForm::None => Lighting::AsIs,
        LightForm::Own => Lighting::Own,
        LightForm::Shared => learned(pictures),
        LightForm::File(file) => from_file(file, pictures)?,
    })
}

/// Same for counting a recording: shared light is learned along the way, as from a live camera.
///
/// # Errors
/// As [`vision_with_lighting`].
pub(crate) fn counting_vision(
    arguments: &VisionArguments,
    field: &FieldArguments,
    pictures: &[PathBuf],
) -> Result<(Arc<Vision>, Models), Failure> {
    if matches!(field.flat_field, None | Some(LightForm::Shared)) {
        let (vision, models) = vision_as_is(arguments)?;
        return Ok((Arc::new(vision.lit(Lighting::Learned)), models));
    }
    vision_with_lighting(arguments, field, pictures)
}

/// Learns the light from pictures of one microscope; those of another size than the first are not corrected.
fn learned(pictures: &[PathBuf]) -> Lighting {
    let mut learner = Learner::default();
    let mut size = None;
    let bar = progress(pictures.len().min(LEARNED_FROM) as u64, "learning the light");
    for path in pictures.iter().step_by(pictures.len().div_ceil(LEARNED_FROM).max(1)) {
        bar.inc(1);
        // An unreadable picture is reported when it is analysed.
        let Ok(picture) = read_picture(path) else { continue };
        if *size.get_or_insert(picture.dimensions()) == picture.dimensions() {
            learner.take(&picture);
        }
    }
    bar.finish_and_clear();
    match (learner.flat_field(), learner.light()) {
        (Some(field), _) => {
            log::info!("the light falls off by {:.0} %; it is evened out", field.light().fall_off() * 100.0);
            Lighting::Fixed(field.clone())
        }
        (None, Some(_)) => {
            log::info!("the light is even");
            Lighting::AsIs
        }
        (None, None) => {
            log::warn!("too few pictures of one size to learn the light from; they are taken as they are");
            Lighting::AsIs
        }
    }
}

fn from_file(file: &Path, pictures: &[PathBuf]) -> Result<Lighting, Failure> {
    let calibration = Calibration::read(file).blame_input()?;
    for path in pictures {
        // An unreadable picture is reported when it is analysed.
        if let Ok(size) = image::image_dimensions(path) {
            calibration.fits(size).with_context(|| path.display().to_string()).blame_input()?;
        }
    }
    let size = (calibration.width, calibration.height);
    let light = calibration.light.ok_or_else(|| {
        Failure::input(format!("{}: holds no light; run `leukoscope calibrate` on an empty field", file.display()))
    })?;
    Ok(Lighting::Fixed(FlatField::new(light, size)))
}

/// Flat-field correction of the daemon, and the calibration of its camera and objective, if there is one. If the
/// calibration's light is not to be used, it is removed from it.
///
/// # Errors
/// With exit code 2 if a calibration is damaged, belongs to something else, or is required and missing.
pub fn configured(config: &Config, state: &Path) -> Result<(Lighting, Option<Calibration>), Failure> {
    let setup = calibrate::setup(&config.camera, &config.optics);
    let mut calibration = match config.optics.flat_field {
        FlatFieldChoice::Stored => Some(Calibration::demand(state, &setup).blame_input()?),
        _ => Calibration::find(state, &setup).blame_input()?,
    };
    if matches!(config.optics.flat_field, FlatFieldChoice::None | FlatFieldChoice::Learned)
        && let Some(calibration) = &mut calibration
    {
        calibration.light = None;
    }
    let lighting = calibrate::lighting(config.optics.flat_field, calibration.as_ref());
    match (&lighting, &calibration) {
        (Lighting::Fixed(_), Some(calibration)) => {
            log::info!("light and scale by the calibration of {} from {}", calibration.setup.camera, calibration.taken);
        }
        (_, _) if config.optics.flat_field == FlatFieldChoice::Stored => {
            return Err(Failure::input(format!(
                "the calibration {} holds a scale but no light; put an empty field under the objective and run `leukoscope \
                 calibrate`",
                setup.file(state).display()
            )));
        }
        _ => {}
    }
    Ok((lighting, calibration))
}

/// Compares the first frame of a camera that always has one with the frame size of a calibration.
///
/// # Errors
/// With exit code 2 if the sizes differ.
pub(crate) fn check_size(mut camera: Box<dyn Camera>, calibration: Option<&Calibration>) -> Result<(), Failure> {
    let Some(calibration) = calibration.filter(|calibration| calibration.light.is_some()) else { return Ok(()) };
    match camera.next_frame() {
        Ok(Capture::Frame(frame)) => calibration.fits((frame.width(), frame.height())).blame_input(),
        // Any trouble is reported when the camera is used.
        Ok(Capture::Damaged(_) | Capture::End) | Err(_) => Ok(()),
    }
}
