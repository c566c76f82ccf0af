//! Convolution kernels for aarch64. Each function computes every output pixel of one band.
#![expect(unsafe_code, reason = "vector instructions read and write through pointers")]

use std::arch::aarch64::*;
use std::arch::asm;

use super::conv::Job;
use super::round::LANES;

/// Pixels per tile, so that each loaded weight is used that often; each takes four of the 32 registers for its sums.
const PIXELS_DOT: usize = 6;
const PIXELS: usize = 5;

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

/// Activations have 128 subtracted, which only flips the top bit of each byte.
///
/// # Safety
/// The processor must have NEON and the dot product instructions.
#[target_feature(enable = "neon,dotprod")]
pub(super) unsafe fn neon_dot(job: &Job<'_, u8>, weights: &[i8], output: &mut [u8]) {
    assert!(job.fits(weights.len(), output.len()), "a convolution's memory does not fit its shape");
    let per_block = job.depth() * LANES;
    for block in 0..job.blocks() {
        for (starts, pixels) in job.tiles::<PIXELS_DOT>(output) {
            let mut sums = [[vdupq_n_s32(0); 4]; PIXELS_DOT];
            // SAFETY: `fits`: a start plus all but one row and a span is inside `padded`; a block has `depth x 16` weights, of
            // which each four products take 64, and all rows of spans are the depth.
            unsafe {
                let mut weight = weights.as_ptr().add(block * per_block);
                for row in 0..job.rows {
                    let pixel = starts.map(|start| job.padded.as_ptr().add(start + row * job.row));
                    for k in (0..job.span).step_by(4) {
                        let quads: [int8x16_t; 4] = std::array::from_fn(|quad| vld1q_s8(weight.add(16 * quad)));
                        for p in 0..PIXELS_DOT {
                            let word = pixel[p].add(k).cast::<i32>().read_unaligned();
                            let bytes = vreinterpretq_s8_s32(vdupq_n_s32(word));
                            for quad in 0..4 {
                                sums[p][quad] = dot(sums[p][quad], quads[quad], bytes);
                            }
                        }
                        weight = weight.add(4 * LANES);
                    }
                }
            }
            // SAFETY: the caller guarantees NEON.
            unsafe { store(job, block, &sums, pixels) };
        }
    }
}

/// # Safety
/// The processor must have NEON.
#[target_feature(enable = "neon")]
pub(super) unsafe fn neon(job: &Job<'_, i16>, weights: &[i16], output: &mut [u8]) {
    assert!(job.fits(weights.len(), output.len()), "a convolution's memory does not fit its shape");
    let per_block = job.depth() * LANES;
    for block in 0..job.blocks() {
        for (starts, pixels) in job.tiles::<PIXELS>(output) {
            let mut sums = [[vdupq_n_s32(0); 4]; PIXELS];
            // SAFETY: `fits`: a start plus all but one row and a span is inside `padded`; a block has `depth x 16` weights, 16
            // for each product, and all rows of spans, multiples of four, are the depth.
            unsafe {
                let mut weight = weights.as_ptr().add(block * per_block);
                for row in 0..job.rows {
                    let pixel = starts.map(|start| job.padded.as_ptr().add(start + row * job.row));
                    for k in (0..job.span).step_by(4) {
                        let words: [int16x4_t; PIXELS] = std::array::from_fn(|p| vld1_s16(pixel[p].add(k)));
                        product::<0, PIXELS>(&mut sums, &words, weight);
                        product::<1, PIXELS>(&mut sums, &words, weight.add(LANES));
                        product::<2, PIXELS>(&mut sums, &words, weight.add(2 * LANES));
                        product::<3, PIXELS>(&mut sums, &words, weight.add(3 * LANES));
                        weight = weight.add(4 * LANES);
                    }
                }
            }
            // SAFETY: the caller guarantees NEON.
            unsafe { store(job, block, &sums, pixels) };
        }
    }
}

/// Adds activation `LANE` of each pixel times 16 weights.
///
/// # Safety
/// The processor must have NEON; 16 weights must be readable at `weight`.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn product<const LANE: i32, const COUNT: usize>(
    sums: &mut [[int32x4_t; 4]; COUNT],
    words: &[int16x4_t; COUNT],
    weight: *const i16,
) {
    // SAFETY: two times eight weights.
    let (low, high) = unsafe { (vld1q_s16(weight), vld1q_s16(weight.add(8))) };
    for (sums, words) in sums.iter_mut().zip(words) {
        sums[0] = vmlal_lane_s16::<LANE>(sums[0], vget_low_s16(low), *words);
        sums[1] = vmlal_high_lane_s16::<LANE>(sums[1], low, *words);
        sums[2] = vmlal_lane_s16::<LANE>(sums[2], vget_low_s16(high), *words);
        sums[3] = vmlal_high_lane_s16::<LANE>(sums[3], high, *words);
    }
}

/// # Safety
/// The processor must have NEON.
#[target_feature(enable = "neon")]
unsafe fn store<T>(job: &Job<'_, T>, block: usize, sums: &[[int32x4_t; 4]], pixels: &mut [u8]) {
    for (sums, pixel) in sums.iter().zip(pixels.chunks_exact_mut(job.channels_out)) {
        let mut lanes = [0_i32; LANES];
        for (lanes, sums) in lanes.as_chunks_mut::<4>().0.iter_mut().zip(sums) {
            // SAFETY: four lanes of 32 bits.
            unsafe { vst1q_s32(lanes.as_mut_ptr(), *sums) };
        }
        job.requantize.store(block, &lanes, pixel);
    }
}
