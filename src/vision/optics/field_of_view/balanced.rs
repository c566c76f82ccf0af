//! A white-balanced picture, and its smaller copies, which focus, density and registration share.

use std::borrow::Cow;
use std::sync::OnceLock;

use image::RgbImage;

use super::FieldOfView;
use crate::domain::geometry::Rect;
use crate::vision::optics::resample::{halved, shrunk_part};

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

    /// The smallest among the picture and its halves that shows it at `width` x `height` px or more, and how many times as large as
    /// the picture that is, 1 or 0.5, 0.25, …; the picture if it is smaller itself. The last row and column of a half may show less of the
    /// picture than the others.
    pub(crate) fn at_least(&self, width: u32, height: u32) -> (&RgbImage, f64) {
        let mut best = (&self.pixels, 1.0);
        let mut times = 1.0;
        for half in self.halves.get_or_init(|| halves(&self.pixels)) {
            times /= 2.0;
            let (wide, high) = self.size(times);
            if wide >= f64::from(width) && high >= f64::from(height) {
                best = (half, times);
            }
        }
        best
    }

    /// The whole picture shrunk to `width` x `height` px, each pixel the mean of those it stands for; empty if a side is 0.
    pub(crate) fn shrunk(&self, width: u32, height: u32) -> Cow<'_, RgbImage> {
        let (larger, times) = self.at_least(width, height);
        let (wide, high) = self.size(times);
        let shown = Rect::new(0.0, 0.0, wide, high);
        if shown == Rect::new(0.0, 0.0, f64::from(width), f64::from(height)) {
            return Cow::Borrowed(larger);
        }
        Cow::Owned(shrunk_part(larger, shown, width, height).unwrap_or_default())
    }

    /// Width and height of the picture made this many times as large, px.
    fn size(&self, times: f64) -> (f64, f64) {
        (times * f64::from(self.pixels.width()), times * f64::from(self.pixels.height()))
    }
}

/// The picture at half its size, at half of that and so on.
fn halves(picture: &RgbImage) -> Vec<RgbImage> {
    let mut halves: Vec<RgbImage> = Vec::new();
    loop {
        let last = halves.last().unwrap_or(picture);
        if last.width().min(last.height()) < 2 * SMALLEST {
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
    use crate::vision::optics::resample::shrunk;

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

    #[test]
    fn a_copy_of_a_picture_with_odd_sides_shows_each_thing_at_its_place() {
        for (width, height) in [(641, 481), (643, 479), (575, 575), (360, 363)] {
            let smooth = RgbImage::from_fn(width, height, |x, y| {
                image::Rgb([(x * 255 / width) as u8, (y * 255 / height) as u8, ((x / 64 + y / 64) % 2 * 200) as u8])
            });
            let picture: BalancedPicture = smooth.into();
            let copy = picture.shrunk(160, 120);
            let direct = shrunk(&picture, 160, 120);
            for (a, b) in copy.pixels().zip(direct.pixels()) {
                assert!(
                    a.0[0].abs_diff(b.0[0]) <= 2 && a.0[1].abs_diff(b.0[1]) <= 2,
                    "{width}x{height}: {a:?} for {b:?}"
                );
            }
            let differ = |(a, b): (u8, u8)| f64::from(a.abs_diff(b));
            let edges: f64 = copy.iter().copied().zip(direct.iter().copied()).map(differ).sum();
            assert!(edges / (copy.len() as f64) < 1.5, "{width}x{height}: {edges}");
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
