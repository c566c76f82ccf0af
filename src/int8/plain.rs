//! The convolution without special instructions. It is also what the others are measured against.

use super::conv::Job;
use super::round::LANES;

/// Output channels added up at a time: as many as the registers of a small processor hold, and enough for the compiler
/// to make vectors of where there are any.
const TOGETHER: usize = 8;

/// Computes every output pixel; weights are `[block][k][16]`.
pub(super) fn run(job: &Job<'_, i16>, weights: &[i16], output: &mut [u8]) {
    let per_row = job.span * LANES;
    let blocks: Vec<&[i16]> = weights.chunks_exact(job.depth() * LANES).collect();
    for (start, pixel) in job.starts.iter().zip(output.chunks_exact_mut(job.channels_out)) {
        for (block, weights) in blocks.iter().enumerate() {
            let mut sums = [0; LANES];
            for (part, sums) in sums.as_chunks_mut::<TOGETHER>().0.iter_mut().enumerate() {
                for (row, weights) in weights.chunks_exact(per_row).enumerate() {
                    let words = &job.padded[start + row * job.row..][..job.span];
                    for (word, weights) in words.iter().zip(weights.as_chunks::<LANES>().0) {
                        let weights = &weights.as_chunks::<TOGETHER>().0[part];
                        for (sum, weight) in sums.iter_mut().zip(weights) {
                            *sum += i32::from(*word) * i32::from(*weight);
                        }
                    }
                }
            }
            job.requantize.store(block, &sums, pixel);
        }
    }
}
