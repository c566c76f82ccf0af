//! Quantized networks, computed on bytes: implementations of ONNX's quantized operators for tract.
//!
//! tract's own int8 convolution supports only one scale for all output channels and is slower than its `f32` one.
//! `register` replaces tract's operators with these: `QuantizeLinear`, `QLinearConv` (3x3 and 1x1), `QLinearAdd` and
//! `DepthToSpace` of bytes. Anything they cannot compute exactly is refused when the file is read.
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
mod kernel;
mod padded;
mod plain;
mod quantize_op;
mod round;
mod shuffle_op;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::Arc;

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

pub use add::{Addition, Units};
pub use conv::{Convolution, Layer, LayerError};
pub use kernel::Kernel;

/// Registers these operators for the quantized nodes that `onnx` reads.
pub(crate) fn register(onnx: &mut tract_onnx::Onnx, kernel: Kernel) {
    onnx.op_register.insert("QuantizeLinear", quantize_op::read);
    onnx.op_register.insert("QLinearAdd", add_op::read);
    onnx.op_register.insert("DepthToSpace", shuffle_op::read);
    // The registry holds plain functions, which cannot capture the kernel.
    onnx.op_register.insert(
        "QLinearConv",
        match kernel {
            Kernel::Plain => |_, node| conv_op::read(node, Kernel::Plain),
            Kernel::Avx2 => |_, node| conv_op::read(node, Kernel::Avx2),
            Kernel::AvxVnni => |_, node| conv_op::read(node, Kernel::AvxVnni),
            Kernel::Avx512Vnni => |_, node| conv_op::read(node, Kernel::Avx512Vnni),
            Kernel::Neon => |_, node| conv_op::read(node, Kernel::Neon),
            Kernel::NeonDot => |_, node| conv_op::read(node, Kernel::NeonDot),
            Kernel::NeonMatrix => |_, node| conv_op::read(node, Kernel::NeonMatrix),
        },
    );
}

/// Whether the only use of `model`'s input is a `QuantizeLinear` that turns byte / 255 back into the byte.
pub(crate) fn quantizes_pixels(model: &InferenceModel) -> bool {
    let &[input] = &model.inputs[..] else { return false };
    let &[next] = &model.node(input.node).outputs[input.slot].successors[..] else { return false };
    let node = model.node(next.node);
    let constant = |slot: usize| model.outlet_fact(*node.inputs.get(slot)?).ok()?.value.concretize();
    let scale = constant(1).and_then(|tensor| tensor.cast_to_scalar::<f32>().ok());
    let zero_point = constant(2).and_then(|tensor| tensor.cast_to_scalar::<u8>().ok());
    node.op.name() == quantize_op::NAME
        && scale.zip(zero_point).is_some_and(|(scale, zero_point)| quantize_op::keeps_bytes(scale, zero_point))
}

/// Return type of a builder in tract's registry: the operator, and no closures.
type Read = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

/// Refuses a node with another number of inputs, or with one left out: tract would shift the others up.
fn check_inputs(node: &NodeProto, counts: std::ops::RangeInclusive<usize>) -> TractResult<()> {
    let given = node.input.iter().filter(|name| !name.is_empty()).count();
    ensure!(
        given == node.input.len() && counts.contains(&given),
        "{} `{}` has {given} inputs, which this program cannot compute: it takes {counts:?}",
        node.op_type,
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

/// Refuses activations that are not bytes.
fn check_bytes(model: &TypedModel, prefix: &str, input: OutletId) -> TractResult<()> {
    let found = model.outlet_fact(input)?.datum_type;
    ensure!(found == u8::datum_type(), "`{prefix}` takes {found:?}, which this program cannot compute: it takes u8");
    Ok(())
}
