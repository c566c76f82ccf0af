//! 3x3 and 1x1 convolution of bytes: which layers are supported, how weights are packed, and running one image.

use std::cell::Cell;
use std::ops::Range;

use super::kernel::{Kernel, Layout};
use super::padded::{PaddedImage, subtract_128};
use super::plain;
use super::round::{LANES, Requantize};

/// Most products per input channel in one output value.
const LARGEST_AREA: usize = 9;

/// Elements of the padded copy made at a time: with the weights they fit in a small core's L2 cache.
const BAND: usize = 64 * 1024;

/// Products under a kernel row come in multiples of this.
const QUAD: usize = 4;

/// A layer as the ONNX file describes it.
#[derive(Clone, Copy, Debug)]
pub struct Layer<'a> {
    pub channels_in: usize,
    pub channels_out: usize,
    /// Kernel rows and columns: 3 with a padding of 1, or 1 without.
    pub side: usize,
    /// 1 or 2, in both directions.
    pub stride: usize,
    /// `[channels_out, channels_in, side, side]`.
    pub weights: &'a [i8],
    /// In units of input scale x weight scale; one per output channel.
    pub bias: &'a [i32],
    /// Input scale x weight scale / output scale; one per output channel.
    pub scale: &'a [f32],
    /// Input byte that stands for zero and fills the padding.
    pub input_zero: u8,
    /// Output byte that stands for zero.
    pub zero_point: u8,
}

/// Why a layer cannot be computed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LayerError {
    #[error("this machine has no {0} instructions")]
    Kernel(Kernel),
    #[error("a kernel of {0}x{0} instead of 3x3 or 1x1")]
    Side(usize),
    #[error("a stride of {0} instead of 1 or 2")]
    Stride(usize),
    #[error("{found} {what} instead of {wanted}")]
    Count { what: &'static str, found: usize, wanted: usize },
    #[error("the scale {0}, which is no positive number")]
    Scale(f32),
    #[error("{0} input channels, whose sum may not fit 32 bits")]
    Wide(usize),
}

/// Weights in the kernel's order: blocks of 16 output channels, the last padded with zeros.
#[derive(Clone, Debug)]
pub(super) enum Packed {
    Bytes(Vec<i8>),
    Words(Vec<i16>),
}

/// A layer prepared for one kernel.
///
/// Only `new` makes one, and only for a kernel that this machine has; the kernels' safety rests on that.
#[derive(Clone, Debug)]
pub struct Convolution {
    kernel: Kernel,
    channels_in: usize,
    /// `channels_in` rounded up to a multiple of four or eight.
    depth: usize,
    channels_out: usize,
    side: usize,
    stride: usize,
    input_zero: u8,
    weights: Packed,
    requantize: Requantize,
}

/// A band of an image as a kernel sees it: a padded copy of the activations, and where each output pixel's input
/// starts.
pub(super) struct Job<'a, T> {
    /// Input rows of `[width + 2 x padding, depth]`, with a border of zeros.
    pub padded: &'a [T],
    /// Elements from one row of `padded` to the next.
    pub row: usize,
    /// Kernel rows.
    pub rows: usize,
    /// Elements of `padded` under one kernel row: kernel columns x depth, a multiple of 4.
    pub span: usize,
    /// Offset in `padded` of each output pixel's first kernel row.
    pub starts: &'a [usize],
    pub channels_out: usize,
    pub requantize: &'a Requantize,
}

// Only the hand-written kernels tile the work; a machine without one runs the plain kernel. Inlined, since without link-time
// optimization a function of another module is called.
#[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "arm")), allow(dead_code))]
impl<T> Job<'_, T> {
    /// Blocks of 16 output channels.
    #[inline]
    pub(crate) fn blocks(&self) -> usize {
        self.channels_out.div_ceil(LANES)
    }

    /// Products per output value.
    #[inline]
    pub fn depth(&self) -> usize {
        self.rows * self.span
    }

    /// Tiles of `PIXELS` output pixels: their offsets in the input, and which pixels they are. The last tile repeats the
    /// last pixel's offset to fill up.
    #[inline]
    pub fn tiles<const PIXELS: usize>(&self) -> impl Iterator<Item = ([usize; PIXELS], Range<usize>)> {
        self.starts.chunks(PIXELS).enumerate().map(|(tile, starts)| {
            let mut all = [starts[starts.len() - 1]; PIXELS];
            if let Some(full) = starts.first_chunk() {
                all = *full;
            } else {
                all[..starts.len()].copy_from_slice(starts);
            }
            (all, tile * PIXELS..tile * PIXELS + starts.len())
        })
    }

    /// Where a kernel row of each of these output pixels starts, as pointers into `padded`.
    #[inline]
    pub fn row_of<const PIXELS: usize>(&self, starts: [usize; PIXELS], row: usize) -> [*const T; PIXELS] {
        let mut pointers = [self.padded.as_ptr(); PIXELS];
        for p in 0..PIXELS {
            pointers[p] = pointers[p].wrapping_add(starts[p] + row * self.row);
        }
        pointers
    }

    /// Where in the output a pixel's block of channels starts, and how many it has: the last block may be partial.
    #[inline]
    pub(crate) fn place(&self, pixel: usize, block: usize) -> (usize, usize) {
        (pixel * self.channels_out + block * LANES, LANES.min(self.channels_out - block * LANES))
    }

    /// Whether all reads and writes of a kernel stay in bounds, given the lengths of weights and output.
    pub(crate) fn fits(&self, weights: usize, output: usize) -> bool {
        let mut last = 0;
        for start in self.starts {
            last = last.max(*start);
        }
        let furthest = last + self.rows.saturating_sub(1) * self.row + self.span;
        self.rows > 0
            && self.span.is_multiple_of(QUAD)
            && furthest <= self.padded.len()
            && weights == self.blocks() * self.depth() * LANES
            && output == self.starts.len() * self.channels_out
            && self.requantize.bias.len() == self.blocks()
            && self.requantize.scale.len() == self.blocks()
    }
}

