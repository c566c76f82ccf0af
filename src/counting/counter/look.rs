//! The first half of counting: the light evened out, cells found at the scale kept so far, the frame judged. No memory of
//! cells: what follows can count one frame while the next is looked at.

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

/// Frames whose red cells decide on the scale together.
const SCALE_FRAMES: usize = 25;

/// Red cells that a frame needs to have a say in the scale.
const SCALE_CELLS: usize = 5;

/// A frame's own scale that is off by this much (natural logarithm) means another objective or another source.
const OTHER_SCALE: f64 = 0.2;

/// A frame that was looked at.
#[derive(Clone, Debug)]
pub struct DetectedFrame {
    /// The frame with its light evened out and balanced.
    pub(super) balanced: RgbImage,
    /// Every cell found.
    pub(super) cells: Vec<Detection>,
    pub(super) quality: Quality,
    /// The scale to count at; none for a frame that does not count.
    pub(super) counts: Option<Scale>,
    /// Micrometres a pixel, if known.
    pub(super) um_per_px: Option<MicrometresPerPixel>,
    /// How long its light took, and finding and judging.
    pub(super) took: (Duration, Duration),
}

/// Looks at the frames of one slide in their order.
#[derive(Debug)]
pub struct FrameAnalyzer {
    vision: Arc<Vision>,
    /// What the frames so far told of the light, where that is to be learned.
    light: Learner,
    gate: Gate,
    scale: Option<Scale>,
    /// Scales told by the latest frames, um a pixel.
    told: VecDeque<MicrometresPerPixel>,
    size: (u32, u32),
}

impl FrameAnalyzer {
    /// One that has seen nothing yet.
    #[must_use]
    pub fn behind(vision: Arc<Vision>, gate: Gate) -> Self {
        let told = VecDeque::with_capacity(SCALE_FRAMES);
        Self { vision, light: Learner::default(), gate, scale: None, told, size: (0, 0) }
    }

    /// Begins another slide under the same microscope: what was learned of the light stays.
    pub fn begin(&mut self, gate: Gate) {
        let light = std::mem::take(&mut self.light);
        *self = Self { light, ..Self::behind(Arc::clone(&self.vision), gate) };
    }

    /// Looks at the next frame.
    ///
    /// # Errors
    /// When a network fails on it.
    pub fn look(&mut self, image: &RgbImage) -> Result<DetectedFrame, VisionError> {
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
        let mut looked = DetectedFrame {
            balanced,
            cells,
            quality,
            counts: scale,
            um_per_px: scale.map(|scale| scale.um_per_px),
            took: (lit - began, lit.elapsed()),
        };
        if quality.refused() && !self.gate.is_open() {
            // A refused frame says nothing of the scale, and none of its cells counts.
            (self.scale, self.told) = before;
            looked.counts = None;
            looked.um_per_px = self.scale.map(|scale| scale.um_per_px);
        }
        Ok(looked)
    }

    /// Detects at the scale kept so far, or at a new one where that no longer fits.
    fn find(&mut self, balanced: &RgbImage) -> Result<Option<(Scale, Vec<Detection>)>, VisionError> {
        if let Some(scale) = self.scale {
            let detections = self.vision.detect(balanced, scale)?;
            if scale.source == ScaleSource::Stated || self.agrees(scale, &detections, balanced.dimensions()) {
                return Ok(Some((scale, detections)));
            }
            self.told.clear();
        }
        let found = self.vision.scale(balanced)?;
        // A guess from white cells is used for this frame and not kept: the next one may show red cells.
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

    /// Whether the red cells of a frame fit the scale; if so they have their say in it.
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
