//! Convolution kernels for x86-64. Each function computes every output pixel of one band.
#![expect(unsafe_code, reason = "vector instructions read and write through pointers")]

use std::arch::x86_64::*;

use super::conv::Job;
use super::round::LANES;

/// Pixels per tile, so that each loaded weight is used that often.
const PIXELS_512: usize = 8;
const PIXELS_256: usize = 6;
/// One less where a product needs a register before it is added.
const PIXELS_AVX2: usize = 5;

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
    let zero = i32::from(job.requantize.zero_point);
    let (zero, highest) = (_mm512_set1_epi32(zero), _mm512_set1_ps((255 - zero) as f32));
    let mut first = [[_mm512_setzero_si512(); PIXELS_512]; BLOCKS];
    let mut scale = [_mm512_setzero_ps(); BLOCKS];
    for b in 0..BLOCKS {
        // SAFETY: sixteen numbers of 32 bits each are 512 bits.
        unsafe {
            first[b] = [_mm512_loadu_si512(job.requantize.bias[block + b].as_ptr().cast()); PIXELS_512];
            scale[b] = _mm512_loadu_ps(job.requantize.scale[block + b].as_ptr());
        }
    }
    for (starts, pixels) in job.tiles::<PIXELS_512>() {
        let mut sums = first;
        // SAFETY: `fits`: a start plus all but one row and a span is inside `padded`; a block has `depth x 16` weights, of
        // which each four products take 64, and all rows of spans are the depth.
        unsafe {
            let mut weight = weights.as_ptr().add(block * per_block);
            for row in 0..job.rows {
                let mut pixel = job.row_of(starts, row);
                for _ in 0..job.span / 4 {
                    let mut row_of = [_mm512_setzero_si512(); BLOCKS];
                    for (b, row) in row_of.iter_mut().enumerate() {
                        *row = _mm512_loadu_si512(weight.add(b * per_block).cast());
                    }
                    for p in 0..PIXELS_512 {
                        let bytes = _mm512_set1_epi32(pixel[p].cast::<i32>().read_unaligned());
                        for b in 0..BLOCKS {
                            sums[b][p] = _mm512_dpbusd_epi32(sums[b][p], bytes, row_of[b]);
                        }
                        pixel[p] = pixel[p].add(4);
                    }
                    weight = weight.add(4 * LANES);
                }
            }
        }
        for (p, pixel) in pixels.enumerate() {
            for b in 0..BLOCKS {
                // As `Requantize::bytes`; below the lowest byte nothing overflows but what the end clamps.
                let value = _mm512_min_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sums[b][p]), scale[b]), highest);
                let whole = _mm512_add_epi32(_mm512_cvtps_epi32(value), zero);
                let bytes = _mm512_cvtusepi32_epi8(_mm512_max_epi32(whole, _mm512_setzero_si512()));
                let (at, count) = job.place(pixel, block + b);
                // SAFETY: `fits`: the output has all channels of every pixel.
                unsafe {
                    _mm_mask_storeu_epi8(output.as_mut_ptr().add(at).cast(), u16::MAX >> (LANES - count), bytes);
                }
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
        let finish = Finish256::new(job, block);
        for (starts, pixels) in job.tiles::<PIXELS_256>() {
            let mut sums = [finish.bias; PIXELS_256];
            // SAFETY: as in `avx512_vnni_blocks`.
            unsafe {
                let mut weight = weights.as_ptr().add(block * per_block);
                for row in 0..job.rows {
                    let mut pixel = job.row_of(starts, row);
                    for _ in 0..job.span / 4 {
                        let low = _mm256_loadu_si256(weight.cast());
                        let high = _mm256_loadu_si256(weight.add(32).cast());
                        for p in 0..PIXELS_256 {
                            let bytes = _mm256_set1_epi32(pixel[p].cast::<i32>().read_unaligned());
                            sums[p][0] = _mm256_dpbusd_avx_epi32(sums[p][0], bytes, low);
                            sums[p][1] = _mm256_dpbusd_avx_epi32(sums[p][1], bytes, high);
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

/// # Safety
/// The processor must have AVX2.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn avx2(job: &Job<'_, i16>, weights: &[i16], output: &mut [u8]) {
    assert!(job.fits(weights.len(), output.len()), "a convolution's memory does not fit its shape");
    let per_block = job.depth() * LANES;
    for block in 0..job.blocks() {
        let finish = Finish256::new(job, block);
        for (starts, pixels) in job.tiles::<PIXELS_AVX2>() {
            let mut sums = [finish.bias; PIXELS_AVX2];
            // SAFETY: `fits`: a start plus all but one row and a span is inside `padded`; a block has `depth x 16` weights, of
            // which each two products take 32, and all rows of spans are the depth.
            unsafe {
                let mut weight = weights.as_ptr().add(block * per_block);
                for row in 0..job.rows {
                    let mut pixel = job.row_of(starts, row);
                    for _ in 0..job.span / 2 {
                        let low = _mm256_loadu_si256(weight.cast());
                        let high = _mm256_loadu_si256(weight.add(16).cast());
                        for p in 0..PIXELS_AVX2 {
                            let words = _mm256_set1_epi32(pixel[p].cast::<i32>().read_unaligned());
                            sums[p][0] = _mm256_add_epi32(sums[p][0], _mm256_madd_epi16(words, low));
                            sums[p][1] = _mm256_add_epi32(sums[p][1], _mm256_madd_epi16(words, high));
                            pixel[p] = pixel[p].add(2);
                        }
                        weight = weight.add(2 * LANES);
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

/// Writes the first `count` bytes.
///
/// # Safety
/// They must be writable at `target`.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn put(target: *mut u8, count: usize, bytes: __m128i) {
    if count == LANES {
        // SAFETY: sixteen bytes.
        unsafe { _mm_storeu_si128(target.cast(), bytes) };
    } else {
        let mut all = [0; LANES];
        // SAFETY: sixteen bytes, and the caller's `count` of them.
        unsafe {
            _mm_storeu_si128(all.as_mut_ptr().cast(), bytes);
            std::ptr::copy_nonoverlapping(all.as_ptr(), target, count);
        }
    }
}

/// What turns a block's sums into bytes.
#[derive(Clone, Copy)]
struct Finish256 {
    /// Where the sums start.
    bias: [__m256i; 2],
    scale: [__m256; 2],
    highest: __m256,
    zero: __m256i,
}

impl Finish256 {
    #[target_feature(enable = "avx2")]
    fn new<T>(job: &Job<'_, T>, block: usize) -> Self {
        let (bias, scale) = (job.requantize.bias[block].as_ptr(), job.requantize.scale[block].as_ptr());
        let zero = i16::from(job.requantize.zero_point);
        // SAFETY: sixteen numbers of 32 bits each are twice 256 bits.
        let (bias, scale) = unsafe {
            (
                [_mm256_loadu_si256(bias.cast()), _mm256_loadu_si256(bias.add(8).cast())],
                [_mm256_loadu_ps(scale), _mm256_loadu_ps(scale.add(8))],
            )
        };
        Self { bias, scale, highest: _mm256_set1_ps(f32::from(255 - zero)), zero: _mm256_set1_epi16(zero) }
    }

    /// As `Requantize::bytes`; below the lowest byte nothing overflows but what the packing clamps.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn bytes(&self, sums: [__m256i; 2]) -> __m128i {
        let mut whole = [_mm256_setzero_si256(); 2];
        for half in 0..2 {
            let value = _mm256_mul_ps(_mm256_cvtepi32_ps(sums[half]), self.scale[half]);
            whole[half] = _mm256_cvtps_epi32(_mm256_min_ps(value, self.highest));
        }
        // Lanes 0 to 3, 8 to 11, 4 to 7, 12 to 15.
        let words = _mm256_adds_epi16(_mm256_packs_epi32(whole[0], whole[1]), self.zero);
        let bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
        _mm_shuffle_epi32::<0b11_01_10_00>(bytes)
    }
}