/// Working memory of a run, kept per thread.
#[derive(Default)]
struct Scratch {
    bytes: Vec<u8>,
    words: Vec<i16>,
    starts: Vec<usize>,
}

thread_local! {
    static SCRATCH: Cell<Scratch> = Cell::default();
}

impl Convolution {
    /// Packs a layer for a kernel.
    ///
    /// # Errors
    /// If this machine lacks the kernel, or the layer cannot be computed exactly.
    pub fn new(kernel: Kernel, layer: &Layer<'_>) -> Result<Self, LayerError> {
        let Layer { channels_in, channels_out, side, stride, .. } = *layer;
        if !kernel.is_available() {
            return Err(LayerError::Kernel(kernel));
        }
        if ![1, 3].contains(&side) {
            return Err(LayerError::Side(side));
        }
        if !(1..=2).contains(&stride) {
            return Err(LayerError::Stride(stride));
        }
        for (what, found, wanted) in [
            ("weights", layer.weights.len(), channels_out * channels_in * side * side),
            ("biases", layer.bias.len(), channels_out),
            ("scales", layer.scale.len(), channels_out),
        ] {
            if found != wanted || wanted == 0 {
                return Err(LayerError::Count { what, found, wanted });
            }
        }
        if let Some(scale) = layer.scale.iter().find(|scale| !scale.is_normal() || **scale < 0.0) {
            return Err(LayerError::Scale(*scale));
        }
        // A product is at most 255 x 128, and sums must fit in 32 bits.
        if channels_in > (1 << 31) / (255 * 128 * LARGEST_AREA) {
            return Err(LayerError::Wide(channels_in));
        }
        // Where two products share 16 bits, there is no room for -128, which no symmetric quantizer makes.
        let kernel = match kernel.layout() {
            Layout::ShiftedPairs if layer.weights.contains(&i8::MIN) => Kernel::Plain,
            _ => kernel,
        };
        let depth = channels_in.next_multiple_of(kernel.layout().multiple());
        let blocks = channels_out.div_ceil(LANES);
        let mut requantize = Requantize {
            bias: vec![[0; LANES]; blocks],
            scale: vec![[1.0; LANES]; blocks],
            zero_point: layer.zero_point,
        };
        for channel in 0..channels_out {
            let each = channels_in * side * side;
            let sum: i32 = layer.weights[channel * each..][..each].iter().map(|weight| i32::from(*weight)).sum();
            // Folds the zero point of all activations, padding included, into the bias; less the 128 already
            // subtracted.
            let shift = if kernel.layout().is_shifted() { 128 } else { 0 };
            let bias = layer.bias[channel].wrapping_add(sum.wrapping_mul(shift - i32::from(layer.input_zero)));
            requantize.bias[channel / LANES][channel % LANES] = bias;
            requantize.scale[channel / LANES][channel % LANES] = layer.scale[channel];
        }
        let weights = pack(kernel, layer, depth);
        let input_zero = layer.input_zero;
        Ok(Self { kernel, channels_in, depth, channels_out, side, stride, input_zero, weights, requantize })
    }

    /// Rows and columns of the output for an input of this size.
    #[must_use]
    pub(crate) fn output_size(&self, height: usize, width: usize) -> (usize, usize) {
        let strided = |length: usize| length.saturating_sub(1) / self.stride + 1;
        (strided(height), strided(width))
    }

    #[must_use]
    pub fn channels_in(&self) -> usize {
        self.channels_in
    }

    #[must_use]
    pub fn channels_out(&self) -> usize {
        self.channels_out
    }

