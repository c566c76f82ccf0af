//! Convolution kernel in portable Rust; also the reference for the others.

use super::conv::Job;
use super::round::LANES;

/// Computes every output pixel; weights are `[block][k][16]`.
pub(super) fn run(job: &Job<'_, i16>, weights: &[i16], output: &mut [u8]) {
    let per_row = job.span * LANES;
    let blocks: Vec<&[i16]> = weights.chunks_exact(job.depth() * LANES).collect();
    for (start, pixel) in job.starts.iter().zip(output.chunks_exact_mut(job.channels_out)) {
        for (block, weights) in blocks.iter().enumerate() {
            let mut sums = [0_i32; LANES];
            for (row, weights) in weights.chunks_exact(per_row).enumerate() {
                let words = &job.padded[start + row * job.row..][..job.span];
                // Indices, and one word at a time: of a dozen forms tried, this is the one the compiler vectorizes
                // best for the baseline instruction set.
                for (k, weights) in weights.as_chunks::<LANES>().0.iter().enumerate().take(job.span) {
                    let word = i32::from(words[k]);
                    for lane in 0..LANES {
                        sums[lane] += word * i32::from(weights[lane]);
                    }
                }
            }
            job.requantize.store(block, &sums, pixel);
        }
    }
}
