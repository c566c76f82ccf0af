//! Image scale.

use std::cmp::Ordering;

/// Micrometres a pixel: finite and above 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MicrometresPerPixel(f64);

impl MicrometresPerPixel {
    /// The scale of a typical microscope camera, used when none is known.
    pub(crate) const USUAL: Self = Self(0.1);

    /// A scale in micrometres a pixel; none if the number is NaN, infinite, 0 or negative.
    #[must_use]
    pub fn new(micrometres: f64) -> Option<Self> {
        (micrometres.is_finite() && micrometres > 0.0).then_some(Self(micrometres))
    }

    /// Micrometres a pixel.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }

    /// How many times coarser it is than `other`.
    #[must_use]
    pub fn over(self, other: Self) -> f64 {
        self.0 / other.0
    }

    /// The scale multiplied by `factor`; unchanged if that gives no valid scale.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self::new(self.0 * factor).unwrap_or(self)
    }
}

impl Eq for MicrometresPerPixel {}

impl PartialOrd for MicrometresPerPixel {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for MicrometresPerPixel {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_length_is_a_scale() {
        for wrong in [0.0, -0.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(MicrometresPerPixel::new(wrong), None, "{wrong}");
        }
        assert_eq!(MicrometresPerPixel::new(0.1).map(MicrometresPerPixel::get), Some(0.1));
        assert_eq!(MicrometresPerPixel::USUAL.times(f64::INFINITY), MicrometresPerPixel::USUAL);
    }
}
