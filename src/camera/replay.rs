//! Recorded frames: the images of a folder or pattern, or a single one, sorted by name.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::pace::Pace;
use super::picture::{Listing, find_pictures, read_picture};
use super::{Camera, CameraError, Capture};
use crate::domain::frame::Frame;

/// How a recording is played.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Playback {
    /// Frames a second, played like a live camera that drops frames nobody takes; with none every frame counts, and
    /// each is read once the previous one has been processed.
    pub frame_rate: Option<f64>,
    /// Start again after the last frame.
    pub repeat: bool,
}

#[derive(Debug)]
pub struct Replay {
    path: PathBuf,
    pictures: Vec<PathBuf>,
    next: usize,
    sequence: u64,
    repeat: bool,
    pace: Pace,
    /// Whether any image since the first one was usable.
    usable: bool,
}

impl Replay {
    /// Lists the images that `path` selects (see [`find_pictures`]). A relative path starts at the working folder.
    ///
    /// # Errors
    /// When nothing exists there or no image is found.
    pub fn open(path: impl AsRef<Path>, playback: Playback) -> Result<Self, CameraError> {
        let path = path.as_ref();
        let Listing { pictures, left_out } =
            find_pictures(path, false).map_err(|e| CameraError::Recording(e.to_string()))?;
        left_out.log(path, "");
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

    /// Images in one pass through the recording.
    #[must_use]
    pub fn pictures(&self) -> usize {
        self.pictures.len()
    }
}

impl Camera for Replay {
    fn next_frame(&mut self) -> Result<Capture, CameraError> {
        if self.next == self.pictures.len() {
            // Without a single good image, repeating would report damage as fast as the disk reads.
            if !self.repeat || !self.usable {
                return Ok(Capture::End);
            }
            self.next = 0;
        }
        // Every image is played, however late.
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
