//! Trained weights as files: `manifest.json` and one 8-bit safetensors file a model.
//!
//! A tensor of [`BLOCK`] numbers or more is stored as int8 values under its own name, in its own shape,
//! and one f32 scale for each run of [`BLOCK`] consecutive values under `NAME.scale`; value = int8·scale.
//! Smaller tensors stay f32. Quantisation is a property of the file: the network computes in f32.
//!
//! Names are the fields of Burn's modules. They are not always PyTorch's: in a layer of clip's text encoder `norm_2`
//! stands before the attention and `norm_1` before the feed-forward part, where PyTorch numbers them in their order.

use std::collections::BTreeMap;

use burn::{
    module::Module,
    store::ModuleRecord,
    tensor::{Bytes, DType, Device, Shape},
};
use burn_pack::{Reader, Tensor, Writer};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::{classes::Classes, nn::ModelConfig, sampler::SamplerKind, schedule::Fitted};

/// Version of the manifest and of the files that it describes.
pub const VERSION: u32 = 1;

/// Values that share a scale.
pub const BLOCK: usize = 32;

const SCHEME: &str = "int8-block";

const SCALE: &str = ".scale";

/// Weights that cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum WeightsError {
    /// Not a manifest.
    #[error(
        "manifest.json cannot be read ({0}): bring it back, or delete it and export the weights again with `unnoise export`"
    )]
    Manifest(String),
    /// A manifest of another version of this crate.
    #[error(
        "manifest.json has version {0}, this program reads version {VERSION}: delete it and export the weights again with `unnoise export`, or reload the page"
    )]
    Version(u32),
    /// A model that was not exported.
    #[error("manifest.json has no model \"{0}\": run `unnoise train {0}` and `unnoise export {0}`")]
    NoModel(String),
    /// Too few or too many bytes.
    #[error("{file} is incomplete: {actual} bytes instead of {expected}; load it again")]
    Size {
        /// The weights file.
        file: String,
        /// Bytes in the manifest.
        expected: u64,
        /// Bytes that are there.
        actual: u64,
    },
    /// The right size, other bytes.
    #[error("{0} was altered: its SHA-256 sum is not the one in manifest.json; load it again")]
    Hash(String),
    /// Not a weights file, or not of this model.
    #[error(
        "{file} does not fit its model ({reason}): export the weights again with `unnoise export`"
    )]
    Fit {
        /// The weights file.
        file: String,
        /// What does not fit.
        reason: String,
    },
    /// A fitted schedule that is none.
    #[error(
        "the schedule that manifest.json has for {file} cannot be used ({reason}): fit it again with `unnoise fit`"
    )]
    Schedule {
        /// The weights file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Weights that are not worth a file.
    #[error(
        "the weights cannot be exported: {0} holds a value that is not a number, so the training has failed; train again with a lower --learning-rate"
    )]
    Diverged(String),
}

/// How the numbers of a file are stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantisation {
    /// "int8-block".
    pub scheme: String,
    /// Values that share a scale.
    pub block: usize,
}

impl Default for Quantisation {
    fn default() -> Self {
        Self {
            scheme: SCHEME.into(),
            block: BLOCK,
        }
    }
}

/// A model's line in the manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The weights file, beside the manifest.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256 sum, in hexadecimal.
    pub sha256: String,
    /// The model's configuration.
    pub config: serde_json::Value,
    /// How its numbers are stored.
    pub quantisation: Quantisation,
    /// Trained numbers.
    pub parameters: usize,
    /// Millions of floating-point operations a call on one sample.
    pub mflop_per_call: f64,
    /// How it was trained.
    pub training: serde_json::Value,
    /// What it was measured to do, before and after quantisation.
    #[serde(default)]
    pub quality: serde_json::Value,
    /// The names of its classes; none: their numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<Classes>,
    /// The schedule that was fitted to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<Fit>,
}

