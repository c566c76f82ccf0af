//! The scale of an image, taken from its red cells.
//!
//! A red cell on a dried smear is 7.2 um wide (median; normal range 6.7 to 7.7 um, Bain, "Blood Cells", 5th ed.).
//! The detector gives red cells their right size even where the scale it was told is off by half, so it is run at a
//! few scales an octave apart, and the one at which red cells come out as large as they should be is taken.

use image::RgbImage;

use crate::domain::class::Kind;
use crate::domain::geometry::Rect;
use crate::domain::scale::MicrometresPerPixel;
use crate::vision::box_margin::box_of_cell;
use crate::vision::detect::{DetectError, Detection, Detector};
use crate::vision::optics::field_of_view::BalancedPicture;
use crate::vision::optics::resample::resample;

/// Median diameter of a red cell, um.
pub(crate) const RED_CELL_UM: f64 = 7.2;

/// Width of the box around a white cell, assumed where an image shows no red cell, um: between a lymphocyte's and a
/// monocyte's. Only the order of size can be had this way.
const WHITE_CELL_BOX_UM: f64 = 15.0;

/// Width of the box around a median red cell, um.
const RED_CELL_BOX_UM: f64 = box_of_cell(RED_CELL_UM);

/// Where a scale comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScaleSource {
    /// Stated by the person at the device.
    Stated,
    /// Median of the red cells.
    RedCells,
    /// Guessed from white cells, there being no red ones.
    WhiteCells,
    /// Median of what the red cells of several images of one microscope tell.
    SharedRedCells,
    /// Median of what is guessed from the white cells of several images of one microscope.
    SharedWhiteCells,
}

impl ScaleSource {
    /// Whether it rests on the size of white cells, which differ a lot.
    #[must_use]
    pub const fn is_guess(self) -> bool {
        matches!(self, Self::WhiteCells | Self::SharedWhiteCells)
    }

    /// The word used in every output.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Stated => "stated",
            Self::RedCells => "red-cells",
            Self::WhiteCells => "white-cells",
            Self::SharedRedCells => "shared-red-cells",
            Self::SharedWhiteCells => "shared-white-cells",
        }
    }

    /// The words after a number of um/px; none where there is nothing to add.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Stated => "as stated",
            Self::RedCells => "",
            Self::WhiteCells => "guessed from white cells",
            Self::SharedRedCells => "from the red cells of all",
            Self::SharedWhiteCells => "guessed from the white cells of all",
        }
    }
}

impl serde::Serialize for ScaleSource {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

/// Micrometres a pixel, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    pub um_per_px: MicrometresPerPixel,
    pub source: ScaleSource,
}

/// What an image tells of its scale.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ScaleEstimates {
    /// What a person states.
    pub stated: Option<MicrometresPerPixel>,
    /// By its red cells.
    pub red_cells: Option<MicrometresPerPixel>,
    /// By its white cells, taken for usual ones. May be none where red cells settled the matter.
    pub white_cells: Option<MicrometresPerPixel>,
    /// Whole red cells that `red_cells` is the median of.
    pub red_cells_seen: usize,
}

impl Scale {
    /// Whether cells are too small in the picture to be told apart.
    #[must_use]
    pub fn is_too_coarse(self) -> bool {
        self.um_per_px.get() > COARSEST
    }
}

impl ScaleEstimates {
    /// The scale of the image on its own; none where it shows no cell of a plausible size.
    #[must_use]
    pub fn scale(&self) -> Option<Scale> {
        let of =
            |um_per_px: Option<MicrometresPerPixel>, source| um_per_px.map(|um_per_px| Scale { um_per_px, source });
        of(self.stated, ScaleSource::Stated)
            .or(of(self.red_cells, ScaleSource::RedCells))
            .or(of(self.white_cells, ScaleSource::WhiteCells))
    }
}

/// Coarsest scale at which cells are looked for, um a pixel: a red cell is 14 px wide there. Coarser pictures show no
/// more than that there are cells.
pub const COARSEST: f64 = 0.5;

/// Scales tried, um a pixel, likeliest first: boxes of red cells of 80, 40, 160, 20 and 320 px.
const TRIED: [f64; 5] = [0.1, 0.2, 0.05, 0.4, 0.025];

/// Score from which a cell is good enough to measure.
const SURE: f64 = 0.5;

/// Red cells that settle the matter at once.
const ENOUGH: usize = 6;

/// Side of the middle part that is looked at, in detector pixels: some fifty red cells fit.
const LOOK: f64 = 384.0;

