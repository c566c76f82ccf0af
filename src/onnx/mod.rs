//! ONNX files: a network's layers in their order, and its constants. What a layer computes is not known here.
//!
//! An own reader, since tract's names every operator of ONNX and of NNEF, and what is named is linked: a seventh of the program.

mod constant;
mod messages;

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::Message as _;
use tract_core::internal::{OutletId, TVec, Tensor, TractResult, TypedModel};

/// Why a file is no network.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OnnxError {
    /// Not ONNX at all.
    #[error("it is no ONNX file ({0})")]
    Form(#[from] prost::DecodeError),
    /// ONNX that is not understood.
    #[error("{0}")]
    Content(String),
}

/// A network as its file has it.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    /// Name of its input.
    pub(crate) input: String,
    /// Names of its outputs, one or more.
    pub(crate) outputs: Vec<String>,
    /// Each after those that it takes from.
    pub(crate) nodes: Vec<Node>,
    /// Constants by their names.
    pub(crate) constants: BTreeMap<String, Arc<Tensor>>,
}

/// One layer.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// ONNX's word for what it computes.
    pub(crate) operator: String,
    /// Name of its only output, and of itself.
    pub name: String,
    /// Names of what it takes: the network's input, outputs of other layers, constants. An optional one that is left out at the
    /// end is not among them.
    pub(crate) inputs: Vec<String>,
    attributes: Vec<messages::Attribute>,
}

/// Adds a layer with this name to a plan, and says what it answers there.
pub(crate) type Wire = Arc<dyn Fn(&str, &mut TypedModel, &[OutletId]) -> TractResult<TVec<OutletId>> + Send + Sync>;

impl Network {
    /// Reads a file.
    ///
    /// # Errors
    /// If it is not ONNX, has another number of inputs than one or no output, a layer with another number of outputs than one, or
    /// a constant of an unknown form.
    pub(crate) fn read(file: &[u8]) -> Result<Self, OnnxError> {
        let wrong = OnnxError::Content;
        let graph = messages::Model::decode(file)?.graph.ok_or_else(|| wrong("it holds no network".into()))?;
        let constants: BTreeMap<_, _> = graph
            .constants
            .into_iter()
            .map(|constant| {
                let tensor =
                    constant.tensor().map_err(|what| wrong(format!("its constant `{}` {what}", constant.name)))?;
                Ok((constant.name, Arc::new(tensor)))
            })
            .collect::<Result<_, OnnxError>>()?;
        // Older files list constants among the inputs.
        let mut inputs = graph.inputs.into_iter().filter(|input| !constants.contains_key(&input.name));
        let (Some(input), None, false) = (inputs.next(), inputs.next(), graph.outputs.is_empty()) else {
            return Err(wrong("it has not one input and at least one output".into()));
        };
        let nodes = graph.nodes.into_iter().map(|node| {
            let [name] = &node.outputs[..] else {
                let count = node.outputs.len();
                return Err(wrong(format!("a layer {} of it has {count} outputs instead of one", node.operator)));
            };
            let mut inputs = node.inputs;
            while inputs.pop_if(|input| input.is_empty()).is_some() {}
            Ok(Node { operator: node.operator, name: name.clone(), inputs, attributes: node.attributes })
        });
        let nodes = nodes.collect::<Result<_, _>>()?;
        let outputs = graph.outputs.into_iter().map(|output| output.name).collect();
        Ok(Self { input: input.name, outputs, nodes, constants })
    }
}

impl Node {
    /// A number among its attributes.
    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        self.attribute(name).map(|attribute| attribute.number)
    }

    /// A list among its attributes.
    pub(crate) fn numbers(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name).map(|attribute| &attribute.numbers[..])
    }

    /// A text among its attributes.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.attribute(name).map(|attribute| String::from_utf8_lossy(&attribute.text).into_owned())
    }

    fn attribute(&self, name: &str) -> Option<&messages::Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }
}
