//! Density of red cells in a field.

use image::RgbImage;

use super::Verdict;
use crate::domain::class::Kind;
use crate::vision::box_margin::cell_in_box;
use crate::vision::detect::Detection;
use crate::vision::optics::field_of_view::{BalancedPicture, FieldOfView};
use crate::vision::optics::flat_field::Illumination;
use crate::vision::optics::resample::shrunk;

/// Share of the area covered by red cells that may lie under two of them: 0.15 is the most in train fields of the
/// pack.
const THICK_OVERLAP: f64 = 0.25;

/// Share of the field that red cells may cover: 0.73 is the most in train fields.
const THICK_COVER: f64 = 0.85;

/// Least share of the field that must be background; 99 % of train fields have 0.23 or more.
const LEAST_FREE: f64 = 0.15;

/// Share of background below which a field is doubtful, and too thick if much of it is dark where no cell was found.
const LITTLE_FREE: f64 = 0.27;

/// Share of the field outside all cells that is as dark as a cell: clumps the detector could not separate.
const MUCH_UNKNOWN: f64 = 0.35;

/// Least share of the field that red cells cover in a smear; train fields have 0.18 or more.
const THIN_COVER: f64 = 0.04;

/// Rows of the raster on which cells are drawn (columns of a portrait picture); a cell is about ten high.
const RASTER: f64 = 120.0;

/// Absorbance, as a share of the red cells' median, below which a point is background, and above which it is as dark
/// as a cell.
const BACKGROUND: f64 = 0.35;
const DARK: f64 = 0.6;

/// Raster points on red cells needed before their absorbance is a reference.
const ENOUGH: usize = 50;

/// Absorbance (natural logarithm) below which red cells are too pale to tell from background; usually it is 0.2 to
/// 0.5.
const FAINTEST: f64 = 0.03;

/// Density of red cells in one field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Density {
    /// Number of red cells.
    pub red: usize,
    /// Share of the field they cover, 0..=1.
    pub covered: f64,
    /// Share of the covered area that lies under two or more, 0..=1.
    pub overlap: f64,
    /// Share of the field, without white cells and platelets, that is background, 0..=1; 1 if there are too few red
    /// cells to tell.
    pub free: f64,
    /// Share of the field outside all detected cells that is as dark as a cell, 0..=1.
    pub unknown: f64,
}

/// What covers a raster point.
#[derive(Clone, Copy, Default)]
struct RasterPoint {
    /// Number of red cells, each taken as the ellipse in its box.
    red: u8,
    /// Whether another cell's box, with a margin, covers it.
    other: bool,
    /// Whether it lies outside the field of view.
    outside: bool,
}

impl RasterPoint {
    /// Whether nothing but red cells covers it.
    fn is_red_only(self) -> bool {
        self.red > 0 && !self.other && !self.outside
    }
}

impl Density {
    /// Measures the density from the `cells` of a white-balanced field, inside its field of view.
    #[must_use]
    pub fn of(cells: &[Detection], balanced: &BalancedPicture) -> Self {
        let (width, height) = (f64::from(balanced.width()), f64::from(balanced.height()));
        let step = (width.min(height) / RASTER).max(1.0);
        let (columns, rows) = ((width / step).ceil().max(1.0) as u32, (height / step).ceil().max(1.0) as u32);
        let mut places =
            lay(cells, (columns as usize, rows as usize), (width / f64::from(columns), height / f64::from(rows)));
        let view = balanced.view.resized((columns, rows));
        for (line, y) in places.chunks_exact_mut(columns as usize).zip(0..) {
            let inside = view.columns(y);
            line.iter_mut().enumerate().for_each(|(x, place)| place.outside = !inside.contains(&x));
        }
        let all = places.iter().filter(|place| !place.outside).count();
        let covered = places.iter().filter(|place| !place.outside && place.red > 0).count();
        let twice = places.iter().filter(|place| !place.outside && place.red > 1).count();
        let small = balanced.shrunk(columns, rows).into_owned();
        let (free, unknown) = by_absorbance(small, &view, &places);
        Self {
            red: cells.iter().filter(|cell| cell.kind == Kind::Rbc).count(),
            covered: covered as f64 / all.max(1) as f64,
            overlap: twice as f64 / covered.max(1) as f64,
            free,
            unknown,
        }
    }