/// Takes the scale of a white-balanced image from its cells.
///
/// # Errors
/// When the detector fails.
pub(crate) fn estimate_scale(detector: &Detector, image: &BalancedPicture) -> Result<ScaleEstimates, DetectError> {
    let mut best: Option<(MicrometresPerPixel, f64)> = None;
    let mut best_white: Option<(MicrometresPerPixel, f64)> = None;
    for tried in TRIED.into_iter().filter_map(MicrometresPerPixel::new) {
        let side = LOOK * detector.um_per_px() / tried.get();
        let part = middle(image, side)?;
        // Below 4 um a side there is nothing to see.
        if f64::from(part.width().min(part.height())) * tried.get() < 4.0 {
            continue;
        }
        let cells = detector.detect(&part, tried)?;
        let (width, height) = (f64::from(part.width()), f64::from(part.height()));
        let field = width * height;
        if let Some((diameter, count, weight)) = median_of(&cells, Kind::Rbc, width, height) {
            let off = RED_CELL_BOX_UM / diameter / tried.get();
            let evidence = weight / field / (1.0 + (off.ln() / std::f64::consts::LN_2).powi(2) * 4.0);
            if best.is_none_or(|(_, before)| evidence > before)
                && let Some(told) = MicrometresPerPixel::new(RED_CELL_BOX_UM / diameter)
            {
                best = Some((told, evidence));
            }
            if count >= ENOUGH && (0.7..1.45).contains(&off) && weight / field > 0.08 {
                break;
            }
        }
        if let Some((diameter, _, weight)) = median_of(&cells, Kind::Wbc, width, height) {
            let off = WHITE_CELL_BOX_UM / diameter / tried.get();
            let evidence = weight / field / (1.0 + (off.ln() / std::f64::consts::LN_2).powi(2) * 4.0);
            if best_white.is_none_or(|(_, before)| evidence > before)
                && let Some(told) = MicrometresPerPixel::new(WHITE_CELL_BOX_UM / diameter)
            {
                best_white = Some((told, evidence));
            }
        }
    }
    let white_cells = best_white.map(|(um_per_px, _)| um_per_px);
    let Some((um_per_px, _)) = best else {
        return Ok(ScaleEstimates { white_cells, ..ScaleEstimates::default() });
    };
    // Once more at the scale found: there the sizes are the most exact.
    let part = middle(image, LOOK * detector.um_per_px() / um_per_px.get())?;
    let cells = detector.detect(&part, um_per_px)?;
    let found = median_of(&cells, Kind::Rbc, f64::from(part.width()), f64::from(part.height()));
    let refined = found.and_then(|(diameter, ..)| MicrometresPerPixel::new(RED_CELL_BOX_UM / diameter));
    Ok(ScaleEstimates {
        red_cells: Some(refined.unwrap_or(um_per_px)),
        white_cells,
        stated: None,
        red_cells_seen: found.map_or(0, |(_, count, _)| count),
    })
}

/// The scale that the whole red cells among `cells` of a `width` x `height` px image tell.
#[must_use]
pub(crate) fn from_red_cells(cells: &[Detection], width: f64, height: f64) -> Option<MicrometresPerPixel> {
    let (diameter, ..) = median_of(cells, Kind::Rbc, width, height)?;
    MicrometresPerPixel::new(RED_CELL_BOX_UM / diameter)
}

/// Median diameter in px of the sure, whole cells of a kind; their number; and their area weighted by score.
fn median_of(cells: &[Detection], kind: Kind, width: f64, height: f64) -> Option<(f64, usize, f64)> {
    let whole =
        cells.iter().filter(|cell| cell.kind == kind && cell.score >= SURE && cell.area.inside(width, height, 1.0));
    let mut diameters: Vec<f64> = whole.clone().map(|cell| cell.area.diameter()).collect();
    if diameters.is_empty() {
        return None;
    }
    diameters.sort_by(f64::total_cmp);
    let weight = whole.map(|cell| cell.area.area() * cell.score).sum();
    Some((diameters[diameters.len() / 2], diameters.len(), weight))
}

/// The part of `side` px about the middle of the field of view.
fn middle(image: &BalancedPicture, side: f64) -> Result<RgbImage, DetectError> {
    let (width, height) = (f64::from(image.width()), f64::from(image.height()));
    if side >= width && side >= height {
        return Ok(RgbImage::clone(image));
    }
    let (w, h) = (side.min(width).floor().max(1.0), side.min(height).floor().max(1.0));
    let (x, y) = image.view.bounds().centre();
    let corner = |middle: f64, length: f64, all: f64| (middle - length / 2.0).floor().clamp(0.0, all - length);
    let window = Rect::new(corner(x, w, width), corner(y, h, height), w, h);
    Ok(resample(image, window, w as u32, h as u32)?)
}
