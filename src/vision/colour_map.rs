//! Brings the colours of crops to those the classifier learned on.
//!
//! Each channel's optical densities (see [`crate::vision::stain`]) are multiplied by one factor, so that red cells get the
//! density they had in training.

use image::RgbImage;
use serde::Deserialize;

use crate::domain::red_cell_colour::RedCellColour;

/// Least density that factors are computed from: below it red cells can hardly be told from the background.
const FAINTEST: f64 = 0.02;

/// `[stain]` of `model.toml`: the colours that the classifier learned on.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StainCard {
    /// Optical density of red cells that pictures are brought to: red, green, blue.
    pub red_cell: [f64; 3],
    /// Least and largest factor that densities are multiplied by.
    pub gains: [f64; 2],
}

/// Brings the colours of crops to those the classifier learned on, by one table for each channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColourMap(Box<[[u8; 256]; 3]>);

impl StainCard {
    /// The map for pictures whose red cells have this colour, with a background at `level` (0..=255).
    #[must_use]
    pub fn map(&self, RedCellColour(found): RedCellColour, level: u8) -> ColourMap {
        let table = |channel: usize| -> [u8; 256] {
            let gain = (self.red_cell[channel] / found[channel].max(FAINTEST)).clamp(self.gains[0], self.gains[1]);
            let level = f64::from(level);
            std::array::from_fn(|value| {
                (level * ((value as f64).max(1e-3) / level).powf(gain) + 0.5).floor().min(255.0) as u8
            })
        };
        ColourMap(Box::new([table(0), table(1), table(2)]))
    }

    /// Refuses numbers that no stain has.
    pub(crate) fn check(&self) -> Result<(), String> {
        for density in self.red_cell {
            if !(0.02..=2.0).contains(&density) {
                return Err(format!("stain.red_cell has {density}, not 0.02 to 2"));
            }
        }
        let [least, most] = self.gains;
        if !(0.1..=1.0).contains(&least) || !(1.0..=10.0).contains(&most) {
            return Err(format!("stain.gains is [{least}, {most}], not 0.1 to 1 and 1 to 10"));
        }
        Ok(())
    }
}

impl ColourMap {
    /// Brings a crop to the colours that the classifier learned on.
    pub fn apply(&self, crop: &mut RgbImage) {
        let Self(tables) = self;
        for pixel in crop.chunks_exact_mut(3) {
            for (value, table) in pixel.iter_mut().zip(tables.iter()) {
                *value = table[usize::from(*value)];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: StainCard = StainCard { red_cell: [0.20, 0.32, 0.22], gains: [0.35, 2.2] };

    #[test]
    fn a_colour_far_off_is_changed_by_the_limit_at_most() {
        let mut pale = RgbImage::from_pixel(1, 1, image::Rgb([200; 3]));
        HOME.map(RedCellColour([1e-9, 0.0, f64::NAN]), 235).apply(&mut pale);
        let most = 235.0 * (200.0_f64 / 235.0).powf(2.2);
        assert!((f64::from(pale.get_pixel(0, 0).0[0]) - most).abs() < 1.0, "{pale:?}");
    }
}
