//! Calibration on request while the program runs, from frames of the camera it already holds open.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use image::RgbImage;

use super::Counting;
use crate::config::{CameraConfig, FlatFieldChoice, Optics};
use crate::counting::counter::Counter;
use crate::counting::session::snapshot::Phase;
use crate::station::calibrate::{self, NotCalibrated, Step};
use crate::station::drops::{Dropped, Drops};
use crate::station::requests::Requests;
use crate::station::trouble::Part;
use crate::vision::optics::calibration::Calibration;
use crate::vision::quality::Gate;

/// Frames per calibration.
const FRAMES: usize = 10;

/// How long to wait for each frame.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is calibrated, and where the calibration is stored.
#[derive(Clone, Debug)]
pub struct Calibrator {
    pub state: PathBuf,
    pub camera: CameraConfig,
    /// Objective and flat-field settings.
    pub optics: Optics,
}

#[derive(Debug)]
pub struct CalibrationRequest {
    /// What to calibrate.
    pub step: Step,
    /// Receives the outcome.
    pub answer: Sender<Result<Calibrated, NotCalibrated>>,
}

impl CalibrationRequest {
    /// Both ends of a queue of one request. Each calibration takes seconds, and a second person at the microscope would
    /// have moved the field that the first one calibrates on.
    #[must_use]
    pub fn requests(drops: Drops) -> (Requests<Self>, Receiver<Self>) {
        Requests::within(1, Dropped::CalibrationRequest, drops)
    }
}

/// A calibration that is stored and in force.
#[derive(Clone, Debug)]
pub struct Calibrated {
    /// The complete calibration, earlier steps included.
    pub calibration: Calibration,
    /// What this step found, as text.
    pub words: String,
}

impl Counting {
    /// Calibrates, puts the calibration in force and sends the answer.
    pub(super) fn calibrate(&mut self, CalibrationRequest { step, answer }: &CalibrationRequest) {
        let done = self.calibrated(*step);
        match &done {
            Ok(Calibrated { words, .. }) => log::info!("calibrated: {words}"),
            Err(problem) => log::warn!("not calibrated: {problem}"),
        }
        // The requester may be gone; the calibration holds all the same.
        let _ = answer.send(done);
    }

    fn calibrated(&mut self, step: Step) -> Result<Calibrated, NotCalibrated> {
        if self.session.phase() == Phase::Counting {
            return Err(NotCalibrated::Counting);
        }
        let Calibrator { state, camera, optics } = self.connections.calibrator.clone();
        if step == Step::Light && matches!(optics.flat_field, FlatFieldChoice::None | FlatFieldChoice::Learned) {
            return Err(NotCalibrated::NotUsed);
        }
        let frames = self.frames_to_calibrate_by();
        let size = frames.first().map(RgbImage::dimensions).unwrap_or_default();
        if frames.len() < FRAMES {
            return Err(NotCalibrated::FewFrames(frames.len()));
        }
        if frames.iter().any(|frame| frame.dimensions() != size) {
            return Err(NotCalibrated::Sizes);
        }
        let calibration = calibrate::begin(step, &state, calibrate::setup(&camera, &optics), size)?;
        let pulse = &self.connections.pulse;
        let calibration = match step {
            Step::Light => calibrate::with_light(calibration, &frames)?,
            Step::Scale => calibrate::with_scale(calibration, &self.vision, &frames, || pulse.beat())?,
        };
        calibration.store(&state)?;
        let lighting = calibrate::lighting(optics.flat_field, Some(&calibration));
        if lighting != *self.vision.lighting() || calibration.red_cells != self.vision.calibrated_colour() {
            self.vision = Arc::new((*self.vision).clone().lit(lighting).calibrated(calibration.red_cells));
            self.counter = Counter::behind(Arc::clone(&self.vision), Gate::new(self.connections.gate));
            self.connections.in_force.look_with(Arc::clone(&self.vision));
        }
        self.um_per_px = None;
        self.connections.in_force.calibrate(calibration.clone());
        self.take_what_is_in_force();
        self.connections.troubles.set(Part::Vision, None);
        self.connections.troubles.set(Part::Optics, None);
        let words = calibrate::in_words(step, &calibration, frames.len());
        Ok(Calibrated { calibration, words })
    }

    /// Collects new frames. The one already waiting is discarded: it was taken before the person was done with the
    /// stage.
    fn frames_to_calibrate_by(&mut self) -> Vec<RgbImage> {
        let mut frames = Vec::with_capacity(FRAMES);
        let _old = self.connections.frames.take(Duration::ZERO);
        let mut waited = Instant::now();
        while frames.len() < FRAMES && waited.elapsed() < PATIENCE && !self.connections.stop.requested() {
            self.connections.pulse.beat();
            if self.published.elapsed() >= super::REFRESH {
                self.publish();
            }
            if let Some(frame) = self.connections.frames.take(super::WAIT) {
                self.view.show(&frame, &[], &[]);
                frames.push((*frame.pixels).clone());
                waited = Instant::now();
            }
        }
        frames
    }
}
