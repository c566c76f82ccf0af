//! Quantized networks: every kernel gives the same integers, and what cannot be computed exactly is refused with a
//! reason.

use std::sync::Arc;

use crate::common::float_twin::float_twin;
use crate::common::models_folder;
use crate::common::onnx::Graph;
use leukoscope::camera::simulated::{SimulatedMicroscope, SimulatedSettings};
use leukoscope::int8::{Kernel, Layer};
use leukoscope::vision::models::Models;
use leukoscope::vision::net::{Array, Net};
use tract_onnx::prelude::{Tensor, tvec};

use crate::int8_kernels::{by_definition, kernels};

const SIDE: usize = 10;
const WIDTH: usize = 20;

/// A node of the test network that a test may modify.
#[derive(Clone)]
struct Second {
    strides: Vec<i64>,
    pads: Vec<i64>,
    dilations: Vec<i64>,
    group: i64,
    x_zero: u8,
    w_zero: Vec<i8>,
    w_scale: Vec<f32>,
    y_scale: f32,
    bias: bool,
}

impl Default for Second {
    fn default() -> Self {
        Self {
            strides: vec![1, 1],
            pads: vec![1; 4],
            dilations: vec![1, 1],
            group: 1,
            x_zero: 0,
            w_zero: vec![0; WIDTH],
            w_scale: (0..WIDTH).map(|channel| 0.002 + 0.001 * channel as f32).collect(),
            y_scale: 0.05,
            bias: true,
        }
    }
}

fn some(count: usize, seed: u64) -> Vec<i8> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..count).map(|_| random.i8(-127..=127)).collect()
}

fn biases() -> Vec<i32> {
    (0..).map(|channel: i32| 400 * channel - 3000).take(WIDTH).collect()
}

/// Quantizes the input, then a strided convolution, a second one with a zero point, and the sum of both; outputs `sum`
/// and the first convolution, `first`.
fn network(second: &Second) -> Vec<u8> {
    let mut graph = Graph::new(SIDE);
    for (name, scale) in [("s_crop", 1.0 / 255.0), ("s_first", 0.03), ("s_second", second.y_scale), ("s_sum", 0.04)] {
        graph.floats(name, &[], &[scale]);
    }
    graph.u8s("zero", &[], &[0]);
    graph.u8s("x_zero", &[], &[second.x_zero]);
    graph.u8s("middle", &[], &[120]);
    graph.i8s("w_zero_one", &[], &[0]);
    graph.i8s("w_zero", &[second.w_zero.len()], &second.w_zero);
    graph.floats("w_scale_one", &[], &[0.004]);
    graph.floats("w_scale", &[second.w_scale.len()], &second.w_scale);
    graph.i8s("w_first", &[WIDTH, 3, 3, 3], &some(WIDTH * 27, 1));
    graph.i8s("w_second", &[WIDTH, WIDTH, 3, 3], &some(WIDTH * WIDTH * 9, 2));
    graph.i32s("bias", &[WIDTH], &biases());
    graph.node("QuantizeLinear", &["crop", "s_crop", "zero"], "bytes", &[], &[]);
    let attributes: [(&str, &[i64]); 2] = [("strides", &[2, 2]), ("pads", &[1; 4])];
    graph.node(
        "QLinearConv",
        &["bytes", "s_crop", "zero", "w_first", "w_scale_one", "w_zero_one", "s_first", "zero", "bias"],
        "one",
        &attributes,
        &[],
    );
    let inputs = ["one", "s_first", "x_zero", "w_second", "w_scale", "w_zero", "s_second", "middle", "bias"];
    let attributes: [(&str, &[i64]); 3] =
        [("strides", &second.strides), ("pads", &second.pads), ("dilations", &second.dilations)];
    let inputs = if second.bias { &inputs[..] } else { &inputs[..8] };
    graph.node("QLinearConv", inputs, "two", &attributes, &[("group", second.group)]);
    let inputs = ["one", "s_first", "zero", "two", "s_second", "middle", "s_sum", "zero"];
    graph.node("QLinearAdd", &inputs, "three", &[], &[]);
    graph.node("DequantizeLinear", &["three", "s_sum", "zero"], "sum", &[], &[]);
    graph.node("DequantizeLinear", &["one", "s_first", "zero"], "first", &[], &[]);
    graph.file(&["sum", "first"])
}

