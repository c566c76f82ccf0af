//! Sizes of pictures.

/// Minimum side of an image, px.
pub(crate) const SMALLEST_SIDE: u32 = 16;
/// Maximum side, px.
pub(crate) const LARGEST_SIDE: u32 = 16_384;
/// Maximum number of pixels.
pub(crate) const MOST_PIXELS: u64 = 64_000_000;
/// Maximum file size, bytes: 64 megapixels with four 16-bit channels, and a header.
pub(super) const LARGEST_FILE: u64 = MOST_PIXELS * 8 + 1_048_576;

/// Whether an image is neither too small nor too large; width and height, px.
pub(crate) fn fits((width, height): (u32, u32)) -> bool {
    let side = SMALLEST_SIDE..=LARGEST_SIDE;
    side.contains(&width) && side.contains(&height) && !too_many(width, height)
}

fn too_many(width: u32, height: u32) -> bool {
    u64::from(width) * u64::from(height) > MOST_PIXELS
}
