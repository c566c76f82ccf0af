//! Sharpness of a picture.

use image::{GrayImage, RgbImage};

use crate::domain::geometry::Rect;
use crate::domain::scale::MicrometresPerPixel;
use crate::vision::optics::field_of_view::BalancedPicture;
use crate::vision::optics::resample::{ResampleError, resample};

/// Scale at which the sharpness of fields is compared, um per pixel: coarse enough to average out camera noise, fine
/// enough that half a micrometre of blur takes away nine tenths of the sharpness. Of 0.25, 0.36 and 0.5 it separated
/// fields of `chula`, `iml` and `txl` train best from their blurred copies.
const COMPARED_AT: f64 = 0.36;

/// Longest side of the part that is measured, px at that scale: more does not tell more, and takes memory.
const MEASURED: f64 = 2048.0;

/// Sharpness of a white-balanced field, resampled to a common scale so that it does not depend on the camera. Only the
/// middle of a round or very large field is measured.
///
/// # Errors
/// If the image is empty.
pub(crate) fn field_sharpness(
    balanced: &BalancedPicture,
    um_per_px: MicrometresPerPixel,
) -> Result<f64, ResampleError> {
    // Bounded, so that a badly wrong scale does not make a picture of arbitrary size.
    let factor = (um_per_px.get() / COMPARED_AT).clamp(0.02, 2.0);
    let inner = balanced.view.inner();
    let part = Rect::around(inner.centre(), inner.w.min(MEASURED / factor), inner.h.min(MEASURED / factor));
    let side = |length: f64| (length * factor).round().max(1.0) as u32;
    Ok(sharpness(&resample(balanced, part, side(part.w), side(part.h))?))
}

/// Energy of the Laplacian over the variance, both of the grey picture: the share of fine detail in what is seen,
/// 0..=20.
///
/// Dividing by the variance cancels light and contrast, so that pictures of one place under a flickering lamp
/// compare. A picture of one colour, or less than 3 px high or wide, has nothing to focus on: 0. Pixel noise counts
/// as detail, so only pictures of one scale and one camera compare. Source: Pertuz, Puig and Garcia 2013, "Analysis
/// of focus measure operators", LAP1.
#[must_use]
pub fn sharpness(image: &RgbImage) -> f64 {
    // The sum of the channels stands for grey; the factor of 3 cancels in the ratio.
    let grey: Vec<i32> = image.chunks_exact(3).map(|p| p.iter().map(|v| i32::from(*v)).sum()).collect();
    detail(&grey, image.width() as usize, image.height() as usize)
}

/// The same of a part (px) of a grey picture.
#[must_use]
pub(crate) fn sharpness_of(grey: &GrayImage, part: &Rect) -> f64 {
    let (left, top) = (part.x as u32, part.y as u32);
    let (width, height) = (
        (part.w as u32).min(grey.width() - left.min(grey.width())),
        (part.h as u32).min(grey.height() - top.min(grey.height())),
    );
    let rows = grey.as_raw().chunks_exact(grey.width().max(1) as usize).skip(top as usize).take(height as usize);
    let values: Vec<i32> =
        rows.flat_map(|row| row[left as usize..][..width as usize].iter().map(|v| 3 * i32::from(*v))).collect();
    detail(&values, width as usize, height as usize)
}

/// [`sharpness`] of the channels' sums, row by row.
fn detail(grey: &[i32], width: usize, height: usize) -> f64 {
    if width < 3 || height < 3 {
        return 0.0;
    }
    let (mut energy, mut sum, mut squares) = (0_i64, 0_i64, 0_i64);
    for y in 1..height - 1 {
        let row = |y: usize| &grey[y * width..(y + 1) * width];
        let (above, here, below) = (row(y - 1), row(y), row(y + 1));
        for x in 1..width - 1 {
            let laplacian = i64::from(4 * here[x] - here[x - 1] - here[x + 1] - above[x] - below[x]);
            energy += laplacian * laplacian;
            sum += i64::from(here[x]);
            squares += i64::from(here[x]) * i64::from(here[x]);
        }
    }
    let count = ((width - 2) * (height - 2)) as f64;
    let variance = squares as f64 / count - (sum as f64 / count).powi(2);
    // Less than one grey level of spread (three channels summed) is quantisation, not a picture.
    if variance < 9.0 { 0.0 } else { energy as f64 / count / variance }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "nothing to focus on is exactly 0")]
mod tests {
    use image::imageops;

    use super::*;

    fn cells() -> RgbImage {
        let dark = |x: u32, y: u32| (f64::from(x % 24) - 12.0).hypot(f64::from(y % 24) - 12.0) < 8.0;
        RgbImage::from_fn(96, 96, |x, y| image::Rgb(if dark(x, y) { [150, 90, 140] } else { [235; 3] }))
    }

    #[test]
    fn the_more_a_picture_is_blurred_the_less_sharp_it_is() {
        let by: Vec<f64> = [0.8, 1.5, 3.0].iter().map(|sigma| sharpness(&imageops::blur(&cells(), *sigma))).collect();
        assert!(sharpness(&cells()) > by[0] && by[0] > by[1] && by[1] > by[2], "{by:?}");
    }

    #[test]
    fn less_light_does_not_make_a_picture_less_sharp() {
        let mut dim = cells();
        dim.iter_mut().for_each(|value| *value = (f64::from(*value) * 0.6).round() as u8);
        let ratio = sharpness(&dim) / sharpness(&cells());
        assert!((0.97..1.03).contains(&ratio), "{ratio}");
    }

    #[test]
    fn an_empty_field_has_nothing_to_focus_on() {
        assert_eq!(sharpness(&RgbImage::from_pixel(64, 64, image::Rgb([235; 3]))), 0.0);
        assert_eq!(sharpness(&RgbImage::new(2, 90)), 0.0);
    }
}
