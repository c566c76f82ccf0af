//! Counting until a share is known precisely enough.
//!
//! An interval that is looked at again and again, until it happens to be narrow, holds the truth less often than one of a
//! number of cells fixed before: narrow intervals come early where a rare class was missed by chance. Summed up exactly,
//! 95 % intervals of Clopper and Pearson under this rule hold the truth in as few as 93.7 % of samples
//! (`docs/statistics.md`). So under it every interval is made, and the rule judged, at 97 %: then the least is above 95 %.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::class::Group;
use crate::domain::interval::Figure;

/// The level of an interval that decides when the count ends, so that it holds the truth in 95 % of samples.
pub const SEQUENTIAL_LEVEL: f64 = 0.97;

/// The share that decides when the count ends, and how precisely it is known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Precision {
    pub of: Group,
    /// Percentage points that its interval may be wide.
    pub points: f64,
    /// Its interval, at [`SEQUENTIAL_LEVEL`], in percent.
    pub figure: Figure,
    pub reached: bool,
}

impl Precision {
    /// Whether `figure`, in percent at [`SEQUENTIAL_LEVEL`], is known to so many points.
    #[must_use]
    pub fn of(of: Group, points: f64, figure: Figure) -> Self {
        Self { of, points, figure, reached: figure.width() <= points }
    }
}
