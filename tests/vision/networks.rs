//! Reading networks: layers in floats give what tract's own reader of ONNX makes of the same file, and what is no network for this
//! program is refused with a reason.

use leukoscope::vision::net::{Array, Net};
use tract_onnx::prelude::*;

use crate::common::NETWORKS;
use crate::common::float_twin::float_model;
use crate::common::models_folder;
use crate::common::onnx::Graph;

const SIDE: usize = 9;

/// A picture of numbers from -1 to 1, `[2, 3, SIDE, SIDE]`.
fn picture() -> Array<4> {
    let mut random = fastrand::Rng::with_seed(11);
    let values = (0..2 * 3 * SIDE * SIDE).map(|_| 2.0 * random.f32() - 1.0).collect();
    Array { shape: [2, 3, SIDE, SIDE], values }
}

fn some(count: usize) -> Vec<f32> {
    let mut random = fastrand::Rng::with_seed(count as u64);
    (0..count).map(|_| 2.0 * random.f32() - 1.0).collect()
}

/// What tract's own reader answers.
fn by_tract(file: &[u8], input: &Array<4>) -> (Vec<usize>, Vec<f32>) {
    let plan = tract_onnx::onnx()
        .model_for_read(&mut &*file)
        .and_then(|model| model.with_input_fact(0, f32::fact(input.shape).into()))
        .and_then(InferenceModelExt::into_optimized)
        .and_then(IntoRunnable::into_runnable)
        .unwrap();
    let answer = plan.run(tvec!(Tensor::from_shape(&input.shape, &input.values).unwrap().into())).unwrap();
    let values = answer[0].try_as_plain_ram().unwrap().as_slice::<f32>().unwrap().to_vec();
    (answer[0].shape().to_vec(), values)
}

fn same<const RANK: usize>(graph: Graph, output: &str) {
    let file = graph.file(&[output]);
    let found = Net::read(&file).unwrap().run::<RANK>(&picture()).unwrap();
    let (shape, values) = by_tract(&file, &picture());
    assert_eq!((found.shape.to_vec(), &found.values), (shape, &values), "{output}");
    assert!(values.iter().any(|value| (value - values[0]).abs() > 1e-6), "{output} says something");
}

#[test]
fn convolutions_with_margins_strides_holes_and_groups() {
    for (pads, strides, holes, groups, kernel) in [
        ([0, 0, 0, 0], [1, 1], [1, 1], 1, [1, 1]),
        ([1, 1, 1, 1], [1, 1], [1, 1], 1, [3, 3]),
        ([0, 2, 1, 0], [2, 1], [1, 1], 1, [3, 2]),
        ([2, 2, 2, 2], [1, 2], [2, 2], 1, [3, 3]),
        ([1, 1, 1, 1], [2, 2], [1, 1], 3, [3, 3]),
    ] {
        let mut graph = Graph::new(SIDE);
        let each = 3 / usize::try_from(groups).unwrap();
        let area = usize::try_from(kernel[0] * kernel[1]).unwrap();
        let sides = kernel.map(|side| usize::try_from(side).unwrap());
        graph.floats("w", &[6, each, sides[0], sides[1]], &some(6 * each * area));
        graph.floats("b", &[6], &some(6));
        let lists: [(&str, &[i64]); 4] =
            [("pads", &pads), ("strides", &strides), ("dilations", &holes), ("kernel_shape", &kernel)];
        graph.node("Conv", &["crop", "w", "b"], "with_bias", &lists, &[("group", groups)]);
        graph.node("Conv", &["crop", "w"], "without", &lists, &[("group", groups)]);
        graph.node("Add", &["with_bias", "without"], "both", &[], &[]);
        same::<4>(graph, "both");
    }
}

#[test]
fn sums_products_means_and_bends() {
    let mut graph = Graph::new(SIDE);
    graph.floats("matrix", &[3, 5], &some(15));
    graph.floats("row", &[1, 5], &some(5));
    graph.longs("axes", &[1], &[-1]);
    graph.node("ReduceMean", &["crop"], "mean", &[("axes", &[2, 3])], &[("keepdims", 0)]);
    graph.node("MatMul", &["mean", "matrix"], "product", &[], &[]);
    graph.node("Add", &["product", "row"], "moved", &[], &[]);
    graph.node("Mul", &["moved", "moved"], "square", &[], &[]);
    graph.node("ReduceSum", &["square", "axes"], "length", &[], &[("keepdims", 1)]);
    graph.node("Sqrt", &["length"], "root", &[], &[]);
    graph.node("ReduceMin", &["moved"], "least", &[("axes", &[1])], &[("keepdims", 1)]);
    graph.node("Relu", &["moved"], "bent", &[], &[]);
    graph.node("Sigmoid", &["moved"], "between", &[], &[]);
    graph.node("Identity", &["bent"], "again", &[], &[]);
    graph.node("Concat", &["root", "least", "again", "between"], "all", &[], &[("axis", 1)]);
    same::<2>(graph, "all");
}

