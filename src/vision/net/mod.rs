//! ONNX networks, run by tract. Only this module and [`int8`], whose operators it registers, know tract.

mod operators;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use tract_core::internal::{
    Datum as _, DatumType, DatumTypeExt as _, IntoRunnable as _, OutletId, SpecialOps as _, TValue, TVec, Tensor,
    TractError, TractResult, TypedModel, TypedRunnableModel, tvec,
};

use crate::int8::{self, Kernel};
use crate::onnx::{Network, OnnxError, Wire};

/// Plans kept ready, by input shape; with more image sizes than this, the oldest plan is dropped.
const PLANS_KEPT: usize = 12;

/// Why a network cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NetError(String);

impl From<TractError> for NetError {
    fn from(error: TractError) -> Self {
        // The root cause is the informative one; the outer ones only list nodes.
        Self(error.root_cause().to_string())
    }
}

impl From<OnnxError> for NetError {
    fn from(error: OnnxError) -> Self {
        Self(error.to_string())
    }
}

/// Row-major array with its shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Array<const RANK: usize> {
    pub shape: [usize; RANK],
    pub values: Vec<f32>,
}

/// The 1x1 convolution that ends a network: logits = `weights` x features + `bias`.
#[derive(Clone, Debug, PartialEq)]
pub struct LastLayer {
    /// Features it takes, 1...
    pub features: usize,
    /// Row by row, one row of `features` numbers for each class.
    pub weights: Vec<f32>,
    /// One number for each class.
    pub bias: Vec<f32>,
}

/// The axes of each output, in their order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answers(Vec<Vec<usize>>);

impl Answers {
    /// The shape of the output with this index.
    ///
    /// # Errors
    /// If there is none, or it has another number of axes.
    pub fn shape<const RANK: usize>(&self, output: usize) -> Result<[usize; RANK], NetError> {
        let axes = self
            .0
            .get(output)
            .ok_or_else(|| NetError(format!("it has {} outputs, none of the number {output}", self.0.len())))?;
        shape(axes)
    }
}

/// Input type and shape that a plan is made for.
type InputSpec = (DatumType, [usize; 4]);

/// A network with one input `[N, 3, H, W]` and at least one output.
///
/// tract is fastest with fixed shapes, so a plan is made and kept for each input shape.
pub struct Net {
    input: String,
    outputs: Vec<String>,
    layers: Vec<Layer>,
    constants: BTreeMap<String, Arc<Tensor>>,
    /// Whether its first step turns the input back into pixel bytes.
    quantizes_pixels: bool,
    plans: Mutex<Vec<(InputSpec, Arc<TypedRunnableModel>)>>,
}

/// A layer with what it takes, by name.
struct Layer {
    name: String,
    inputs: Vec<String>,
    wire: Wire,
}

impl std::fmt::Debug for Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Net").finish_non_exhaustive()
    }
}

impl Net {
    /// Reads an ONNX file.
    ///
    /// # Errors
    /// If it is not ONNX, does not have exactly one input, or needs an operator that this program lacks.
    pub fn read(onnx: &[u8]) -> Result<Self, NetError> {
        Self::read_for(onnx, Kernel::best())
    }

    /// Reads an ONNX file, to run on a given kernel of this machine.
    ///
    /// # Errors
    /// As `read`; a kernel that this machine lacks is an error only when the network runs.
    pub fn read_for(onnx: &[u8], kernel: Kernel) -> Result<Self, NetError> {
        let network = Network::read(onnx)?;
        let quantizes_pixels = int8::quantizes_pixels(&network);
        let mut known: BTreeSet<&str> = network.constants.keys().map(String::as_str).chain([&*network.input]).collect();
        let mut layers = Vec::new();
        for node in &network.nodes {
            if let Some(missing) = node.inputs.iter().find(|input| !known.contains(input.as_str())) {
                return Err(NetError(format!(
                    "its layer `{}` takes `{missing}`, which nothing before it gives",
                    node.name
                )));
            }
            if !known.insert(&node.name) {
                return Err(NetError(format!("two things in it have the name `{}`", node.name)));
            }
            let wire = match int8::read(node, kernel)? {
                Some(wire) => wire,
                None => operators::read(&network, node)?.ok_or_else(|| {
                    let (name, operator) = (&node.name, &node.operator);
                    NetError(format!("its layer `{name}` is a {operator}, which this program cannot compute"))
                })?,
            };
            layers.push(Layer { name: node.name.clone(), inputs: node.inputs.clone(), wire });
        }
        if let Some(missing) = network.outputs.iter().find(|output| !known.contains(output.as_str())) {
            return Err(NetError(format!("nothing in it gives its output `{missing}`")));
        }
        let Network { input, outputs, constants, .. } = network;
        Ok(Self { input, outputs, layers, constants, quantizes_pixels, plans: Mutex::default() })
    }