    /// What is wrong with the density, given `white` white cells; `None` if nothing is.
    ///
    /// Fields with no more red cells than white ones are lysed or concentrated, so they cannot be too thin.
    #[must_use]
    pub fn verdict(&self, white: usize) -> Option<Verdict> {
        let no_room = self.free < LEAST_FREE || (self.free < LITTLE_FREE && self.unknown > MUCH_UNKNOWN);
        if self.overlap > THICK_OVERLAP || self.covered > THICK_COVER || no_room {
            Some(Verdict::TooThick)
        } else if self.red > white && self.covered < THIN_COVER {
            Some(Verdict::TooThin)
        } else {
            None
        }
    }
}

/// Draws cells on a raster of `size` points, `step` px apart each way.
fn lay(cells: &[Detection], size: (usize, usize), step: (f64, f64)) -> Vec<RasterPoint> {
    let (columns, rows) = size;
    let mut places = vec![RasterPoint::default(); columns * rows];
    for cell in cells {
        let centre = cell.area.centre();
        let red = cell.kind == Kind::Rbc;
        let reach = if red { cell_in_box(0.5) } else { 0.55 };
        let (half_width, half_height) = (cell.area.w * reach, cell.area.h * reach);
        if !(half_width > 0.0 && half_height > 0.0) {
            continue;
        }
        let index = |at: f64, step: f64, most: usize| ((at / step).max(0.0) as usize).min(most);
        for row in
            index(centre.1 - half_height, step.1, rows)..(index(centre.1 + half_height, step.1, rows) + 1).min(rows)
        {
            let v = ((row as f64 + 0.5) * step.1 - centre.1) / half_height;
            for column in index(centre.0 - half_width, step.0, columns)
                ..(index(centre.0 + half_width, step.0, columns) + 1).min(columns)
            {
                let u = ((column as f64 + 0.5) * step.0 - centre.0) / half_width;
                let place = &mut places[row * columns + column];
                if !red {
                    place.other |= u.abs() <= 1.0 && v.abs() <= 1.0;
                } else if u * u + v * v <= 1.0 {
                    place.red = place.red.saturating_add(1);
                }
            }
        }
    }
    places
}

/// Shares of background, and of dark area where no cell was found, from the absorbance in green.
fn by_absorbance(mut small: RgbImage, view: &FieldOfView, places: &[RasterPoint]) -> (f64, f64) {
    // Dark corners must not count as cells.
    if let Some(light) = Illumination::of_view(&small, view) {
        light.even_out(&mut small);
    }
    let green: Vec<u8> = small.as_raw().chunks_exact(3).map(|pixel| pixel[1]).collect();
    let green_of = |wanted: fn(&RasterPoint) -> bool| {
        let mut values = Vec::with_capacity(places.len());
        for (green, place) in green.iter().zip(places) {
            if wanted(place) {
                values.push(*green);
            }
        }
        values
    };
    let mut inside: Vec<u8> = green_of(|place| !place.outside);
    let at = inside.len() * 19 / 20;
    let white = if at < inside.len() { *inside.select_nth_unstable(at).1 } else { 255 };
    let white = f64::from(white.max(1));
    // Absorbance by level of green.
    let absorbance: [f64; 256] = std::array::from_fn(|value| -((value as f64).max(1.0) / white).ln());
    let mut of_red = green_of(|place| place.is_red_only());
    if of_red.len() < ENOUGH {
        return (1.0, 0.0);
    }
    // The darkest absorb most.
    let middle = of_red.len() - 1 - of_red.len() / 2;
    let usual = absorbance[usize::from(*of_red.select_nth_unstable(middle).1)];
    if usual < FAINTEST {
        return (1.0, 0.0);
    }
    let (mut free, mut without_others, mut unknown, mut without_cells) = (0_u32, 0_u32, 0_u32, 0_u32);
    for (green, place) in green.iter().zip(places) {
        if place.outside || place.other {
            continue;
        }
        let absorbance = absorbance[usize::from(*green)];
        without_others += 1;
        free += u32::from(absorbance < BACKGROUND * usual);
        if place.red == 0 {
            without_cells += 1;
            unknown += u32::from(absorbance > DARK * usual);
        }
    }
    let share = |some: u32, all: u32| f64::from(some) / f64::from(all.max(1));
    (share(free, without_others), share(unknown, without_cells))
}

