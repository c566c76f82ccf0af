//! From frames to cells counted once: vision, scale kept over time, and the stage followed. No clock, no threads.

use std::collections::VecDeque;
use std::sync::Arc;

use image::{RgbImage, imageops};

use crate::class::Kind;
use crate::classify::Opinion;
use crate::detect::Detection;
use crate::optics::flat_field::learn::Learner;
use crate::optics::scale::{self, Scale, ScaleSource};
use crate::quality::{Gate, Quality};
use crate::track::{self, Tracker};
use crate::vision::{Cell, Lighting, Vision, VisionError};

/// A cell that counts, seen for the first time.
#[derive(Clone, Debug, PartialEq)]
pub struct CountedCell {
    /// What it counts as, by the network's own answer.
    pub kind: Kind,
    /// What the classifier says of it; for cells that were found as white ones only.
    pub opinion: Option<Opinion>,
}

impl From<&Cell> for CountedCell {
    fn from(cell: &Cell) -> Self {
        Self { kind: cell.kind(), opinion: cell.opinion.clone() }
    }
}

/// What one frame added.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counted {
    /// Cells that count from now on, those of a lone field before this one included.
    pub cells: Vec<CountedCell>,
    /// Every cell found in this frame.
    pub in_view: Vec<Detection>,
    /// The stage moved in a way that could not be followed: cells may be counted a second time from here on.
    pub jumped: bool,
    /// Micrometres a pixel, if known.
    pub um_per_px: Option<f64>,
    /// How good the frame is; one that is refused adds no cells.
    pub quality: Quality,
}

/// Frames whose red cells decide on the scale together.
const SCALE_FRAMES: usize = 25;

/// Red cells that a frame needs to have a say in the scale.
const SCALE_CELLS: usize = 5;

/// A frame's own scale that is off by this much (natural logarithm) means another objective or another source.
const OTHER_SCALE: f64 = 0.2;

/// Counts the cells of one slide.
#[derive(Debug)]
pub struct Counter {
    vision: Arc<Vision>,
    /// What the frames so far told of the light, where that is to be learned.
    light: Learner,
    gate: Gate,
    tracker: Tracker,
    scale: Option<Scale>,
    /// Scales told by the latest frames, um a pixel.
    told: VecDeque<f64>,
    size: (u32, u32),
    /// Cells cut by the border of a lone field.
    cut: Vec<CountedCell>,
}

impl Counter {
    /// A counter that has seen nothing yet and counts every frame that passes the quality gate.
    #[must_use]
    pub fn new(vision: Arc<Vision>) -> Self {
        Self::behind(vision, Gate::new(true))
    }

    /// The same behind a gate of one's own.
    #[must_use]
    pub fn behind(vision: Arc<Vision>, gate: Gate) -> Self {
        Self {
            vision,
            light: Learner::default(),
            gate,
            tracker: Tracker::new(),
            scale: None,
            told: VecDeque::with_capacity(SCALE_FRAMES),
            size: (0, 0),
            cut: Vec::new(),
        }
    }

    /// Begins another slide under the same microscope: what was learned of the light stays.
    pub fn begin(&mut self, gate: Gate) {
        let light = std::mem::take(&mut self.light);
        *self = Self { light, ..Self::behind(Arc::clone(&self.vision), gate) };
    }

    /// Takes the next frame.
    ///
    /// # Errors
    /// When a network fails on it; its cells are then not counted.
    pub fn frame(&mut self, image: &RgbImage) -> Result<Counted, VisionError> {
        if self.size != image.dimensions() {
            self.size = image.dimensions();
            self.scale = None;
            self.told.clear();
        }
        if *self.vision.lighting() == Lighting::Learned {
            self.light.take(image);
        }
        let balanced = self.vision.balanced_by(image, self.light.flat_field());
        // ---- Quality gate: a refused frame says nothing of the scale, and none of its cells counts.
        let before = (self.scale, self.told.clone());
        let looked = self.look(&balanced)?;
        let (scale, cells) = looked.as_ref().map_or((None, &[][..]), |(scale, cells)| (Some(*scale), cells));
        let quality = self.gate.judge(image, &balanced, cells, scale);
        if quality.refused() && !self.gate.is_open() {
            (self.scale, self.told) = before;
            let in_view = looked.map(|(_, cells)| cells).unwrap_or_default();
            let um_per_px = self.scale.map(|scale| scale.um_per_px);
            return Ok(Counted { in_view, um_per_px, quality, ..Counted::default() });
        }
        // ---- End of the gate.
        let Some((scale, detections)) = looked else {
            return Ok(Counted { quality, ..Counted::default() });
        };
        let (width, height) = (f64::from(image.width()), f64::from(image.height()));
        let (thumb_width, thumb_height) = track::thumb_size(width, height);
        let grey = imageops::grayscale(&imageops::thumbnail(&balanced, thumb_width, thumb_height));
        let placed = self.tracker.place(grey, &detections, width, height);

        let of = |indices: &[usize]| indices.iter().map(|index| detections[*index]).collect::<Vec<_>>();
        let new = self.vision.name(&balanced, scale, of(&placed.new))?;
        let cut = self.vision.name(&balanced, scale, of(&placed.cut))?;
        let mut cells: Vec<CountedCell> = Vec::new();
        if placed.new_patch && !placed.jumped {
            cells.append(&mut self.cut);
        }
        // A field that turned out to be part of a patch shows its cut cells whole in another frame, or never.
        self.cut = cut.iter().map(CountedCell::from).collect();
        cells.extend(new.iter().map(CountedCell::from));
        Ok(Counted { cells, in_view: detections, jumped: placed.jumped, um_per_px: Some(scale.um_per_px), quality })
    }

    /// Ends the slide: gives the cut cells of a last lone field.
    pub fn finish(&mut self) -> Vec<CountedCell> {
        let cut = std::mem::take(&mut self.cut);
        if self.tracker.frames_in_patch() == 1 { cut } else { Vec::new() }
    }

    /// Detects at the scale kept so far, or at a new one where that no longer fits.
    fn look(&mut self, balanced: &RgbImage) -> Result<Option<(Scale, Vec<Detection>)>, VisionError> {
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
        if (told / scale.um_per_px).ln().abs() > OTHER_SCALE {
            return false;
        }
        if self.told.len() == SCALE_FRAMES {
            self.told.pop_front();
        }
        self.told.push_back(told);
        let mut sorted: Vec<f64> = self.told.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        self.scale = Some(Scale { um_per_px: sorted[sorted.len() / 2], source: scale.source });
        true
    }
}
