//! Addition of two quantized arrays.

use super::round::round_within;

/// Units of a quantized array: `value = (byte - zero_point) * scale`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Units {
    pub scale: f32,
    pub zero_point: u8,
}

/// `a + b`, byte by byte, in given units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Addition {
    a: Units,
    b: Units,
    sum: Units,
    ratio_a: f32,
    ratio_b: f32,
}

impl Addition {
    /// Prepares an addition; `None` if a scale is not a positive finite number.
    #[must_use]
    pub fn new(a: Units, b: Units, sum: Units) -> Option<Self> {
        let usable = |scale: f32| scale.is_normal() && scale > 0.0;
        let (ratio_a, ratio_b) = (a.scale / sum.scale, b.scale / sum.scale);
        [a.scale, b.scale, sum.scale, ratio_a, ratio_b].into_iter().all(usable).then_some(Self {
            a,
            b,
            sum,
            ratio_a,
            ratio_b,
        })
    }

    /// `clamp(round_half_even((a - za) * (sa / sy) + (b - zb) * (sb / sy)) + zy, 0, 255)`, each product rounded to
    /// `f32`. Writes as many bytes as the shortest of the three slices has.
    pub fn run(&self, a: &[u8], b: &[u8], sum: &mut [u8]) {
        let zero = f32::from(self.sum.zero_point);
        let (lowest, highest) = (-zero, 255.0 - zero);
        for ((&a, &b), sum) in a.iter().zip(b).zip(sum) {
            let value = (i32::from(a) - i32::from(self.a.zero_point)) as f32 * self.ratio_a
                + (i32::from(b) - i32::from(self.b.zero_point)) as f32 * self.ratio_b;
            *sum = (round_within(value, lowest, highest) + i32::from(self.sum.zero_point)) as u8;
        }
    }
}
