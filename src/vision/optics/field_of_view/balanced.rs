//! A white-balanced picture, and its smaller copies, which focus, density and registration share.

use std::borrow::Cow;
use std::sync::OnceLock;

use image::RgbImage;

use super::FieldOfView;
use crate::vision::optics::resample::{halved, shrunk};

/// Shortest side of the smallest copy, px.
const SMALLEST: u32 = 80;

/// A white-balanced picture: even background at one level, also in place of what lies outside the field of view.
#[derive(Clone, Debug)]
pub struct BalancedPicture {
    pixels: RgbImage,
    pub view: FieldOfView,
    /// The picture at half its size, at half of that and so on; made when first asked for.
    halves: OnceLock<Vec<RgbImage>>,
}

impl BalancedPicture {
    /// A white-balanced picture, and the part of it that shows the slide.
    #[must_use]
    pub fn new(pixels: RgbImage, view: FieldOfView) -> Self {
        Self { pixels, view, halves: OnceLock::new() }
    }

    /// The smallest among the picture and its halves of at least `width` x `height` px; the picture if it is smaller itself.
    pub(crate) fn at_least(&self, width: u32, height: u32) -> &RgbImage {
        let halves = self.halves.get_or_init(|| halves(&self.pixels));
        halves.iter().rev().find(|half| half.width() >= width && half.height() >= height).unwrap_or(&self.pixels)
    }

    /// The whole picture shrunk to `width` x `height` px, each pixel the mean of those it stands for; empty if a side is 0.
    pub(crate) fn shrunk(&self, width: u32, height: u32) -> Cow<'_, RgbImage> {
        let larger = self.at_least(width, height);
        if larger.dimensions() == (width, height) {
            return Cow::Borrowed(larger);
        }
        Cow::Owned(shrunk(larger, width, height))
    }
}

/// The picture at half its size, at half of that and so on: as long as no row or column is left over.
fn halves(picture: &RgbImage) -> Vec<RgbImage> {
    let mut halves: Vec<RgbImage> = Vec::new();
    loop {
        let last = halves.last().unwrap_or(picture);
        let (width, height) = last.dimensions();
        if width % 2 + height % 2 > 0 || width.min(height) < 2 * SMALLEST {
            return halves;
        }
        halves.push(halved(last));
    }
}

impl From<RgbImage> for BalancedPicture {
    /// A white-balanced picture that is all field.
    fn from(pixels: RgbImage) -> Self {
        let view = FieldOfView::whole(pixels.dimensions());
        Self::new(pixels, view)
    }
}

impl std::ops::Deref for BalancedPicture {
    type Target = RgbImage;

    fn deref(&self) -> &RgbImage {
        &self.pixels
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn picture(width: u32, height: u32) -> BalancedPicture {
        RgbImage::from_fn(width, height, |x, y| {
            image::Rgb([(x * 255 / width) as u8, (y * 255 / height) as u8, ((x * 7 + y * 13) % 200) as u8])
        })
        .into()
    }

    #[test]
    fn each_copy_is_the_mean_of_the_picture() {
        let picture = picture(640, 480);
        for (width, height) in [(320, 240), (160, 120)] {
            let copy = picture.shrunk(width, height);
            assert!(matches!(copy, Cow::Borrowed(_)), "{width} px are a half of a half");
            let direct = shrunk(&picture, width, height);
            assert!(copy.iter().zip(direct.iter()).all(|(a, b)| a.abs_diff(*b) <= 1), "{width} px differ");
        }
    }

    proptest! {
        #[test]
        fn a_shrunk_picture_has_the_size_asked_for_and_the_pictures_own_light(
            (width, height) in (1_u32..700, 1_u32..700), (across, down) in (1_u32..400, 1_u32..400),
        ) {
            let picture = picture(width, height);
            let small = picture.shrunk(across, down);
            prop_assert_eq!(small.dimensions(), (across, down));
            let mean = |image: &RgbImage| image.iter().map(|value| f64::from(*value)).sum::<f64>() / image.len() as f64;
            if across <= width && down <= height {
                prop_assert!((mean(&small) - mean(&picture)).abs() < 2.5, "{} for {}", mean(&small), mean(&picture));
            }
        }
    }
}
