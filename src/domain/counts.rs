//! Cell counts by kind, and the lines of a differential.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::class::{CellClass, Kind};
use super::interval::Figure;

/// Cells counted, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KindCounts {
    /// White cells.
    #[serde(rename = "WBC")]
    pub wbc: u32,
    /// Red cells.
    #[serde(rename = "RBC")]
    pub rbc: u32,
    /// Platelets.
    #[serde(rename = "PLT")]
    pub plt: u32,
}

impl KindCounts {
    /// The count of one kind.
    #[must_use]
    pub const fn get(self, kind: Kind) -> u32 {
        match kind {
            Kind::Wbc => self.wbc,
            Kind::Rbc => self.rbc,
            Kind::Plt => self.plt,
        }
    }

    /// The count of one kind, mutable.
    pub const fn get_mut(&mut self, kind: Kind) -> &mut u32 {
        match kind {
            Kind::Wbc => &mut self.wbc,
            Kind::Rbc => &mut self.rbc,
            Kind::Plt => &mut self.plt,
        }
    }
}

/// One line of the differential.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClassCount {
    pub class: CellClass,
    /// Cells of this class, each counted once.
    pub count: u32,
    /// Percent, 0..=100: of the differential for its classes; per 100 cells of the differential for EBO and KSC (may
    /// exceed 100); of all white cells found for UNK.
    pub percent: f64,
    /// Lower end of the exact 95 % interval of `percent`. (If a precision decides when the count ends, it is the 97 %
    /// interval, which then holds the truth in 95 % of samples: see `statistics::precision`.)
    pub low: f64,
    /// Upper end of the exact 95 % interval of `percent`.
    pub high: f64,
}

impl ClassCount {
    /// `percent` with its interval.
    #[must_use]
    pub const fn figure(&self) -> Figure {
        Figure { value: self.percent, low: self.low, high: self.high }
    }
}
