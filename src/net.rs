//! Networks in ONNX files, run by tract. Nothing else in the program knows tract but [`int8`], whose
//! operators it runs.

use std::sync::{Arc, Mutex, PoisonError};

use tract_onnx::prelude::*;

use crate::int8::{self, Kernel};

/// Plans kept ready, by input shape; images of more sizes than this make the oldest be made again.
const PLANS_KEPT: usize = 12;

/// Why a network cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NetError(String);

impl NetError {
    fn new(error: &TractError) -> Self {
        // The innermost cause is what says something; the outer ones list nodes.
        Self(error.root_cause().to_string())
    }
}

/// A number array with its shape, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Array<const RANK: usize> {
    pub shape: [usize; RANK],
    pub values: Vec<f32>,
}

/// A network with one input `[N, 3, H, W]` and at least one output.
///
/// tract is fastest with fixed shapes, so a plan is made for each input shape and kept.
pub struct Net {
    model: InferenceModel,
    plans: Mutex<Vec<([usize; 4], Arc<TypedRunnableModel>)>>,
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
    /// When it is none, has another number of inputs than one, or what this program cannot compute.
    pub fn read(onnx: &[u8]) -> Result<Self, NetError> {
        Self::read_for(onnx, Kernel::best())
    }

    /// Reads an ONNX file, to be run on a kernel that this machine has.
    ///
    /// # Errors
    /// As `read`; a kernel that this machine does not have is noticed when the network runs.
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
        Ok(Self { model, plans: Mutex::default() })
    }

    /// Which output has this name, counted from 0.
    #[must_use]
    pub fn output(&self, name: &str) -> Option<usize> {
        self.model.outputs.iter().position(|outlet| self.model.outlet_label(*outlet) == Some(name))
    }

    /// Runs the network on `input` and gives its first output, which must have `OUT` axes.
    ///
    /// # Errors
    /// When the network does not take this shape, or answers with other axes.
    pub fn run<const OUT: usize>(&self, input: &Array<4>) -> Result<Array<OUT>, NetError> {
        array(&self.outputs(input)?[0])
    }

    /// Runs the network on `input` and gives its first output and the one of the given number.
    ///
    /// # Errors
    /// When there is no such output, the network does not take this shape, or answers with other axes.
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

    fn outputs(&self, input: &Array<4>) -> Result<TVec<TValue>, NetError> {
        let plan = self.plan(input.shape)?;
        let tensor = Tensor::from_shape(&input.shape, &input.values).map_err(|error| NetError::new(&error))?;
        plan.run(tvec!(tensor.into())).map_err(|error| NetError::new(&error))
    }

    fn plan(&self, shape: [usize; 4]) -> Result<Arc<TypedRunnableModel>, NetError> {
        // Held while a plan is made: two threads that need the same one would make it twice.
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, plan)) = plans.iter().find(|(of, _)| *of == shape) {
            return Ok(Arc::clone(plan));
        }
        let plan = self
            .model
            .clone()
            .with_input_fact(0, f32::fact(shape).into())
            .and_then(InferenceModelExt::into_optimized)
            .and_then(IntoRunnable::into_runnable)
            .map_err(|error| NetError::new(&error))?;
        if plans.len() == PLANS_KEPT {
            plans.remove(0);
        }
        plans.push((shape, Arc::clone(&plan)));
        Ok(plan)
    }
}

/// An output's numbers, if it has so many axes.
fn array<const RANK: usize>(output: &TValue) -> Result<Array<RANK>, NetError> {
    let view = output.try_as_plain_ram().map_err(|error| NetError::new(&error))?;
    let values = view.as_slice::<f32>().map_err(|error| NetError::new(&error))?.to_vec();
    let shape = <[usize; RANK]>::try_from(output.shape())
        .map_err(|_| NetError(format!("its output has {} axes instead of {RANK}", output.rank())))?;
    Ok(Array { shape, values })
}
