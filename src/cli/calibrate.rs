//! `calibrate`: light from an empty field, or scale from red cells, stored for this camera and objective.

use std::env;

use image::RgbImage;

use crate::camera::{self, Capture};
use crate::cli::args::{CalibrateArguments, VisionArguments};
use crate::cli::failure::{Blame, Failure};
use crate::cli::output;
use crate::cli::pictures::{progress, vision_as_is};
use crate::config::Config;
use crate::config::load::load;
use crate::station::calibrate::{self, NotCalibrated, Step};
use crate::station::camera_choice::CameraChoice;

/// Takes a calibration and stores it.
///
/// # Errors
/// With exit code 2 if the camera cannot be opened or does not show what is needed, 1 if the file cannot be written.
pub fn calibrate(arguments: &CalibrateArguments) -> Result<(), Failure> {
    let mut config = load(arguments.config.as_deref(), env::vars()).blame_input()?;
    CameraChoice::apply(&mut config).blame_input()?;
    if let Some(camera) = &arguments.camera {
        config.camera.source.clone_from(camera);
    }
    if arguments.objective.is_some() {
        config.optics.objective.clone_from(&arguments.objective);
    }
    config.check().blame_input()?;
    let (state, setup) = (config.state_folder(), calibrate::setup(&config.camera, &config.optics));
    let frames = frames(&config, arguments.frames)?;
    let Some(size) = frames.first().map(RgbImage::dimensions) else {
        return Err(Failure::input(format!("{}: gave not one whole frame", config.camera.source)));
    };
    let step = if arguments.scale { Step::Scale } else { Step::Light };
    let calibration = calibrate::begin(step, &state, setup, size).blame_input()?;
    let calibration = match step {
        Step::Light => calibrate::with_light(calibration, &frames).blame_input()?,
        Step::Scale => {
            let models = VisionArguments { models: arguments.models.clone(), ..VisionArguments::default() };
            let (vision, _) = vision_as_is(&models)?;
            let bar = progress(frames.len() as u64, "measuring");
            let scaled = calibrate::with_scale(calibration, &vision, &frames, || bar.inc(1));
            bar.finish_and_clear();
            match scaled {
                Err(problem @ NotCalibrated::Vision(_)) => return Err(problem).blame_run(),
                scaled => scaled.blame_input()?,
            }
        }
    };
    let what = calibrate::in_words(step, &calibration, frames.len());
    let path = calibration.store(&state).blame_run()?;
    let objective = Some(calibration.setup.objective.as_str()).filter(|name| !name.is_empty()).unwrap_or("any");
    let (camera, (width, height)) = (&calibration.setup.camera, size);
    output::line(format_args!("{camera}, objective {objective}, {width}x{height} px: {what}"))?;
    output::line(format_args!("kept in {}", path.display()))?;
    if calibration.um_per_px.is_none() {
        output::line("next, with cells in view: leukoscope calibrate --scale")?;
    }
    Ok(())
}

/// Undamaged frames from the camera: as many as wanted, or as a recording has.
fn frames(config: &Config, wanted: u32) -> Result<Vec<RgbImage>, Failure> {
    let mut camera = camera::open(&config.camera).blame_input()?;
    log::info!("{}", camera.describe());
    let bar = progress(u64::from(wanted), "looking");
    let mut frames: Vec<RgbImage> = Vec::new();
    // Bounded, because a camera may deliver nothing but damaged frames.
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
