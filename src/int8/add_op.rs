//! `QLinearAdd` of onnxruntime's `com.microsoft`.

use std::sync::Arc;

use tract_core::internal::*;

use super::add::{Addition, Units};
use super::{check_bytes, check_inputs, number};
use crate::onnx::{Node, Wire};

/// Reads a node.
pub(super) fn read(node: &Node) -> TractResult<Wire> {
    check_inputs(node, 8..=8)?;
    Ok(Arc::new(wire))
}

fn wire(prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
    check_bytes(model, prefix, inputs[0])?;
    check_bytes(model, prefix, inputs[3])?;
    let (a, b) = (model.outlet_fact(inputs[0])?, model.outlet_fact(inputs[3])?);
    ensure!(
        a.shape == b.shape,
        "`{prefix}` adds arrays of unlike shapes, {:?} and {:?}, which this program cannot compute",
        a.shape,
        b.shape
    );
    let units = |scale: usize, what: &str| -> TractResult<Units> {
        Ok(Units {
            scale: number(model, prefix, inputs[scale], &format!("{what} scale"))?,
            zero_point: number(model, prefix, inputs[scale + 1], &format!("{what} zero point"))?,
        })
    };
    let addition = Addition::new(units(1, "first")?, units(4, "second")?, units(6, "output")?)
        .with_context(|| format!("`{prefix}` has a scale that is no positive number"))?;
    model.wire_node(prefix, AdditionOp(addition), &[inputs[0], inputs[3]])
}
/// Adds two byte arrays of the same shape, in any order of axes.
#[derive(Clone, Debug, PartialEq)]
struct AdditionOp(Addition);

// `Addition::new` refuses NaN, so equality of the scales is reflexive.
impl Eq for AdditionOp {}

impl Op for AdditionOp {
    fn name(&self) -> StaticName {
        "Int8Addition".into()
    }

    op_as_typed_op!();
}

impl EvalOp for AdditionOp {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (a, b) = args_2!(inputs);
        ensure!(a.shape() == b.shape(), "an int8 addition takes arrays of one shape");
        let mut sum = Tensor::zero::<u8>(a.shape())?;
        let (a, b) = (a.try_as_plain_ram()?, b.try_as_plain_ram()?);
        self.0.run(a.as_slice()?, b.as_slice()?, sum.try_as_plain_ram_mut()?.as_slice_mut()?);
        Ok(tvec!(sum.into_tvalue()))
    }
}

impl TypedOp for AdditionOp {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(u8::fact(inputs[0].shape.clone())))
    }

    // Axes may be permuted to suit the neighbouring operators, as long as all arrays are permuted alike.
    fn change_axes(
        &self,
        model: &TypedModel,
        node: &TypedNode,
        _io: InOut,
        change: &AxisOp,
    ) -> TractResult<Option<AxisChangeConsequence>> {
        Ok(Some(AxisChangeConsequence::new(model, node, None, change)))
    }

    as_op!();
}
