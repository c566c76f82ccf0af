//! The float network that a quantized file was rounded from.

use std::sync::Arc;

use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};
use tract_onnx::prelude::*;

/// ONNX codes of element types.
const FLOAT: i32 = 1;
const UINT8: i32 = 2;
const INT8: i32 = 3;
const INT32: i32 = 6;

/// The same layers in floats: a convolution for `QLinearConv`, a sum for `QLinearAdd`, and after each a clamp at 0
/// where its zero point is 0. Nothing else rounds or clips.
pub fn float_model(quantized: &[u8]) -> TractResult<ModelProto> {
    let mut model = tract_onnx::onnx().proto_model_for_read(&mut &*quantized)?;
    in_floats(model.graph.as_mut().expect("a graph"));
    Ok(model)
}

/// [`float_model`], compiled for one input shape.
pub fn float_twin(quantized: &[u8], shape: [usize; 4]) -> TractResult<Arc<TypedRunnableModel>> {
    let model = float_model(quantized)?;
    let reader = tract_onnx::onnx();
    reader.model_for_proto_model(&model)?.with_input_fact(0, f32::fact(shape).into())?.into_optimized()?.into_runnable()
}

fn in_floats(graph: &mut GraphProto) {
    let mut nodes = Vec::new();
    for node in std::mem::take(&mut graph.node) {
        let output = node.output[0].clone();
        let sum = format!("{output}.sum");
        match node.op_type.as_str() {
            "QuantizeLinear" | "DequantizeLinear" => {
                nodes.push(made("Identity", vec![node.input[0].clone()], &output, Vec::new()));
            }
            "QLinearConv" => {
                let scale_in = numbers(graph, &node.input[1])[0];
                let scales = numbers(graph, &node.input[4]);
                let by_channel = |values: Vec<f32>, unit: f32| {
                    let each = values.len() / scales.len();
                    values.iter().enumerate().map(|(at, value)| value * scales[at / each] * unit).collect()
                };
                let weights = by_channel(numbers(graph, &node.input[3]), 1.0);
                let bias = by_channel(numbers(graph, &node.input[8]), scale_in);
                replace(graph, &node.input[3], weights);
                replace(graph, &node.input[8], bias);
                let inputs = [0, 3, 8].map(|input| node.input[input].clone()).to_vec();
                nodes.push(made("Conv", inputs, &sum, node.attribute));
                nodes.push(clamp(graph, &node.input[7], sum, &output));
            }
            "QLinearAdd" => {
                nodes.push(made("Add", vec![node.input[0].clone(), node.input[3].clone()], &sum, Vec::new()));
                nodes.push(clamp(graph, &node.input[7], sum, &output));
            }
            _ => nodes.push(node),
        }
    }
    graph.node = nodes;
}

fn clamp(graph: &GraphProto, zero_point: &str, input: String, output: &str) -> NodeProto {
    let op = if numbers(graph, zero_point) == [0.0] { "Relu" } else { "Identity" };
    made(op, vec![input], output, Vec::new())
}

fn made(op: &str, input: Vec<String>, output: &str, attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        op_type: op.into(),
        name: output.into(),
        input,
        output: vec![output.into()],
        attribute,
        ..NodeProto::default()
    }
}

/// The numbers of a constant, of any type these files use.
fn numbers(graph: &GraphProto, name: &str) -> Vec<f32> {
    let tensor = graph.initializer.iter().find(|tensor| tensor.name == name).expect("a constant");
    let words = tensor.raw_data.as_chunks::<4>().0.iter();
    match tensor.data_type {
        FLOAT => words.map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        INT8 => tensor.raw_data.iter().map(|byte| f32::from(byte.cast_signed())).collect(),
        UINT8 => tensor.raw_data.iter().map(|byte| f32::from(*byte)).collect(),
        INT32 => words.map(|bytes| i32::from_le_bytes(*bytes) as f32).collect(),
        other => panic!("`{name}` has the element type {other}"),
    }
}

fn replace(graph: &mut GraphProto, name: &str, float_data: Vec<f32>) {
    let tensor = graph.initializer.iter_mut().find(|tensor| tensor.name == name).expect("a constant");
    *tensor = TensorProto {
        name: tensor.name.clone(),
        dims: tensor.dims.clone(),
        data_type: FLOAT,
        float_data,
        ..TensorProto::default()
    };
}
