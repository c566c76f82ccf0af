//! The copy of an image that a convolution reads: with its border, and in the kernel's form.

/// An image and its border.
pub(super) struct PaddedImage<'a> {
    /// `[height, width, channels]`.
    pub bytes: &'a [u8],
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    pub padding: usize,
}

impl PaddedImage<'_> {
    /// Copies rows (the first, counted from the top of the border, and how many) into `[rows, width + 2 x padding,
    /// depth]`, with `zero` in the border.
    pub fn pad<T: Copy>(
        &self,
        target: &mut Vec<T>,
        (first, rows): (usize, usize),
        depth: usize,
        zero: T,
        convert: impl Fn(u8) -> T,
    ) {
        let row = (self.width + 2 * self.padding) * depth;
        target.clear();
        target.resize(row * rows, zero);
        for (number, target) in target.chunks_exact_mut(row).enumerate() {
            let Some(y) = (first + number).checked_sub(self.padding).filter(|y| *y < self.height) else { continue };
            let source = &self.bytes[y * self.width * self.channels..][..self.width * self.channels];
            let target = &mut target[self.padding * depth..][..self.width * depth];
            if self.channels == depth {
                for (value, byte) in target.iter_mut().zip(source) {
                    *value = convert(*byte);
                }
            } else if self.channels == 3 {
                // RGB input has the most pixels, and copying with a length known at compile time is several times as
                // fast.
                for (number, [red, green, blue]) in source.as_chunks::<3>().0.iter().enumerate() {
                    if let Some(pixel) = target[number * depth..].first_chunk_mut::<3>() {
                        *pixel = [convert(*red), convert(*green), convert(*blue)];
                    }
                }
            } else {
                for (number, bytes) in source.chunks_exact(self.channels).enumerate() {
                    let pixel = &mut target[number * depth..][..bytes.len()];
                    for channel in 0..bytes.len() {
                        pixel[channel] = convert(bytes[channel]);
                    }
                }
            }
        }
    }
}

/// Subtracts 128 from bytes, a multiple of four of them, which flips each one's top bit. Four at a time where a compiler
/// finds no vector instructions.
pub(super) fn subtract_128(bytes: &mut [u8]) {
    for word in bytes.as_chunks_mut::<4>().0 {
        *word = (u32::from_ne_bytes(*word) ^ 0x8080_8080).to_ne_bytes();
    }
}
