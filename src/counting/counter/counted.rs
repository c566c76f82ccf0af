//! What a frame adds to the count.

use std::sync::Arc;

use image::RgbImage;

use crate::counting::platelets::WholeField;
use crate::counting::track::{CellId, OnSlide};
use crate::domain::class::Kind;
use crate::domain::red_cell_colour::RedCellColour;
use crate::domain::scale::MicrometresPerPixel;
use crate::vision::detect::Detection;
use crate::vision::prediction::Prediction;
use crate::vision::quality::Quality;
use crate::vision::red_cells::RedOpinion;

/// A cell that counts from now on.
#[derive(Clone, Debug, PartialEq)]
pub struct CountedCell {
    /// Its id, unique on the slide.
    pub id: CellId,
    /// Kind it counts as, by raw prediction.
    pub kind: Kind,
    /// Prediction; only for cells detected as white.
    pub opinion: Option<Prediction>,
    /// Where it is.
    pub at: OnSlide,
    /// What it looks like; only for red cells that were named.
    pub red: Option<RedOpinion>,
    /// Its sharpest crop; only for cells detected as white, and red cells that were named.
    pub picture: Option<Arc<RgbImage>>,
}

/// Change to a cell already counted, from later frames.
#[derive(Clone, Debug, PartialEq)]
pub enum Revision {
    /// A white cell was seen better and has a new prediction.
    Named {
        id: CellId,
        /// The new prediction.
        opinion: Prediction,
        /// Its crop, if that is the sharpest so far.
        picture: Option<Arc<RgbImage>>,
    },
    /// It was not a cell after all.
    Withdrawn {
        id: CellId,
        /// Kind it counted as, if it has no prediction.
        kind: Kind,
    },
}

/// What one frame added to the count.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counted {
    /// Cells that count from now on, including those of a lone field before this one.
    pub cells: Vec<CountedCell>,
    /// Changes to cells counted before; apply them before counting `cells`.
    pub revisions: Vec<Revision>,
    /// Every cell of this frame: as detected, or carried along from the frame looked at last.
    pub in_view: Vec<Detection>,
    /// Whether the detector looked at this frame; others show again what the one before them showed, and add nothing.
    pub looked_at: bool,
    /// Position of the frame's top-left corner on its patch of the slide, px; `None` if nothing in it counts.
    pub origin: Option<(f64, f64)>,
    /// Ids of its cells, in the order of `in_view`; `None` for cells that are cut.
    pub names: Vec<Option<CellId>>,
    /// The stage moved in a way that could not be followed, or more was seen than can be remembered: cells may be
    /// counted a second time from here on.
    pub jumped: bool,
    /// Micrometres per pixel, if known.
    pub um_per_px: Option<MicrometresPerPixel>,
    /// Colour of the red cells of this frame and the latest ones before it; none where the frame adds no cells.
    pub red_cells: Option<RedCellColour>,
    /// Quality of the frame; a refused frame adds no cells.
    pub quality: Quality,
    /// What it shows of the slide, if it is a whole field of which every cell can be counted.
    pub whole: Option<WholeField>,
    /// Why white cells of this frame could not be classified, if so; they count once another frame shows them. Or why its red
    /// cells could not be graded.
    pub unnamed: Option<String>,
}
