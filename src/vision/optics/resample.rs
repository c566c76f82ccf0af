//! Resampling with the filter used in training (Pillow's BILINEAR, antialiased).

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::{GrayImage, RgbImage};

use crate::domain::geometry::Rect;

/// Resampling failed, because a requested size is wrong.
#[derive(Debug, thiserror::Error)]
#[error("cannot resample {from_width}x{from_height} px to {to_width}x{to_height} px: {reason}")]
pub struct ResampleError {
    from_width: u32,
    from_height: u32,
    to_width: u32,
    to_height: u32,
    reason: String,
}

/// Resamples a window of an image to `width` x `height` pixels.
///
/// `window` is in pixels of `image`. Any part of it outside the image is cut off first, so a caller that must keep
/// the scale pads the result itself.
///
/// # Errors
/// If the window does not touch the image, or a size is zero.
pub(crate) fn resample(image: &RgbImage, window: Rect, width: u32, height: u32) -> Result<RgbImage, ResampleError> {
    let fail = |reason: &dyn ToString| ResampleError {
        from_width: image.width(),
        from_height: image.height(),
        to_width: width,
        to_height: height,
        reason: reason.to_string(),
    };
    let window = window.clipped(f64::from(image.width()), f64::from(image.height()));
    if window.w <= 0.0 || window.h <= 0.0 || width == 0 || height == 0 {
        return Err(fail(&"nothing of it lies in the image"));
    }
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
        .crop(window.x, window.y, window.w, window.h);
    resized(image, width, height, &options).map_err(|reason| fail(&reason))
}

fn resized(image: &RgbImage, width: u32, height: u32, options: &ResizeOptions) -> Result<RgbImage, String> {
    // Of this one form of pixel: the library's `resize` brings the code of all thirteen, four megabytes.
    let source = TypedImageRef::<U8x3>::from_buffer(image.width(), image.height(), image.as_raw())
        .map_err(|error| error.to_string())?;
    let mut resized = RgbImage::new(width, height);
    let mut target = TypedImage::<U8x3>::from_buffer(width, height, &mut resized).map_err(|error| error.to_string())?;
    Resizer::new().resize_typed(&source, &mut target, options).map_err(|error| error.to_string())?;
    Ok(resized)
}

/// The whole image shrunk to `width` x `height` px, each pixel the mean of those it stands for; empty if a side is 0.
#[must_use]
pub fn shrunk(image: &RgbImage, width: u32, height: u32) -> RgbImage {
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Box));
    resized(image, width, height, &options).unwrap_or_default()
}

/// The same of a part of the image, px; none if it does not lie in the image, or a side is 0.
pub(crate) fn shrunk_part(image: &RgbImage, part: Rect, width: u32, height: u32) -> Option<RgbImage> {
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Box));
    resized(image, width, height, &options.crop(part.x, part.y, part.w, part.h)).ok()
}

/// An image at half its size, each pixel the mean of four; a row or column left over at the end makes the last one by itself.
#[must_use]
pub(crate) fn halved(image: &RgbImage) -> RgbImage {
    let mut half = RgbImage::new(image.width().div_ceil(2), image.height().div_ceil(2));
    let row = 3 * image.width() as usize;
    let mut sums = vec![0_u16; row];
    let targets = half.chunks_exact_mut((row.div_ceil(6) * 3).max(1));
    for (rows, target) in image.as_raw().chunks((2 * row).max(1)).zip(targets) {
        let above = &rows[..row];
        let below = if rows.len() > row { &rows[row..] } else { above };
        for ((sum, above), below) in sums.iter_mut().zip(above).zip(below) {
            *sum = u16::from(*above) + u16::from(*below);
        }
        let pairs = sums.chunks_exact(6);
        let left_over = pairs.remainder();
        for (pair, pixel) in pairs.zip(target.chunks_exact_mut(3)) {
            pixel[0] = ((pair[0] + pair[3] + 2) >> 2) as u8;
            pixel[1] = ((pair[1] + pair[4] + 2) >> 2) as u8;
            pixel[2] = ((pair[2] + pair[5] + 2) >> 2) as u8;
        }
        let last = target.len() - left_over.len();
        for (value, sum) in target[last..].iter_mut().zip(left_over) {
            *value = ((sum + 1) >> 1) as u8;
        }
    }
    half
}

/// The image in grey, as the eye weighs its channels (ITU-R BT.709).
#[must_use]
pub(crate) fn grey(image: &RgbImage) -> GrayImage {
    let mut grey = GrayImage::new(image.width(), image.height());
    for (value, pixel) in grey.iter_mut().zip(image.as_raw().chunks_exact(3)) {
        let (red, green, blue) = (u32::from(pixel[0]), u32::from(pixel[1]), u32::from(pixel[2]));
        *value = ((2126 * red + 7152 * green + 722 * blue) / 10_000) as u8;
    }
    grey
}

/// Scales the whole image by `factor`; sides are rounded and at least 1 px.
///
/// # Errors
/// If the image is empty.
pub fn scaled(image: &RgbImage, factor: f64) -> Result<RgbImage, ResampleError> {
    let side = |length: u32| (f64::from(length) * factor).round().max(1.0) as u32;
    let all = Rect::new(0.0, 0.0, f64::from(image.width()), f64::from(image.height()));
    resample(image, all, side(image.width()), side(image.height()))
}
