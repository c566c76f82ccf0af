//! Convolution kernels for aarch64. Each function computes every output pixel of one band.
#![expect(unsafe_code, reason = "vector instructions read and write through pointers")]
#![expect(clippy::needless_range_loop, reason = "two arrays have the same index, and iterators of both may be called")]

use std::arch::aarch64::*;
use std::arch::asm;

use super::conv::Job;
use super::round::LANES;

/// Pixels per tile, so that each loaded weight is used that often; each takes four of the 32 registers for its sums.
const PIXELS: usize = 5;
/// One more where pairs of pixels share a register.
const PIXELS_MATRIX: usize = 6;

/// Activations have 128 subtracted, which only flips the top bit of each byte. Two products of bytes are added in 16 bits,
/// where only twice -128 x -128 has no room: no weight may be -128.
///
/// # Safety
/// The processor must have NEON.
#[target_feature(enable = "neon")]
pub(super) unsafe fn neon(job: &Job<'_, u8>, weights: &[i8], output: &mut [u8]) {
    assert!(job.fits(weights.len(), output.len()), "a convolution's memory does not fit its shape");
    let per_block = job.depth() * LANES;
    for block in 0..job.blocks() {
        let finish = Finish::new(job, block);
        for (starts, pixels) in job.tiles::<PIXELS>() {
            let mut sums = [finish.bias(); PIXELS];
            // SAFETY: `fits`: a start plus all but one row and a span is inside `padded`; a block has `depth x 16` weights, of
            // which each four products take 64, and all rows of spans, multiples of four, are the depth.
            unsafe {
                let mut weight = weights.as_ptr().add(block * per_block);
                for row in 0..job.rows {
                    let mut pixel = job.row_of(starts, row);
                    for _ in 0..job.span / 4 {
                        let quads = quads(weight);
                        for p in 0..PIXELS {
                            pixel[p] = pairs(&mut sums[p], &quads, pixel[p]);
                        }
                        weight = weight.add(4 * LANES);
                    }
                }
            }
            for (p, pixel) in pixels.enumerate() {
                let (at, count) = job.place(pixel, block);
                // SAFETY: `fits`: the output has all channels of every pixel.
                unsafe { put(output.as_mut_ptr().add(at), count, finish.bytes(sums[p])) };
            }
        }
    }
}

/// Adds 64 weights times the four bytes at `pixel`; returns where the next four are.
///
/// In assembly, because the compiler takes the repeated pairs of bytes apart again, and in an order in which no instruction
/// waits for the one before, because a Cortex-A53 runs them in order.
///
/// # Safety
/// The processor must have NEON; four bytes must be readable.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn pairs(sums: &mut [int32x4_t; 4], weights: &[int8x16_t; 4], mut pixel: *const u8) -> *const u8 {
    let [mut a, mut b, mut c, mut d] = *sums;
    // SAFETY: reads the caller's four bytes, changes registers only.
    unsafe {
        asm!(
            "ld1r {{{first:v}.8h}}, [{pixel}], #2",
            "ld1r {{{second:v}.8h}}, [{pixel}], #2",
            "smull {e:v}.8h, {w0:v}.8b, {first:v}.8b",
            "smull {f:v}.8h, {w1:v}.8b, {first:v}.8b",
            "smull {g:v}.8h, {w2:v}.8b, {first:v}.8b",
            "smull {h:v}.8h, {w3:v}.8b, {first:v}.8b",
            "smlal2 {e:v}.8h, {w0:v}.16b, {second:v}.16b",
            "smlal2 {f:v}.8h, {w1:v}.16b, {second:v}.16b",
            "smlal2 {g:v}.8h, {w2:v}.16b, {second:v}.16b",
            "smlal2 {h:v}.8h, {w3:v}.16b, {second:v}.16b",
            "sadalp {a:v}.4s, {e:v}.8h",
            "sadalp {b:v}.4s, {f:v}.8h",
            "sadalp {c:v}.4s, {g:v}.8h",
            "sadalp {d:v}.4s, {h:v}.8h",
            pixel = inout(reg) pixel,
            w0 = in(vreg) weights[0], w1 = in(vreg) weights[1], w2 = in(vreg) weights[2], w3 = in(vreg) weights[3],
            a = inout(vreg) a, b = inout(vreg) b, c = inout(vreg) c, d = inout(vreg) d,
            e = out(vreg) _, f = out(vreg) _, g = out(vreg) _, h = out(vreg) _,
            first = out(vreg) _, second = out(vreg) _,
            options(pure, readonly, nostack, preserves_flags)
        );
    }
    *sums = [a, b, c, d];
    pixel
}

