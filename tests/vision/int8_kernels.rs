//! Quantized convolutions: every kernel of this machine gives the integers of ONNX's definitions.

use leukoscope::int8::{Convolution, Kernel, Layer, LayerError};
use proptest::prelude::*;

pub(super) fn kernels() -> impl Iterator<Item = Kernel> {
    Kernel::ALL.into_iter().filter(|kernel| kernel.is_available())
}

/// `QLinearConv` by its definition, one image `[H, W, C]`, in types wide enough that only the final step rounds.
pub(super) fn by_definition(layer: &Layer<'_>, input: &[u8], height: usize, width: usize) -> Vec<u8> {
    let mut output = Vec::new();
    for (y, x) in (0..height).step_by(layer.stride).flat_map(|y| (0..width).step_by(layer.stride).map(move |x| (y, x)))
    {
        for o in 0..layer.channels_out {
            let mut sum = i64::from(layer.bias[o]);
            let (side, padding) = (layer.side, layer.side / 2);
            for (row, column) in (0..side).flat_map(|row| (0..side).map(move |column| (row, column))) {
                let (from_y, from_x) = (y + row, x + column);
                if !(padding..height + padding).contains(&from_y) || !(padding..width + padding).contains(&from_x) {
                    continue;
                }
                let pixel = ((from_y - padding) * width + from_x - padding) * layer.channels_in;
                for i in 0..layer.channels_in {
                    let weight = layer.weights[((o * layer.channels_in + i) * side + row) * side + column];
                    sum += (i64::from(input[pixel + i]) - i64::from(layer.input_zero)) * i64::from(weight);
                }
            }
            let value = (sum as f32 * layer.scale[o]).round_ties_even() + f32::from(layer.zero_point);
            output.push(value.clamp(0.0, 255.0) as u8);
        }
    }
    output
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_kernel_computes_what_the_definition_says(
        (channels_in, channels_out) in (1_usize..40, 1_usize..60),
        (side, stride) in (prop::sample::select(vec![1_usize, 3]), 1_usize..3),
        (height, width) in (1_usize..12, 1_usize..12),
        (input_zero, zero_point) in any::<(u8, u8)>(),
        // A kernel that has no room for a weight of -128 leaves the layer to another.
        lowest in prop::sample::select(vec![i8::MIN, -127]),
        extreme in prop::option::of(prop::sample::select(vec![u8::MIN, u8::MAX])),
        seed: u64,
    ) {
        let mut random = fastrand::Rng::with_seed(seed);
        // The largest possible products, or random ones.
        let weights: Vec<i8> = (0..channels_in * channels_out * side * side)
            .map(|_| if extreme.is_some() { lowest } else { random.i8(lowest..) }).collect();
        let input: Vec<u8> = (0..channels_in * height * width)
            .map(|_| extreme.unwrap_or_else(|| random.u8(..))).collect();
        let bias: Vec<i32> = (0..channels_out).map(|_| random.i32(-100_000..100_000)).collect();
        let scale: Vec<f32> = (0..channels_out).map(|_| 1e-6 + 0.003 * random.f32()).collect();
        let layer = Layer {
            channels_in, channels_out, side, stride, weights: &weights, bias: &bias, scale: &scale, input_zero, zero_point,
        };
        let expected = by_definition(&layer, &input, height, width);
        for kernel in kernels() {
            let mut output = vec![0; expected.len()];
            Convolution::new(kernel, &layer).unwrap().run(&input, height, width, &mut output).unwrap();
            prop_assert_eq!(&output, &expected, "{}", kernel);
        }
    }
}

#[test]
fn an_image_larger_than_a_band_has_no_seams() {
    let mut random = fastrand::Rng::with_seed(4);
    let (height, width, channels_in, channels_out) = (61, 70, 30, 17);
    let input: Vec<u8> = (0..height * width * channels_in).map(|_| random.u8(..)).collect();
    for (side, stride) in [(3, 1), (3, 2), (1, 1), (1, 2)] {
        let weights: Vec<i8> = (0..channels_in * channels_out * side * side).map(|_| random.i8(-127..)).collect();
        let layer = Layer {
            channels_in,
            channels_out,
            side,
            stride,
            weights: &weights,
            bias: &[5; 17],
            scale: &[4e-4; 17],
            input_zero: 90,
            zero_point: 101,
        };
        let expected = by_definition(&layer, &input, height, width);
        for kernel in kernels() {
            let mut output = vec![0; expected.len()];
            Convolution::new(kernel, &layer).unwrap().run(&input, height, width, &mut output).unwrap();
            assert!(output == expected, "{kernel}, {side}x{side}, stride {stride}");
        }
    }
}

#[test]
fn a_kernel_that_this_machine_lacks_is_refused() {
    let layer = Layer {
        channels_in: 1,
        channels_out: 1,
        side: 3,
        stride: 1,
        weights: &[1; 9],
        bias: &[0],
        scale: &[1.0],
        input_zero: 0,
        zero_point: 0,
    };
    for kernel in Kernel::ALL.into_iter().filter(|kernel| !kernel.is_available()) {
        assert_eq!(Convolution::new(kernel, &layer).unwrap_err(), LayerError::Kernel(kernel));
    }
    assert!(Kernel::best().is_available() && Kernel::Plain.is_available());
}

#[test]
fn memory_of_a_wrong_size_is_refused() {
    let layer = Layer {
        channels_in: 2,
        channels_out: 1,
        side: 3,
        stride: 2,
        weights: &[1; 18],
        bias: &[0],
        scale: &[1.0],
        input_zero: 0,
        zero_point: 0,
    };
    for kernel in kernels() {
        let convolution = Convolution::new(kernel, &layer).unwrap();
        assert!(convolution.run(&[0; 31], 4, 4, &mut [0; 4]).is_err());
        assert!(convolution.run(&[0; 32], 4, 4, &mut [0; 3]).is_err());
        assert!(convolution.run(&[0; 32], 4, 4, &mut [0; 4]).is_ok());
    }
}