/// `images` random pictures, `[N, 3, H, W]`.
fn pictures(images: usize) -> (Vec<u8>, Array<4>) {
    let bytes: Vec<u8> = some(images * 3 * SIDE * SIDE, 3).into_iter().map(i8::cast_unsigned).collect();
    let values = bytes.iter().map(|byte| f32::from(*byte) / 255.0).collect();
    (bytes, Array { shape: [images, 3, SIDE, SIDE], values })
}

/// The expected output of `network` for each picture: the bytes of `three` and `one`, `[H, W, C]`.
fn expected(bytes: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let plane = SIDE * SIDE;
    let Second { w_scale, y_scale, .. } = Second::default();
    let one_picture = |planes: &[u8]| {
        let pixels: Vec<u8> = (0..plane).flat_map(|at| (0..3).map(move |c| planes[c * plane + at])).collect();
        let first = Layer {
            channels_in: 3,
            channels_out: WIDTH,
            side: 3,
            stride: 2,
            weights: &some(WIDTH * 27, 1),
            bias: &biases(),
            scale: &[1.0 / 255.0 * 0.004 / 0.03; WIDTH],
            input_zero: 0,
            zero_point: 0,
        };
        let one = by_definition(&first, &pixels, SIDE, SIDE);
        let scale: Vec<f32> = w_scale.iter().map(|scale| 0.03 * scale / y_scale).collect();
        let weights = some(WIDTH * WIDTH * 9, 2);
        let second =
            Layer { channels_in: WIDTH, stride: 1, weights: &weights, scale: &scale, zero_point: 120, ..first };
        let two = by_definition(&second, &one, SIDE / 2, SIDE / 2);
        let sum = |(a, b): (&u8, &u8)| {
            let value = f32::from(*a) * (0.03 / 0.04) + (f32::from(*b) - 120.0) * (0.05 / 0.04);
            value.round_ties_even().clamp(0.0, 255.0) as u8
        };
        (one.iter().zip(&two).map(sum).collect(), one)
    };
    bytes.chunks(3 * plane).map(one_picture).collect()
}

/// Converts `[N, C, H, W]` in units of `scale` to bytes `[H, W, C]` for each picture.
fn bytes_of(array: &Array<4>, scale: f32) -> Vec<Vec<u8>> {
    let [_, channels, height, width] = array.shape;
    let plane = height * width;
    let one = |values: &[f32]| {
        let at = |place: usize, channel: usize| (values[channel * plane + place] / scale).round() as u8;
        (0..plane).flat_map(|place| (0..channels).map(move |channel| at(place, channel))).collect()
    };
    array.values.chunks(channels * plane).map(one).collect()
}

#[test]
fn a_network_gives_the_integers_of_the_definitions_on_every_kernel_whatever_the_batch() {
    // One network serves both batches, as its plans share the packed weights.
    let nets = kernels().map(|kernel| (kernel, Net::read_for(&network(&Second::default()), kernel).unwrap()));
    for (kernel, net, images) in nets.flat_map(|(kernel, net)| {
        let net = Arc::new(net);
        [1, 3].map(|images| (kernel, Arc::clone(&net), images))
    }) {
        let (bytes, input) = pictures(images);
        assert_eq!((net.output("sum"), net.output("first"), net.output("bytes")), (Some(0), Some(1), None));
        let (sum, first) = net.run_with::<4, 4>(&input, 1).unwrap();
        assert_eq!(net.run::<4>(&input).unwrap(), sum);
        let (sums, firsts): (Vec<_>, Vec<_>) = expected(&bytes).into_iter().unzip();
        assert_eq!(bytes_of(&first, 0.03), firsts, "{kernel}, {images} pictures");
        assert_eq!(bytes_of(&sum, 0.04), sums, "{kernel}, {images} pictures");
        // Neither all black nor all clipped, so the comparison means something.
        let middle = sums.concat().iter().filter(|byte| (1..255).contains(*byte)).count();
        assert!(middle > sums.concat().len() / 4, "{middle}");
    }
}