/// Adds four products of signed bytes to each of four sums.
///
/// In assembly, because `vdotq_s32` is not in stable Rust.
///
/// # Safety
/// The processor must have the dot product instructions.
#[inline]
#[target_feature(enable = "neon,dotprod")]
unsafe fn dot(mut sums: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: reads and writes registers only; the caller guarantees the instruction exists.
    unsafe {
        asm!("sdot {0:v}.4s, {1:v}.16b, {2:v}.16b", inout(vreg) sums, in(vreg) a, in(vreg) b,
            options(pure, nomem, nostack, preserves_flags));
    }
    sums
}

/// As `dot`, with the same four bytes of `b` for all four sums.
///
/// # Safety
/// The processor must have the dot product instructions.
#[inline]
#[target_feature(enable = "neon,dotprod")]
unsafe fn dot_lane<const LANE: i32>(mut sums: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: as in `dot`.
    unsafe {
        asm!("sdot {0:v}.4s, {1:v}.16b, {2:v}.4b[{3}]", inout(vreg) sums, in(vreg) a, in(vreg) b, const LANE,
            options(pure, nomem, nostack, preserves_flags));
    }
    sums
}

/// Adds 64 weights times four bytes of each pixel.
///
/// # Safety
/// The processor must have the dot product instructions; 64 weights must be readable at `weight`.
#[inline]
#[target_feature(enable = "neon,dotprod")]
unsafe fn dots<const LANE: i32>(sums: &mut [[int32x4_t; 4]; PIXELS], bytes: &[int8x16_t; PIXELS], weight: *const i8) {
    for quad in 0..4 {
        // SAFETY: guaranteed by the caller.
        let weights = unsafe { vld1q_s8(weight.add(16 * quad)) };
        for p in 0..PIXELS {
            // SAFETY: guaranteed by the caller.
            sums[p][quad] = unsafe { dot_lane::<LANE>(sums[p][quad], weights, bytes[p]) };
        }
    }
}

/// Activations have 128 subtracted.
///
/// # Safety
/// The processor must have NEON and the dot product instructions.
#[target_feature(enable = "neon,dotprod")]
pub(super) unsafe fn neon_dot(job: &Job<'_, u8>, weights: &[i8], output: &mut [u8]) {
    assert!(job.fits(weights.len(), output.len()), "a convolution's memory does not fit its shape");
    let per_block = job.depth() * LANES;
    for block in 0..job.blocks() {
        let finish = Finish::new(job, block);
        for (starts, pixels) in job.tiles::<PIXELS>() {
            let mut sums = [finish.bias(); PIXELS];
            // SAFETY: as in `neon`.
            unsafe {
                let mut weight = weights.as_ptr().add(block * per_block);
                for row in 0..job.rows {
                    let mut pixel = job.row_of(starts, row);
                    for _ in 0..job.span / 16 {
                        let mut bytes = [vdupq_n_s8(0); PIXELS];
                        for p in 0..PIXELS {
                            bytes[p] = vld1q_s8(pixel[p].cast());
                            pixel[p] = pixel[p].add(16);
                        }
                        dots::<0>(&mut sums, &bytes, weight);
                        dots::<1>(&mut sums, &bytes, weight.add(4 * LANES));
                        dots::<2>(&mut sums, &bytes, weight.add(8 * LANES));
                        dots::<3>(&mut sums, &bytes, weight.add(12 * LANES));
                        weight = weight.add(16 * LANES);
                    }
                    for _ in 0..job.span % 16 / 4 {
                        let quads = quads(weight);
                        for p in 0..PIXELS {
                            let word = pixel[p].cast::<i32>().read_unaligned();
                            let bytes = vreinterpretq_s8_s32(vdupq_n_s32(word));
                            for quad in 0..4 {
                                sums[p][quad] = dot(sums[p][quad], quads[quad], bytes);
                            }
                            pixel[p] = pixel[p].add(4);
                        }
                        weight = weight.add(4 * LANES);
                    }
                }
            }
            for (p, pixel) in pixels.enumerate() {
                let (at, count) = job.place(pixel, block);
                // SAFETY: `fits`: the output has all channels of every pixel.
                unsafe { put(output.as_mut_ptr().add(at), count, finish.bytes(sums[p])) };
            }
        }
    }
}

