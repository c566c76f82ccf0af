//! From a cell in an image to the classifier's input: the same scale and window as in training.

use image::RgbImage;
use image::imageops;

use crate::domain::geometry::Rect;
use crate::domain::scale::MicrometresPerPixel;
use crate::vision::box_margin::box_of_cell;
use crate::vision::models::ModelCard;
use crate::vision::optics::resample::{ResampleError, resample};

/// What a crop must be like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CropForm {
    /// Width and height, px.
    pub size: u32,
    /// Scale, micrometres a pixel.
    pub um_per_px: f64,
    /// Grey of what lies outside the image, 0..=255.
    pub background: u8,
}

impl CropForm {
    /// The form that a model was trained with.
    #[must_use]
    pub fn of(card: &ModelCard) -> Self {
        Self {
            size: card.classifier.size,
            // Training took boxes for cells when it measured; here a micrometre is one.
            um_per_px: box_of_cell(card.classifier.um_per_px),
            background: card.white_balance.level,
        }
    }

    /// Cuts out `size` x `size` px at the form's scale around `centre` (px of `image`, whose scale is `um_per_px`).
    ///
    /// What lies outside the image becomes background.
    ///
    /// # Errors
    /// When not one pixel of the window lies in the image.
    pub fn cut(
        &self,
        image: &RgbImage,
        centre: (f64, f64),
        um_per_px: MicrometresPerPixel,
    ) -> Result<RgbImage, ResampleError> {
        let side = f64::from(self.size) * self.um_per_px / um_per_px.get();
        let window = Rect::around(centre, side, side);
        let inside = window.clipped(f64::from(image.width()), f64::from(image.height()));
        let factor = f64::from(self.size) / side;
        let length = |px: f64| (px * factor).round().clamp(1.0, f64::from(self.size)) as u32;
        let part = resample(image, inside, length(inside.w), length(inside.h))?;
        if part.dimensions() == (self.size, self.size) {
            return Ok(part);
        }
        let grey = image::Rgb([self.background; 3]);
        let mut crop = RgbImage::from_pixel(self.size, self.size, grey);
        let place = |from: f64, to: f64| ((from - to) * factor).round() as i64;
        imageops::replace(&mut crop, &part, place(inside.x, window.x), place(inside.y, window.y));
        Ok(crop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: CropForm = CropForm { size: 96, um_per_px: 0.22, background: 235 };

    #[test]
    fn a_cell_comes_out_at_the_trained_scale_whatever_the_camera_sees() {
        // A dark disc of 10 um, photographed at two magnifications.
        for um_per_px in [0.05, 0.11, 0.3] {
            let radius = 5.0 / um_per_px;
            let middle = radius * 3.0;
            let image = RgbImage::from_fn(2 * middle as u32, 2 * middle as u32, |x, y| {
                let far = (f64::from(x) + 0.5 - middle).hypot(f64::from(y) + 0.5 - middle);
                image::Rgb([if far < radius { 60 } else { 235 }; 3])
            });
            let crop = FORM.cut(&image, (middle, middle), MicrometresPerPixel::new(um_per_px).unwrap()).unwrap();
            let dark = crop.pixels().filter(|p| p.0[0] < 148).count() as f64;
            let diameter = 2.0 * (dark / std::f64::consts::PI).sqrt();
            assert!((diameter - 10.0 / 0.22).abs() < 1.5, "{diameter} px at {um_per_px} um/px");
        }
    }

    #[test]
    fn a_cell_at_the_border_keeps_its_place_in_the_middle() {
        let image = RgbImage::from_pixel(100, 100, image::Rgb([10, 20, 30]));
        let crop = FORM.cut(&image, (0.0, 50.0), MicrometresPerPixel::new(0.22).unwrap()).unwrap();
        assert_eq!(crop.get_pixel(20, 48).0, [235; 3]);
        assert_eq!(crop.get_pixel(60, 48).0, [10, 20, 30]);
    }

    #[test]
    fn a_window_beside_the_image_is_refused() {
        let image = RgbImage::new(10, 10);
        assert!(FORM.cut(&image, (1e4, 1e4), MicrometresPerPixel::new(0.22).unwrap()).is_err());
    }
}
