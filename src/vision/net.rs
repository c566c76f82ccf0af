//! ONNX networks, run by tract. Only this module and [`int8`], whose operators it registers, know tract.

use std::sync::{Arc, Mutex, PoisonError};

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::{Factoid as _, InletId};

use crate::int8::{self, Kernel};

/// Plans kept ready, by input shape; with more image sizes than this, the oldest plan is dropped.
const PLANS_KEPT: usize = 12;

/// Why a network cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NetError(String);

impl NetError {
    fn new(error: &TractError) -> Self {
        // The root cause is the informative one; the outer ones only list nodes.
        Self(error.root_cause().to_string())
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
    model: InferenceModel,
    /// Whether its first step turns the input back into pixel bytes.
    quantizes_pixels: bool,
    plans: Mutex<Vec<(InputSpec, Arc<TypedRunnableModel>)>>,
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
        let mut reader = tract_onnx::onnx();
        int8::register(&mut reader, kernel);
        let model = reader.model_for_read(&mut &*onnx).map_err(|error| NetError::new(&error))?;
        if model.inputs.len() != 1 || model.outputs.is_empty() {
            return Err(NetError(format!(
                "it has {} inputs and {} outputs instead of one each, or more outputs",
                model.inputs.len(),
                model.outputs.len()
            )));
        }
        let quantizes_pixels = int8::quantizes_pixels(&model);
        Ok(Self { model, quantizes_pixels, plans: Mutex::default() })
    }

    /// Index of the output with this name, from 0.
    #[must_use]
    pub fn output(&self, name: &str) -> Option<usize> {
        self.model.outputs.iter().position(|outlet| self.model.outlet_label(*outlet) == Some(name))
    }

