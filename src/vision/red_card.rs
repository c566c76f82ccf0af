//! `[red_cells]` of `model.toml`: what the network of red cells expects, and how to read its answers.

use std::path::PathBuf;

use serde::Deserialize;

use crate::domain::red_class::RedClass;

/// `[red_cells]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedCellsCard {
    pub file: PathBuf,
    pub sha256: String,
    /// Scale of crops, micrometres per pixel, as measured in training: a red cell's box is 7.2 um wide.
    pub um_per_px: f64,
    /// Width and height of crops, px.
    pub size: u32,
    /// Classes of the outputs, in order.
    pub classes: Vec<RedClass>,
    /// Divides the logits before the softmax, so that probabilities match frequencies (Guo et al. 2017).
    pub temperature: f64,
    /// Probability below which a cell is not categorised.
    pub unknown_below: f64,
}

impl RedCellsCard {
    /// Refuses every number outside the range in which such a network can work at all.
    pub(super) fn check(&self) -> Result<(), String> {
        let ranges = [
            ("um_per_px", self.um_per_px, 0.02, 1.2),
            ("size", f64::from(self.size), 16.0, 256.0),
            ("temperature", self.temperature, 0.05, 20.0),
            ("unknown_below", self.unknown_below, 0.0, 0.99),
        ];
        for (name, value, low, high) in ranges {
            // A NaN is in no range.
            if !(low..=high).contains(&value) {
                return Err(format!("red_cells.{name} is {value}, not {low} to {high}"));
            }
        }
        if self.classes.len() < 2 {
            return Err("red_cells.classes names fewer than two classes".into());
        }
        for (at, class) in self.classes.iter().enumerate() {
            if self.classes[..at].contains(class) {
                return Err(format!("red_cells.classes names {class} twice"));
            }
        }
        Ok(())
    }
}
