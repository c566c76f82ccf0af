//! Sources of frames behind one trait: a V4L2 device, a nokhwa camera, another program, recorded files, a simulated
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
pub mod program;
pub mod replay;
pub mod simulated;
pub mod supervise;
#[cfg(feature = "camera-v4l")]
pub mod v4l;
#[cfg(any(feature = "camera-v4l", feature = "camera-nokhwa", test))]
mod yuyv;

use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

pub use devices::{LibraryCamera, VideoDevice, devices};

use self::command::CommandCamera;
use self::pan::PanCamera;
use self::program::Program;
use self::replay::{Playback, Replay};
use self::simulated::Simulated;
use crate::config::{CameraConfig, CameraSource};
use crate::domain::frame::Frame;

/// Opens the configured camera.
///
/// # Errors
/// When it does not exist, or this build has no support for it.
pub fn open(config: &CameraConfig) -> Result<Box<dyn Camera>, CameraError> {
    if let CameraSource::Replay(path) | CameraSource::Pan(path) = &config.source {
        no_pipe(path)?;
    }
    match &config.source {
        CameraSource::Choose => Err(CameraError::NotChosen("the page".to_owned())),
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

/// Refuses a named pipe, on which opening could wait for ever.
fn no_pipe(path: &Path) -> Result<(), CameraError> {
    let is_pipe = std::fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo());
    let words = || format!("{}: it is a pipe, not a file; name a picture or a folder of pictures", path.display());
    if is_pipe { Err(CameraError::Recording(words())) } else { Ok(()) }
}

/// The camera's name in its calibration: the driver's name, else the configured source.
#[must_use]
pub fn name(config: &CameraConfig) -> String {
    let named = match &config.source {
        CameraSource::V4l(device) => {
            // Resolve a udev link to the current device.
            let device = device.canonicalize().unwrap_or_else(|_| device.clone());
            devices().into_iter().find(|found| found.path == device).map(|found| found.name)
        }
        #[cfg(feature = "camera-nokhwa")]
        CameraSource::Nokhwa(camera) => nokhwa::driver_name(camera),
        _ => None,
    };
    named.filter(|name| !name.is_empty()).unwrap_or_else(|| config.source.to_string())
}

/// The cameras that nokhwa finds; empty if this build has no nokhwa.
#[must_use]
pub fn library_cameras() -> Vec<LibraryCamera> {
    #[cfg(feature = "camera-nokhwa")]
    return nokhwa::list();
    #[cfg(not(feature = "camera-nokhwa"))]
    Vec::new()
}

/// The result of reading a camera once.
#[derive(Debug)]
pub enum Capture {
    /// A complete frame.
    Frame(Frame),
    /// A frame that was torn or could not be decoded: counted and skipped. The text says what was wrong.
    Damaged(String),
    /// The end of a recording; nothing follows.
    End,
}

/// A source of frames.
pub trait Camera: Send {
    /// Waits for the next frame.
    ///
    /// A live camera may block for as long as its driver does; the caller enforces a timeout.
    ///
    /// # Errors
    /// When the source is gone and must be opened again.
    fn next_frame(&mut self) -> Result<Capture, CameraError>;

    /// Whether every frame counts (a recording read as fast as it is processed) rather than only the newest one.
    fn waits_for_reader(&self) -> bool {
        false
    }

    /// The program that delivers the frames, if it is one: it must end with this one.
    fn program(&self) -> Option<Program> {
        None
    }

    /// One line for the log: which source is open, with which settings.
    fn describe(&self) -> String;
}

/// Why a camera delivers no frames.
#[derive(Debug, thiserror::Error)]
pub enum CameraError {
    /// The source does not exist or cannot be opened.
    #[error("{source_name}: {problem}; {remedy}")]
    Unusable {
        /// Device or path.
        source_name: String,
        /// What is wrong with it.
        problem: String,
        /// How to fix it.
        remedy: String,
    },
    /// The source was open and has gone.
    #[error("{source_name} stopped giving frames: {problem}")]
    Lost {
        /// Device or path.
        source_name: String,
        /// The driver's error.
        problem: String,
    },
    /// Nobody has chosen a camera yet.
    #[error("no camera chosen: open {0} and say which camera this is")]
    NotChosen(String),
    /// The recording cannot be played; the text says how to fix it.
    #[error("{0}")]
    Recording(String),
    /// This build does not support the camera.
    #[error(
        "this build has no {0} cameras; build with `--features device`, or use --camera simulated, replay:PATH, pan:FILE or command:PROGRAM"
    )]
    NotBuilt(&'static str),
}

impl CameraError {
    /// Whether retrying is pointless: the recording cannot be played, or this build does not support the camera.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::NotBuilt(_) | Self::Recording(_))
    }
}
