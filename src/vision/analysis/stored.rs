//! Crops that were kept while counting, in the colours of their picture, and the classifier with other weights.

use std::sync::Arc;

use image::RgbImage;

use crate::domain::red_cell_colour::RedCellColour;
use crate::vision::analysis::Vision;
use crate::vision::classify::Classifier;
use crate::vision::models::{ModelError, Models};

/// Difference of scales, um per pixel, below which they are the same.
const SAME_SCALE: f64 = 1e-6;

impl Vision {
    /// Whether crops at this scale, um per pixel, are those of this classifier.
    #[must_use]
    pub fn cuts_at(&self, um_per_px: f64) -> bool {
        (um_per_px - self.form.um_per_px).abs() < SAME_SCALE
    }

    /// Whether a crop has the size that the classifier takes.
    #[must_use]
    pub fn takes(&self, crop: &RgbImage) -> bool {
        crop.dimensions() == (self.form.size, self.form.size)
    }

    /// A crop in the colours that the classifier learned on, cut from a picture whose red cells have this colour; as in
    /// [`Vision::classify`].
    #[must_use]
    pub fn in_learned_colours(&self, crop: &RgbImage, red_cells: Option<RedCellColour>) -> RgbImage {
        let mut crop = crop.clone();
        if let Some(map) = self.colour_map(red_cells) {
            map.apply(&mut crop);
        }
        crop
    }

    /// Refuses models of another classifier than the running one.
    ///
    /// # Errors
    /// The refusal.
    pub fn check_same_classifier(&self, models: &Models) -> Result<(), ModelError> {
        if models.card.classifier.sha256.eq_ignore_ascii_case(self.classifier.sha256()) {
            return Ok(());
        }
        Err(ModelError::Replaced { folder: models.folder.clone() })
    }

    /// The same with the weights of these models, their profile's where they have one. `unknown_below` overrides the model's
    /// limit.
    ///
    /// # Errors
    /// When the network is broken or does not fit `model.toml`.
    pub fn with_weights_of(&self, models: &Models, unknown_below: Option<f64>) -> Result<Self, ModelError> {
        Ok(Self { classifier: Arc::new(Classifier::new(models, unknown_below)?), ..self.clone() })
    }

    /// The same light and calibration, with the other's classifier.
    #[must_use]
    pub fn naming_as(&self, other: &Self) -> Self {
        Self { classifier: Arc::clone(&other.classifier), ..self.clone() }
    }
}