/// Adds to four sums: of two pixels times two channels, eight products each.
///
/// In assembly, because `vusmmlaq_s32` is not in stable Rust.
///
/// # Safety
/// The processor must have the matrix product instructions of bytes.
#[inline]
#[target_feature(enable = "neon,i8mm")]
unsafe fn matrix(mut sums: int32x4_t, pixels: uint8x16_t, channels: int8x16_t) -> int32x4_t {
    // SAFETY: reads and writes registers only; the caller guarantees the instruction exists.
    unsafe {
        asm!("usmmla {0:v}.4s, {1:v}.16b, {2:v}.16b", inout(vreg) sums, in(vreg) pixels, in(vreg) channels,
            options(pure, nomem, nostack, preserves_flags));
    }
    sums
}

/// # Safety
/// The processor must have NEON and the matrix product instructions of bytes.
#[target_feature(enable = "neon,i8mm")]
pub(super) unsafe fn neon_matrix(job: &Job<'_, u8>, weights: &[i8], output: &mut [u8]) {
    assert!(
        job.fits(weights.len(), output.len()) && job.span.is_multiple_of(8),
        "a convolution's memory does not fit its shape"
    );
    let per_block = job.depth() * LANES;
    for block in 0..job.blocks() {
        let finish = Finish::new(job, block);
        // Two channels for each of two pixels.
        let bias = job.requantize.bias[block].as_chunks::<2>().0;
        for (starts, pixels) in job.tiles::<PIXELS_MATRIX>() {
            let mut start = [vdupq_n_s32(0); LANES / 2];
            for (start, [a, b]) in start.iter_mut().zip(bias) {
                // SAFETY: four numbers.
                *start = unsafe { vld1q_s32([*a, *b, *a, *b].as_ptr()) };
            }
            let mut sums = [start; PIXELS_MATRIX / 2];
            // SAFETY: as in `neon`; each eight products take 128 weights, and spans are multiples of eight.
            unsafe {
                let mut weight = weights.as_ptr().add(block * per_block);
                for row in 0..job.rows {
                    let mut pixel = job.row_of(starts, row);
                    for _ in 0..job.span / 8 {
                        let mut bytes = [vdupq_n_u8(0); PIXELS_MATRIX / 2];
                        for p in 0..PIXELS_MATRIX / 2 {
                            bytes[p] = vcombine_u8(vld1_u8(pixel[2 * p]), vld1_u8(pixel[2 * p + 1]));
                            pixel[2 * p] = pixel[2 * p].add(8);
                            pixel[2 * p + 1] = pixel[2 * p + 1].add(8);
                        }
                        for pair in 0..LANES / 2 {
                            let channels = vld1q_s8(weight.add(16 * pair));
                            for p in 0..PIXELS_MATRIX / 2 {
                                sums[p][pair] = matrix(sums[p][pair], bytes[p], channels);
                            }
                        }
                        weight = weight.add(8 * LANES);
                    }
                }
            }
            for (p, pixel) in pixels.enumerate() {
                let mut whole = [vdupq_n_s32(0); 4];
                for quad in 0..4 {
                    let a = vreinterpretq_s64_s32(sums[p / 2][2 * quad]);
                    let b = vreinterpretq_s64_s32(sums[p / 2][2 * quad + 1]);
                    whole[quad] = vreinterpretq_s32_s64(if p % 2 == 0 { vzip1q_s64(a, b) } else { vzip2q_s64(a, b) });
                }
                let (at, count) = job.place(pixel, block);
                // SAFETY: `fits`: the output has all channels of every pixel.
                unsafe { put(output.as_mut_ptr().add(at), count, finish.bytes(whole)) };
            }
        }
    }
}