/// A schedule fitted to a network, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fit {
    /// The sampler that walked it.
    pub sampler: SamplerKind,
    /// With this guidance.
    pub guidance: f64,
    /// Steps of the same sampler, on the schedule karras, whose pictures it was to come near to.
    pub converged: usize,
    /// Seed of the first picture that it was fitted to.
    pub seed: u64,
    /// So many it was fitted to; those of as many seeds behind them it was measured by.
    pub count: u64,
    /// By number of steps.
    pub tables: BTreeMap<usize, FitTable>,
}

/// What was fitted for a number of steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitTable {
    /// The noise levels, without the 0 at the end.
    pub sigmas: Vec<f64>,
    /// Distances on the schedule karras.
    pub karras: Distances,
    /// Distances on this one.
    pub fitted: Distances,
}

/// How far from the converged pictures: the root mean square over the pixels, which lie in [-1, 1], and its mean over
/// the pictures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Distances {
    /// Of the pictures that the schedule was fitted to.
    pub fitted_to: f64,
    /// Of those held out.
    pub held_out: f64,
}

/// `manifest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`VERSION`].
    pub version: u32,
    /// The models by name.
    pub models: BTreeMap<String, Entry>,
}

impl Default for Manifest {
    fn default() -> Self {
        Self {
            version: VERSION,
            models: BTreeMap::new(),
        }
    }
}

impl Manifest {
    /// Reads `manifest.json`.
    ///
    /// # Errors
    /// [`WeightsError::Manifest`], [`WeightsError::Version`].
    pub fn parse(json: &str) -> Result<Self, WeightsError> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let bad = |error: serde_json::Error| WeightsError::Manifest(error.to_string());
        // The version first: another version's body need not parse.
        let head: Head = serde_json::from_str(json).map_err(bad)?;
        if head.version != VERSION {
            return Err(WeightsError::Version(head.version));
        }
        serde_json::from_str(json).map_err(bad)
    }

    /// A model's entry.
    ///
    /// # Errors
    /// [`WeightsError::NoModel`].
    pub fn model(&self, name: &str) -> Result<&Entry, WeightsError> {
        self.models
            .get(name)
            .ok_or_else(|| WeightsError::NoModel(name.into()))
    }
}

impl Entry {
    fn unfit(&self, reason: impl ToString) -> WeightsError {
        WeightsError::Fit {
            file: self.file.clone(),
            reason: reason.to_string(),
        }
    }

    /// The model's configuration, checked.
    ///
    /// # Errors
    /// [`WeightsError::Fit`].
    pub fn config<C: ModelConfig>(&self) -> Result<C, WeightsError> {
        let config: C =
            serde_json::from_value(self.config.clone()).map_err(|error| self.unfit(error))?;
        config.check().map_err(|reason| self.unfit(reason))?;
        Ok(config)
    }

    /// The schedule that was fitted to the model, which samples from noise levels in `range`; checked.
    ///
    /// # Errors
    /// [`WeightsError::Schedule`].
    pub fn schedule(&self, range: (f64, f64)) -> Result<Option<Fitted>, WeightsError> {
        let Some(fit) = &self.fit else {
            return Ok(None);
        };
        let sigmas = |(&steps, table): (&usize, &FitTable)| (steps, table.sigmas.clone());
        let fitted = Fitted::new(fit.tables.iter().map(sigmas).collect(), range);
        fitted.map(Some).map_err(|reason| WeightsError::Schedule {
            file: self.file.clone(),
            reason: reason.to_string(),
        })
    }

    /// Fills `module` from the file's bytes, after checking size, sum, names and shapes.
    ///
    /// # Errors
    /// [`WeightsError`]: what is wrong with the file.
    pub fn load<M: Module>(&self, module: M, bytes: &[u8]) -> Result<M, WeightsError> {
        let actual = bytes.len() as u64;
        if actual != self.bytes {
            return Err(WeightsError::Size {
                file: self.file.clone(),
                expected: self.bytes,
                actual,
            });
        }
        if sha256(bytes) != self.sha256 {
            return Err(WeightsError::Hash(self.file.clone()));
        }
        let Quantisation { scheme, block } = &self.quantisation;
        if scheme != SCHEME || *block == 0 {
            return Err(self.unfit(format!(
                "its numbers are stored as \"{scheme}\" in blocks of {block}, which this program does not read"
            )));
        }
        decode(module, bytes, *block).map_err(|reason| self.unfit(reason))
    }
}