/// Standard deviation of a picture's large structures, in grey levels: measured on its thumbnail, where noise
/// averages out, inside the field of view.
#[must_use]
pub(crate) fn contrast(balanced: &BalancedPicture) -> f64 {
    let (width, height) = balanced.dimensions();
    let mut small = balanced.shrunk(width.clamp(1, 160), height.clamp(1, 120)).into_owned();
    // Uneven light is not structure.
    if let Some(light) = Illumination::of_view(&small, &balanced.view.resized(small.dimensions())) {
        light.even_out(&mut small);
    }
    let small = shrunk(&small, small.width().min(48), small.height().min(36));
    let view = balanced.view.resized(small.dimensions());
    let inside = small.rows().zip(0..).flat_map(|(row, y)| {
        let columns = view.columns(y);
        row.skip(columns.start).take(columns.len())
    });
    let grey: Vec<f64> = inside.map(|p| p.0.iter().map(|v| f64::from(*v)).sum::<f64>() / 3.0).collect();
    let mean = grey.iter().sum::<f64>() / grey.len().max(1) as f64;
    (grey.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / grey.len().max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::geometry::Rect;

    fn cell(kind: Kind, x: f64, y: f64, side: f64) -> Detection {
        Detection { kind, area: Rect::new(x, y, side, side), score: 0.9 }
    }

    /// Red cells of 50 px in a grid `apart` px wide, on a 640x480 field that shows nothing else.
    fn smear(apart: f64) -> (Vec<Detection>, BalancedPicture) {
        let places =
            (0..12).flat_map(|row| (0..16).map(move |column| (f64::from(column) * apart, f64::from(row) * apart)));
        let cells: Vec<_> =
            places.filter(|(x, y)| *x < 640.0 && *y < 480.0).map(|(x, y)| cell(Kind::Rbc, x, y, 50.0)).collect();
        let mut field = RgbImage::from_pixel(640, 480, image::Rgb([235; 3]));
        for (x, y, pixel) in field.enumerate_pixels_mut() {
            let inside = |cell: &Detection| {
                let (u, v) = cell.area.centre();
                (f64::from(x) - u).hypot(f64::from(y) - v) < 22.0
            };
            if cells.iter().any(inside) {
                *pixel = image::Rgb([210, 150, 160]);
            }
        }
        (cells, field.into())
    }

    #[test]
    fn cells_side_by_side_are_good_and_cells_on_each_other_too_thick() {
        let (cells, field) = smear(60.0);
        let density = Density::of(&cells, &field);
        assert_eq!(density.verdict(1), None, "{density:?}");
        assert!((0.3..0.6).contains(&density.covered) && density.overlap < 0.01 && density.free > 0.4, "{density:?}");
        let (cells, field) = smear(30.0);
        assert_eq!(Density::of(&cells, &field).verdict(1), Some(Verdict::TooThick));
    }

    #[test]
    fn dark_field_without_cells_to_take_apart_is_too_thick() {
        let (cells, field) = smear(160.0);
        let mut field = RgbImage::clone(&field);
        for (x, y, pixel) in field.enumerate_pixels_mut() {
            if (x / 9 + y / 7) % 5 != 0 {
                *pixel = image::Rgb([205, 145, 155]);
            }
        }
        let density = Density::of(&cells, &field.into());
        assert_eq!(density.verdict(0), Some(Verdict::TooThick), "{density:?}");
    }

    #[test]
    fn a_few_red_cells_are_too_thin_unless_the_smear_is_lysed() {
        let field: BalancedPicture = RgbImage::from_pixel(640, 480, image::Rgb([235; 3])).into();
        let few = [cell(Kind::Rbc, 100.0, 100.0, 50.0), cell(Kind::Rbc, 400.0, 300.0, 50.0)];
        assert_eq!(Density::of(&few, &field).verdict(1), Some(Verdict::TooThin));
        assert_eq!(Density::of(&few, &field).verdict(2), None);
        assert_eq!(Density::of(&[], &field).verdict(1), None);
    }
}
