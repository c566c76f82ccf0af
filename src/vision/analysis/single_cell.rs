//! Images of a single cell, in their middle.

use image::RgbImage;

use crate::domain::red_cell_colour::RedCellColour;
use crate::domain::scale::MicrometresPerPixel;
use crate::vision::analysis::Vision;
use crate::vision::detect::scale::{Scale, ScaleSource};
use crate::vision::field::VisionError;
use crate::vision::optics::field_of_view::BalancedPicture;
use crate::vision::prediction::Prediction;

/// Scales at which a cell is seen where its own is a guess, in parts of the guess; the answers are averaged.
const GUESSED: &[f64] = &[0.88, 1.0, 1.14];

impl Vision {
    /// The colour of the red cells in a white-balanced single-cell image at this scale, where the classifier asks for it.
    ///
    /// # Errors
    /// When the detector fails.
    pub fn colour_around(
        &self,
        balanced: &BalancedPicture,
        scale: Option<Scale>,
    ) -> Result<Option<RedCellColour>, VisionError> {
        let Some(scale) = scale.filter(|scale| self.maps_colour() && !scale.is_too_coarse()) else { return Ok(None) };
        Ok(self.red_cell_colour(balanced, &self.detect(balanced, scale)?))
    }

    /// What the cell in the middle of a white-balanced single-cell image is, seen at this scale, with red cells of this
    /// colour around it.
    ///
    /// # Errors
    /// When a network fails.
    pub fn classify_middle_at(
        &self,
        balanced: &RgbImage,
        scale: Option<Scale>,
        red_cells: Option<RedCellColour>,
    ) -> Result<Prediction, VisionError> {
        let views = self.classifier.classify(&self.middle_views(balanced, scale, red_cells)?)?;
        Ok(Prediction::mean(&views, self.unknown_below()))
    }

    /// The crops that decide what the cell in the middle is, in the colours that the classifier learned on: one, or three
    /// where the scale is a guess.
    ///
    /// # Errors
    /// When the scale does not fit the image.
    pub fn middle_views(
        &self,
        balanced: &RgbImage,
        scale: Option<Scale>,
        red_cells: Option<RedCellColour>,
    ) -> Result<Vec<RgbImage>, VisionError> {
        let seen_at = scale.unwrap_or_else(|| usual_picture(balanced));
        let spread = if seen_at.source.is_guess() { GUESSED } else { &[1.0] };
        let at = |times: &f64| Scale { um_per_px: seen_at.um_per_px.times(*times), ..seen_at };
        let mut views =
            spread.iter().map(|times| self.middle(balanced, Some(at(times)))).collect::<Result<Vec<_>, _>>()?;
        if let Some(map) = self.colour_map(red_cells) {
            for view in &mut views {
                map.apply(view);
            }
        }
        Ok(views)
    }

    /// The classifier's crop of the middle of a white-balanced single-cell image, at this scale.
    ///
    /// # Errors
    /// When the scale does not fit the image.
    pub fn middle(&self, balanced: &RgbImage, scale: Option<Scale>) -> Result<RgbImage, VisionError> {
        let centre = (f64::from(balanced.width()) / 2.0, f64::from(balanced.height()) / 2.0);
        let scale = scale.unwrap_or_else(|| usual_picture(balanced));
        Ok(self.form.cut(balanced, centre, scale.um_per_px)?)
    }
}

/// The scale where nothing is known to measure by: a usual single-cell picture is some 25 um wide.
fn usual_picture(image: &RgbImage) -> Scale {
    let um_per_px = MicrometresPerPixel::new(25.0 / f64::from(image.width().max(image.height())));
    Scale { um_per_px: um_per_px.unwrap_or(MicrometresPerPixel::USUAL), source: ScaleSource::WhiteCells }
}
