//! Critical values: figures of a result that somebody must be told of at once.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a critical value is a figure of. Translations are under `critical.CODE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CriticalOf {
    /// Number of blasts.
    BlastCells,
    /// Blasts, percent of the differential.
    BlastsPercent,
    /// Neutrophils per microlitre, an estimate.
    NeutrophilsPerUl,
}

impl CriticalOf {
    /// The word used in every output.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::BlastCells => "blast-cells",
            Self::BlastsPercent => "blasts-percent",
            Self::NeutrophilsPerUl => "neutrophils-per-ul",
        }
    }
}

/// A figure that meets a configured limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CriticalValue {
    pub of: CriticalOf,
    /// The figure: cells, percent, or cells per microlitre.
    pub value: f64,
    /// The configured limit in the same unit: blasts at or above it, neutrophils below it.
    pub limit: f64,
}

impl CriticalValue {
    /// Whether this is another figure than that one, or a worse value of it.
    #[must_use]
    pub fn is_worse_than(&self, that: &Self) -> bool {
        self.of != that.of
            || match self.of {
                CriticalOf::BlastCells | CriticalOf::BlastsPercent => self.value > that.value,
                CriticalOf::NeutrophilsPerUl => self.value < that.value,
            }
    }
}

impl fmt::Display for CriticalValue {
    /// Such as `3 blasts (limit 1)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { of, value, limit } = self;
        match of {
            CriticalOf::BlastCells if *value < 2.0 => write!(f, "{value:.0} blast (limit {limit:.0})"),
            CriticalOf::BlastCells => write!(f, "{value:.0} blasts (limit {limit:.0})"),
            CriticalOf::BlastsPercent => write!(f, "blasts {value:.1} % (limit {limit} %)"),
            CriticalOf::NeutrophilsPerUl => write!(f, "neutrophils {value:.0} per µl (limit {limit:.0})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_critical_value_says_its_figure_and_its_limit() {
        let say = |of, value, limit| CriticalValue { of, value, limit }.to_string();
        assert_eq!(say(CriticalOf::BlastCells, 1.0, 1.0), "1 blast (limit 1)");
        assert_eq!(say(CriticalOf::BlastsPercent, 4.96, 2.5), "blasts 5.0 % (limit 2.5 %)");
        assert_eq!(say(CriticalOf::NeutrophilsPerUl, 312.4, 500.0), "neutrophils 312 per µl (limit 500)");
        for of in [CriticalOf::BlastCells, CriticalOf::BlastsPercent, CriticalOf::NeutrophilsPerUl] {
            assert_eq!(serde_json::to_value(of).unwrap(), of.code());
        }
    }
}
