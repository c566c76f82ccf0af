//! From a white-balanced image to its cells: a small fully convolutional network at one fixed scale.

mod decode;
pub mod scale;
pub mod shared_scale;
mod tiles;

use image::RgbImage;

use crate::domain::class::Kind;
use crate::domain::geometry::Rect;
use crate::domain::scale::MicrometresPerPixel;
use crate::vision::box_margin::box_of_cell;
use crate::vision::models::{DetectorCard, ModelError, Models};
use crate::vision::net::{Array, Net, NetError};
use crate::vision::optics::resample::{ResampleError, resample};

/// A cell that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection {
    /// White cell, red cell or platelet.
    pub kind: Kind,
    /// Where, in pixels of the image.
    pub area: Rect,
    /// How sure the detector is, 0..1.
    pub score: f64,
}

/// Why cells could not be looked for.
#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    #[error(transparent)]
    Resample(#[from] ResampleError),
    #[error("the detector failed: {0}")]
    Net(#[from] NetError),
}

/// Finds cells.
#[derive(Debug)]
pub struct Detector {
    net: Net,
    card: DetectorCard,
    background: u8,
}

impl Detector {
    /// Makes the detector of a models folder ready.
    ///
    /// # Errors
    /// When the network is broken or answers in another shape than `model.toml` says.
    pub fn new(models: &Models) -> Result<Self, ModelError> {
        let mut card = models.card.detector.clone();
        // Training took boxes for cells when it measured; here a micrometre is one.
        card.um_per_px = box_of_cell(card.um_per_px);
        let path = models.folder.join(&card.file);
        let unusable = |error: NetError| ModelError::Unusable { path: path.clone(), problem: error.to_string() };
        let net = Net::read(&models.detector).map_err(unusable)?;
        let side = (card.size_multiple * 2) as usize;
        let answer: [usize; 4] =
            net.answers_to_pixels([1, side, side]).and_then(|answers| answers.shape(0)).map_err(unusable)?;
        let cells = side / card.stride as usize;
        let wanted = [1, decode::channels(card.kinds.len()), cells, cells];
        if answer != wanted {
            return Err(ModelError::Shape {
                path,
                problem: format!("for a {side}x{side} px image it answers {answer:?} instead of {wanted:?}"),
            });
        }
        Ok(Self { net, card, background: models.card.white_balance.level })
    }

    /// Scale the network works at, micrometres a pixel.
    #[must_use]
    pub fn um_per_px(&self) -> f64 {
        self.card.um_per_px
    }

    /// Finds the cells of a white-balanced image whose scale is `um_per_px`, best first. A large image is looked at in
    /// overlapping tiles.
    ///
    /// # Errors
    /// When the network fails.
    pub fn detect(&self, image: &RgbImage, um_per_px: MicrometresPerPixel) -> Result<Vec<Detection>, DetectError> {
        self.detect_above(image, um_per_px, &self.card.thresholds)
    }

    /// The same down to the score `lowest` (0..1) for every kind, for drawing precision over recall.
    ///
    /// # Errors
    /// As [`Detector::detect`].
    pub(crate) fn detect_from(
        &self,
        image: &RgbImage,
        um_per_px: MicrometresPerPixel,
        lowest: f64,
    ) -> Result<Vec<Detection>, DetectError> {
        self.detect_above(image, um_per_px, &vec![lowest; self.card.kinds.len()])
    }

    fn detect_above(
        &self,
        image: &RgbImage,
        um_per_px: MicrometresPerPixel,
        thresholds: &[f64],
    ) -> Result<Vec<Detection>, DetectError> {
        let factor = um_per_px.get() / self.card.um_per_px;
        let side = |length: u32| (f64::from(length) * factor).round().max(1.0) as u32;
        let (width, height) = (side(image.width()), side(image.height()));
        // Rounding the size to whole pixels stretched the image a little; boxes go back by what was really done.
        let back = (f64::from(image.width()) / f64::from(width), f64::from(image.height()) / f64::from(height));
        let original = |area: Rect| Rect::new(area.x * back.0, area.y * back.1, area.w * back.0, area.h * back.1);
        let tiles = tiles::of(width, height);
        let mut cells = Vec::new();
        for tile in &tiles {
            let part = resample(image, original(tile.area()), tile.width(), tile.height())?;
            let (pixels, padded_width, padded_height) = self.input(&part);
            let answer: Array<4> = self.net.run_pixels(&pixels, [1, padded_height, padded_width])?;
            for mut cell in decode::decode(&answer, &self.card, thresholds) {
                cell.area = cell.area.clipped(f64::from(tile.width()), f64::from(tile.height())).moved(tile.corner());
                if tile.is_at_home(cell.area.centre()) {
                    cells.push(cell);
                }
            }
        }
        if tiles.len() > 1 {
            // A cell on the line between two tiles may have come from both.
            cells = decode::one_box_a_cell(cells, &self.card.nms_iou);
        }
        for cell in &mut cells {
            cell.area = original(cell.area);
        }
        // What lies in the padding, or shows a sliver of itself, is no cell.
        cells.retain(|cell| cell.area.w >= 1.0 && cell.area.h >= 1.0);
        Ok(cells)
    }

    /// Pixels padded right and bottom with background, width and height.
    fn input(&self, image: &RgbImage) -> (Vec<u8>, usize, usize) {
        let multiple = self.card.size_multiple;
        let width = image.width().next_multiple_of(multiple) as usize;
        let height = image.height().next_multiple_of(multiple) as usize;
        let mut pixels = vec![self.background; 3 * width * height];
        let row = 3 * image.width() as usize;
        for (target, source) in pixels.chunks_exact_mut(3 * width).zip(image.as_raw().chunks_exact(row.max(1))) {
            target[..row].copy_from_slice(source);
        }
        (pixels, width, height)
    }
}