    /// The 1x1 convolution that makes the output with this index.
    ///
    /// # Errors
    /// If something else makes it, or its weights are no constants of the file.
    pub(crate) fn last_layer(&self, output: usize) -> Result<LastLayer, NetError> {
        let wrong = || NetError("its evidence does not come from a 1x1 convolution with constant weights".into());
        let outlet = self.model.outputs.get(output).ok_or_else(wrong)?;
        let node = self.model.node(outlet.node);
        let constant = |slot: usize| {
            let fact = self.model.outlet_fact(*node.inputs.get(slot)?).ok()?;
            let tensor = fact.value.concretize()?;
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
        let node = self.model.outputs[output].node;
        let mut set = |slot: usize, name: &str, shape: &[usize], values: &[f32]| {
            let constant = self.model.add_const(name, Tensor::from_shape(shape, values)?)?;
            self.model.add_edge(constant, InletId::new(node, slot))
        };
        set(1, "profile.weights", &[classes, features, 1, 1], &layer.weights)
            .and_then(|()| set(2, "profile.bias", &[classes], &layer.bias))
            .map_err(|error| NetError::new(&error))?;
        Ok(self)
    }

    /// The same network with one more output: what the last layer of the output with this index takes. Returns the new
    /// output's index, too.
    ///
    /// # Errors
    /// As `last_layer`.
    pub(crate) fn with_features(mut self, output: usize) -> Result<(Self, usize), NetError> {
        self.last_layer(output)?;
        let features = self.model.node(self.model.outputs[output].node).inputs[0];
        self.model.outputs.push(features);
        let index = self.model.outputs.len() - 1;
        Ok((self, index))
    }

    /// What it answers for pixels as `run_pixels` takes them. Its layers are checked and nothing is run, so that a start need not
    /// wait for it.
    ///
    /// # Errors
    /// If the network does not accept this shape, or has a layer that cannot be computed.
    pub(crate) fn answers_to_pixels(&self, [images, height, width]: [usize; 3]) -> Result<Answers, NetError> {
        if self.quantizes_pixels {
            self.answers((u8::datum_type(), [images, height, width, 3]))
        } else {
            self.answers_to_planes([images, 3, height, width])
        }
    }

    /// The same for an input as `run` takes it.
    ///
    /// # Errors
    /// As `answers_to_pixels`.
    pub(crate) fn answers_to_planes(&self, shape: [usize; 4]) -> Result<Answers, NetError> {
        self.answers((f32::datum_type(), shape))
    }

    fn answers(&self, form: InputSpec) -> Result<Answers, NetError> {
        let typed = self.for_input(form).and_then(InferenceModelExt::into_typed);
        let typed = typed.map_err(|error| NetError::new(&error))?;
        let axes = |outlet: &OutletId| {
            let fact = typed.outlet_fact(*outlet).map_err(|error| NetError::new(&error))?;
            if fact.datum_type != f32::datum_type() {
                return Err(NetError(format!("an output is {:?} instead of F32", fact.datum_type)));
            }
            let axes = fact.shape.as_concrete().map(<[usize]>::to_vec);
            axes.ok_or_else(|| NetError("the size of an output depends on more than that of the input".into()))
        };
        typed.outputs.iter().map(axes).collect::<Result<_, _>>().map(Answers)
    }

    fn for_input(&self, (of, shape): InputSpec) -> TractResult<InferenceModel> {
        self.model.clone().with_input_fact(0, of.fact(shape).into())
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
        let outputs = self.outputs(input)?;
        let other = outputs
            .get(other)
            .ok_or_else(|| NetError(format!("it has {} outputs, none of the number {other}", outputs.len())))?;
        Ok((array(&outputs[0])?, array(other)?))
    }

    /// Runs the network on pixels (R, G, B; the rows of all images one after the other) and returns its first output.
    /// The network sees planes of byte / 255; if it quantizes them to the same bytes first, that step is skipped.
    ///
    /// # Errors
    /// If there are not images x height x width pixels; else as `run`.
    pub fn run_pixels<const OUT: usize>(
        &self,
        pixels: &[u8],
        [images, height, width]: [usize; 3],
    ) -> Result<Array<OUT>, NetError> {
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
            return self.run(&Array { shape: [images, 3, height, width], values });
        }
        let shape = [images, height, width, 3];
        let plan = self.plan((u8::datum_type(), shape))?;
        let tensor = Tensor::from_shape(&shape, pixels).map_err(|error| NetError::new(&error))?;
        array(&plan.run(tvec!(tensor.into())).map_err(|error| NetError::new(&error))?[0])
    }

    fn outputs(&self, input: &Array<4>) -> Result<TVec<TValue>, NetError> {
        let plan = self.plan((f32::datum_type(), input.shape))?;
        let tensor = Tensor::from_shape(&input.shape, &input.values).map_err(|error| NetError::new(&error))?;
        plan.run(tvec!(tensor.into())).map_err(|error| NetError::new(&error))
    }

    fn plan(&self, form: InputSpec) -> Result<Arc<TypedRunnableModel>, NetError> {
        // Locked while a plan is made, so that two threads do not make the same one twice.
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, plan)) = plans.iter().find(|(of, _)| *of == form) {
            return Ok(Arc::clone(plan));
        }
        let plan = self
            .for_input(form)
            .and_then(InferenceModelExt::into_optimized)
            .and_then(IntoRunnable::into_runnable)
            .map_err(|error| NetError::new(&error))?;
        if plans.len() == PLANS_KEPT {
            plans.remove(0);
        }
        plans.push((form, Arc::clone(&plan)));
        Ok(plan)
    }
}

/// Values of an output, if it has this many axes.
fn array<const RANK: usize>(output: &TValue) -> Result<Array<RANK>, NetError> {
    let view = output.try_as_plain_ram().map_err(|error| NetError::new(&error))?;
    let values = view.as_slice::<f32>().map_err(|error| NetError::new(&error))?.to_vec();
    Ok(Array { shape: shape(output.shape())?, values })
}

fn shape<const RANK: usize>(axes: &[usize]) -> Result<[usize; RANK], NetError> {
    axes.try_into().map_err(|_| NetError(format!("its output has {} axes instead of {RANK}", axes.len())))
}
