//! Convolution kernel for 32-bit ARM with NEON, in assembly: the intrinsics are not in stable Rust, and the target's code
//! is made for processors without NEON.
#![expect(unsafe_code, reason = "vector instructions read and write through pointers")]

use std::arch::global_asm;

use super::conv::Job;
use super::round::{LANES, ROUNDER};

/// Pixels per tile: eight of the 16 registers hold their sums.
const PIXELS: usize = 2;

/// What the assembly reads, 4 bytes a field.
#[repr(C)]
struct Tile {
    /// 64 for each four products.
    weights: *const i8,
    pixels: [*const u8; PIXELS],
    rows: usize,
    /// Fours of products in a row.
    quads: usize,
    /// Bytes from the end of one row's activations to the start of the next's.
    skip: usize,
    bias: *const [i32; LANES],
    scale: *const [f32; LANES],
    lowest: f32,
    highest: f32,
    rounder: f32,
    /// The bits of the rounder less the zero point.
    zero: u32,
    /// Sixteen bytes each.
    outputs: [*mut u8; PIXELS],
}

unsafe extern "C" {
    /// Computes a block of a tile's pixels.
    fn leukoscope_int8_tile(tile: *const Tile);
}

// Sums are q8 to q11 for the first pixel, q12 to q15 for the second. d4 and d5 hold two activations each of the first pixel,
// four times, d6 and d7 of the second. 16 weights are of four channels: products 0 and 1 of each, then 2 and 3.
global_asm!(
    ".pushsection .text.leukoscope_int8_tile, \"ax\", %progbits",
    ".syntax unified",
    ".arch armv7-a",
    ".fpu neon",
    ".arm",
    ".p2align 4",
    ".global leukoscope_int8_tile",
    ".type leukoscope_int8_tile, %function",
    "leukoscope_int8_tile:",
    "push {{r4-r8, lr}}",
    "vpush {{d8-d15}}",
    "ldm r0!, {{r2-r8, r12}}", // weights, pixels, rows, quads, skip, bias, scale
    "vld1.32 {{d16-d19}}, [r8]!",
    "vld1.32 {{d20-d23}}, [r8]",
    "vmov q12, q8",
    "vmov q13, q9",
    "vmov q14, q10",
    "vmov q15, q11",
    "2:", // a row
    "mov r8, r6",
    "3:", // four products
    "vld1.16 {{d4[]}}, [r3]!",
    "vld1.16 {{d6[]}}, [r4]!",
    "vld1.8 {{d0-d3}}, [r2]!",
    "vld1.16 {{d5[]}}, [r3]!",
    "vld1.16 {{d7[]}}, [r4]!",
    "vmull.s8 q4, d0, d4",
    "vmull.s8 q5, d2, d4",
    "vmull.s8 q6, d0, d6",
    "vmull.s8 q7, d2, d6",
    "vmlal.s8 q4, d1, d5",
    "vmlal.s8 q5, d3, d5",
    "vmlal.s8 q6, d1, d7",
    "vmlal.s8 q7, d3, d7",
    "vld1.8 {{d0-d3}}, [r2]!",
    "subs r8, r8, #1",
    "vpadal.s16 q8, q4",
    "vpadal.s16 q9, q5",
    "vpadal.s16 q12, q6",
    "vpadal.s16 q13, q7",
    "vmull.s8 q4, d0, d4",
    "vmull.s8 q5, d2, d4",
    "vmull.s8 q6, d0, d6",
    "vmull.s8 q7, d2, d6",
    "vmlal.s8 q4, d1, d5",
    "vmlal.s8 q5, d3, d5",
    "vmlal.s8 q6, d1, d7",
    "vmlal.s8 q7, d3, d7",
    "vpadal.s16 q10, q4",
    "vpadal.s16 q11, q5",
    "vpadal.s16 q14, q6",
    "vpadal.s16 q15, q7",
    "bne 3b",
    "subs r5, r5, #1",
    "add r3, r3, r7",
    "add r4, r4, r7",
    "bne 2b",
    // As `Requantize::bytes`.
    "vld1.32 {{d0[], d1[]}}, [r0]!", // lowest
    "vld1.32 {{d2[], d3[]}}, [r0]!", // highest
    "vld1.32 {{d4[], d5[]}}, [r0]!", // rounder
    "vld1.32 {{d6[], d7[]}}, [r0]!", // its bits less the zero point
    "ldm r0, {{r1, r2}}",            // outputs
    "vld1.32 {{d8-d11}}, [r12]!",
    "vld1.32 {{d12-d15}}, [r12]",
    ".irp sum, 8, 9, 10, 11, 12, 13, 14, 15",
    "vcvt.f32.s32 q\\sum, q\\sum",
    ".endr",
    "vmul.f32 q8, q8, q4",
    "vmul.f32 q9, q9, q5",
    "vmul.f32 q10, q10, q6",
    "vmul.f32 q11, q11, q7",
    "vmul.f32 q12, q12, q4",
    "vmul.f32 q13, q13, q5",
    "vmul.f32 q14, q14, q6",
    "vmul.f32 q15, q15, q7",
    ".irp sum, 8, 9, 10, 11, 12, 13, 14, 15",
    "vmax.f32 q\\sum, q\\sum, q0",
    ".endr",
    ".irp sum, 8, 9, 10, 11, 12, 13, 14, 15",
    "vmin.f32 q\\sum, q\\sum, q1",
    ".endr",
    ".irp sum, 8, 9, 10, 11, 12, 13, 14, 15",
    "vadd.f32 q\\sum, q\\sum, q2",
    ".endr",
    ".irp sum, 8, 9, 10, 11, 12, 13, 14, 15",
    "vsub.i32 q\\sum, q\\sum, q3",
    ".endr",
    "vmovn.i32 d16, q8",
    "vmovn.i32 d17, q9",
    "vmovn.i32 d20, q10",
    "vmovn.i32 d21, q11",
    "vmovn.i32 d24, q12",
    "vmovn.i32 d25, q13",
    "vmovn.i32 d28, q14",
    "vmovn.i32 d29, q15",
    "vmovn.i16 d0, q8",
    "vmovn.i16 d1, q10",
    "vmovn.i16 d2, q12",
    "vmovn.i16 d3, q14",
    "vst1.8 {{d0-d1}}, [r1]",
    "vst1.8 {{d2-d3}}, [r2]",
    "vpop {{d8-d15}}",
    "pop {{r4-r8, pc}}",
    ".size leukoscope_int8_tile, . - leukoscope_int8_tile",
    ".popsection",
);

