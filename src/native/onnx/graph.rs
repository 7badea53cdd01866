//! A graph in the making: nodes, the constants that they need, and the weights under their own names.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;

use super::proto::{
    AttributeProto, AttributeType, DataType, Dimension, Extent, GraphProto, IR_VERSION, ModelProto,
    NodeProto, OPSET, OperatorSetIdProto, TensorProto, TensorShapeProto, TensorTypeProto,
    TypeProto, ValueInfoProto,
};
use crate::weights::Weight;

/// The name of the first dimension of every input and output.
const BATCH: &str = "batch";

/// What a node, an input or a constant gives.
#[derive(Clone, Debug)]
pub struct Value {
    name: String,
    /// Its shape without the batch: a picture's is channels, height, width.
    pub shape: Vec<usize>,
}

/// What a node is told beside its inputs.
pub enum Attribute<'a> {
    Float(f32),
    Int(i64),
    Ints(&'a [i64]),
    Text(&'a str),
}

/// A graph over the weights of one network.
pub struct Graph {
    weights: BTreeMap<String, Weight>,
    used: BTreeSet<String>,
    graph: GraphProto,
}

impl Graph {
    /// An empty one.
    pub fn new(name: &str, weights: BTreeMap<String, Weight>) -> Self {
        Self {
            weights,
            used: BTreeSet::new(),
            graph: GraphProto {
                name: name.into(),
                ..GraphProto::default()
            },
        }
    }

    /// An input of numbers. `about` says what they are.
    pub fn input(&mut self, name: &str, shape: &[usize], about: &str) -> Value {
        self.input_of(DataType::Float, name, shape, about)
    }

    /// An input of integers.
    pub fn integers(&mut self, name: &str, shape: &[usize], about: &str) -> Value {
        self.input_of(DataType::Int64, name, shape, about)
    }

    fn input_of(&mut self, kind: DataType, name: &str, shape: &[usize], about: &str) -> Value {
        self.graph.input.push(info(kind, name, shape, about));
        Value {
            name: name.into(),
            shape: shape.into(),
        }
    }

    /// Makes `value` an output.
    pub fn output(&mut self, name: &str, value: &Value, about: &str) {
        let info = info(DataType::Float, name, &value.shape, about);
        self.graph.output.push(info);
        self.push("Identity", &[&value.name], &[], vec![name.into()]);
    }

    /// Whether the network has such a weight.
    pub fn has(&self, name: &str) -> bool {
        self.weights.contains_key(name)
    }

    /// A weight of the network, its whole shape.
    pub fn weight(&mut self, name: &str) -> Value {
        let Weight { shape, values } = self
            .weights
            .get(name)
            .unwrap_or_else(|| panic!("the network has no weight {name}"));
        let value = Value {
            name: name.into(),
            shape: shape.clone(),
        };
        if self.used.insert(name.into()) {
            let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            let tensor = tensor(DataType::Float, name, shape, bytes);
            self.graph.initializer.push(tensor);
        }
        value
    }

    /// A constant of this whole shape.
    pub fn floats(&mut self, values: &[f32], shape: &[usize]) -> Value {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(DataType::Float, shape, bytes)
    }

    /// A number.
    pub fn number(&mut self, value: f64) -> Value {
        self.floats(&[value as f32], &[])
    }

    /// A list of integers.
    pub fn ints(&mut self, values: &[i64]) -> Value {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(DataType::Int64, &[values.len()], bytes)
    }

    /// An integer.
    pub fn int(&mut self, value: i64) -> Value {
        self.constant(DataType::Int64, &[], value.to_le_bytes().into())
    }

    fn constant(&mut self, kind: DataType, shape: &[usize], bytes: Vec<u8>) -> Value {
        // The same one twice is one.
        let dims = dims(shape);
        let same = |t: &&TensorProto| {
            t.data_type == kind as i32 && t.dims == dims && t.raw_data == bytes && is_ours(&t.name)
        };
        let name = match self.graph.initializer.iter().find(same) {
            Some(there) => there.name.clone(),
            None => {
                let name = format!("{CONSTANT}{}", self.graph.initializer.len());
                let tensor = tensor(kind, &name, shape, bytes);
                self.graph.initializer.push(tensor);
                name
            }
        };
        Value {
            name,
            shape: shape.into(),
        }
    }

    /// What the operator `op` makes of `inputs`, with the shape that it has without the batch.
    pub fn node(
        &mut self,
        op: &str,
        inputs: &[&Value],
        attributes: &[(&str, Attribute)],
        shape: &[usize],
    ) -> Value {
        let [value] = self.nodes(op, inputs, attributes, [shape]);
        value
    }

    /// [`Graph::node`] with several outputs.
    pub fn nodes<const N: usize>(
        &mut self,
        op: &str,
        inputs: &[&Value],
        attributes: &[(&str, Attribute)],
        shapes: [&[usize]; N],
    ) -> [Value; N] {
        let count = self.graph.node.len();
        let mut i = 0;
        let values = shapes.map(|shape| {
            i += 1;
            Value {
                name: format!("{op}.{count}.{i}"),
                shape: shape.into(),
            }
        });
        let inputs: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
        let outputs = values.iter().map(|value| value.name.clone()).collect();
        self.push(op, &inputs, attributes, outputs);
        values
    }

    fn push(
        &mut self,
        op: &str,
        inputs: &[&str],
        attributes: &[(&str, Attribute)],
        output: Vec<String>,
    ) {
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|&input| input.into()).collect(),
            output,
            name: format!("{op}.{}", self.graph.node.len()),
            op_type: op.into(),
            attribute: attributes.iter().map(attribute).collect(),
        });
    }

    /// The file. `about` says what the graph computes.
    pub fn finish(self, about: &str) -> Vec<u8> {
        let model = ModelProto {
            ir_version: IR_VERSION,
            producer_name: env!("CARGO_PKG_NAME").into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            doc_string: about.into(),
            graph: Some(self.graph),
            opset_import: vec![OperatorSetIdProto {
                domain: String::new(),
                version: OPSET,
            }],
        };
        model.encode_to_vec()
    }
}

