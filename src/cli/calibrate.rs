//! `calibrate`: the light of an empty field, or the scale of red cells, kept for this camera and objective.

use std::env;

use anyhow::Context as _;
use image::RgbImage;
use jiff::Timestamp;

use crate::camera::{self, Capture};
use crate::cli::args::{CalibrateArguments, VisionArguments};
use crate::cli::failure::{Blame, Failure};
use crate::cli::lighting::setup;
use crate::cli::pictures::{progress, unlit_vision};
use crate::config::Config;
use crate::config::load::load;
use crate::optics::calibration::{Calibration, CalibrationError};
use crate::optics::empty_field;
use crate::optics::flat_field::FlatField;
use crate::vision::{Lighting, Vision};

/// Frames that must show red cells before their scale is believed, unless fewer were asked for.
const ENOUGH: usize = 5;

/// Interquartile range over median from which frames do not agree on a scale.
const SPREAD: f64 = 0.1;

/// Takes a calibration and keeps it.
///
/// # Errors
/// With exit code 2 when the camera cannot be opened or shows something else than asked for, 1 when the disk refuses.
pub fn calibrate(arguments: &CalibrateArguments) -> Result<(), Failure> {
    let mut config = load(arguments.config.as_deref(), env::vars()).blame_input()?;
    if let Some(camera) = &arguments.camera {
        config.camera.source.clone_from(camera);
    }
    if arguments.objective.is_some() {
        config.optics.objective.clone_from(&arguments.objective);
    }
    config.check().blame_input()?;
    let (state, setup) = (config.state_folder(), setup(&config));
    let frames = frames(&config, arguments.frames)?;
    let Some(size) = frames.first().map(RgbImage::dimensions) else {
        return Err(Failure::input(format!("{}: gave not one whole frame", config.camera.source)));
    };
    let before = match Calibration::find(&state, &setup) {
        Ok(before) => before.filter(|before| before.fits(size).is_ok()),
        Err(problem @ CalibrationError::Damaged { .. }) => {
            log::warn!("{problem}; it is replaced");
            None
        }
        Err(problem) => return Err(problem).blame_input(),
    };
    let mut calibration = Calibration {
        taken: Timestamp::now(),
        ..before.unwrap_or_else(|| Calibration::new(setup, size, Timestamp::now()))
    };
    let what = if arguments.scale {
        let um_per_px = scale(arguments, &calibration, &frames)?;
        calibration.um_per_px = Some(um_per_px);
        format!("{um_per_px:.4} um a pixel, by the red cells of {} frames", frames.len())
    } else {
        let light = empty_field::light(&frames).blame_input()?;
        let words = format!("light falls off by {:.0} %, by {} frames", light.fall_off() * 100.0, frames.len());
        calibration.light = Some(light);
        words
    };
    let path = calibration.store(&state).blame_run()?;
    let objective = Some(calibration.setup.objective.as_str()).filter(|name| !name.is_empty()).unwrap_or("any");
    println!("{}, objective {objective}, {}x{} px: {what}", calibration.setup.camera, size.0, size.1);
    println!("kept in {}", path.display());
    if calibration.um_per_px.is_none() {
        println!("next, with cells in view: leukoscope calibrate --scale");
    }
    Ok(())
}

/// Whole frames of the camera, as many as asked for or as a recording has.
fn frames(config: &Config, wanted: u32) -> Result<Vec<RgbImage>, Failure> {
    let mut camera = camera::open(&config.camera).blame_input()?;
    log::info!("{}", camera.describe());
    let bar = progress(u64::from(wanted), "looking");
    let mut frames: Vec<RgbImage> = Vec::new();
    // A camera that gives nothing but damaged frames comes to an end, too.
    for _ in 0..wanted.saturating_mul(4) {
        if frames.len() >= wanted as usize {
            break;
        }
        match camera.next_frame().blame_run()? {
            Capture::Frame(frame) => {
                frames.push((*frame.pixels).clone());
                bar.inc(1);
            }
            Capture::Damaged(problem) => bar.suspend(|| log::warn!("a frame was passed over: {problem}")),
            Capture::End => break,
        }
    }
    bar.finish_and_clear();
    Ok(frames)
}

/// The scale that the red cells of most frames agree on, um a pixel.
fn scale(arguments: &CalibrateArguments, calibration: &Calibration, frames: &[RgbImage]) -> Result<f64, Failure> {
    let (vision, _) =
        unlit_vision(&VisionArguments { models: arguments.models.clone(), ..VisionArguments::default() })?;
    let lighting = calibration
        .light
        .clone()
        .map_or(Lighting::Own, |light| Lighting::Fixed(FlatField::new(light, (calibration.width, calibration.height))));
    let vision: Vision = vision.lit(lighting);
    let bar = progress(frames.len() as u64, "measuring");
    let mut told = Vec::new();
    for frame in frames {
        told.extend(vision.told(&vision.balanced(frame)).context("looking for red cells").blame_run()?.red_cells);
        bar.inc(1);
    }
    bar.finish_and_clear();
    told.sort_by(f64::total_cmp);
    if told.len() < ENOUGH.min(frames.len()) {
        return Err(Failure::input(format!(
            "only {} of {} frames show red cells; move to a place where they lie side by side, focus, and try again",
            told.len(),
            frames.len()
        )));
    }
    let at = |share: f64| told[((told.len() - 1) as f64 * share).round() as usize];
    if (at(0.75) - at(0.25)) / at(0.5) > SPREAD {
        return Err(Failure::input(
            "the frames do not agree on a scale; move to a place where red cells lie side by side, focus, and try again",
        ));
    }
    Ok(at(0.5))
}
