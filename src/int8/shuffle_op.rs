//! `DepthToSpace`.

use std::sync::Arc;

use tract_core::internal::*;

use super::{check_image, check_inputs};
use crate::onnx::{Node, Wire};

/// Reads a node.
pub(super) fn read(node: &Node) -> TractResult<Wire> {
    check_inputs(node, 1..=1)?;
    let block = node.number("blocksize").unwrap_or(0);
    let channels_last = match node.text("mode").as_deref() {
        None | Some("DCR") => true,
        Some("CRD") => false,
        Some(mode) => bail!("DepthToSpace `{}` has the mode {mode:?}; there are DCR and CRD", node.name),
    };
    ensure!((1..=64).contains(&block), "DepthToSpace `{}` has a blocksize of {block}, not 1 to 64", node.name);
    let layer = DepthToSpace { block: block as usize, channels_last };
    Ok(Arc::new(move |name, model, inputs| layer.wire(name, model, inputs)))
}

/// The node as in ONNX: `[N, block x block x C, H, W]` to `[N, C, H x block, W x block]`.
#[derive(Clone, Debug)]
struct DepthToSpace {
    block: usize,
    /// True if an output pixel's channels are adjacent (DCR), false if a channel's output pixels are (CRD).
    channels_last: bool,
}

impl DepthToSpace {
    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        check_image(model, prefix, inputs[0])?;
        let fact = model.outlet_fact(inputs[0])?;
        let (bytes, shape) = (fact.datum_type == u8::datum_type(), fact.shape.to_tvec());
        let (depth, area) = (shape[1].to_usize()?, self.block * self.block);
        ensure!(depth.is_multiple_of(area), "`{prefix}` gets {depth} channels, which is no multiple of {area}");
        if bytes && self.channels_last {
            // tract's optimizer removes the pairs of permutations between two operators on bytes.
            let x = model.wire_node(format!("{prefix}.nhwc"), AxisOp::Move(1, 3), &[inputs[0]])?;
            let y = model.wire_node(format!("{prefix}.u8"), ShuffleOp(self.block), &x)?;
            return model.wire_node(prefix, AxisOp::Move(3, 1), &y);
        }
        let split = |length: &TDim| tvec!(length.clone(), self.block.to_dim());
        let mut parts = tvec!(self.block.to_dim(), self.block.to_dim(), (depth / area).to_dim());
        if !self.channels_last {
            parts.reverse();
        }
        // The block's columns go after the columns, its rows after the rows.
        let (columns, rows) = if self.channels_last { ((2, 5), (1, 3)) } else { ((3, 5), (2, 3)) };
        let apart = [split(&shape[2]), split(&shape[3])].concat();
        let joined = tvec!(shape[2].clone() * self.block, shape[3].clone() * self.block);
        let mut wire = tvec!(inputs[0]);
        for (step, op) in [
            AxisOp::Reshape(1, tvec!(depth.to_dim()), parts),
            AxisOp::Move(columns.0, columns.1),
            AxisOp::Move(rows.0, rows.1),
            AxisOp::Reshape(2, apart.into(), joined),
        ]
        .into_iter()
        .enumerate()
        {
            wire = model.wire_node(format!("{prefix}.{step}"), op, &wire)?;
        }
        Ok(wire)
    }
}

/// `[N, H, W, block x block x C]` bytes to `[N, H x block, W x block, C]`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ShuffleOp(usize);

impl Op for ShuffleOp {
    fn name(&self) -> StaticName {
        "ByteShuffle".into()
    }

    op_as_typed_op!();
}

impl EvalOp for ShuffleOp {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let &[images, height, width, depth] = input.shape() else {
            bail!("a shuffle takes four axes, not {}", input.rank())
        };
        let block = self.0;
        let channels = depth / (block * block);
        let mut output = Tensor::zero::<u8>(&[images, height * block, width * block, channels])?;
        let bytes = input.try_as_plain_ram()?;
        let mut target = output.try_as_plain_ram_mut()?;
        // What one row of a block takes from an input pixel and writes to an output row is contiguous.
        let piece = (block * channels).max(1);
        let rows = bytes.as_slice::<u8>()?.chunks_exact((width * depth).max(1));
        let targets = target.as_slice_mut::<u8>()?.chunks_exact_mut((width * block * piece).max(1));
        for (row, targets) in rows.zip(targets) {
            for (number, target) in targets.chunks_exact_mut((width * piece).max(1)).enumerate() {
                let pixels = row.chunks_exact(depth.max(1));
                for (pixel, target) in pixels.zip(target.chunks_exact_mut(piece)) {
                    target.copy_from_slice(&pixel[number * piece..][..piece]);
                }
            }
        }
        Ok(tvec!(output.into_tvalue()))
    }
}

impl TypedOp for ShuffleOp {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let shape = &inputs[0].shape;
        ensure!(shape.rank() == 4, "a shuffle takes four axes, not {}", shape.rank());
        let (height, width) = (shape[1].clone() * self.0, shape[2].clone() * self.0);
        Ok(tvec!(u8::fact([shape[0].clone(), height, width, shape[3].clone() / (self.0 * self.0)])))
    }

    as_op!();
}
