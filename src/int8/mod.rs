//! Quantized networks, computed on bytes: implementations of ONNX's quantized operators for tract.
//!
//! tract's own int8 convolution supports only one scale for all output channels and is slower than its `f32` one.
//! These are `QuantizeLinear`, `QLinearConv` (3x3 and 1x1), `QLinearAdd`, `DepthToSpace` of bytes and `DequantizeLinear`. What they
//! cannot compute exactly is refused when the file is read or, where it depends on constants, when its first plan is made.
//!
//! Arrays are `[N, H, W, C]` between them, so that an output pixel's input from one row is contiguous. Sums are exact
//! 32-bit integers and one function rounds them, so every [`Kernel`] on every machine gives the same bytes.

#![allow(
    clippy::wildcard_imports,
    reason = "an operator needs tract's traits and macros, a kernel intrinsics, by the dozen; not asked of tests"
)]

#[cfg(target_arch = "aarch64")]
mod aarch64;
mod add;
mod add_op;
#[cfg(target_arch = "arm")]
mod arm;
mod conv;
mod conv_op;
mod dequantize_op;
mod kernel;
mod padded;
mod plain;
mod quantize_op;
mod round;
mod shuffle_op;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::Arc;

use tract_core::internal::*;

use crate::onnx::{Network, Node, Wire};

pub use add::{Addition, Units};
pub use conv::{Convolution, Layer, LayerError};
pub use kernel::Kernel;

/// What `node` computes, if it is one of these operators.
///
/// # Errors
/// If it is in a way that they cannot compute.
pub(crate) fn read(node: &Node, kernel: Kernel) -> TractResult<Option<Wire>> {
    Ok(Some(match node.operator.as_str() {
        "DepthToSpace" => shuffle_op::read(node)?,
        "DequantizeLinear" => dequantize_op::read(node)?,
        "QLinearAdd" => add_op::read(node)?,
        "QLinearConv" => conv_op::read(node, kernel)?,
        quantize_op::NAME => quantize_op::read(node)?,
        _ => return Ok(None),
    }))
}

/// Whether the only use of the network's input is a `QuantizeLinear` that turns byte / 255 back into the byte.
pub(crate) fn quantizes_pixels(network: &Network) -> bool {
    let mut uses = network.nodes.iter().filter(|node| node.inputs.contains(&network.input));
    let (Some(node), None) = (uses.next(), uses.next()) else { return false };
    let constant = |slot: usize| network.constants.get(node.inputs.get(slot)?);
    let scale = constant(1).and_then(|tensor| tensor.cast_to_scalar::<f32>().ok());
    let zero_point = constant(2).and_then(|tensor| tensor.cast_to_scalar::<u8>().ok());
    node.operator == quantize_op::NAME
        && scale.zip(zero_point).is_some_and(|(scale, zero_point)| quantize_op::keeps_bytes(scale, zero_point))
}

/// Refuses a node with another number of inputs, or with one left out.
pub(crate) fn check_inputs(node: &Node, counts: std::ops::RangeInclusive<usize>) -> TractResult<()> {
    let given = node.inputs.iter().filter(|name| !name.is_empty()).count();
    ensure!(
        given == node.inputs.len() && counts.contains(&given),
        "{} `{}` has {given} inputs, which this program cannot compute: it takes {counts:?}",
        node.operator,
        node.name
    );
    Ok(())
}

/// A constant input of a node.
fn constant(model: &TypedModel, prefix: &str, input: OutletId, what: &str) -> TractResult<Arc<Tensor>> {
    model
        .outlet_fact(input)?
        .konst
        .clone()
        .with_context(|| format!("the {what} of `{prefix}` is no constant, which this program cannot compute"))
}

/// Values of a constant input.
fn numbers<T: Datum + Copy>(model: &TypedModel, prefix: &str, input: OutletId, what: &str) -> TractResult<Vec<T>> {
    let tensor = constant(model, prefix, input, what)?;
    ensure!(
        tensor.datum_type() == T::datum_type(),
        "the {what} of `{prefix}` is {:?}, which this program cannot compute: it takes {:?}",
        tensor.datum_type(),
        T::datum_type()
    );
    Ok(tensor.try_as_plain_ram()?.as_slice::<T>()?.to_vec())
}

/// The single value of a constant input.
fn number<T: Datum + Copy>(model: &TypedModel, prefix: &str, input: OutletId, what: &str) -> TractResult<T> {
    match numbers(model, prefix, input, what)?[..] {
        [number] => Ok(number),
        ref numbers => {
            bail!(
                "`{prefix}` has {} numbers as its {what}, which this program cannot compute: it takes one",
                numbers.len()
            )
        }
    }
}

/// Refuses activations that are no images, `[N, C, H, W]`.
fn check_image(model: &TypedModel, prefix: &str, input: OutletId) -> TractResult<()> {
    let axes = model.outlet_fact(input)?.rank();
    ensure!(
        axes == 4,
        "`{prefix}` takes an array of {axes} axes, which this program cannot compute: it takes images, of 4"
    );
    Ok(())
}

/// Refuses activations that are not bytes.
fn check_bytes(model: &TypedModel, prefix: &str, input: OutletId) -> TractResult<()> {
    let found = model.outlet_fact(input)?.datum_type;
    ensure!(found == u8::datum_type(), "`{prefix}` takes {found:?}, which this program cannot compute: it takes u8");
    Ok(())
}