    #[must_use]
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Runs one image: `input` is `[height, width, channels_in]`, `output` `[…output_size, channels_out]`.
    ///
    /// # Errors
    /// If a slice has another length.
    pub fn run(&self, input: &[u8], height: usize, width: usize, output: &mut [u8]) -> Result<(), LayerError> {
        let (rows, columns) = self.output_size(height, width);
        for (what, found, wanted) in [
            ("input bytes", input.len(), height * width * self.channels_in),
            ("output bytes", output.len(), rows * columns * self.channels_out),
        ] {
            if found != wanted || wanted == 0 {
                return Err(LayerError::Count { what, found, wanted });
            }
        }
        let mut scratch = SCRATCH.take();
        let source = PaddedImage { bytes: input, height, width, channels: self.channels_in, padding: self.side / 2 };
        let row = (width + 2 * source.padding) * self.depth;
        // Output rows per band.
        let band = (BAND / (row * self.stride)).clamp(4, rows.max(4));
        scratch.starts.clear();
        for y in 0..band.min(rows) {
            scratch.starts.extend((0..columns).map(|x| (y * row + x * self.depth) * self.stride));
        }
        for (number, output) in output.chunks_mut(band * columns * self.channels_out).enumerate() {
            let pixels = output.len() / self.channels_out;
            let first = number * band * self.stride;
            let needed = (pixels / columns - 1) * self.stride + self.side;
            let starts = &scratch.starts[..pixels];
            match &self.weights {
                // Nothing to pad, nothing to convert.
                Packed::Bytes(weights)
                    if (self.side, self.depth, self.kernel.layout().is_shifted()) == (1, self.channels_in, false) =>
                {
                    let input = &input[first * row..];
                    let input = &input[..input.len().min(needed * row)];
                    self.run_bytes(&self.job(input, row, starts), weights, output);
                }
                Packed::Bytes(weights) => {
                    source.pad(&mut scratch.bytes, (first, needed), self.depth, self.input_zero, |byte| byte);
                    if self.kernel.layout().is_shifted() {
                        subtract_128(&mut scratch.bytes);
                    }
                    self.run_bytes(&self.job(&scratch.bytes, row, starts), weights, output);
                }
                Packed::Words(weights) => {
                    let zero = i16::from(self.input_zero);
                    source.pad(&mut scratch.words, (first, needed), self.depth, zero, i16::from);
                    self.run_words(&self.job(&scratch.words, row, starts), weights, output);
                }
            }
        }
        SCRATCH.set(scratch);
        Ok(())
    }

    fn job<'a, T>(&'a self, padded: &'a [T], row: usize, starts: &'a [usize]) -> Job<'a, T> {
        Job {
            padded,
            row,
            rows: self.side,
            span: self.side * self.depth,
            starts,
            channels_out: self.channels_out,
            requantize: &self.requantize,
        }
    }

    #[cfg_attr(
        any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "arm"),
        expect(unsafe_code, reason = "the instructions are there: `new` has asked")
    )]
    fn run_bytes(&self, job: &Job<'_, u8>, weights: &[i8], output: &mut [u8]) {
        match self.kernel {
            // SAFETY: `new` prepares a convolution only for kernels that `is_available` confirms on this machine.
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512Vnni => unsafe { super::x86::avx512_vnni(job, weights, output) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kernel::AvxVnni => unsafe { super::x86::avx_vnni(job, weights, output) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Kernel::Neon => unsafe { super::aarch64::neon(job, weights, output) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Kernel::NeonDot => unsafe { super::aarch64::neon_dot(job, weights, output) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Kernel::NeonMatrix => unsafe { super::aarch64::neon_matrix(job, weights, output) },
            // SAFETY: as above.
            #[cfg(target_arch = "arm")]
            Kernel::Neon => unsafe { super::arm::neon(job, weights, output) },
            // `pack` makes bytes only for the kernels above.
            _ => unreachable!(
                "{} has no byte kernel for {} weights, {} outputs, {} rows",
                self.kernel,
                weights.len(),
                output.len(),
                job.row
            ),
        }
    }

    #[cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "the instructions are there: `new` has asked"))]
    fn run_words(&self, job: &Job<'_, i16>, weights: &[i16], output: &mut [u8]) {
        match self.kernel {
            // SAFETY: `new` prepares a convolution only for kernels that `is_available` confirms on this machine.
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 => unsafe { super::x86::avx2(job, weights, output) },
            _ => plain::run(job, weights, output),
        }
    }
}

/// Packs weights `[o, i, side, side]` in the kernel's order; a sum runs over kernel row, kernel column, input
/// channel.
fn pack(kernel: Kernel, layer: &Layer<'_>, depth: usize) -> Packed {
    let area = layer.side * layer.side;
    let products = area * depth;
    let mut packed = vec![0_i8; layer.channels_out.div_ceil(LANES) * products * LANES];
    for (at, weight) in layer.weights.iter().enumerate() {
        let (place, input) = (at % area, at / area);
        let (channel, output) = (input % layer.channels_in, input / layer.channels_in);
        let block = output / LANES * products * LANES;
        packed[block + kernel.layout().offset(output % LANES, place * depth + channel)] = *weight;
    }
    match kernel.layout() {
        Layout::Bytes | Layout::ShiftedBytes | Layout::ShiftedPairs | Layout::Octets => Packed::Bytes(packed),
        Layout::Pairs | Layout::Words => Packed::Words(packed.into_iter().map(i16::from).collect()),
    }
}
