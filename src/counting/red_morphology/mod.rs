//! What the graded red cells of a sample say of it: shares of each class, size and colour, by ICSH 2015. Pure.

mod film;
mod text;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::config::RedCellsConfig;
use crate::counting::statistics::interval::{LEVEL, exact};
use crate::domain::interval::Figure;
use crate::domain::red_class::RedClass;
use crate::domain::red_grade::RedGrade;
pub use film::{RedCell, RedFilm};

/// Graded red cells from which grades are given: with fewer, the interval of a share is wider than a grade.
pub const ENOUGH_FOR_GRADES: u32 = 100;

/// Graded red cells from which schistocytes have a grade (ICSH schistocyte group, Zini et al. 2012).
pub const ENOUGH_FOR_SCHISTOCYTES: u32 = 1000;

/// Width of the pale middle, as a share of the diameter, above which a red cell is hypochromic: as measured, 2 % of the normal cells
/// of Chula RBC-12 (train) are wider. The third of ICSH 2015 is that of an eye, which sees the edge of the pale middle elsewhere.
pub const PALE: f64 = 0.48;

/// Diameter above which a red cell is a macrocyte, um: by its box, as is every diameter here, 3 % of the normal cells of Chula RBC-12
/// (train) are larger. Boxes follow the size of a cell by some two thirds, so these limits are closer than those of a micrometer.
pub const MACROCYTE_ABOVE_UM: f64 = 7.8;

/// Diameter below which a red cell is a microcyte, um; likewise.
pub const MICROCYTE_BELOW_UM: f64 = 6.6;

/// Distance of a diameter from the median, as a share of it, from which a cell counts for anisocytosis.
pub const OFF_MEDIAN: f64 = 0.15;

/// Classes that have a line even if no cell is of them: normal cells, and the shapes that ICSH 2015 grades.
pub const ASKED_FOR: [RedClass; 9] = [
    RedClass::Normal,
    RedClass::Spherocyte,
    RedClass::Target,
    RedClass::Stomatocyte,
    RedClass::Ovalocyte,
    RedClass::Elliptocyte,
    RedClass::Teardrop,
    RedClass::Burr,
    RedClass::Schistocyte,
];

/// Why no size of single cells is told, in English.
pub const RED_CELLS_ARE_THE_RULER: &str = "macrocytes and microcytes are not told: the scale was taken from the red cells themselves, taken to be 7.2 um wide; state it \
     ([optics] um_per_px, or --um-per-px)";

/// Morphology of the red cells of one sample, from those that were looked at: a sample of the counted ones, chosen by place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RedMorphology {
    /// Red cells graded: whole, and by themselves.
    pub graded: u32,
    /// Red cells looked at and not graded, since they overlap others.
    pub not_graded: u32,
    /// Of the graded ones, those that are not categorised: too uncertain, or none of the classes.
    pub not_categorised: u32,
    /// Whether at least 100 cells were graded; with fewer no line has a grade.
    pub enough: bool,
    /// Whether at least 1000 cells were graded, as schistocytes ask for; with fewer they have no grade.
    pub enough_for_schistocytes: bool,
    /// One line for each class that ICSH grades by shape, for normal cells, and for every other class that was seen; in percent
    /// of the graded cells. Macrocytes, microcytes and hypochromic cells carry no grade here: `size` and `hypochromia` do.
    pub classes: Vec<RedLine>,
    /// How large they are.
    pub size: RedSize,
    /// Cells whose pale middle is wide, of those in which that could be measured; with the grade
    /// of hypochromic cells.
    pub hypochromia: RedShare,
    /// The figures that raise the flag `red-cell-morphology`, by class.
    #[serde(default)]
    pub evidence: Vec<RedEvidence>,
}