#[test]
fn one_scale_for_all_channels_and_no_bias_are_taken() {
    let simple = Second { w_scale: vec![0.004], w_zero: vec![0], bias: false, ..Second::default() };
    let net = Net::read(&network(&simple)).unwrap();
    assert_eq!(net.run::<4>(&pictures(1).1).unwrap().shape, [1, WIDTH, SIDE / 2, SIDE / 2]);
}

#[test]
fn what_cannot_be_computed_is_refused_and_named() {
    let d = Second::default;
    for (second, words) in [
        (Second { strides: vec![3, 3], ..d() }, "strides [3, 3]"),
        (Second { strides: vec![1, 2], ..d() }, "strides [1, 2]"),
        (Second { pads: vec![0; 4], ..d() }, "a kernel of 3x3 with a padding of 0"),
        (Second { pads: vec![0, 0, 1, 1], ..d() }, "pads [0, 0, 1, 1]"),
        (Second { dilations: vec![2, 2], ..d() }, "dilations [2, 2]"),
        (Second { group: 2, ..d() }, "group 2"),
        (Second { w_zero: vec![1; WIDTH], ..d() }, "weight zero points"),
        (Second { w_scale: vec![0.1; 3], ..d() }, "3 weight scales"),
        (Second { w_scale: vec![0.0; WIDTH], ..d() }, "no positive number"),
        (Second { y_scale: f32::NAN, ..d() }, "no positive number"),
        (Second { strides: vec![2, 2], ..d() }, "unlike shapes"),
    ] {
        let refusal = Net::read(&network(&second)).and_then(|net| net.run::<4>(&pictures(1).1)).unwrap_err();
        assert!(refusal.to_string().contains(words), "{words}: {refusal}");
    }
}

/// `DepthToSpace` of `[1, C, H, W]`, by its definition.
fn shuffled(array: &Array<4>, block: usize, mode: &str) -> Array<4> {
    let [images, depth, height, width] = array.shape;
    let (channels, rows, columns) = (depth / block / block, height * block, width * block);
    let mut values = Vec::new();
    for (c, y, x) in (0..channels)
        .flat_map(|c| (0..rows).map(move |y| (c, y)))
        .flat_map(|(c, y)| (0..columns).map(move |x| (c, y, x)))
    {
        let (row, column) = (y % block, x % block);
        let from =
            if mode == "DCR" { (row * block + column) * channels + c } else { (c * block + row) * block + column };
        values.push(array.values[(from * height + y / block) * width + x / block]);
    }
    Array { shape: [images, channels, rows, columns], values }
}

#[test]
fn depth_becomes_space_on_bytes_and_on_floats_alike() {
    for (mode, on_bytes, block) in [("DCR", true, 2), ("DCR", true, 1), ("DCR", false, 2), ("CRD", false, 2)] {
        let mut graph = Graph::new(SIDE);
        graph.floats("s_crop", &[], &[1.0 / 255.0]);
        graph.floats("s_deep", &[], &[0.05]);
        graph.u8s("zero", &[], &[0]);
        graph.i8s("w_zero", &[], &[0]);
        graph.floats("w_scale", &[], &[0.02]);
        graph.i8s("w", &[WIDTH, 3, 1, 1], &some(WIDTH * 3, 5));
        graph.node("QuantizeLinear", &["crop", "s_crop", "zero"], "bytes", &[], &[]);
        let inputs = ["bytes", "s_crop", "zero", "w", "w_scale", "w_zero", "s_deep", "zero"];
        graph.node("QLinearConv", &inputs, "deep", &[("pads", &[0; 4])], &[]);
        graph.node("DequantizeLinear", &["deep", "s_deep", "zero"], "floats", &[], &[]);
        if on_bytes {
            graph.shuffle("deep", "wide", block, mode);
            graph.node("DequantizeLinear", &["wide", "s_deep", "zero"], "shuffled", &[], &[]);
        } else {
            graph.shuffle("floats", "shuffled", block, mode);
        }
        let net = Net::read(&graph.file(&["shuffled", "floats"])).unwrap();
        let (found, floats) = net.run_with::<4, 4>(&pictures(1).1, 1).unwrap();
        assert!(floats.values.iter().any(|value| *value > 0.0));
        assert_eq!(found, shuffled(&floats, usize::try_from(block).unwrap(), mode), "{mode}, bytes: {on_bytes}");
    }
}

