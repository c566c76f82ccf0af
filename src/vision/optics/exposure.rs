//! Exposure of the raw picture.

use image::RgbImage;

use crate::vision::optics::field_of_view::FieldOfView;

/// Channel value from which a channel counts as saturated.
const SATURATED: u8 = 253;

/// Percentile of brightness taken as background.
const BACKGROUND: f64 = 0.95;

/// Exposure of one picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exposure {
    /// Brightness exceeded by a twentieth of the pixels, mean of the channels, 0..=255.
    pub background: f64,
    /// Share of pixels white in all channels, 0..=1.
    pub saturated: f64,
}

impl Exposure {
    /// Exposure of the whole picture.
    #[must_use]
    pub fn of(raw: &RgbImage) -> Self {
        Self::within(raw, &FieldOfView::whole(raw.dimensions()))
    }

    /// Exposure inside the field of view: measures every second pixel of every second row.
    #[must_use]
    pub fn within(raw: &RgbImage, view: &FieldOfView) -> Self {
        let mut histogram = [0_u64; 256];
        let (mut white, mut count) = (0_u64, 0_u64);
        for (row, y) in raw.as_raw().chunks_exact((raw.width() as usize * 3).max(1)).zip(0..).step_by(2) {
            let columns = view.columns(y);
            for pixel in row[columns.start * 3..columns.end * 3].chunks_exact(3).step_by(2) {
                let sum: u16 = pixel.iter().map(|value| u16::from(*value)).sum();
                histogram[usize::from(sum / 3)] += 1;
                white += u64::from(pixel.iter().all(|value| *value >= SATURATED));
                count += 1;
            }
        }
        let wanted = BACKGROUND * count as f64;
        let mut below = 0;
        let background = histogram.iter().position(|here| {
            below += here;
            below as f64 >= wanted
        });
        Self { background: background.unwrap_or(0) as f64, saturated: white as f64 / count.max(1) as f64 }
    }
}