#[test]
fn the_shipped_networks_in_floats() {
    use prost::Message as _;
    for name in NETWORKS {
        let file = float_model(&std::fs::read(models_folder().join(name)).unwrap()).unwrap().encode_to_vec();
        let side = 64;
        let input =
            Array { shape: [1, 3, side, side], values: some(3 * side * side).iter().map(|n| n.abs()).collect() };
        let (shape, values) = by_tract(&file, &input);
        let net = Net::read(&file).unwrap();
        let found = if shape.len() == 4 {
            let found = net.run::<4>(&input).unwrap();
            (found.shape.to_vec(), found.values)
        } else {
            let found = net.run::<2>(&input).unwrap();
            (found.shape.to_vec(), found.values)
        };
        assert!(found == (shape, values), "{name}");
    }
}

#[test]
fn a_file_that_is_no_network_for_this_program_is_refused_and_named() {
    let graph = |operator: &str, inputs: &[&str]| {
        let mut graph = Graph::new(SIDE);
        graph.floats("three", &[3], &[1.0; 3]);
        graph.node(operator, inputs, "made", &[], &[]);
        graph.file(&["made"])
    };
    let mut shapeless = Graph::new(SIDE);
    shapeless.floats("three", &[3], &[1.0; 2]);
    let mut wide = Graph::new(SIDE);
    wide.floats("w", &[1, 3, 1, 1], &[1.0; 3]);
    wide.node("Conv", &["crop", "w"], "made", &[("pads", &[1 << 40; 4])], &[]);
    let mut still = Graph::new(SIDE);
    still.floats("w", &[1, 3, 1, 1], &[1.0; 3]);
    still.node("Conv", &["crop", "w"], "made", &[("strides", &[0, 0])], &[]);
    let mut large = Graph::new(SIDE);
    large.floats("w", &[1, 3, 10, 10], &[1.0; 300]);
    large.node("Conv", &["crop", "w"], "made", &[], &[]);
    for (file, words) in [
        (b"no network".to_vec(), "no ONNX file"),
        (Vec::new(), "no network"),
        (Graph::new(SIDE).file(&[]), "at least one output"),
        (Graph::new(SIDE).file(&["nothing"]), "gives its output `nothing`"),
        (graph("LSTM", &["crop"]), "`made` is a LSTM"),
        (graph("Relu", &["gone"]), "`gone`"),
        (graph("Relu", &["crop", "three"]), "2 inputs"),
        (graph("Add", &["", "crop"]), "nothing before it gives"),
        (graph("Conv", &["crop", "three"]), "weights of the shape [3]"),
        (graph("MatMul", &["crop", "three"]), "multiplies arrays"),
        (graph("Concat", &["crop", "crop"]), "names no axis"),
        (graph("QuantizeLinear", &["crop"]), "1 inputs"),
        (shapeless.file(&["crop"]), "2 numbers instead of 3"),
        (wide.file(&["made"]), "takes 0..=64"),
        (still.file(&["made"]), "takes 1..=64"),
        (large.file(&["made"]), "[1, 3, 10, 10]"),
    ] {
        let refusal = Net::read(&file).and_then(|net| net.run::<4>(&picture())).unwrap_err();
        assert!(refusal.to_string().contains(words), "{words}: {refusal}");
    }
}

#[test]
fn a_cut_or_damaged_file_never_panics() {
    /// The layers stand before the weights.
    const LAYERS: usize = 8000;
    let file = std::fs::read(models_folder().join("redcells.onnx")).unwrap();
    let mut random = fastrand::Rng::with_seed(3);
    let (mut read, mut refused) = (0, 0);
    for attempt in 0..400 {
        let mut damaged = file.clone();
        if attempt % 10 == 0 {
            damaged.truncate(random.usize(1..file.len()));
        }
        for _ in 0..random.usize(1..4) {
            let at = random.usize(..damaged.len().min(LAYERS));
            damaged[at] = random.u8(..);
        }
        let answer = Net::read(&damaged).and_then(|net| {
            read += 1;
            net.run::<2>(&Array { shape: [1, 3, 8, 8], values: vec![0.5; 3 * 8 * 8] })
        });
        refused += usize::from(answer.is_err());
    }
    assert!(read > 50 && refused > 50, "both were tried: {read} read, {refused} refused");
}
