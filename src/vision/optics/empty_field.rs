//! Light of an empty field, and whether pictures show an empty field at all. Pure.

use image::RgbImage;

use super::flat_field::{FINE_GRID, FlatField, Illumination, green_below_surface};
use crate::vision::optics::exposure::Exposure;

/// Background below which light cannot be measured well, 0..=255.
const DARK: f64 = 48.0;

/// Share of white pixels from which the top of the light is clipped.
const WHITE: f64 = 0.01;

/// Largest change of brightness between pictures, as a share.
const UNSTEADY: f64 = 0.05;

/// How far a block may lie below a smooth surface (natural logarithm): cells lie 0.2 or more below, out-of-focus
/// specks less.
const COVERED: f64 = 0.12;

/// Share of blocks that may lie further below.
const COVERED_SHARE: f64 = 0.005;

/// A pixel with less than this share of the background's brightness, once corrected for light, belongs to a cell.
const DARKER: f64 = 0.82;

/// Share of pixels that may be that dark.
const DARKER_SHARE: f64 = 0.004;

/// Largest light loss accepted at the darkest place, as a share.
const FALL_OFF: f64 = 0.78;

/// Why pictures do not give the light.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NotEmpty {
    #[error("the frames are of several sizes or smaller than 96 px; choose one larger size in [camera]")]
    Sizes,
    #[error("the field is too dark to measure its light (background {0:.0} of 255): more light, or a longer exposure")]
    Dark(f64),
    #[error("{0:.0} % of the field is pure white, so its light cannot be measured: less light, or a shorter exposure")]
    White(f64),
    #[error(
        "the brightness changes from frame to frame by {0:.0} %: set a fixed exposure in [camera], and let the lamp warm up"
    )]
    Unsteady(f64),
    #[error(
        "this is no empty field: {0:.1} % of it is covered; move to a place without cells beside the smear, keep the focus, \
         and try again"
    )]
    Cells(f64),
    #[error(
        "the light falls off by {0:.0} %, more than can be made good: centre the condenser and open the field diaphragm"
    )]
    FallOff(f64),
}

/// Measures the light from pictures of an empty field.
///
/// # Errors
/// If they do not show an empty field well; the message says what to do.
pub fn light(pictures: &[RgbImage]) -> Result<Illumination, NotEmpty> {
    let light = Illumination::of_empty(pictures).ok_or(NotEmpty::Sizes)?;
    let exposures: Vec<Exposure> = pictures.iter().map(Exposure::of).collect();
    let backgrounds = || exposures.iter().map(|exposure| exposure.background);
    let (least, most) = (backgrounds().fold(255.0, f64::min), backgrounds().fold(0.0, f64::max));
    if least < DARK {
        return Err(NotEmpty::Dark(least));
    }
    if let Some(white) = exposures.iter().map(|exposure| exposure.saturated).find(|white| *white > WHITE) {
        return Err(NotEmpty::White(white * 100.0));
    }
    if most - least > (UNSTEADY * most).max(2.0) {
        return Err(NotEmpty::Unsteady((most - least) / most * 100.0));
    }
    for picture in pictures {
        let covered = green_below_surface(picture, FINE_GRID, COVERED).ok_or(NotEmpty::Sizes)?;
        if covered > COVERED_SHARE {
            return Err(NotEmpty::Cells(covered * 100.0));
        }
    }
    if light.fall_off() > FALL_OFF {
        return Err(NotEmpty::FallOff(light.fall_off() * 100.0));
    }
    let field = FlatField::new(light.clone(), pictures.first().ok_or(NotEmpty::Sizes)?.dimensions());
    for picture in pictures {
        let evened = field.apply(picture).ok_or(NotEmpty::Sizes)?;
        let dark = darker(&evened);
        if dark > DARKER_SHARE {
            return Err(NotEmpty::Cells(dark * 100.0));
        }
    }
    Ok(light)
}

/// Share of pixels much darker than most, in green, where every stain absorbs.
fn darker(evened: &RgbImage) -> f64 {
    let mut histogram = [0_u64; 256];
    evened.pixels().for_each(|pixel| histogram[usize::from(pixel.0[1])] += 1);
    let count: u64 = histogram.iter().sum();
    let mut below = 0;
    let median = histogram.iter().position(|here| {
        below += here;
        below * 2 >= count
    });
    let limit = (median.unwrap_or(0) as f64 * DARKER) as usize;
    histogram[..limit].iter().sum::<u64>() as f64 / count.max(1) as f64
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    fn empty(corner: f64, level: f64) -> RgbImage {
        RgbImage::from_fn(320, 240, |x, y| {
            let squared = (f64::from(x) / 160.0 - 1.0).powi(2) + (f64::from(y) / 120.0 - 1.0).powi(2);
            let light = level * (1.0 - (1.0 - corner) * squared / 2.0) + f64::from((x * 7 + y * 13) % 5) - 2.0;
            Rgb([light, light * 0.95, light * 0.9].map(|value| value as u8))
        })
    }

    fn with_cell(radius: f64) -> RgbImage {
        let mut picture = empty(0.6, 220.0);
        for (x, y, pixel) in picture.enumerate_pixels_mut() {
            if (f64::from(x) - 90.0).hypot(f64::from(y) - 100.0) < radius {
                *pixel = Rgb(pixel.0.map(|value| (f64::from(value) * 0.7) as u8));
            }
        }
        picture
    }

    #[test]
    fn an_empty_field_gives_its_light_and_cells_small_or_large_do_not() {
        let found = light(&[empty(0.6, 220.0), empty(0.6, 218.0)]).unwrap();
        assert!((0.3..0.45).contains(&found.fall_off()), "{}", found.fall_off());
        for radius in [12.0, 25.0, 45.0] {
            let refused = light(&[with_cell(radius)]);
            assert!(matches!(refused, Err(NotEmpty::Cells(_))), "radius {radius}: {refused:?}");
        }
    }

    #[test]
    fn bad_light_is_refused_with_what_to_do() {
        assert!(matches!(light(&[empty(0.6, 40.0)]), Err(NotEmpty::Dark(_))));
        assert!(matches!(light(&[RgbImage::from_pixel(320, 240, Rgb([255; 3]))]), Err(NotEmpty::White(_))));
        assert!(matches!(light(&[empty(0.6, 220.0), empty(0.6, 180.0)]), Err(NotEmpty::Unsteady(_))));
        assert!(matches!(light(&[]), Err(NotEmpty::Sizes)));
        assert!(light(&[empty(0.6, 40.0)]).unwrap_err().to_string().contains("more light"));
    }
}
