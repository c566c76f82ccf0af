//! Brings the colours of crops to those the classifier learned on.
//!
//! Each channel's optical densities (see [`crate::vision::stain`]) are multiplied by one factor, so that the hue of red cells
//! comes nearer to the one it had in training. The amount of stain stays: granules that take as much of it as red cells
//! would vanish with the rest.

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
    /// Least and largest factor between a channel's density and `red_cell` that is believed.
    pub gains: [f64; 2],
    /// Part of the way to the hue of `red_cell`, 0..=1, in logarithms of density.
    pub way: f64,
}

/// Brings the colours of crops to those the classifier learned on, by one table for each channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColourMap(Box<[[u8; 256]; 3]>);

impl StainCard {
    /// The map for pictures whose red cells have this colour, with a background at `level` (0..=255).
    #[must_use]
    pub fn map(&self, RedCellColour(found): RedCellColour, level: u8) -> ColourMap {
        let whole: [f64; 3] = std::array::from_fn(|channel| {
            (self.red_cell[channel] / found[channel].max(FAINTEST)).clamp(self.gains[0], self.gains[1]).ln()
        });
        let amount = whole.iter().sum::<f64>() / 3.0;
        let level = f64::from(level);
        let table = |channel: usize| -> [u8; 256] {
            let gain = (self.way * (whole[channel] - amount)).exp();
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
        if !(0.0..=1.0).contains(&self.way) {
            return Err(format!("stain.way is {}, not 0 to 1", self.way));
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

    const HOME: StainCard = StainCard { red_cell: [0.20, 0.32, 0.22], gains: [0.35, 2.2], way: 1.0 };

    #[test]
    fn a_colour_far_off_is_changed_by_the_limits_at_most() {
        let mut pale = RgbImage::from_pixel(1, 1, image::Rgb([200; 3]));
        HOME.map(RedCellColour([1e-9, 9.0, 9.0]), 235).apply(&mut pale);
        let most = 235.0 * (200.0_f64 / 235.0).powf((2.2_f64 / 0.35).powf(2.0 / 3.0));
        assert!((f64::from(pale.get_pixel(0, 0).0[0]) - most).abs() < 1.0, "{pale:?}");
    }

    #[test]
    fn more_stain_of_the_same_hue_stays_as_it_is() {
        let mut crop = RgbImage::from_pixel(1, 1, image::Rgb([200, 120, 60]));
        HOME.map(RedCellColour(HOME.red_cell.map(|density| 1.6 * density)), 235).apply(&mut crop);
        assert_eq!(crop.get_pixel(0, 0).0, [200, 120, 60]);
    }
}
