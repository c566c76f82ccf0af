//! One picture from the camera: pixels, when it was taken, and which one it is. No input or output here.

use std::sync::Arc;

use image::RgbImage;
use jiff::Timestamp;

/// A frame as the camera gave it: 8-bit RGB, row by row from the top left.
///
/// Cloning is cheap: the pixels are shared.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Pixels, width x height x 3, 0..=255, in the camera's own colours.
    pub pixels: Arc<RgbImage>,
    /// Number of this frame since the camera was opened, from 0. Gaps are frames that were skipped.
    pub sequence: u64,
    /// When the frame was taken, by the station's clock.
    pub taken: Timestamp,
    /// The file it came from, for recorded frames.
    pub source: Option<Arc<str>>,
}

impl Frame {
    /// Wraps pixels into a frame.
    #[must_use]
    pub fn new(pixels: RgbImage, sequence: u64, taken: Timestamp) -> Self {
        Self { pixels: Arc::new(pixels), sequence, taken, source: None }
    }

    /// Width in pixels.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.pixels.width()
    }

    /// Height in pixels.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.pixels.height()
    }
}