/// Where a network comes from.
pub trait Source {
    /// Why it cannot be had.
    type Error;

    /// The network with its weights, and its configuration.
    ///
    /// # Errors
    /// What is wrong with the source.
    fn open<C: ModelConfig>(&self, device: &Device) -> Result<(C::Model, C), Self::Error>;

    /// The names of its classes, where they have others than their numbers.
    fn classes(&self) -> Option<Classes> {
        None
    }

    /// The schedule that was fitted to it, checked for a denoiser that samples from noise levels in `range`.
    ///
    /// # Errors
    /// What is wrong with the source.
    fn schedule(&self, _range: (f64, f64)) -> Result<Option<Fitted>, Self::Error> {
        Ok(None)
    }

    /// The error for a network that is sound, but not the one that is wanted.
    fn misfit(&self, reason: &str) -> Self::Error;
}

/// A weights file and its line in the manifest.
#[derive(Clone, Copy, Debug)]
pub struct WeightsFile<'a> {
    /// The line.
    pub entry: &'a Entry,
    /// The file.
    pub bytes: &'a [u8],
}

impl Source for WeightsFile<'_> {
    type Error = WeightsError;

    fn open<C: ModelConfig>(&self, device: &Device) -> Result<(C::Model, C), WeightsError> {
        let config: C = self.entry.config()?;
        let network = self.entry.load(config.init(device), self.bytes)?;
        Ok((network, config))
    }

    fn schedule(&self, range: (f64, f64)) -> Result<Option<Fitted>, WeightsError> {
        self.entry.schedule(range)
    }

    fn classes(&self) -> Option<Classes> {
        self.entry.classes.clone()
    }

    fn misfit(&self, reason: &str) -> WeightsError {
        self.entry.unfit(reason)
    }
}

/// The SHA-256 sum in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// One tensor of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Weight {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its numbers, the last dimension's side by side.
    pub values: Vec<f32>,
}

/// A module's weights by name.
///
/// # Errors
/// Why they cannot be had: one is not made of f32.
pub fn named<M: Module>(module: M) -> Result<BTreeMap<String, Weight>, String> {
    let record = module
        .into_record()
        .into_bytes()
        .map_err(|e| e.to_string())?;
    let tensors = Reader::from_bytes(record)
        .and_then(Reader::into_tensors)
        .map_err(|e| e.to_string())?;
    let weight = |tensor: Tensor| {
        let (name, dtype, shape, _, bytes) = tensor.into_parts().map_err(|e| e.to_string())?;
        if dtype != DType::F32 {
            return Err(format!("{name} is of type {dtype:?}"));
        }
        let numbers = bytes.as_chunks().0.iter();
        let weight = Weight {
            shape: shape.to_vec(),
            values: numbers.map(|&four| f32::from_le_bytes(four)).collect(),
        };
        Ok((name, weight))
    };
    tensors.into_iter().map(weight).collect()
}

/// A module's weights as a quantised file.
///
/// # Errors
/// [`WeightsError::Diverged`]: a weight is not a finite number.
pub fn encode<M: Module>(module: M, file: &str) -> Result<Vec<u8>, WeightsError> {
    let unfit = |reason: String| WeightsError::Fit {
        file: file.into(),
        reason,
    };
    let mut parts: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
    for (name, Weight { shape, values }) in named(module).map_err(unfit)? {
        if values.iter().any(|v| !v.is_finite()) {
            return Err(WeightsError::Diverged(name));
        }
        let le_bytes = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect();
        if values.len() < BLOCK {
            parts.push((name, Dtype::F32, shape, le_bytes(&values)));
        } else {
            let (quantised, scales) = quantise(&values);
            let bytes = quantised.iter().map(|q| q.cast_unsigned()).collect();
            parts.push((
                format!("{name}{SCALE}"),
                Dtype::F32,
                vec![scales.len()],
                le_bytes(&scales),
            ));
            parts.push((name, Dtype::I8, shape, bytes));
        }
    }
    let views = parts
        .iter()
        .map(|(name, dtype, shape, bytes)| {
            Ok((name, TensorView::new(*dtype, shape.clone(), bytes)?))
        })
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(|e| unfit(e.to_string()))?;
    safetensors::serialize(views, None).map_err(|e| unfit(e.to_string()))
}

