//! Colour by the red cell: the optical density of whole red cells is the ruler for colour, as their diameter is the one for
//! scale. Stains, lamps and cameras differ; red cells lie in every field.
//!
//! Optical density here is ln(background / value) of a white-balanced picture, so that its background has none and stains
//! add (Beer-Lambert law).

use image::RgbImage;

use crate::domain::class::Kind;
use crate::domain::red_cell_colour::RedCellColour;
use crate::vision::box_margin::cell_in_box;
use crate::vision::detect::Detection;
use crate::vision::optics::field_of_view::BalancedPicture;

/// Whole red cells from which a picture's colour is believed.
const ENOUGH: usize = 5;

/// Score from which a red cell is measured, 0..1.
const SURE: f64 = 0.6;

/// The part of a red cell that is measured, in radii: inside its rim, outside its pallor.
const RING: (f64, f64) = (0.45, 0.8);

/// Fewest pixels of a ring that tell a colour.
const FEWEST_PIXELS: usize = 20;

/// Values below this, 0..=255, count as this.
const DARKEST: u8 = 5;

/// The colour of the red cells of a picture: the median of the whole ones among `cells`, found in it, whose background is at
/// `level` (0..=255); none where there are too few.
#[must_use]
pub fn red_cell_colour(balanced: &BalancedPicture, cells: &[Detection], level: u8) -> Option<RedCellColour> {
    let (width, height) = (f64::from(balanced.width()), f64::from(balanced.height()));
    let whole =
        |cell: &&Detection| cell.kind == Kind::Rbc && cell.score >= SURE && cell.area.inside(width, height, 1.0);
    let densities: [f64; 256] = std::array::from_fn(|value| density(value as u8, level));
    let measured: Vec<RedCellColour> =
        cells.iter().filter(whole).filter_map(|cell| ring(balanced, cell, &densities)).collect();
    if measured.len() < ENOUGH { None } else { RedCellColour::median(&measured) }
}

fn density(value: u8, level: u8) -> f64 {
    -(f64::from(value.max(DARKEST)) / f64::from(level)).ln()
}

/// Median density over the ring of one red cell.
fn ring(pixels: &RgbImage, cell: &Detection, densities: &[f64; 256]) -> Option<RedCellColour> {
    let area = cell.area;
    let (x, y) = area.centre();
    let (half_w, half_h) = (cell_in_box(area.w) / 2.0, cell_in_box(area.h) / 2.0);
    let span = |middle: f64, half: f64, length: u32| {
        let low = ((middle - half).floor().max(0.0) as u32).min(length);
        low..((middle + half).ceil().max(0.0) as u32).clamp(low, length)
    };
    let columns = span(x, half_w, pixels.width());
    let (inner, outer) = (RING.0 * RING.0, RING.1 * RING.1);
    let (mut histograms, mut count) = ([[0_u32; 256]; 3], 0);
    let [red, green, blue] = &mut histograms;
    for row in span(y, half_h, pixels.height()) {
        let down = (f64::from(row) + 0.5 - y) / half_h;
        let from = 3 * (row as usize * pixels.width() as usize + columns.start as usize);
        let line = &pixels.as_raw()[from..from + 3 * columns.len()];
        for (pixel, column) in line.chunks_exact(3).zip(columns.clone()) {
            let across = (f64::from(column) + 0.5 - x) / half_w;
            let far = across * across + down * down;
            if far > inner && far < outer {
                red[usize::from(pixel[0])] += 1;
                green[usize::from(pixel[1])] += 1;
                blue[usize::from(pixel[2])] += 1;
                count += 1;
            }
        }
    }
    if count < FEWEST_PIXELS {
        return None;
    }
    Some(RedCellColour(histograms.map(|histogram| {
        let mut below = 0;
        let median = histogram.iter().position(|here| {
            below += *here as usize;
            below > count / 2
        });
        densities[median.unwrap_or(255)]
    })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::geometry::Rect;
    use crate::vision::colour_map::StainCard;

    const HOME: StainCard = StainCard { red_cell: [0.20, 0.32, 0.22], gains: [0.35, 2.2], way: 1.0 };

    /// A field with red cells of one colour, a paler middle, and where they are.
    fn field(colour: [u8; 3], count: u32) -> (BalancedPicture, Vec<Detection>) {
        let (width, height) = (60 * count + 10, 70);
        let middle = |k: u32| (f64::from(60 * k) + 35.0, 35.0);
        let pixels = RgbImage::from_fn(width, height, |x, y| {
            let far = (0..count).map(|k| (f64::from(x) + 0.5 - middle(k).0).hypot(f64::from(y) + 0.5 - middle(k).1));
            match far.fold(f64::INFINITY, f64::min) {
                far if far < 6.0 => image::Rgb([225; 3]),
                far if far < 20.0 => image::Rgb(colour),
                _ => image::Rgb([235; 3]),
            }
        });
        let cells =
            (0..count).map(|k| Detection { kind: Kind::Rbc, area: Rect::around(middle(k), 44.8, 44.8), score: 0.9 });
        (BalancedPicture::from(pixels), cells.collect())
    }

    #[test]
    fn the_colour_of_red_cells_is_read_beside_their_pallor() {
        let (picture, cells) = field([180, 150, 190], 6);
        let RedCellColour(found) = red_cell_colour(&picture, &cells, 235).unwrap();
        for (found, value) in found.iter().zip([180.0, 150.0, 190.0]) {
            assert!((found - (235.0_f64 / value).ln()).abs() < 1e-9, "{found}");
        }
    }

    #[test]
    fn a_few_red_cells_tell_no_colour() {
        let (picture, cells) = field([180, 150, 190], 4);
        assert_eq!(red_cell_colour(&picture, &cells, 235), None);
        assert_eq!(RedCellColour::median(&[]), None);
    }

    #[test]
    fn red_cells_of_any_colour_come_out_in_the_hue_that_was_learned() {
        let ratios = |density: [f64; 3]| [density[0] / density[1], density[2] / density[1]];
        for colour in [[180, 150, 190], [200, 180, 200], [150, 150, 160]] {
            let (picture, cells) = field(colour, 6);
            let found = red_cell_colour(&picture, &cells, 235).unwrap();
            let mut picture = RgbImage::clone(&picture);
            HOME.map(found, 235).apply(&mut picture);
            let inside = picture.get_pixel(48, 35).0.map(|value| density(value, 235));
            for (ratio, home) in ratios(inside).into_iter().zip(ratios(HOME.red_cell)) {
                assert!((ratio / home - 1.0).abs() < 0.04, "{inside:?}");
            }
            assert_eq!(picture.get_pixel(0, 0).0, [235; 3], "the background stays");
        }
    }
}
