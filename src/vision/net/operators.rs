//! The operators in floats that a network may hold beside the quantized ones of [`int8`](crate::int8): those with which networks
//! for cells end, and convolutions.

use std::ops::RangeInclusive;
use std::sync::Arc;

use tract_core::internal::{
    AxisOp, Datum as _, OutletId, SpecialOps as _, TVec, Tensor, TractErrorContext as _, TractResult, TypedModel, bail,
    ensure, tensor0, tvec,
};
use tract_core::ops::array::TypedConcat;
use tract_core::ops::change_axes::wire_with_rank_broadcast;
use tract_core::ops::cnn::{Conv, KernelFormat, PaddingSpec, PoolSpec};
use tract_core::ops::einsum::EinSum;
use tract_core::ops::nn::{DataFormat, Reduce, Reducer, sigmoid};
use tract_core::ops::{binary::TypedBinOp, math};

use crate::int8::check_inputs;
use crate::onnx::{Network, Node, Wire};

/// Largest padding, stride and dilation.
const LARGEST: usize = 64;

/// What `node` computes, if it is one of these operators.
///
/// # Errors
/// If it is in a way that they cannot compute.
pub(super) fn read(network: &Network, node: &Node) -> TractResult<Option<Wire>> {
    let wire: Wire = match node.operator.as_str() {
        "Add" => of_two(node, math::add)?,
        "Concat" => concatenation(node)?,
        "Conv" => convolution(node)?,
        "Identity" => {
            check_inputs(node, 1..=1)?;
            Arc::new(|_, _, inputs| Ok(tvec!(inputs[0])))
        }
        "MatMul" => product(node)?,
        "Mul" => of_two(node, math::mul)?,
        "ReduceMean" => reduction(network, node, Reducer::Sum, true)?,
        "ReduceMin" => reduction(network, node, Reducer::Min, false)?,
        "ReduceSum" => reduction(network, node, Reducer::Sum, false)?,
        "Relu" => of_one(node, |name, model, input| {
            let zero = model.add_const(format!("{name}.zero"), tensor0(0.0_f32))?;
            wire_with_rank_broadcast(name, model, math::max(), &[input, zero])
        })?,
        "Sigmoid" => of_one(node, |name, model, input| model.wire_node(name, sigmoid(), &[input]))?,
        "Sqrt" => of_one(node, |name, model, input| model.wire_node(name, math::sqrt(), &[input]))?,
        _ => return Ok(None),
    };
    Ok(Some(wire))
}

fn of_one(
    node: &Node,
    wire: impl Fn(&str, &mut TypedModel, OutletId) -> TractResult<TVec<OutletId>> + Send + Sync + 'static,
) -> TractResult<Wire> {
    check_inputs(node, 1..=1)?;
    Ok(Arc::new(move |name, model, inputs| {
        check_floats(name, model, inputs)?;
        wire(name, model, inputs[0])
    }))
}

/// Arrays of fewer axes are taken as if they had more of length 1 before.
fn of_two(node: &Node, operator: fn() -> TypedBinOp) -> TractResult<Wire> {
    check_inputs(node, 2..=2)?;
    Ok(Arc::new(move |name, model, inputs| {
        check_floats(name, model, inputs)?;
        wire_with_rank_broadcast(name, model, operator(), inputs)
    }))
}

fn concatenation(node: &Node) -> TractResult<Wire> {
    check_inputs(node, 1..=64)?;
    let axis = node.number("axis").with_context(|| format!("Concat `{}` names no axis", node.name))?;
    Ok(Arc::new(move |name, model, inputs| {
        check_floats(name, model, inputs)?;
        let first = shape(model, inputs[0])?;
        let axis = from_front(name, axis, first.len())?;
        for input in inputs {
            let mut other = shape(model, *input)?;
            let fits = other.len() == first.len() && {
                other[axis] = first[axis];
                other == first
            };
            ensure!(fits, "`{name}` puts arrays of unlike shapes, {first:?} and {other:?}, after each other");
        }
        model.wire_node(name, TypedConcat::new(axis), inputs)
    }))
}

fn product(node: &Node) -> TractResult<Wire> {
    check_inputs(node, 2..=2)?;
    Ok(Arc::new(|name, model, inputs| {
        check_floats(name, model, inputs)?;
        let (a, b) = (shape(model, inputs[0])?, shape(model, inputs[1])?);
        let fit = matches!((&a[..], &b[..]), ([_, inner], [same, _]) if inner == same);
        ensure!(fit, "`{name}` multiplies arrays of the shapes {a:?} and {b:?}, which this program cannot compute");
        model.wire_node(name, EinSum::new("mk,kn->mn".parse()?, f32::datum_type()), inputs)
    }))
}

