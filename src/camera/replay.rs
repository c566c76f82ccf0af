//! Recorded frames: the pictures of a folder, of a pattern, or a single one, in the order of their names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::pace::Pace;
use super::picture::{list_pictures, read_picture};
use super::{Camera, CameraError, Capture};
use crate::domain::frame::Frame;

/// How a recording is played.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Playback {
    /// Frames a second, played like a live camera whose frames nobody waits for; none: every frame counts, and the next
    /// one is read when the one before is used.
    pub frame_rate: Option<f64>,
    /// Begin again after the last frame.
    pub repeat: bool,
}

/// Plays recorded frames.
#[derive(Debug)]
pub struct Replay {
    path: PathBuf,
    pictures: Vec<PathBuf>,
    /// The next picture.
    next: usize,
    sequence: u64,
    repeat: bool,
    pace: Pace,
    /// Whether any picture since the first one could be used.
    usable: bool,
}

impl Replay {
    /// Lists the pictures that `path` means (see [`list_pictures`]). A relative path begins at the working folder.
    ///
    /// # Errors
    /// When nothing is there or no picture is found.
    pub fn open(path: impl AsRef<Path>, playback: Playback) -> Result<Self, CameraError> {
        let path = path.as_ref();
        let pictures = list_pictures(path).map_err(|e| CameraError::Recording(e.to_string()))?;
        Ok(Self {
            path: path.to_owned(),
            pictures,
            next: 0,
            sequence: 0,
            repeat: playback.repeat,
            pace: Pace::new(playback.frame_rate.unwrap_or(0.0)),
            usable: false,
        })
    }

    /// Pictures in one run of the recording.
    #[must_use]
    pub fn pictures(&self) -> usize {
        self.pictures.len()
    }
}

impl Camera for Replay {
    fn next_frame(&mut self) -> Result<Capture, CameraError> {
        if self.next == self.pictures.len() {
            // A recording without one good picture would repeat its damage as fast as the disk allows.
            if !self.repeat || !self.usable {
                return Ok(Capture::End);
            }
            self.next = 0;
        }
        // Every picture is played, however late.
        let _ = self.pace.wait();
        let path = &self.pictures[self.next];
        let sequence = self.sequence;
        self.next += 1;
        self.sequence += 1;
        match read_picture(path) {
            Ok(pixels) => {
                self.usable = true;
                let mut frame = Frame::new(pixels, sequence, Timestamp::now());
                frame.source = Some(Arc::from(path.to_string_lossy()));
                Ok(Capture::Frame(frame))
            }
            Err(problem) => Ok(Capture::Damaged(problem.to_string())),
        }
    }

    fn waits_for_reader(&self) -> bool {
        self.pace.is_free()
    }

    fn describe(&self) -> String {
        let again = if self.repeat { ", again and again" } else { "" };
        format!("recording {}, {} pictures, {}{again}", self.path.display(), self.pictures.len(), self.pace)
    }
}
