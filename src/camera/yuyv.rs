//! The pixel format YUYV (4:2:2, two pixels in four bytes) of simple USB cameras.

use image::RgbImage;

/// The buffer is too short for its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame came with {given} of {needed} bytes")]
pub struct ShortFrame {
    /// Bytes received.
    pub given: usize,
    /// Bytes needed for a whole frame.
    pub needed: usize,
}

/// Converts YUYV to RGB: BT.601 limited range (black 16, white 235), as UVC cameras deliver.
///
/// `bytes` are rows of Y0 U Y1 V without padding; an odd `width` has half a pair at the end of each row. Bytes after
/// the frame are ignored.
///
/// # Errors
/// When there are fewer bytes than `width` x `height` pixels need.
pub(crate) fn yuyv_to_rgb(bytes: &[u8], width: u32, height: u32) -> Result<RgbImage, ShortFrame> {
    let row = (width as usize).div_ceil(2) * 4;
    let needed = row * height as usize;
    let short = ShortFrame { given: bytes.len(), needed };
    let frame = bytes.get(..needed).ok_or(short)?;
    let mut pixels = Vec::with_capacity(width as usize * height as usize * 3);
    for line in frame.chunks_exact(row.max(4)) {
        for (pair, four) in line.chunks_exact(4).enumerate() {
            pixels.extend(pixel(four[0], four[1], four[3]));
            if 2 * pair + 1 < width as usize {
                pixels.extend(pixel(four[2], four[1], four[3]));
            }
        }
    }
    RgbImage::from_raw(width, height, pixels).ok_or(short)
}

/// One pixel, in fixed point of 1/256 as in ITU-R BT.601: 298 = 256 x 255/219, and so on.
fn pixel(y: u8, u: u8, v: u8) -> [u8; 3] {
    let luma = 298 * (i32::from(y) - 16) + 128;
    let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
    [luma + 409 * v, luma - 100 * u - 208 * v, luma + 516 * u].map(|c| (c >> 8).clamp(0, 255) as u8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_colours_of_the_test_card_come_out_right() {
        // Y, U, V of BT.601 limited range.
        let card: [([u8; 3], [u8; 3]); 6] = [
            ([16, 128, 128], [0, 0, 0]),
            ([235, 128, 128], [255, 255, 255]),
            ([126, 128, 128], [128, 128, 128]),
            ([81, 90, 240], [255, 0, 0]),
            ([145, 54, 34], [0, 255, 0]),
            ([41, 240, 110], [0, 0, 255]),
        ];
        for ([y, u, v], rgb) in card {
            let picture = yuyv_to_rgb(&[y, u, y, v], 2, 1).unwrap();
            for (got, want) in picture.get_pixel(1, 0).0.into_iter().zip(rgb) {
                assert!(got.abs_diff(want) <= 2, "{y} {u} {v}: {:?} for {rgb:?}", picture.get_pixel(1, 0));
            }
        }
    }

    proptest! {
        #[test]
        fn any_buffer_gives_a_frame_of_the_size_or_says_what_is_missing(
            bytes in proptest::collection::vec(any::<u8>(), 0..300), width in 0_u32..12, height in 0_u32..12,
        ) {
            let needed = width.div_ceil(2) as usize * 4 * height as usize;
            match yuyv_to_rgb(&bytes, width, height) {
                Ok(picture) => {
                    prop_assert_eq!((picture.width(), picture.height()), (width, height));
                    prop_assert!(bytes.len() >= needed);
                }
                Err(short) => prop_assert_eq!(short, ShortFrame { given: bytes.len(), needed }),
            }
        }

        #[test]
        fn grey_stays_grey_and_brighter_stays_brighter(y in 16_u8..235) {
            let picture = yuyv_to_rgb(&[y, 128, y + 1, 128], 2, 1).unwrap();
            let [dark, bright] = [picture.get_pixel(0, 0).0, picture.get_pixel(1, 0).0];
            prop_assert!(dark[0] == dark[1] && dark[1] == dark[2]);
            prop_assert!(bright[0] > dark[0]);
        }
    }
}