#[test]
fn pixels_are_the_planes_they_stand_for() {
    let (bytes, planes) = pictures(2);
    let pixels: Vec<u8> = bytes
        .chunks(3 * SIDE * SIDE)
        .flat_map(|planes| (0..SIDE * SIDE).flat_map(move |at| (0..3).map(move |c| planes[c * SIDE * SIDE + at])))
        .collect();
    let mut in_floats = Graph::new(SIDE);
    in_floats.node("Identity", &["crop"], "same", &[], &[]);
    for file in [network(&Second::default()), in_floats.file(&["same"])] {
        let net = Net::read(&file).unwrap();
        assert_eq!(net.run_pixels::<4>(&pixels, [2, SIDE, SIDE]).unwrap(), net.run::<4>(&planes).unwrap());
        assert!(net.run_pixels::<4>(&pixels[1..], [2, SIDE, SIDE]).is_err());
    }
}

/// A simulated field at the shipped detector's scale: pixels, width and height.
fn field() -> (Vec<u8>, usize, usize) {
    let settings = SimulatedSettings { width: 368, height: 272, um_per_px: 0.252, ..SimulatedSettings::default() };
    (SimulatedMicroscope::new(settings).draw(0).0.into_raw(), 368, 272)
}

#[test]
fn the_shipped_detector_gives_the_same_numbers_on_every_kernel() {
    let file = Models::read(&models_folder()).unwrap().detector;
    let (pixels, width, height) = field();
    let answer = |kernel| {
        let net = Net::read_for(&file, kernel).unwrap();
        net.run_pixels::<4>(&pixels, [1, height, width]).unwrap()
    };
    let plain = answer(Kernel::Plain);
    assert_eq!(plain.shape, [1, 7, height / 4, width / 4]);
    for kernel in kernels() {
        assert!(answer(kernel) == plain, "{kernel}");
    }
}

#[test]
fn the_shipped_detector_says_what_its_numbers_say_without_rounding() {
    let file = Models::read(&models_folder()).unwrap().detector;
    let (pixels, width, height) = field();
    let found = Net::read(&file).unwrap().run_pixels::<4>(&pixels, [1, height, width]).unwrap();
    let planes: Vec<f32> =
        (0..3).flat_map(|c| pixels.chunks(3).map(move |pixel| f32::from(pixel[c]) / 255.0)).collect();
    let shape = [1, 3, height, width];
    let plan = float_twin(&file, shape).unwrap();
    let answer = plan.run(tvec!(Tensor::from_shape(&shape, &planes).unwrap().into())).unwrap();
    let view = answer[0].try_as_plain_ram().unwrap();
    let wanted = view.as_slice::<f32>().unwrap();
    let plane = width * height / 16;
    // Positions where the detector expects a cell of some kind.
    let hot: Vec<usize> = (0..plane).filter(|at| (0..3).any(|kind| wanted[kind * plane + at] > 0.3)).collect();
    assert!(hot.len() > 100, "a field has cells: {}", hot.len());
    // Three heat maps, the centre's offset in cells, the logarithm of the size: limits of the mean and the largest
    // error.
    let limits = [(0.01, 0.05), (0.01, 0.05), (0.01, 0.05), (0.02, 0.1), (0.02, 0.1), (0.01, 0.04), (0.01, 0.04)];
    for (channel, (mean, most)) in limits.into_iter().enumerate() {
        let off: Vec<f32> =
            hot.iter().map(|at| (found.values[channel * plane + at] - wanted[channel * plane + at]).abs()).collect();
        let average = off.iter().sum::<f32>() / off.len() as f32;
        let largest = off.iter().copied().fold(0.0, f32::max);
        assert!(average < mean && largest < most, "channel {channel} is off by {average}, at most {largest}");
    }
}
