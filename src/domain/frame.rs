//! One camera frame: pixels, time and sequence number. No I/O here.

use std::sync::Arc;

use image::RgbImage;
use jiff::Timestamp;

/// A frame as the camera delivered it: 8-bit RGB, row by row from the top left.
///
/// Cloning is cheap: the pixels are shared.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Pixels, width x height x 3, 0..=255, in the camera's own colours.
    pub pixels: Arc<RgbImage>,
    /// Frame number since the camera was opened, from 0. Gaps are skipped frames.
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
