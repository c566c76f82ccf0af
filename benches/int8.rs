//! What one crop costs the classifier: on bytes by every kernel of this machine, and the same layers in `f32` by tract.

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use leukoscope::int8::Kernel;
use leukoscope::models::Models;
use leukoscope::net::{Array, Net};
use tract_onnx::pb::{AttributeProto, ModelProto, NodeProto, TensorProto};
use tract_onnx::prelude::*;

/// Bias and weight of a float layer; time does not depend on the values, as long as none is denormal.
const ANY: f32 = 0.01;

fn classifier(criterion: &mut Criterion) {
    let models = Models::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models")).expect("the shipped models");
    let side = models.card.classifier.size as usize;
    let crop = Array { shape: [1, 3, side, side], values: vec![0.5; 3 * side * side] };

    for kernel in Kernel::ALL.into_iter().filter(|kernel| kernel.is_available()) {
        let net = Net::read_for(&models.classifier, kernel).expect("the shipped classifier");
        criterion.bench_function(&format!("one crop, int8, {kernel}"), |b| b.iter(|| net.run::<2>(black_box(&crop))));
    }

    let reader = tract_onnx::onnx();
    let quantized = reader.proto_model_for_read(&mut &models.classifier[..]).expect("the shipped classifier");
    let plan = reader
        .model_for_proto_model(&float_twin(quantized))
        .and_then(|model| model.with_input_fact(0, f32::fact(crop.shape).into()))
        .and_then(InferenceModelExt::into_optimized)
        .and_then(IntoRunnable::into_runnable)
        .expect("a network of floats");
    let tensor = Tensor::from_shape(&crop.shape, &crop.values).expect("a crop's numbers");
    criterion.bench_function("one crop, float32, tract", |b| b.iter(|| plan.run(tvec!(tensor.clone().into()))));
}

/// The same layers on floats: a convolution for `QLinearConv`, a sum for `QLinearAdd`, and the clamp at 0 after each.
fn float_twin(mut model: ModelProto) -> ModelProto {
    let graph = model.graph.as_mut().expect("a graph");
    let mut nodes = Vec::new();
    for node in std::mem::take(&mut graph.node) {
        let output = node.output[0].clone();
        let made = |op: &str, input: Vec<String>, output: &str, attribute: Vec<AttributeProto>| NodeProto {
            op_type: op.into(),
            name: output.into(),
            input,
            output: vec![output.into()],
            attribute,
            ..NodeProto::default()
        };
        match node.op_type.as_str() {
            "QuantizeLinear" | "DequantizeLinear" => {
                nodes.push(made("Identity", vec![node.input[0].clone()], &output, Vec::new()));
            }
            "QLinearConv" => {
                let sum = format!("{output}.sum");
                for name in [&node.input[3], &node.input[8]] {
                    let tensor = graph.initializer.iter_mut().find(|tensor| tensor.name == *name).expect("weights");
                    *tensor = floats(tensor);
                }
                let inputs = [0, 3, 8].map(|input| node.input[input].clone()).to_vec();
                nodes.push(made("Conv", inputs, &sum, node.attribute));
                nodes.push(made("Relu", vec![sum], &output, Vec::new()));
            }
            "QLinearAdd" => {
                let sum = format!("{output}.sum");
                nodes.push(made("Add", vec![node.input[0].clone(), node.input[3].clone()], &sum, Vec::new()));
                nodes.push(made("Relu", vec![sum], &output, Vec::new()));
            }
            _ => nodes.push(node),
        }
    }
    graph.node = nodes;
    model
}

fn floats(tensor: &TensorProto) -> TensorProto {
    let count = tensor.dims.iter().product::<i64>() as usize;
    TensorProto {
        name: tensor.name.clone(),
        dims: tensor.dims.clone(),
        data_type: 1,
        float_data: vec![ANY; count],
        ..TensorProto::default()
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30);
    targets = classifier
}
criterion_main!(benches);
