//! First half of counting: flat-field correction, detection at the current scale, quality gate. It has no memory of
//! cells, so the second half can count one frame while the next is analysed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use image::RgbImage;

use crate::domain::class::Kind;
use crate::domain::scale::MicrometresPerPixel;
use crate::vision::detect::Detection;
use crate::vision::detect::scale::{self, Scale, ScaleSource};
use crate::vision::optics::flat_field::learn::Learner;
use crate::vision::quality::{Gate, Quality};
use crate::vision::{Lighting, Vision, VisionError};

/// Frames whose red cells together set the scale.
const SCALE_FRAMES: usize = 25;

/// Red cells a frame needs to contribute to the scale.
const SCALE_CELLS: usize = 5;

/// A frame's own scale that is off by this much (natural logarithm) means another objective or another source.
const OTHER_SCALE: f64 = 0.2;

/// An analysed frame.
#[derive(Clone, Debug)]
pub struct DetectedFrame {
    /// The frame after flat-field correction and white balance.
    pub(super) balanced: RgbImage,
    /// Every cell detected.
    pub(super) cells: Vec<Detection>,
    pub(super) quality: Quality,
    /// Scale to count at; `None` for a frame that does not count.
    pub(super) counts: Option<Scale>,
    /// Micrometres per pixel, if known.
    pub(super) um_per_px: Option<MicrometresPerPixel>,
    /// Time taken by the flat-field correction, and by detection and gate.
    pub(super) took: (Duration, Duration),
}

/// Analyses the frames of one slide in order.
#[derive(Debug)]
pub struct FrameAnalyzer {
    vision: Arc<Vision>,
    /// Light learned from the frames so far, if it is to be learned.
    light: Learner,
    gate: Gate,
    scale: Option<Scale>,
    /// Scales told by the latest frames, um a pixel.
    told: VecDeque<MicrometresPerPixel>,
    size: (u32, u32),
}

impl FrameAnalyzer {
    /// An analyser for a new slide.
    #[must_use]
    pub fn behind(vision: Arc<Vision>, gate: Gate) -> Self {
        let told = VecDeque::with_capacity(SCALE_FRAMES);
        Self { vision, light: Learner::default(), gate, scale: None, told, size: (0, 0) }
    }

    /// Begins another slide under the same microscope and keeps what was learned about the light.
    pub fn begin(&mut self, gate: Gate) {
        let light = std::mem::take(&mut self.light);
        *self = Self { light, ..Self::behind(Arc::clone(&self.vision), gate) };
    }

    /// Analyses the next frame.
    ///
    /// # Errors
    /// If a network fails on it.
    pub fn analyze(&mut self, image: &RgbImage) -> Result<DetectedFrame, VisionError> {
        let began = Instant::now();
        if self.size != image.dimensions() {
            self.size = image.dimensions();
            self.scale = None;
            self.told.clear();
        }
        if *self.vision.lighting() == Lighting::Learned {
            self.light.take(image);
        }
        let balanced = self.vision.balanced_by(image, self.light.flat_field());
        let lit = Instant::now();
        let before = (self.scale, self.told.clone());
        let found = self.find(&balanced)?;
        let (scale, cells) = found.map_or((None, Vec::new()), |(scale, cells)| (Some(scale), cells));
        let quality = self.gate.judge(image, &balanced, &cells, scale);
        let mut detected = DetectedFrame {
            balanced,
            cells,
            quality,
            counts: scale,
            um_per_px: scale.map(|scale| scale.um_per_px),
            took: (lit - began, lit.elapsed()),
        };
        if quality.refused() && !self.gate.is_open() {
            // A refused frame does not affect the scale, and none of its cells counts.
            (self.scale, self.told) = before;
            detected.counts = None;
            detected.um_per_px = self.scale.map(|scale| scale.um_per_px);
        }
        Ok(detected)
    }

    /// Detects at the current scale, or at a new one if that no longer fits.
    fn find(&mut self, balanced: &RgbImage) -> Result<Option<(Scale, Vec<Detection>)>, VisionError> {
        if let Some(scale) = self.scale {
            let detections = self.vision.detect(balanced, scale)?;
            if scale.source == ScaleSource::Stated || self.agrees(scale, &detections, balanced.dimensions()) {
                return Ok(Some((scale, detections)));
            }
            self.told.clear();
        }
        let found = self.vision.scale(balanced)?;
        // A guess from white cells is used for this frame only: the next one may show red cells.
        let keep = |scale: &Scale| !scale.source.is_guess();
        let scale = match (found, self.scale) {
            (Some(found), _) if keep(&found) => found,
            (_, Some(before)) => before,
            (Some(guess), None) => guess,
            (None, None) => return Ok(None),
        };
        self.scale = Some(scale).filter(keep);
        Ok(Some((scale, self.vision.detect(balanced, scale)?)))
    }

    /// Whether the red cells of a frame fit the scale; if so they contribute to it.
    fn agrees(&mut self, scale: Scale, detections: &[Detection], size: (u32, u32)) -> bool {
        let red = detections.iter().filter(|cell| cell.kind == Kind::Rbc).count();
        let (width, height) = (f64::from(size.0), f64::from(size.1));
        let Some(told) = scale::from_red_cells(detections, width, height).filter(|_| red >= SCALE_CELLS) else {
            return true;
        };
        if told.over(scale.um_per_px).ln().abs() > OTHER_SCALE {
            return false;
        }
        if self.told.len() == SCALE_FRAMES {
            self.told.pop_front();
        }
        self.told.push_back(told);
        let mut sorted: Vec<_> = self.told.iter().copied().collect();
        sorted.sort();
        self.scale = Some(Scale { um_per_px: sorted[sorted.len() / 2], source: scale.source });
        true
    }
}
