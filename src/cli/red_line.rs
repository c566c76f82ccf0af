//! Further fields of a named red cell in a line of `analyze --json`.

use serde::Serialize;

use crate::vision::red_cells::RedOpinion;

#[derive(Serialize)]
pub(super) struct RedFields {
    /// Whether it counts for grades, as it is whole and lies by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    graded: Option<bool>,
    /// Its diameter, um.
    #[serde(skip_serializing_if = "Option::is_none")]
    diameter_um: Option<f64>,
    /// Width of its pale middle as a share of the diameter, where that can be measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pallor: Option<f64>,
}

impl From<Option<&RedOpinion>> for RedFields {
    fn from(red: Option<&RedOpinion>) -> Self {
        // No finer than the measurement.
        let thousandths = |value: f64| (value * 1e3).round() / 1e3;
        Self {
            graded: red.map(|red| red.graded),
            diameter_um: red.map(|red| thousandths(red.diameter_um)),
            pallor: red.and_then(|red| red.pallor).map(thousandths),
        }
    }
}
