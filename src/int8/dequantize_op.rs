//! `DequantizeLinear` of bytes with one scale.

use std::sync::Arc;

use tract_core::internal::*;
use tract_core::ops::quant::DequantizeLinearF32;

use super::{check_bytes, check_inputs, number};
use crate::onnx::{Node, Wire};

/// Reads a node.
pub(super) fn read(node: &Node) -> TractResult<Wire> {
    check_inputs(node, 3..=3)?;
    Ok(Arc::new(wire))
}

fn wire(prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
    check_bytes(model, prefix, inputs[0])?;
    let scale = number(model, prefix, inputs[1], "scale")?;
    let zero_point = number::<u8>(model, prefix, inputs[2], "zero point")?;
    model.wire_node(prefix, DequantizeLinearF32::new(scale, zero_point.into()), &[inputs[0]])
}