fn convolution(node: &Node) -> TractResult<Wire> {
    check_inputs(node, 2..=3)?;
    let rule = node.text("auto_pad").filter(|rule| rule != "NOTSET");
    ensure!(
        rule.is_none(),
        "Conv `{}` has auto_pad {rule:?}, which this program cannot compute: it takes pads",
        node.name
    );
    let list = |name: &str, within: RangeInclusive<usize>| -> TractResult<Option<TVec<usize>>> {
        let Some(numbers) = node.numbers(name) else { return Ok(None) };
        let list = numbers.iter().map(|number| usize::try_from(*number).ok().filter(|number| within.contains(number)));
        let list = list.collect::<Option<_>>();
        let refusal = || {
            format!(
                "Conv `{}` has {name} {numbers:?}, which this program cannot compute: it takes {within:?}",
                node.name
            )
        };
        list.with_context(refusal).map(Some)
    };
    let (pads, strides) = (list("pads", 0..=LARGEST)?, list("strides", 1..=LARGEST)?);
    let dilations = list("dilations", 1..=LARGEST)?;
    let groups = usize::try_from(node.number("group").unwrap_or(1)).ok().filter(|groups| *groups > 0);
    let groups = groups.with_context(|| format!("Conv `{}` has no positive group", node.name))?;
    Ok(Arc::new(move |name, model, inputs| {
        check_floats(name, model, inputs)?;
        let (image, weights) = (shape(model, inputs[0])?, shape(model, inputs[1])?);
        let &[outputs, each, ref side @ ..] = &weights[..] else {
            bail!("`{name}` has weights of the shape {weights:?}")
        };
        let axes = side.len();
        let pads = pads.clone().unwrap_or_else(|| tvec![0; 2 * axes]);
        let numbers =
            [pads.len() / 2, strides.as_ref().map_or(axes, TVec::len), dilations.as_ref().map_or(axes, TVec::len)];
        ensure!(
            image.len() == weights.len() && numbers == [axes; 3] && pads.len() == 2 * axes,
            "`{name}` has weights of the shape {weights:?} with pads {pads:?}, strides {strides:?} and dilations {dilations:?} for an \
             image of the shape {image:?}"
        );
        ensure!(
            image[1] == each * groups && outputs.is_multiple_of(groups),
            "`{name}` has weights of the shape {weights:?} in {groups} groups for an image of the shape {image:?}"
        );
        for (axis, side) in side.iter().enumerate() {
            let reach = dilations.as_ref().map_or(1, |list| list[axis]) * side.saturating_sub(1) + 1;
            let room = image[2 + axis] + pads[axis] + pads[axes + axis];
            ensure!(
                *side > 0 && reach <= room,
                "`{name}` has weights of the shape {weights:?} for an image of the shape {image:?}"
            );
        }
        let bias = match inputs.get(2) {
            Some(bias) => *bias,
            None => model.add_const(format!("{name}.bias"), Tensor::zero::<f32>(&[outputs])?)?,
        };
        let biases = shape(model, bias)?;
        ensure!(biases[..] == [outputs], "`{name}` has a bias of the shape {biases:?} for {outputs} outputs");
        let (before, after) = pads.split_at(axes);
        let padding = PaddingSpec::Explicit(before.into(), after.into());
        let pool = PoolSpec::new(
            DataFormat::NCHW,
            side.into(),
            padding,
            dilations.clone(),
            strides.clone(),
            image[1],
            outputs,
        );
        model.wire_node(name, Conv::new(pool, KernelFormat::OIHW, groups, None), &[inputs[0], inputs[1], bias])
    }))
}

/// The axes stand in an attribute or, in newer files, in a second input.
fn reduction(network: &Network, node: &Node, reducer: Reducer, mean: bool) -> TractResult<Wire> {
    check_inputs(node, 1..=2)?;
    let axes = match node.inputs.get(1) {
        None => node.numbers("axes").map(<[i64]>::to_vec),
        Some(name) => {
            let axes = network.constants.get(name).with_context(|| {
                format!(
                    "the axes of {} `{}` are no constant, which this program cannot compute",
                    node.operator, node.name
                )
            })?;
            Some(axes.try_as_plain_ram()?.as_slice::<i64>()?.to_vec())
        }
    };
    let keep_axes = node.number("keepdims") != Some(0);
    Ok(Arc::new(move |name, model, inputs| {
        check_floats(name, model, &inputs[..1])?;
        let shape = shape(model, inputs[0])?;
        let mut axes: TVec<usize> = match &axes {
            Some(axes) => axes.iter().map(|axis| from_front(name, *axis, shape.len())).collect::<TractResult<_>>()?,
            None => (0..shape.len()).collect(),
        };
        axes.sort_unstable();
        axes.dedup();
        let mut wire = model.wire_node(format!("{name}.all"), Reduce::new(axes.clone(), reducer), &inputs[..1])?;
        if mean {
            let count: usize = axes.iter().map(|axis| shape[*axis]).product();
            let count = tensor0(count as f32).broadcast_into_rank(shape.len())?;
            let count = model.add_const(format!("{name}.count"), count)?;
            wire = model.wire_node(format!("{name}.mean"), math::div(), &[wire[0], count])?;
        }
        if !keep_axes {
            for axis in axes.into_iter().rev() {
                wire = model.wire_node(format!("{name}.without.{axis}"), AxisOp::Rm(axis), &wire)?;
            }
        }
        Ok(wire)
    }))
}

/// An axis counted from the front; a negative one is counted from the back.
fn from_front(name: &str, axis: i64, axes: usize) -> TractResult<usize> {
    let from_front = if axis < 0 { axis.checked_add_unsigned(axes as u64) } else { Some(axis) };
    let axis = from_front.and_then(|axis| usize::try_from(axis).ok()).filter(|axis| *axis < axes);
    axis.with_context(|| format!("`{name}` names an axis that its array of {axes} axes lacks"))
}

fn shape(model: &TypedModel, input: OutletId) -> TractResult<TVec<usize>> {
    Ok(model.outlet_fact(input)?.shape.as_concrete().context("the size of an input is not known")?.into())
}

fn check_floats(name: &str, model: &TypedModel, inputs: &[OutletId]) -> TractResult<()> {
    for input in inputs {
        let found = model.outlet_fact(*input)?.datum_type;
        ensure!(
            found == f32::datum_type(),
            "`{name}` takes {found:?}, which this program cannot compute: it takes f32"
        );
    }
    Ok(())
}