/// Activations have 128 subtracted. Two products of bytes are added in 16 bits, where only twice -128 x -128 has no room: no
/// weight may be -128.
///
/// # Safety
/// The processor must have NEON.
pub(super) unsafe fn neon(job: &Job<'_, u8>, weights: &[i8], output: &mut [u8]) {
    assert!(job.fits(weights.len(), output.len()) && job.span > 0, "a convolution's memory does not fit its shape");
    let per_block = job.depth() * LANES;
    let zero = f32::from(job.requantize.zero_point);
    let mut bytes = [[0; LANES]; PIXELS];
    for block in 0..job.blocks() {
        let mut tile = Tile {
            weights: weights[block * per_block..].as_ptr(),
            pixels: [job.padded.as_ptr(); PIXELS],
            rows: job.rows,
            quads: job.span / 4,
            skip: job.row - job.span,
            bias: &raw const job.requantize.bias[block],
            scale: &raw const job.requantize.scale[block],
            lowest: -zero,
            highest: 255.0 - zero,
            rounder: ROUNDER,
            zero: ROUNDER.to_bits() - u32::from(job.requantize.zero_point),
            outputs: bytes.each_mut().map(|bytes| bytes.as_mut_ptr()),
        };
        let whole = job.place(0, block).1 == LANES;
        for (starts, pixels) in job.tiles::<PIXELS>() {
            // SAFETY: `fits`: a start plus all but one row and a span is inside `padded`; a block has `depth x 16` weights, of
            // which each four products take 64, and all rows of spans, multiples of four and not empty, are the depth. The
            // output has all channels of every pixel. The function keeps to the procedure call standard.
            unsafe {
                tile.pixels = job.row_of(starts, 0);
                if whole {
                    // The pixel that fills up the last tile is computed, and written, twice.
                    let last = pixels.end - 1;
                    for p in 0..PIXELS {
                        tile.outputs[p] = output.as_mut_ptr().add(job.place(last.min(pixels.start + p), block).0);
                    }
                }
                leukoscope_int8_tile(&raw const tile);
            }
            if !whole {
                for (bytes, pixel) in bytes.iter().zip(pixels) {
                    let (at, count) = job.place(pixel, block);
                    output[at..at + count].copy_from_slice(&bytes[..count]);
                }
            }
        }
    }
}