    /// Index of the output with this name, from 0.
    #[must_use]
    pub fn output(&self, name: &str) -> Option<usize> {
        self.outputs.iter().position(|output| output == name)
    }

    /// The layer that makes the output with this index.
    fn layer_of(&self, output: usize) -> Option<usize> {
        let name = self.outputs.get(output)?;
        self.layers.iter().position(|layer| layer.name == *name)
    }

    /// The 1x1 convolution that makes the output with this index.
    ///
    /// # Errors
    /// If something else makes it, or its weights are no constants of the file.
    pub(crate) fn last_layer(&self, output: usize) -> Result<LastLayer, NetError> {
        let wrong = || NetError("its evidence does not come from a 1x1 convolution with constant weights".into());
        let layer = &self.layers[self.layer_of(output).ok_or_else(wrong)?];
        let constant = |slot: usize| {
            let tensor = self.constants.get(layer.inputs.get(slot)?)?;
            let values = tensor.try_as_plain_ram().ok()?.as_slice::<f32>().ok()?.to_vec();
            Some((tensor.shape().to_vec(), values))
        };
        let (Some((shape, weights)), Some((_, bias))) = (constant(1), constant(2)) else { return Err(wrong()) };
        match shape[..] {
            [classes, features, 1, 1] if classes == bias.len() && classes * features == weights.len() => {
                Ok(LastLayer { features, weights, bias })
            }
            _ => Err(wrong()),
        }
    }

    /// The same network with this last layer for the output with this index.
    ///
    /// # Errors
    /// If the layer has another shape than the network's own.
    pub(crate) fn with_last_layer(mut self, output: usize, layer: &LastLayer) -> Result<Self, NetError> {
        let own = self.last_layer(output)?;
        let (classes, features) = (own.bias.len(), own.features);
        if (layer.bias.len(), layer.features, layer.weights.len()) != (classes, features, own.weights.len()) {
            return Err(NetError(format!(
                "a last layer of {} classes and {} features does not fit its {classes} and {features}",
                layer.bias.len(),
                layer.features
            )));
        }
        let made_by = self.layer_of(output);
        let mut set = |slot: usize, name: &str, shape: &[usize], values: &[f32]| -> TractResult<()> {
            self.constants.insert(name.into(), Tensor::from_shape(shape, values)?.into());
            if let Some(layer) = made_by {
                self.layers[layer].inputs[slot] = name.into();
            }
            Ok(())
        };
        set(1, "profile.weights", &[classes, features, 1, 1], &layer.weights)?;
        set(2, "profile.bias", &[classes], &layer.bias)?;
        Ok(self)
    }

    /// The same network with one more output: what the last layer of the output with this index takes. Returns the new
    /// output's index, too.
    ///
    /// # Errors
    /// As `last_layer`.
    pub(crate) fn with_features(mut self, output: usize) -> Result<(Self, usize), NetError> {
        self.last_layer(output)?;
        let features = self.layer_of(output).map(|layer| self.layers[layer].inputs[0].clone());
        self.outputs.extend(features);
        let index = self.outputs.len() - 1;
        Ok((self, index))
    }

    /// What it answers for pixels as `run_pixels` takes them. Its layers are checked and nothing is run, so that a start need not
    /// wait for it.
    ///
    /// # Errors
    /// If the network does not accept this shape, or has a layer that cannot be computed.
    pub(crate) fn answers_to_pixels(&self, [images, height, width]: [usize; 3]) -> Result<Answers, NetError> {
        self.answers(if self.quantizes_pixels {
            (u8::datum_type(), [images, height, width, 3])
        } else {
            (f32::datum_type(), [images, 3, height, width])
        })
    }

    fn answers(&self, form: InputSpec) -> Result<Answers, NetError> {
        let model = self.model(form)?;
        let axes = |outlet: &OutletId| {
            let fact = model.outlet_fact(*outlet)?;
            if fact.datum_type != f32::datum_type() {
                return Err(NetError(format!("an output is {:?} instead of F32", fact.datum_type)));
            }
            let axes = fact.shape.as_concrete().map(<[usize]>::to_vec);
            axes.ok_or_else(|| NetError("the size of an output depends on more than that of the input".into()))
        };
        model.outputs.iter().map(axes).collect::<Result<_, _>>().map(Answers)
    }

    /// Its layers one after the other, for an input of this form.
    fn model(&self, (of, shape): InputSpec) -> TractResult<TypedModel> {
        let mut model = TypedModel::default();
        let input = model.add_source(&*self.input, of.fact(shape))?;
        let mut made = BTreeMap::from([(&*self.input, input)]);
        for (name, constant) in &self.constants {
            made.insert(name, model.add_const(&**name, Arc::clone(constant))?);
        }
        for Layer { name, inputs, wire } in &self.layers {
            let inputs: TVec<OutletId> = inputs.iter().filter_map(|input| made.get(&**input).copied()).collect();
            made.insert(name, wire(name, &mut model, &inputs)?[0]);
        }
        let outputs: Vec<OutletId> = self.outputs.iter().filter_map(|output| made.get(&**output).copied()).collect();
        model.select_output_outlets(&outputs)?;
        Ok(model)
    }