const CONSTANT: &str = "constant.";

/// Whether a constant of this name is none of the network's weights.
fn is_ours(name: &str) -> bool {
    name.starts_with(CONSTANT)
}

fn dims(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|&d| d as i64).collect()
}

fn tensor(kind: DataType, name: &str, shape: &[usize], bytes: Vec<u8>) -> TensorProto {
    TensorProto {
        dims: dims(shape),
        data_type: kind as i32,
        name: name.into(),
        raw_data: bytes,
    }
}

fn attribute((name, value): &(&str, Attribute)) -> AttributeProto {
    let named = AttributeProto {
        name: (*name).into(),
        ..AttributeProto::default()
    };
    match value {
        Attribute::Float(f) => AttributeProto {
            f: Some(*f),
            r#type: AttributeType::Float as i32,
            ..named
        },
        Attribute::Int(i) => AttributeProto {
            i: Some(*i),
            r#type: AttributeType::Int as i32,
            ..named
        },
        Attribute::Ints(ints) => AttributeProto {
            ints: ints.to_vec(),
            r#type: AttributeType::Ints as i32,
            ..named
        },
        Attribute::Text(text) => AttributeProto {
            s: Some(text.as_bytes().into()),
            r#type: AttributeType::String as i32,
            ..named
        },
    }
}

fn info(kind: DataType, name: &str, shape: &[usize], about: &str) -> ValueInfoProto {
    let sizes = shape.iter().map(|&d| Extent::DimValue(d as i64));
    let extents = std::iter::once(Extent::DimParam(BATCH.into())).chain(sizes);
    let dim = extents.map(|extent| Dimension {
        value: Some(extent),
    });
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type: kind as i32,
                shape: Some(TensorShapeProto { dim: dim.collect() }),
            }),
        }),
        doc_string: about.into(),
    }
}
