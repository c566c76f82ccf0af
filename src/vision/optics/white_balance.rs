//! White balance from the background: empty plasma is the brightest thing in a stained smear, and it is colourless.

use image::RgbImage;
use serde::Deserialize;

use crate::vision::optics::field_of_view::FieldOfView;

/// Parameters of the white balance. They are part of a model, whose networks were trained on pictures balanced this
/// way.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhiteBalance {
    /// Share of a channel's pixels darker than its background, 0..1.
    pub percentile: f64,
    /// Level the background is scaled to, 1..=255.
    pub level: u8,
}

/// Darkest plausible background, 0..=255: below it the lamp is off, and noise would be amplified into cells.
const DARKEST_BACKGROUND: usize = 32;

impl WhiteBalance {
    /// Returns a copy whose background is `level` in every channel.
    ///
    /// Per channel, gain = level / percentile of the channel, and out = min(255, round(in * gain)). An image without
    /// light becomes empty background.
    #[must_use]
    pub fn apply(&self, image: &RgbImage) -> RgbImage {
        let mut balanced = image.clone();
        self.apply_in(&mut balanced, &FieldOfView::whole(image.dimensions()));
        balanced
    }

    /// Same in place, by the background inside the field of view.
    pub(crate) fn apply_in(&self, image: &mut RgbImage, view: &FieldOfView) {
        let [red, green, blue] = self.tables(image, view);
        for pixel in image.chunks_exact_mut(3) {
            pixel[0] = red[usize::from(pixel[0])];
            pixel[1] = green[usize::from(pixel[1])];
            pixel[2] = blue[usize::from(pixel[2])];
        }
    }

    fn tables(&self, image: &RgbImage, view: &FieldOfView) -> [[u8; 256]; 3] {
        let [mut red, mut green, mut blue] = [[0_u32; 256]; 3];
        let mut pixels = 0_u64;
        for (row, y) in image.chunks_exact((image.width() as usize * 3).max(1)).zip(0..) {
            let columns = view.columns(y);
            pixels += columns.len() as u64;
            for pixel in row[columns.start * 3..columns.end * 3].chunks_exact(3) {
                red[usize::from(pixel[0])] += 1;
                green[usize::from(pixel[1])] += 1;
                blue[usize::from(pixel[2])] += 1;
            }
        }
        let wanted = self.percentile * pixels as f64;
        let backgrounds = [red, green, blue].map(|histogram| {
            let mut below = 0_u64;
            histogram.iter().position(|count| {
                below += u64::from(*count);
                below as f64 >= wanted
            })
        });
        let backgrounds = backgrounds.map(|value| value.unwrap_or(255));
        if backgrounds.iter().all(|background| *background < DARKEST_BACKGROUND) {
            return [[self.level; 256]; 3];
        }
        backgrounds.map(|background| {
            let gain = f64::from(self.level) / background.max(DARKEST_BACKGROUND) as f64;
            std::array::from_fn(|value| (value as f64 * gain + 0.5).floor().min(255.0) as u8)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BALANCE: WhiteBalance = WhiteBalance { percentile: 0.95, level: 235 };

    #[test]
    fn a_yellow_background_becomes_grey() {
        let yellow = RgbImage::from_pixel(20, 20, image::Rgb([240, 230, 120]));
        assert!(BALANCE.apply(&yellow).pixels().all(|p| p.0 == [235, 235, 235]));
    }

    #[test]
    fn a_frame_without_light_is_an_empty_field() {
        let dark = RgbImage::from_fn(20, 20, |x, y| image::Rgb([(x % 3) as u8, (y % 5) as u8, 2]));
        assert!(BALANCE.apply(&dark).pixels().all(|p| p.0 == [235, 235, 235]));
    }

    #[test]
    fn balancing_twice_changes_nothing_more() {
        let image = RgbImage::from_fn(64, 64, |x, y| image::Rgb([(x * 3) as u8, (y * 2) as u8, 90]));
        let once = BALANCE.apply(&image);
        assert_eq!(BALANCE.apply(&once), once);
    }
}