    /// Runs the network on `input` and returns its first output, which must have `OUT` axes.
    ///
    /// # Errors
    /// If the network does not accept this shape, or the output has another number of axes.
    pub fn run<const OUT: usize>(&self, input: &Array<4>) -> Result<Array<OUT>, NetError> {
        array(&self.outputs(input)?[0])
    }

    /// Runs the network on `input` and returns its first output and the output with the given index.
    ///
    /// # Errors
    /// If there is no such output, the network does not accept this shape, or an output has another number of axes.
    pub fn run_with<const FIRST: usize, const OTHER: usize>(
        &self,
        input: &Array<4>,
        other: usize,
    ) -> Result<(Array<FIRST>, Array<OTHER>), NetError> {
        first_and(&self.outputs(input)?, other)
    }

    /// Runs the network on pixels (R, G, B; the rows of all images one after the other) and returns its first output.
    /// The network sees planes of byte / 255; if it quantizes them to the same bytes first, that step is skipped.
    ///
    /// # Errors
    /// If there are not images x height x width pixels; else as `run`.
    pub fn run_pixels<const OUT: usize>(&self, pixels: &[u8], shape: [usize; 3]) -> Result<Array<OUT>, NetError> {
        array(&self.outputs_for_pixels(pixels, shape)?[0])
    }

    /// The same with the output of the given index, too.
    ///
    /// # Errors
    /// As `run_pixels`, or if there is no such output.
    pub(crate) fn run_pixels_with<const FIRST: usize, const OTHER: usize>(
        &self,
        pixels: &[u8],
        shape: [usize; 3],
        other: usize,
    ) -> Result<(Array<FIRST>, Array<OTHER>), NetError> {
        first_and(&self.outputs_for_pixels(pixels, shape)?, other)
    }

    fn outputs_for_pixels(&self, pixels: &[u8], [images, height, width]: [usize; 3]) -> Result<TVec<TValue>, NetError> {
        let plane = height * width;
        if pixels.len() != images * plane * 3 {
            return Err(NetError(format!("it got {} bytes for {images} images of {width}x{height} px", pixels.len())));
        }
        if !self.quantizes_pixels {
            let mut values = vec![0.0; pixels.len()];
            let planes = values.chunks_exact_mut((3 * plane).max(1));
            for (pixels, planes) in pixels.chunks_exact((3 * plane).max(1)).zip(planes) {
                for (at, pixel) in pixels.as_chunks::<3>().0.iter().enumerate() {
                    for (channel, byte) in pixel.iter().enumerate() {
                        planes[channel * plane + at] = f32::from(*byte) / 255.0;
                    }
                }
            }
            return self.outputs(&Array { shape: [images, 3, height, width], values });
        }
        let shape = [images, height, width, 3];
        let plan = self.plan((u8::datum_type(), shape))?;
        let tensor = Tensor::from_shape(&shape, pixels)?;
        Ok(plan.run(tvec!(tensor.into()))?)
    }

    fn outputs(&self, input: &Array<4>) -> Result<TVec<TValue>, NetError> {
        let plan = self.plan((f32::datum_type(), input.shape))?;
        let tensor = Tensor::from_shape(&input.shape, &input.values)?;
        Ok(plan.run(tvec!(tensor.into()))?)
    }

    fn plan(&self, form: InputSpec) -> Result<Arc<TypedRunnableModel>, NetError> {
        // Locked while a plan is made, so that two threads do not make the same one twice.
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, plan)) = plans.iter().find(|(of, _)| *of == form) {
            return Ok(Arc::clone(plan));
        }
        let plan = self.model(form)?.into_optimized()?.into_runnable()?;
        if plans.len() == PLANS_KEPT {
            plans.remove(0);
        }
        plans.push((form, Arc::clone(&plan)));
        Ok(plan)
    }
}

/// The first output and the one of the given index.
fn first_and<const FIRST: usize, const OTHER: usize>(
    outputs: &[TValue],
    other: usize,
) -> Result<(Array<FIRST>, Array<OTHER>), NetError> {
    let other = outputs
        .get(other)
        .ok_or_else(|| NetError(format!("it has {} outputs, none of the number {other}", outputs.len())))?;
    Ok((array(&outputs[0])?, array(other)?))
}

/// Values of an output, if it has this many axes.
fn array<const RANK: usize>(output: &TValue) -> Result<Array<RANK>, NetError> {
    let view = output.try_as_plain_ram()?;
    let values = view.as_slice::<f32>()?.to_vec();
    Ok(Array { shape: shape(output.shape())?, values })
}

fn shape<const RANK: usize>(axes: &[usize]) -> Result<[usize; RANK], NetError> {
    axes.try_into().map_err(|_| NetError(format!("its output has {} axes instead of {RANK}", axes.len())))
}
