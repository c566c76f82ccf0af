//! The one place where accumulated integers become bytes again, so that all kernels round alike.

/// Output channels that a kernel computes together.
pub(super) const LANES: usize = 16;

/// 1.5 x 2^23: adding it to a float of small magnitude rounds off all fractional bits, half to even.
pub(super) const ROUNDER: f32 = 12_582_912.0;

/// `round_half_even(value)` within `lowest..=highest`, both whole and of magnitude up to 255.
///
/// Additions and comparisons only, so that every compiler and processor gives the same result and can vectorize it.
#[inline(always)]
#[expect(clippy::inline_always, reason = "compiled once more for each kernel's instructions")]
pub(super) fn round_within(value: f32, lowest: f32, highest: f32) -> i32 {
    let value = if value > lowest { value } else { lowest };
    let value = if value < highest { value } else { highest };
    (value + ROUNDER).to_bits().wrapping_sub(ROUNDER.to_bits()).cast_signed()
}

/// Final step of a convolution: `clamp(round_half_even((sum + bias) * scale) + zero_point, 0, 255)`.
#[derive(Clone, Debug)]
pub(super) struct Requantize {
    /// Per output channel, in whole blocks of 16.
    pub bias: Vec<[i32; LANES]>,
    pub scale: Vec<[f32; LANES]>,
    pub zero_point: u8,
}

impl Requantize {
    /// Bytes of one pixel's block of 16 output channels.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "compiled once more for each kernel's instructions")]
    pub fn bytes(&self, block: usize, sums: &[i32; LANES]) -> [u8; LANES] {
        let (bias, scale) = (&self.bias[block], &self.scale[block]);
        let zero = f32::from(self.zero_point);
        let (lowest, highest) = (-zero, 255.0 - zero);
        let mut bytes = [0; LANES];
        for lane in 0..LANES {
            let value = sums[lane].wrapping_add(bias[lane]) as f32 * scale[lane];
            bytes[lane] = (round_within(value, lowest, highest) + i32::from(self.zero_point)) as u8;
        }
        bytes
    }

    /// Writes one pixel's block into `pixel` (all its channels); the last block may be partial.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "compiled once more for each kernel's instructions")]
    pub fn store(&self, block: usize, sums: &[i32; LANES], pixel: &mut [u8]) {
        let bytes = self.bytes(block, sums);
        let target = &mut pixel[block * LANES..];
        if target.len() >= LANES {
            target[..LANES].copy_from_slice(&bytes);
        } else {
            target.copy_from_slice(&bytes[..target.len()]);
        }
    }
}
