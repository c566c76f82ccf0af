//! Platelets by fields.

use statrs::distribution::{ContinuousCDF, Gamma, StudentsT};

use super::clumps::Spot;
use crate::domain::geometry::Rect;
use crate::domain::interval::Figure;

/// Area of the field that the laboratories' rule speaks of, um²: 0.2 mm across, as an objective 100x shows it through
/// eyepieces of field number 20.
pub const OIL_FIELD_UM2: f64 = std::f64::consts::PI * 100.0 * 100.0;

/// Platelets per microlitre for each platelet of an oil-immersion field, in the monolayer: handbooks say 15,000, others
/// 20,000.
const FACTORS: (f64, f64) = (15_000.0, 20_000.0);

/// Fields that the rule asks for.
pub(super) const ENOUGH_FIELDS: u32 = 10;

/// Platelets nearer to a field's border than this are left out, um: half of a wide platelet's box. Of those that the
/// border cuts the middle is not known.
const BORDER_UM: f64 = 2.5;

/// A field that was looked at and is good enough to count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WholeField {
    /// Its patch of the slide.
    pub patch: u32,
    /// What it shows, px of the patch.
    pub area: Rect,
    /// Micrometres per pixel, above 0.
    pub um_per_px: f64,
    /// Whether that was stated or calibrated, rather than taken from the red cells.
    pub stated: bool,
}

impl WholeField {
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let apart = |a: f64, long: f64, b: f64, wide: f64| a + long <= b || b + wide <= a;
        let (one, two) = (&self.area, &other.area);
        !apart(one.x, one.w, two.x, two.w) && !apart(one.y, one.h, two.y, two.h)
    }

    /// The part away from the border; `None` if there is none.
    fn inner(&self) -> Option<Rect> {
        let border = BORDER_UM / self.um_per_px;
        let Rect { x, y, w, h } = self.area;
        let inner = Rect::new(x + border, y + border, w - 2.0 * border, h - 2.0 * border);
        (inner.w > 0.0 && inner.h > 0.0 && inner.area().is_finite()).then_some(inner)
    }

    /// Platelets in it and its area, um².
    pub(super) fn count(&self, spots: &[Spot]) -> Option<(u32, f64)> {
        let inner = self.inner()?;
        let inside = |spot: &&Spot| {
            spot.patch == self.patch
                && (inner.x..inner.x + inner.w).contains(&spot.x)
                && (inner.y..inner.y + inner.h).contains(&spot.y)
        };
        Some((spots.iter().filter(inside).count() as u32, inner.area() * self.um_per_px * self.um_per_px))
    }
}

/// Platelets of an oil-immersion field with the 95 % interval, from the counts of fields and their areas, um²; `None` with
/// less than two fields.
///
/// Fields differ by more than chance, so the variance is taken to be so many times Poisson's as the fields themselves show
/// (Pearson's statistic over its degrees of freedom; `McCullagh` and Nelder 1989, Generalized Linear Models, 9.2), and the
/// exact Poisson interval (Garwood 1936, Biometrika 28, 437) is that of a count so many times smaller. That few fields do
/// not know their own spread well is met by Student's t.
pub(super) fn per_oil_field(fields: &[(u32, f64)]) -> Option<Figure> {
    const Z: f64 = 1.959_963_984_540_054;
    let area: f64 = fields.iter().map(|(_, area)| area).sum();
    let freedom = fields.len().checked_sub(1).filter(|freedom| *freedom > 0)? as f64;
    if area <= 0.0 {
        return None;
    }
    let count: f64 = fields.iter().map(|(count, _)| f64::from(*count)).sum();
    let rate = count / area;
    let pearson = |(count, area): &(u32, f64)| (f64::from(*count) - rate * area).powi(2) / (rate * area);
    let spread = if count > 0.0 { fields.iter().map(pearson).sum::<f64>() / freedom } else { 1.0 };
    let few = StudentsT::new(0.0, 1.0, freedom).map_or(1.0, |t| (t.inverse_cdf(0.975) / Z).powi(2));
    let spread = if spread > 1.0 { spread * few } else { 1.0 };
    let end = |shape: f64, p: f64| Gamma::new(shape, 1.0).map_or(shape, |gamma| gamma.inverse_cdf(p));
    let low = if count > 0.0 { end(count / spread, 0.025) } else { 0.0 };
    let high = end(count / spread + 1.0, 0.975);
    let oil_fields = area / OIL_FIELD_UM2;
    Some(Figure { value: count / oil_fields, low: low * spread / oil_fields, high: high * spread / oil_fields })
}

/// Platelets per microlitre by the rule of the laboratories: the mean of at least ten oil-immersion fields times 15,000 to
/// 20,000. The interval is that of the mean with either factor, the figure lies at their middle.
pub(super) fn per_microlitre(per_oil_field: Figure) -> Figure {
    let Figure { value, low, high } = per_oil_field;
    Figure { value: value * f64::midpoint(FACTORS.0, FACTORS.1), low: low * FACTORS.0, high: high * FACTORS.1 }
}
