//! Sharpness of a picture.

use std::ops::Range;

use image::{GrayImage, RgbImage};

use crate::domain::geometry::Rect;
use crate::domain::scale::MicrometresPerPixel;
use crate::vision::optics::field_of_view::BalancedPicture;
use crate::vision::optics::resample::{ResampleError, resample};

/// Width of the picture in which the blur of frames that follow each other is compared, px: small enough that pixel noise averages
/// out.
pub(crate) const SHARPNESS_WIDTH: u32 = 320;

/// Scale at which the sharpness of fields is compared, um per pixel: coarse enough to average out camera noise, fine
/// enough that half a micrometre of blur takes away nine tenths of the sharpness. Of 0.25, 0.36 and 0.5 it separated
/// fields of `chula`, `iml` and `txl` train best from their blurred copies.
const COMPARED_AT: f64 = 0.36;

/// Longest side of the part that is measured, px at that scale: more does not tell more, and takes memory.
const MEASURED: f64 = 2048.0;

/// Pixels whose sums fit into 32 bits: a Laplacian is 4 x 765 at most.
const PIECE: usize = 200;

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
    // Of a copy twice as fine as wanted, or finer, the result is nearly that of the picture itself.
    let fine = |length: u32| side(2.0 * f64::from(length));
    let (from, times) = balanced.at_least(fine(balanced.width()), fine(balanced.height()));
    let of_copy = Rect::new(part.x * times, part.y * times, part.w * times, part.h * times);
    Ok(sharpness(&resample(from, of_copy, side(part.w), side(part.h))?))
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
    sharpness_within(image, (0..image.width() as usize, 0..image.height() as usize))
}

/// The same of some columns and rows of it.
pub(crate) fn sharpness_within(image: &RgbImage, (columns, rows): (Range<usize>, Range<usize>)) -> f64 {
    let columns = columns.start..columns.end.min(image.width() as usize);
    // The sum of the channels stands for grey; the factor of 3 cancels in the ratio.
    let sum = |p: &[u8]| i16::from(p[0]) + i16::from(p[1]) + i16::from(p[2]);
    let lines = image.as_raw().chunks_exact(3 * image.width().max(1) as usize).skip(rows.start).take(rows.len());
    let mut grey = Vec::with_capacity(columns.len() * lines.len());
    for line in lines {
        grey.extend(line[3 * columns.start..3 * columns.end].chunks_exact(3).map(sum));
    }
    detail(&grey, columns.len())
}

/// The same of a part (px) of a grey picture.
#[must_use]
pub(crate) fn sharpness_of(grey: &GrayImage, part: &Rect) -> f64 {
    let width = grey.width() as usize;
    let left = (part.x as usize).min(width);
    let columns = left..(left + part.w as usize).min(width);
    let lines = grey.as_raw().chunks_exact(width.max(1)).skip(part.y as usize).take(part.h as usize);
    let mut values = Vec::with_capacity(columns.len() * lines.len());
    for line in lines {
        values.extend(line[columns.clone()].iter().map(|value| 3 * i16::from(*value)));
    }
    detail(&values, columns.len())
}

/// [`sharpness`] of the channels' sums, in rows of `width`.
fn detail(grey: &[i16], width: usize) -> f64 {
    let height = grey.len().checked_div(width).unwrap_or(0);
    if width < 3 || height < 3 {
        return 0.0;
    }
    let (mut energy, mut sum, mut squares) = (0_i64, 0_i64, 0_i64);
    for y in 1..height - 1 {
        let row = |y: usize| &grey[y * width..(y + 1) * width];
        let (above, here, below) = (row(y - 1), row(y), row(y + 1));
        for from in (1..width - 1).step_by(PIECE) {
            let to = (from + PIECE).min(width - 1);
            let beside = here[from - 1..to - 1].iter().zip(&here[from + 1..=to]);
            let beside = beside.zip(above[from..to].iter().zip(&below[from..to]));
            let (mut energy_here, mut sum_here, mut squares_here) = (0_i32, 0_i32, 0_i32);
            for (middle, ((left, right), (above, below))) in here[from..to].iter().zip(beside) {
                let laplacian = 4 * middle - left - right - above - below;
                energy_here += i32::from(laplacian) * i32::from(laplacian);
                sum_here += i32::from(*middle);
                squares_here += i32::from(*middle) * i32::from(*middle);
            }
            energy += i64::from(energy_here);
            sum += i64::from(sum_here);
            squares += i64::from(squares_here);
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
