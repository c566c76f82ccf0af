//! Figures with their intervals.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::openapi::{ArrayBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A figure with its interval; serialized as `[value, low, high]`, rounded to 0.0001.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f64; 3]", into = "[f64; 3]")]
pub struct Figure {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

impl PartialSchema for Figure {
    fn schema() -> RefOr<Schema> {
        ArrayBuilder::new().items(f64::schema()).min_items(Some(3)).max_items(Some(3)).into()
    }
}

impl ToSchema for Figure {}

impl From<[f64; 3]> for Figure {
    fn from([value, low, high]: [f64; 3]) -> Self {
        Self { value, low, high }
    }
}

impl From<Figure> for [f64; 3] {
    fn from(figure: Figure) -> Self {
        [figure.value, figure.low, figure.high].map(|number| (number * 1e4).round() / 1e4)
    }
}

impl Figure {
    /// Whether all three numbers are finite.
    #[must_use]
    pub fn is_finite(self) -> bool {
        self.value.is_finite() && self.low.is_finite() && self.high.is_finite()
    }

    /// All three numbers multiplied by `factor`.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self { value: self.value * factor, low: self.low * factor, high: self.high * factor }
    }

    /// Width of the interval.
    #[must_use]
    pub fn width(self) -> f64 {
        self.high - self.low
    }
}

impl fmt::Display for Figure {
    /// `4.1 (2.2 to 7.0)`, with the requested number of decimals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = f.precision().unwrap_or(1);
        write!(f, "{:.decimals$} ({:.decimals$} to {:.decimals$})", self.value, self.low, self.high)
    }
}
