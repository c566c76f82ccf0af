//! `QLinearConv`.

use std::sync::{Arc, OnceLock};

use tract_core::internal::*;

use super::conv::{Convolution, Layer};
use super::kernel::Kernel;
use super::{check_bytes, check_image, check_inputs, constant, number, numbers};
use crate::onnx::{Node, Wire};

/// Reads a node; refuses anything but a 3x3 convolution with padding 1, or 1x1 without padding, with stride 1 or 2.
pub(super) fn read(node: &Node, kernel: Kernel) -> TractResult<Wire> {
    check_inputs(node, 8..=9)?;
    let refuse = |what: &str, found: &dyn std::fmt::Debug, takes: &str| -> TractResult<()> {
        bail!("QLinearConv `{}` has {what} {found:?}, which this program cannot compute: it takes {takes}", node.name)
    };
    if let Some(group) = node.number("group").filter(|group| *group != 1) {
        refuse("group", &group, "1")?;
    }
    if let Some(dilations) = node.numbers("dilations").filter(|dilations| *dilations != [1, 1]) {
        refuse("dilations", &dilations, "[1, 1]")?;
    }
    if let Some(auto) = node.text("auto_pad").filter(|auto| auto != "NOTSET") {
        refuse("auto_pad", &auto, "pads")?;
    }
    // The kernel's shape is only known once its weights are.
    let pads = node.numbers("pads").unwrap_or(&[0; 4]);
    let side = match pads {
        [1, 1, 1, 1] => 3,
        [0, 0, 0, 0] => 1,
        _ => return refuse("pads", &pads, "1 or 0 on every side").map(|()| unreachable!("it always refuses")),
    };
    let strides = node.numbers("strides").unwrap_or(&[1, 1]);
    let stride = match strides {
        [1, 1] => 1,
        [2, 2] => 2,
        _ => return refuse("strides", &strides, "[1, 1] and [2, 2]").map(|()| unreachable!("it always refuses")),
    };
    let layer = QLinearConv { kernel, side, stride, packed: Arc::default() };
    Ok(Arc::new(move |name, model, inputs| layer.wire(name, model, inputs)))
}

/// The node as in ONNX, `[N, C, H, W]`.
#[derive(Clone, Debug)]
struct QLinearConv {
    kernel: Kernel,
    /// Kernel side that the padding fits.
    side: usize,
    stride: usize,
    /// The layer as the kernel takes it, made once: the plans of all image sizes share it.
    packed: Arc<OnceLock<Arc<Convolution>>>,
}

impl QLinearConv {
    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        check_bytes(model, prefix, inputs[0])?;
        check_image(model, prefix, inputs[0])?;
        let convolution = match self.packed.get() {
            Some(packed) => Arc::clone(packed),
            None => Arc::clone(self.packed.get_or_init({
                let packed = Arc::new(self.pack(prefix, model, inputs)?);
                move || packed
            })),
        };
        let channels = model.outlet_fact(inputs[0])?.shape[1].clone();
        let wanted = convolution.channels_in();
        ensure!(channels == wanted.to_dim(), "`{prefix}` gets {channels} channels instead of {wanted}");
        // tract's optimizer removes the pairs of permutations between two of these operators.
        let x = model.wire_node(format!("{prefix}.nhwc"), AxisOp::Move(1, 3), &[inputs[0]])?;
        let y = model.wire_node(format!("{prefix}.int8"), ConvolutionOp(convolution), &x)?;
        model.wire_node(prefix, AxisOp::Move(3, 1), &y)
    }
}

