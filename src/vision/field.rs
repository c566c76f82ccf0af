//! What one image shows, and why it could not be looked at.

use crate::domain::class::{CellClass, Kind};
use crate::domain::red_cell_colour::RedCellColour;
use crate::vision::classify::ClassifyError;
use crate::vision::detect::scale::{COARSEST, Scale};
use crate::vision::detect::{DetectError, Detection};
use crate::vision::optics::resample::ResampleError;
use crate::vision::prediction::Prediction;
use crate::vision::red_cells::{RedCellError, RedOpinion};

/// Score of a white cell times the probability that it is a cell of any class, from which it is one.
const LEAST_BELIEF: f64 = 0.05;

/// Overlap (intersection over union) from which two boxes of a platelet are the same one.
pub(crate) const SAME_PLATELET: f64 = 0.3;

/// A cell of one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    pub detection: Detection,
    /// What it is; for white cells only.
    pub opinion: Option<Prediction>,
    /// What it looks like; for red cells only, where red cells are named.
    pub red: Option<RedOpinion>,
}

impl Cell {
    /// What the cell counts as: a white cell that is named a platelet is one.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match &self.opinion {
            Some(opinion) if opinion.class == CellClass::Plt => Kind::Plt,
            _ => self.detection.kind,
        }
    }

    /// Whether it is a cell at all: something found weakly as a white cell that the classifier is sure is none is not.
    pub(crate) fn is_believed(&self) -> bool {
        let Some(opinion) = &self.opinion else { return true };
        let rejected = opinion.ranked.iter().find(|(class, _)| *class == CellClass::Unk).map_or(0.0, |(_, p)| *p);
        self.detection.score * (1.0 - rejected) >= LEAST_BELIEF
    }

    /// The class of a white cell.
    #[must_use]
    pub fn class(&self) -> Option<CellClass> {
        self.opinion.as_ref().map(|opinion| opinion.class).filter(|class| *class != CellClass::Plt)
    }
}

/// What one image shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Field {
    /// The scale the cells were looked for at; none where the image shows nothing to take it from.
    pub scale: Option<Scale>,
    /// The colour of its red cells; none where it shows too few.
    pub red_cells: Option<RedCellColour>,
    /// Cells, surest first.
    pub cells: Vec<Cell>,
}

/// Why an image could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum VisionError {
    #[error(transparent)]
    Detect(#[from] DetectError),
    #[error(transparent)]
    Crop(#[from] ResampleError),
    #[error(transparent)]
    Classify(#[from] ClassifyError),
    #[error(transparent)]
    RedCell(#[from] RedCellError),
    #[error(
        "at {um_per_px:.2} um a pixel cells are too small to tell apart (at most {COARSEST}); use an objective of higher power"
    )]
    TooCoarse { um_per_px: f64 },
}