/// Why the flag was raised: the share of a class at or above its limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RedEvidence {
    /// Macrocytes and microcytes by their diameter, hypochromic cells by their pale middle, every other class by its name.
    pub class: RedClass,
    /// In percent, with the exact 95 % interval.
    pub figure: Figure,
    /// The configured limit, percent.
    pub limit: f64,
    /// Whether the whole interval lies at or above the limit, so that chance alone does not explain the flag.
    pub beyond_chance: bool,
}

/// Graded cells of one class.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RedLine {
    pub class: RedClass,
    #[serde(flatten)]
    pub share: RedShare,
}

/// Some of the graded cells.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RedShare {
    /// Cells.
    pub count: u32,
    /// Of this many.
    pub of: u32,
    /// Percent, 0 to 100.
    pub percent: f64,
    /// Lower end of the exact 95 % interval of `percent`.
    pub low: f64,
    /// Upper end of the exact 95 % interval of `percent`.
    pub high: f64,
    /// Grade by ICSH 2015; none below the lowest grade, or where too few cells were graded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grade: Option<RedGrade>,
}

/// Size of the graded red cells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RedSize {
    /// Median diameter, um; none without cells. Where the scale is not known it says nothing of this sample.
    pub median_um: Option<f64>,
    /// Coefficient of variation of the diameter, percent; none below two cells.
    pub cv_percent: Option<f64>,
    /// Cells whose diameter is 15 % or more from the median, with the grade of anisocytosis. It does not depend on the scale.
    pub anisocytosis: RedShare,
    /// Whether the scale was stated or calibrated; else red cells themselves are the ruler.
    pub scale_known: bool,
    /// Cells wider than 7.8 um; only where the scale is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub macrocytes: Option<RedShare>,
    /// Cells narrower than 6.6 um; only where the scale is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub microcytes: Option<RedShare>,
    /// Cells that the network called macrocytes or microcytes without a known scale: they count as not categorised.
    #[serde(default)]
    pub held_back: u32,
}

impl RedMorphology {
    /// The same with the figures that reach these limits.
    ///
    /// As with white cells, the figure itself is compared with the limit, not the lower end of its interval: a second look costs
    /// less than a missed case. Shares of fewer than 100 cells raise nothing.
    #[must_use]
    pub fn judged(self, limits: &RedCellsConfig) -> Self {
        let reached = |class: &RedClass| {
            let (share, limit) = (self.share_of(*class)?, limits.limit(*class)?);
            let figure = Figure { value: share.percent, low: share.low, high: share.high };
            let reached = share.of >= ENOUGH_FOR_GRADES && share.count > 0 && figure.value >= limit;
            reached.then_some(RedEvidence { class: *class, figure, limit, beyond_chance: figure.low >= limit })
        };
        let evidence = RedClass::ALL.iter().filter_map(reached).collect();
        Self { evidence, ..self }
    }

    /// The share that decides for a class: by diameter for macrocytes and microcytes, by the pale middle for hypochromic cells, by
    /// name for every other one.
    #[must_use]
    pub fn share_of(&self, class: RedClass) -> Option<RedShare> {
        match class {
            RedClass::Macrocyte => self.size.macrocytes,
            RedClass::Microcyte => self.size.microcytes,
            RedClass::Hypochromic => Some(self.hypochromia),
            class => self.line(class).map(|line| line.share),
        }
    }

    /// The line of a class; none for one that was neither asked for nor seen.
    #[must_use]
    pub fn line(&self, class: RedClass) -> Option<&RedLine> {
        self.classes.iter().find(|line| line.class == class)
    }
}

impl RedShare {
    /// `count` of `of`, without a grade.
    #[must_use]
    pub fn new(count: u32, of: u32) -> Self {
        let figure = exact(count, of, LEVEL).scaled(100.0);
        Self { count, of, percent: figure.value, low: figure.low, high: figure.high, grade: None }
    }

    /// The same with this grade of its percentage.
    fn graded(self, grade: impl Fn(f64) -> Option<RedGrade>) -> Self {
        Self { grade: grade(self.percent), ..self }
    }
}

#[cfg(test)]
mod tests;
