//! Small grey pictures, in which motion and blur are measured.

use image::{GrayImage, RgbImage};

/// The picture in grey, each pixel the mean of a block of `side` x `side` px and its three channels; what is left of a block at the
/// right and lower border is left out. Empty if `side` is 0 or longer than a side of the picture.
#[must_use]
pub(crate) fn block_means(image: &RgbImage, side: u32) -> GrayImage {
    let (width, height) = (image.width().checked_div(side).unwrap_or(0), image.height().checked_div(side).unwrap_or(0));
    let rows = image.as_raw().chunks_exact(3 * image.width().max(1) as usize);
    means(rows, (width, height), (side as usize, 3))
}

/// The same of a grey picture.
#[must_use]
pub(crate) fn shrunk_by(image: &GrayImage, side: u32) -> GrayImage {
    let (width, height) = (image.width().checked_div(side).unwrap_or(0), image.height().checked_div(side).unwrap_or(0));
    let rows = image.as_raw().chunks_exact(image.width().max(1) as usize);
    means(rows, (width, height), (side as usize, 1))
}

/// Means of the blocks of `side` px of `channels` values each, as a picture of `width` x `height` px.
fn means<'a>(
    mut rows: impl Iterator<Item = &'a [u8]>,
    (width, height): (u32, u32),
    (side, channels): (usize, usize),
) -> GrayImage {
    let wide = side * channels;
    let values = (wide * side).max(1) as u32;
    let mut pixels = Vec::with_capacity((width * height) as usize);
    let mut sums = vec![0_u32; width as usize * wide];
    for _ in 0..height {
        sums.fill(0);
        // Whole rows first: the processor adds many neighbours at once.
        for row in rows.by_ref().take(side) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += u32::from(*value);
            }
        }
        pixels.extend(
            sums.chunks_exact(wide.max(1)).map(|block| ((block.iter().sum::<u32>() + values / 2) / values) as u8),
        );
    }
    GrayImage::from_raw(width, height, pixels).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pixel_is_the_mean_of_its_block_and_the_rest_is_left_out() {
        let picture = RgbImage::from_fn(5, 3, |x, y| image::Rgb([(x * 10) as u8, (y * 10) as u8, 6]));
        let grey = block_means(&picture, 2);
        assert_eq!((grey.dimensions(), grey.as_raw().as_slice()), ((2, 1), [5, 12].as_slice()));
        assert_eq!(shrunk_by(&grey, 2).dimensions(), (1, 0));
        assert_eq!(block_means(&picture, 1).dimensions(), (5, 3));
    }

    #[test]
    fn no_block_fits_into_an_empty_picture_and_none_has_no_side() {
        assert_eq!(block_means(&RgbImage::new(0, 0), 2).dimensions(), (0, 0));
        assert_eq!(block_means(&RgbImage::new(4, 4), 0).dimensions(), (0, 0));
        assert_eq!(block_means(&RgbImage::new(4, 4), 9).dimensions(), (0, 0));
    }
}
