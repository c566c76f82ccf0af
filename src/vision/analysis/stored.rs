//! Crops that were kept while counting, in the colours of their picture.

use image::RgbImage;

use crate::domain::red_cell_colour::RedCellColour;
use crate::vision::analysis::Vision;

/// Difference of scales, um per pixel, below which they are the same.
const SAME_SCALE: f64 = 1e-6;

impl Vision {
    /// Whether crops at this scale, um per pixel, are those of this classifier.
    #[must_use]
    pub(crate) fn cuts_at(&self, um_per_px: f64) -> bool {
        (um_per_px - self.form.um_per_px).abs() < SAME_SCALE
    }

    /// Whether a crop has the size that the classifier takes.
    #[must_use]
    pub(crate) fn takes(&self, crop: &RgbImage) -> bool {
        crop.dimensions() == (self.form.size, self.form.size)
    }

    /// A crop in the colours that the classifier learned on, cut from a picture whose red cells have this colour; as in
    /// [`Vision::classify`].
    #[must_use]
    pub(crate) fn in_learned_colours(&self, crop: &RgbImage, red_cells: Option<RedCellColour>) -> RgbImage {
        let mut crop = crop.clone();
        if let Some(map) = self.colour_map(red_cells) {
            map.apply(&mut crop);
        }
        crop
    }
}