/// int8 values and a scale for each block: scale = max|v| / 127.
fn quantise(values: &[f32]) -> (Vec<i8>, Vec<f32>) {
    let mut quantised = Vec::with_capacity(values.len());
    let mut scales = Vec::with_capacity(values.len().div_ceil(BLOCK));
    for block in values.chunks(BLOCK) {
        let scale = block.iter().fold(0f32, |max, v| max.max(v.abs())) / 127.0;
        // A block of zeros has scale 0; the quotient is then NaN, which becomes the integer 0.
        quantised.extend(block.iter().map(|v| (v / scale).round() as i8));
        scales.push(scale);
    }
    (quantised, scales)
}

fn decode<M: Module>(module: M, bytes: &[u8], block: usize) -> Result<M, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
    let mut weights = BTreeMap::new();
    for (name, view) in file.iter() {
        if let Some(of) = name.strip_suffix(SCALE) {
            match file.tensor(of) {
                Ok(scaled) if scaled.dtype() == Dtype::I8 => continue,
                _ => return Err(format!("{name} scales no tensor")),
            }
        }
        let values = if view.dtype() == Dtype::I8 {
            let scales = file
                .tensor(&format!("{name}{SCALE}"))
                .map_err(|_| format!("{name} has no scales"))?;
            let scales = floats(&scales)?;
            let expected = view.data().len().div_ceil(block);
            if scales.len() != expected {
                return Err(format!(
                    "{name} has {} scales instead of {expected}",
                    scales.len()
                ));
            }
            let blocks = view.data().chunks(block).zip(scales);
            blocks
                .flat_map(|(block, scale)| {
                    block
                        .iter()
                        .map(move |q| f32::from(q.cast_signed()) * scale)
                })
                .collect()
        } else {
            floats(&view)?
        };
        let shape = view.shape().to_vec();
        weights.insert(name.to_string(), Weight { shape, values });
    }
    fill(module, weights)
}

/// The numbers of a tensor that is stored as f32.
///
/// # Errors
/// It is of another type.
pub fn floats(view: &TensorView) -> Result<Vec<f32>, String> {
    if view.dtype() != Dtype::F32 {
        return Err(format!("it holds a tensor of type {:?}", view.dtype()));
    }
    let numbers = view.data().as_chunks().0.iter();
    Ok(numbers.map(|&four| f32::from_le_bytes(four)).collect())
}

/// A module with these weights: [`named`], undone.
///
/// # Errors
/// What does not fit: a name, a shape, or a value that is not a number.
pub fn fill<M: Module>(module: M, weights: BTreeMap<String, Weight>) -> Result<M, String> {
    let mut tensors = Vec::with_capacity(weights.len());
    for (name, Weight { shape, values }) in weights {
        if values.iter().any(|v| !v.is_finite()) {
            return Err(format!("{name} has a value that is not a number"));
        }
        let values = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        tensors.push(Tensor::new(
            name,
            DType::F32,
            Shape::from(shape),
            None,
            Bytes::from_bytes_vec(values),
        ));
    }
    let record = Writer::new(tensors)
        .into_bytes()
        .map_err(|e| e.to_string())?;
    let record = ModuleRecord::from_bytes(record).map_err(|e| e.to_string())?;
    module.try_load_record(record).map_err(|e| e.to_string())
}
