//! The convolution without special instructions. It is also what the others are measured against.

use super::conv::Job;
use super::round::LANES;

/// Computes every output pixel; weights are `[block][k / 2][16][2]`.
pub(super) fn run(job: &Job<'_, i16>, weights: &[i16], output: &mut [u8]) {
    let per_row = job.span * LANES;
    let blocks: Vec<&[i16]> = weights.chunks_exact(job.depth() * LANES).collect();
    for (start, pixel) in job.starts.iter().zip(output.chunks_exact_mut(job.channels_out)) {
        for (block, weights) in blocks.iter().enumerate() {
            let mut sums = [0_i32; LANES];
            for (row, weights) in weights.chunks_exact(per_row).enumerate() {
                let words = &job.padded[start + row * job.row..][..job.span];
                // Pairs, because most processors multiply and add two at once and the compiler sees it.
                for ([a, b], weights) in words.as_chunks::<2>().0.iter().zip(weights.as_chunks::<{ 2 * LANES }>().0) {
                    for (sum, [wa, wb]) in sums.iter_mut().zip(weights.as_chunks::<2>().0) {
                        *sum += i32::from(*a) * i32::from(*wa) + i32::from(*b) * i32::from(*wb);
                    }
                }
            }
            job.requantize.store(block, &sums, pixel);
        }
    }
}
