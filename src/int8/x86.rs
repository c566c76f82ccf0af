//! Convolution kernels for x86-64. Each function computes every output pixel of one band.
#![expect(unsafe_code, reason = "vector instructions read and write through pointers")]

use std::arch::x86_64::*;

use super::conv::Job;
use super::round::LANES;

/// Pixels per tile, so that each loaded weight is used that often.
const PIXELS_512: usize = 8;
const PIXELS_256: usize = 6;

/// # Safety
/// The processor must have AVX-512 F, BW, VL and VNNI.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) unsafe fn avx512_vnni(job: &Job<'_, u8>, weights: &[i8], output: &mut [u8]) {
    assert!(job.fits(weights.len(), output.len()), "a convolution's memory does not fit its shape");
    let mut block = 0;
    while block < job.blocks() {
        let left = job.blocks() - block;
        // Splits the last four blocks two and two, because a single block left over would be slow.
        let count = if left == 2 || left == 4 { 2 } else { left.min(3) };
        // SAFETY: guaranteed by the caller and the assertion above.
        unsafe {
            match count {
                1 => avx512_vnni_blocks::<1>(job, weights, output, block),
                2 => avx512_vnni_blocks::<2>(job, weights, output, block),
                _ => avx512_vnni_blocks::<3>(job, weights, output, block),
            }
        }
        block += count;
    }
}

/// Computes `BLOCKS` blocks of output channels, from `block` on, for every pixel.
///
/// # Safety
/// As `avx512_vnni`; `job.fits` must hold and the blocks must exist.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn avx512_vnni_blocks<const BLOCKS: usize>(job: &Job<'_, u8>, weights: &[i8], output: &mut [u8], block: usize) {
    let per_block = job.depth() * LANES;
    for (starts, pixels) in job.tiles::<PIXELS_512>(output) {
        let mut sums = [[_mm512_setzero_si512(); PIXELS_512]; BLOCKS];
        // SAFETY: `fits`: a start plus all but one row and a span is inside `padded`; a block has `depth x 16` weights, of
        // which each four products take 64, and all rows of spans are the depth.
        unsafe {
            let mut weight = weights.as_ptr().add(block * per_block);
            for row in 0..job.rows {
                let pixel = starts.map(|start| job.padded.as_ptr().add(start + row * job.row));
                for k in (0..job.span).step_by(4) {
                    let row_of: [__m512i; BLOCKS] =
                        std::array::from_fn(|b| _mm512_loadu_si512(weight.add(b * per_block).cast()));
                    for p in 0..PIXELS_512 {
                        let bytes = _mm512_set1_epi32(pixel[p].add(k).cast::<i32>().read_unaligned());
                        for b in 0..BLOCKS {
                            sums[b][p] = _mm512_dpbusd_epi32(sums[b][p], bytes, row_of[b]);
                        }
                    }
                    weight = weight.add(4 * LANES);
                }
            }
        }
        for (p, pixel) in pixels.chunks_exact_mut(job.channels_out).enumerate() {
            for (b, sums) in sums.iter().enumerate() {
                let mut lanes = [0; LANES];
                // SAFETY: sixteen lanes of 32 bits are 512 bits.
                unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), sums[p]) };
                job.requantize.store(block + b, &lanes, pixel);
            }
        }
    }
}

/// # Safety
/// The processor must have AVX2 and AVX-VNNI.
#[target_feature(enable = "avx2,avxvnni")]
pub(super) unsafe fn avx_vnni(job: &Job<'_, u8>, weights: &[i8], output: &mut [u8]) {
    assert!(job.fits(weights.len(), output.len()), "a convolution's memory does not fit its shape");
    let per_block = job.depth() * LANES;
    for block in 0..job.blocks() {
        for (starts, pixels) in job.tiles::<PIXELS_256>(output) {
            let mut sums = [[_mm256_setzero_si256(); 2]; PIXELS_256];
            // SAFETY: as in `avx512_vnni_blocks`.
            unsafe {
                let mut weight = weights.as_ptr().add(block * per_block);
                for row in 0..job.rows {
                    let pixel = starts.map(|start| job.padded.as_ptr().add(start + row * job.row));
                    for k in (0..job.span).step_by(4) {
                        let low = _mm256_loadu_si256(weight.cast());
                        let high = _mm256_loadu_si256(weight.add(32).cast());
                        for p in 0..PIXELS_256 {
                            let bytes = _mm256_set1_epi32(pixel[p].add(k).cast::<i32>().read_unaligned());
                            sums[p][0] = _mm256_dpbusd_avx_epi32(sums[p][0], bytes, low);
                            sums[p][1] = _mm256_dpbusd_avx_epi32(sums[p][1], bytes, high);
                        }
                        weight = weight.add(4 * LANES);
                    }
                }
            }
            // SAFETY: the caller guarantees AVX2.
            unsafe { store_256(job, block, &sums, pixels) };
        }
    }
}

/// # Safety
/// The processor must have AVX2.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn avx2(job: &Job<'_, i16>, weights: &[i16], output: &mut [u8]) {
    assert!(job.fits(weights.len(), output.len()), "a convolution's memory does not fit its shape");
    let per_block = job.depth() * LANES;
    for block in 0..job.blocks() {
        for (starts, pixels) in job.tiles::<PIXELS_256>(output) {
            let mut sums = [[_mm256_setzero_si256(); 2]; PIXELS_256];
            // SAFETY: `fits`: a start plus all but one row and a span is inside `padded`; a block has `depth x 16` weights, of
            // which each two products take 32, and all rows of spans are the depth.
            unsafe {
                let mut weight = weights.as_ptr().add(block * per_block);
                for row in 0..job.rows {
                    let pixel = starts.map(|start| job.padded.as_ptr().add(start + row * job.row));
                    for k in (0..job.span).step_by(2) {
                        let low = _mm256_loadu_si256(weight.cast());
                        let high = _mm256_loadu_si256(weight.add(16).cast());
                        for p in 0..PIXELS_256 {
                            let words = _mm256_set1_epi32(pixel[p].add(k).cast::<i32>().read_unaligned());
                            sums[p][0] = _mm256_add_epi32(sums[p][0], _mm256_madd_epi16(words, low));
                            sums[p][1] = _mm256_add_epi32(sums[p][1], _mm256_madd_epi16(words, high));
                        }
                        weight = weight.add(2 * LANES);
                    }
                }
            }
            // SAFETY: the caller guarantees AVX2.
            unsafe { store_256(job, block, &sums, pixels) };
        }
    }
}

/// # Safety
/// The processor must have AVX2.
#[target_feature(enable = "avx2")]
unsafe fn store_256<T>(job: &Job<'_, T>, block: usize, sums: &[[__m256i; 2]; PIXELS_256], pixels: &mut [u8]) {
    for (sums, pixel) in sums.iter().zip(pixels.chunks_exact_mut(job.channels_out)) {
        let mut lanes = [0_i32; LANES];
        // SAFETY: two times eight lanes of 32 bits.
        unsafe {
            _mm256_storeu_si256(lanes.as_mut_ptr().cast(), sums[0]);
            _mm256_storeu_si256(lanes.as_mut_ptr().add(8).cast(), sums[1]);
        }
        job.requantize.store(block, &lanes, pixel);
    }
}
