//! Where frames come from: one trait, and behind it a V4L2 device, a camera of the library nokhwa, another program, recorded files, a simulated
//! microscope, or a simulated stage over a real picture.

pub mod command;
pub mod devices;
mod jpeg;
pub mod mjpeg;
#[cfg(feature = "camera-nokhwa")]
pub mod nokhwa;
mod pace;
pub mod pan;
pub mod picture;
pub mod replay;
pub mod simulated;
pub mod supervise;
#[cfg(feature = "camera-v4l")]
pub mod v4l;
#[cfg(any(feature = "camera-v4l", feature = "camera-nokhwa", test))]
mod yuyv;

pub use devices::{LibraryCamera, VideoDevice, devices};

use self::command::CommandCamera;
use self::pan::PanCamera;
use self::replay::{Playback, Replay};
use self::simulated::Simulated;
use crate::config::{CameraConfig, CameraSource};
use crate::domain::frame::Frame;

/// Opens the configured camera.
///
/// # Errors
/// When it is not there, or this build has no such camera.
pub fn open(config: &CameraConfig) -> Result<Box<dyn Camera>, CameraError> {
    match &config.source {
        CameraSource::Simulated => Ok(Box::new(Simulated::new(config))),
        CameraSource::Command(words) => Ok(Box::new(CommandCamera::open(words, config)?)),
        CameraSource::Pan(path) => Ok(Box::new(PanCamera::open(path, config)?)),
        CameraSource::Replay(path) => {
            let frame_rate = config.paced.then_some(config.frame_rate);
            Ok(Box::new(Replay::open(path, Playback { frame_rate, repeat: config.repeat })?))
        }
        #[cfg(feature = "camera-v4l")]
        CameraSource::V4l(device) => Ok(Box::new(v4l::V4l::open(device, config)?)),
        #[cfg(not(feature = "camera-v4l"))]
        CameraSource::V4l(_) => Err(CameraError::NotBuilt("V4L2")),
        #[cfg(feature = "camera-nokhwa")]
        CameraSource::Nokhwa(camera) => Ok(Box::new(nokhwa::NokhwaCamera::open(camera, config)?)),
        #[cfg(not(feature = "camera-nokhwa"))]
        CameraSource::Nokhwa(_) => Err(CameraError::NotBuilt("nokhwa")),
    }
}

/// What a camera is called in its calibration: its driver's name, else the words of the configuration.
#[must_use]
pub fn name(config: &CameraConfig) -> String {
    let named = match &config.source {
        CameraSource::V4l(device) => {
            // What a link of udev's points to now.
            let device = device.canonicalize().unwrap_or_else(|_| device.clone());
            devices().into_iter().find(|found| found.path == device).map(|found| found.name)
        }
        #[cfg(feature = "camera-nokhwa")]
        CameraSource::Nokhwa(camera) => nokhwa::driver_name(camera),
        _ => None,
    };
    named.filter(|name| !name.is_empty()).unwrap_or_else(|| config.source.to_string())
}

/// The cameras that the library nokhwa finds; none where this build has it not.
#[must_use]
pub(crate) fn library_cameras() -> Vec<LibraryCamera> {
    #[cfg(feature = "camera-nokhwa")]
    return nokhwa::list();
    #[cfg(not(feature = "camera-nokhwa"))]
    Vec::new()
}

/// What one read of a camera gives.
#[derive(Debug)]
pub enum Capture {
    /// A whole frame.
    Frame(Frame),
    /// A frame that was torn or could not be decoded: counted and skipped. The words say what was wrong.
    Damaged(String),
    /// A recording's end; nothing comes after it.
    End,
}

/// A source of frames.
pub trait Camera: Send {
    /// Waits for the next frame.
    ///
    /// A live camera may block for as long as its driver does; whoever calls it watches the time.
    ///
    /// # Errors
    /// When the source is gone and has to be opened again.
    fn next_frame(&mut self) -> Result<Capture, CameraError>;

    /// Whether every frame counts (a recording read as fast as it is used) rather than the newest one only.
    fn waits_for_reader(&self) -> bool {
        false
    }

    /// One line for the log: what is open, and with which settings.
    fn describe(&self) -> String;
}

/// Why a camera gives no frames.
#[derive(Debug, thiserror::Error)]
pub enum CameraError {
    /// The source is not there, or cannot be opened.
    #[error("{source_name}: {problem}; {remedy}")]
    Unusable {
        /// Device or path.
        source_name: String,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// It was there and has gone.
    #[error("{source_name} stopped giving frames: {problem}")]
    Lost {
        /// Device or path.
        source_name: String,
        /// What the driver said.
        problem: String,
    },
    /// A recording that cannot be played; the words say what to do.
    #[error("{0}")]
    Recording(String),
    /// This build has no such camera.
    #[error(
        "this build has no {0} cameras; build with `--features device`, or use --camera simulated, replay:PATH, pan:FILE or command:PROGRAM"
    )]
    NotBuilt(&'static str),
}

impl CameraError {
    /// Whether waiting cannot help: the recording cannot be played, or this build lacks the camera.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::NotBuilt(_) | Self::Recording(_))
    }
}
