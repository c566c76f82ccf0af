//! The convolutions of the shipped networks.

use leukoscope_kernels::int8::{Convolution, Kernel, Layer, LayerError};

/// A quantized convolution: channels in and out, side, stride, columns and rows of its input.
type Shape = (usize, usize, usize, usize, usize, usize);

const SHAPES: [Shape; 30] = [
    // `models/detector.onnx` on a field of 368x272 px: 640x480 px with red cells of 51 px.
    (3, 16, 3, 2, 368, 272),
    (16, 32, 3, 2, 184, 136),
    (32, 32, 3, 1, 92, 68),
    (32, 64, 3, 2, 92, 68),
    (64, 64, 3, 1, 46, 34),
    (64, 64, 3, 1, 46, 34),
    (64, 96, 3, 2, 46, 34),
    (96, 96, 3, 1, 23, 17),
    (96, 96, 3, 1, 23, 17),
    (96, 96, 3, 1, 23, 17),
    (96, 96, 3, 1, 23, 17),
    (96, 96, 3, 1, 23, 17),
    (96, 96, 3, 1, 23, 17),
    (96, 256, 1, 1, 23, 17),
    (64, 64, 3, 1, 46, 34),
    (64, 128, 1, 1, 46, 34),
    (32, 32, 3, 1, 92, 68),
    (32, 64, 3, 1, 92, 68),
    // `models/cells.onnx` on a crop of 128 px.
    (3, 32, 3, 2, 128, 128),
    (32, 48, 3, 2, 64, 64),
    (48, 48, 3, 1, 32, 32),
    (48, 48, 3, 1, 32, 32),
    (48, 96, 3, 2, 32, 32),
    (96, 96, 3, 1, 16, 16),
    (96, 96, 3, 1, 16, 16),
    (96, 96, 3, 1, 16, 16),
    (96, 96, 3, 1, 16, 16),
    (96, 160, 3, 2, 16, 16),
    (160, 160, 3, 1, 8, 8),
    (160, 160, 3, 1, 8, 8),
];

/// A layer with random numbers, ready to run.
pub struct Ready {
    convolution: Convolution,
    width: usize,
    height: usize,
    input: Vec<u8>,
    output: Vec<u8>,
    pub multiply_adds: usize,
}

impl Ready {
    pub fn run(&mut self) -> Result<(), LayerError> {
        self.convolution.run(std::hint::black_box(&self.input), self.height, self.width, &mut self.output)?;
        std::hint::black_box(&self.output);
        Ok(())
    }
}

/// All layers of one kernel side.
pub fn of_side(kernel: Kernel, side: usize) -> Result<Vec<Ready>, LayerError> {
    let mut random = fastrand::Rng::with_seed(1);
    let shapes = SHAPES.into_iter().filter(|shape| shape.2 == side);
    let ready = shapes.map(|(channels_in, channels_out, _, stride, width, height)| {
        // As the quantizer makes them: symmetric.
        let weights: Vec<i8> = (0..channels_in * channels_out * side * side).map(|_| random.i8(-127..)).collect();
        let layer = Layer {
            channels_in,
            channels_out,
            side,
            stride,
            weights: &weights,
            bias: &vec![5; channels_out],
            scale: &vec![1e-4; channels_out],
            input_zero: 0,
            zero_point: 0,
        };
        let pixels = width.div_ceil(stride) * height.div_ceil(stride);
        Ok(Ready {
            convolution: Convolution::new(kernel, &layer)?,
            width,
            height,
            input: (0..width * height * channels_in).map(|_| random.u8(..)).collect(),
            output: vec![0; pixels * channels_out],
            multiply_adds: pixels * weights.len(),
        })
    });
    ready.collect()
}
