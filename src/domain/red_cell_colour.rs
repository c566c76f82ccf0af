//! The colour of red cells: what stain, lamp and camera make of the one cell that lies in every field.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Optical density (natural logarithm, against the background) of the red cells in red, green and blue: 0..4 each.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RedCellColour(pub [f64; 3]);

impl RedCellColour {
    /// The median of several, channel by channel; none of none.
    #[must_use]
    pub fn median<'a>(several: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        let several: Vec<&Self> = several.into_iter().collect();
        if several.is_empty() {
            return None;
        }
        Some(Self(std::array::from_fn(|channel| {
            let mut values: Vec<f64> = several.iter().map(|Self(colour)| colour[channel]).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        })))
    }

    /// Whether a picture can show such red cells.
    #[must_use]
    pub fn is_plausible(&self) -> bool {
        let Self(colour) = self;
        colour.iter().all(|density| (-0.1..=4.0).contains(density))
    }
}