/// The 64 weights that four products take.
///
/// # Safety
/// The processor must have NEON; the weights must be readable.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn quads(weight: *const i8) -> [int8x16_t; 4] {
    let mut quads = [vdupq_n_s8(0); 4];
    for quad in 0..4 {
        // SAFETY: guaranteed by the caller.
        quads[quad] = unsafe { vld1q_s8(weight.add(16 * quad)) };
    }
    quads
}

/// Writes the first `count` bytes.
///
/// # Safety
/// They must be writable at `target`.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn put(target: *mut u8, count: usize, bytes: uint8x16_t) {
    if count == LANES {
        // SAFETY: sixteen bytes.
        unsafe { vst1q_u8(target, bytes) };
    } else {
        let mut all = [0; LANES];
        // SAFETY: sixteen bytes, and the caller's `count` of them.
        unsafe {
            vst1q_u8(all.as_mut_ptr(), bytes);
            std::ptr::copy_nonoverlapping(all.as_ptr(), target, count);
        }
    }
}

/// What turns a block's sums into bytes.
struct Finish<'a> {
    bias: &'a [i32; LANES],
    scale: &'a [f32; LANES],
    zero: int16x8_t,
}

impl<'a> Finish<'a> {
    #[target_feature(enable = "neon")]
    fn new<T>(job: &Job<'a, T>, block: usize) -> Self {
        Self {
            bias: &job.requantize.bias[block],
            scale: &job.requantize.scale[block],
            zero: vdupq_n_s16(i16::from(job.requantize.zero_point)),
        }
    }

    /// Where the sums start.
    #[inline]
    #[target_feature(enable = "neon")]
    fn bias(&self) -> [int32x4_t; 4] {
        let mut bias = [vdupq_n_s32(0); 4];
        for quad in 0..4 {
            // SAFETY: four numbers.
            bias[quad] = unsafe { vld1q_s32(self.bias.as_ptr().add(4 * quad)) };
        }
        bias
    }

    /// As `Requantize::bytes`: the instruction rounds half to even, and what is out of a byte's range stays so until the
    /// end clamps it.
    #[inline]
    #[target_feature(enable = "neon")]
    fn bytes(&self, sums: [int32x4_t; 4]) -> uint8x16_t {
        let mut whole = sums;
        for quad in 0..4 {
            // SAFETY: four numbers.
            let scale = unsafe { vld1q_f32(self.scale.as_ptr().add(4 * quad)) };
            whole[quad] = vcvtnq_s32_f32(vmulq_f32(vcvtq_f32_s32(sums[quad]), scale));
        }
        let low = vqaddq_s16(vqmovn_high_s32(vqmovn_s32(whole[0]), whole[1]), self.zero);
        let high = vqaddq_s16(vqmovn_high_s32(vqmovn_s32(whole[2]), whole[3]), self.zero);
        vqmovun_high_s16(vqmovun_s16(low), high)
    }
}
