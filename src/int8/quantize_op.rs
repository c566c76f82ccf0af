//! `QuantizeLinear` to bytes.

use std::sync::Arc;

use tract_core::internal::*;

use super::add::Units;
use super::round::round_within;
use super::{check_image, check_inputs, number};
use crate::onnx::{Node, Wire};

/// Reads a node.
pub(super) fn read(node: &Node) -> TractResult<Wire> {
    check_inputs(node, 3..=3)?;
    Ok(Arc::new(wire))
}

/// Name of the node in tract's graph.
pub(super) const NAME: &str = "QuantizeLinear";

/// Whether quantizing byte / 255 gives the same byte again.
pub(super) fn keeps_bytes(scale: f32, zero_point: u8) -> bool {
    let again = |byte: u8| round_within(f32::from(byte) / 255.0 / scale, 0.0, 255.0) == i32::from(byte);
    zero_point == 0 && (0..=u8::MAX).all(again)
}

fn wire(prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
    check_image(model, prefix, inputs[0])?;
    let found = model.outlet_fact(inputs[0])?.datum_type;
    if found == u8::datum_type() {
        // Already bytes, `[N, H, W, C]`: `Net` passes pixels if `quantizes_pixels` says that quantizing changes
        // nothing.
        return model.wire_node(prefix, AxisOp::Move(3, 1), &[inputs[0]]);
    }
    ensure!(found == f32::datum_type(), "`{prefix}` takes {found:?}, which this program cannot compute: it takes f32");
    let units = Units {
        scale: number(model, prefix, inputs[1], "scale")?,
        zero_point: number(model, prefix, inputs[2], "zero point")?,
    };
    ensure!(
        units.scale.is_normal() && units.scale > 0.0,
        "`{prefix}` has the scale {}, which is no positive number",
        units.scale
    );
    let y = model.wire_node(format!("{prefix}.u8"), QuantizeOp(units), &[inputs[0]])?;
    model.wire_node(prefix, AxisOp::Move(3, 1), &y)
}
/// `[N, C, H, W]` numbers to `[N, H, W, C]` bytes: `clamp(round_half_even(x / scale) + zero_point, 0, 255)`.
#[derive(Clone, Debug, PartialEq)]
struct QuantizeOp(Units);

// `wire` refuses NaN, so equality of the scale is reflexive.
impl Eq for QuantizeOp {}

impl Op for QuantizeOp {
    fn name(&self) -> StaticName {
        "Quantize".into()
    }

    op_as_typed_op!();
}

impl EvalOp for QuantizeOp {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let &[images, channels, height, width] = input.shape() else {
            bail!("an image has four axes, not {}", input.rank())
        };
        let mut output = Tensor::zero::<u8>(&[images, height, width, channels])?;
        let plane = height * width;
        let zero = f32::from(self.0.zero_point);
        let (lowest, highest) = (-zero, 255.0 - zero);
        let numbers = input.try_as_plain_ram()?;
        let mut bytes = output.try_as_plain_ram_mut()?;
        let source = numbers.as_slice::<f32>()?.chunks_exact((channels * plane).max(1));
        let target = bytes.as_slice_mut::<u8>()?.chunks_exact_mut((channels * plane).max(1));
        for (planes, pixels) in source.zip(target) {
            for (channel, values) in planes.chunks_exact(plane).enumerate() {
                for (value, pixel) in values.iter().zip(pixels.chunks_exact_mut(channels)) {
                    let byte = round_within(value / self.0.scale, lowest, highest) + i32::from(self.0.zero_point);
                    pixel[channel] = byte as u8;
                }
            }
        }
        Ok(tvec!(output.into_tvalue()))
    }
}

impl TypedOp for QuantizeOp {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let shape = &inputs[0].shape;
        ensure!(shape.rank() == 4, "an image has four axes, not {}", shape.rank());
        Ok(tvec!(u8::fact([shape[0].clone(), shape[2].clone(), shape[3].clone(), shape[1].clone()])))
    }

    as_op!();
}