impl QLinearConv {
    /// Reads the layer's constants and packs its weights.
    fn pack(&self, prefix: &str, model: &TypedModel, inputs: &[OutletId]) -> TractResult<Convolution> {
        let x_scale: f32 = number(model, prefix, inputs[1], "input scale")?;
        let x_zero: u8 = number(model, prefix, inputs[2], "input zero point")?;
        let weights: Vec<i8> = numbers(model, prefix, inputs[3], "weights")?;
        let shape = constant(model, prefix, inputs[3], "weights")?.shape().to_vec();
        let w_scale: Vec<f32> = numbers(model, prefix, inputs[4], "weight scale")?;
        let w_zero: Vec<i8> = numbers(model, prefix, inputs[5], "weight zero point")?;
        let y_scale: f32 = number(model, prefix, inputs[6], "output scale")?;
        let y_zero: u8 = number(model, prefix, inputs[7], "output zero point")?;
        ensure!(
            w_zero.iter().all(|zero| *zero == 0),
            "`{prefix}` has weight zero points that are not 0, which this program cannot compute"
        );
        let &[channels_out, channels_in, height, width] = &shape[..] else {
            bail!(
                "`{prefix}` has weights of the shape {shape:?}, which this program cannot compute: it takes four axes"
            );
        };
        ensure!(
            [height, width] == [self.side; 2],
            "`{prefix}` has a kernel of {height}x{width} with a padding of {}, which this program cannot compute: it \
             takes 3x3 with 1 and 1x1 with 0",
            self.side / 2
        );
        ensure!(
            [1, channels_out].contains(&w_scale.len()) && [1, channels_out].contains(&w_zero.len()),
            "`{prefix}` has {} weight scales and {} zero points for {channels_out} channels",
            w_scale.len(),
            w_zero.len()
        );
        let bias = match inputs.get(8) {
            Some(bias) => numbers(model, prefix, *bias, "bias")?,
            None => vec![0; channels_out],
        };
        let scale: Vec<f32> =
            (0..channels_out).map(|channel| x_scale * w_scale[channel % w_scale.len()] / y_scale).collect();
        let layer = Layer {
            channels_in,
            channels_out,
            side: self.side,
            stride: self.stride,
            weights: &weights,
            bias: &bias,
            scale: &scale,
            input_zero: x_zero,
            zero_point: y_zero,
        };
        Convolution::new(self.kernel, &layer)
            .map_err(|error| format_err!("`{prefix}` has {error}, which this program cannot compute"))
    }
}

/// `[N, H, W, C]` bytes to `[N, H', W', C']` bytes.
#[derive(Clone, Debug)]
struct ConvolutionOp(Arc<Convolution>);

impl PartialEq for ConvolutionOp {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for ConvolutionOp {}

impl Op for ConvolutionOp {
    fn name(&self) -> StaticName {
        "Int8Convolution".into()
    }

    fn info(&self) -> TractResult<Vec<String>> {
        Ok(vec![format!("{} to {} channels, {}", self.0.channels_in(), self.0.channels_out(), self.0.kernel())])
    }

    op_as_typed_op!();
}

impl EvalOp for ConvolutionOp {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let &[images, height, width, channels] = input.shape() else {
            bail!("an int8 convolution takes four axes, not {}", input.rank())
        };
        let (rows, columns) = self.0.output_size(height, width);
        let mut output = Tensor::zero::<u8>(&[images, rows, columns, self.0.channels_out()])?;
        let bytes = input.try_as_plain_ram()?;
        let source = bytes.as_slice::<u8>()?.chunks_exact((height * width * channels).max(1));
        let mut bytes = output.try_as_plain_ram_mut()?;
        let target = bytes.as_slice_mut::<u8>()?.chunks_exact_mut((rows * columns * self.0.channels_out()).max(1));
        for (source, target) in source.zip(target) {
            self.0.run(source, height, width, target)?;
        }
        Ok(tvec!(output.into_tvalue()))
    }
}

impl TypedOp for ConvolutionOp {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let mut shape = inputs[0].shape.to_tvec();
        ensure!(shape.len() == 4, "an int8 convolution takes four axes, not {}", shape.len());
        let (rows, columns) = self.0.output_size(shape[1].to_usize()?, shape[2].to_usize()?);
        shape[1] = rows.to_dim();
        shape[2] = columns.to_dim();
        shape[3] = self.0.channels_out().to_dim();
        Ok(tvec!(u8::fact(shape)))
    }

    as_op!();
}
