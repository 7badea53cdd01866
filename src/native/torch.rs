//! Networks as PyTorch's state dicts: safetensors files of float32, which `examples/twin.py` reads and writes. The numbers
//! are those of Burn's modules, under PyTorch's names and in its layouts:
//!
//! | here | in PyTorch |
//! | --- | --- |
//! | `gamma` and `beta` of a norm | `weight` and `bias` |
//! | the weight of a linear map, [in, out] | [out, in] |
//! | all else | the same |
//!
//! A file stands alone: its metadata says which network it holds ([`NETWORK`]), its configuration ([`CONFIG`]) and the
//! names of its classes ([`CLASSES`]), if they have any.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
};

use burn::tensor::Device;
use half::{bf16, f16};
use safetensors::{Dtype, SafeTensorError, SafeTensors, tensor::TensorView};
use serde_json::json;
use thiserror::Error;

use super::{
    atomic,
    device::{DeviceError, DeviceKind},
    export::{self, ExportError},
    store::{Checkpoint, Exported, StoreError, Trained},
};
use crate::{
    classes::Classes,
    library::{Library, Network},
    model::{
        noise_level::NoiseLevelConfig, scorer::ScorerConfig, unet::UnetConfig, vae::VaeConfig,
    },
    nn::ModelConfig,
    weights::{self, Entry, Source, Weight, WeightsFile},
};

/// The key of the network's name in a file's metadata.
pub const NETWORK: &str = "network";

/// That of its configuration, as JSON.
pub const CONFIG: &str = "config";

/// That of its classes' names, a list as JSON; absent: their numbers.
pub const CLASSES: &str = "classes";

/// A state dict that was not written or not taken.
#[derive(Debug, Error)]
pub enum TorchError {
    /// What a folder of weights or of runs holds.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// No CPU backend.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// What is imported cannot be kept.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// CLIP's text encoder is made of Burn's own blocks, which are not PyTorch's.
    #[error(
        "clip has no state dict, as its text encoder is made of other blocks than PyTorch's: `unnoise export clip --onnx` writes it for other programs"
    )]
    Clip,
    /// Not a state dict, or not of this network.
    #[error("{file} cannot be imported: {reason}", file = .0.display(), reason = .1)]
    File(PathBuf, String),
}

/// Whether a network can be written and read as a state dict.
pub fn has_state_dict(network: Network) -> bool {
    network != Network::Clip
}

/// Writes an exported network, which lies in `weights`, as it is shipped, after quantisation, into `folder`. Returns
/// the file.
///
/// # Errors
/// [`TorchError`].
pub fn write_exported(
    network: Network,
    weights: &Path,
    folder: &Path,
) -> Result<PathBuf, TorchError> {
    let Exported { entry, bytes } = &Exported::read(weights, network)?;
    let explain = |error| StoreError::Weights(weights.into(), error);
    write(network, &WeightsFile { entry, bytes }, explain, folder)
}

/// Writes the averaged network of a training run, before quantisation, into `folder`. Returns the file.
///
/// # Errors
/// [`TorchError`].
pub fn write_trained(network: Network, run: &Path, folder: &Path) -> Result<PathBuf, TorchError> {
    let checkpoint = Checkpoint::open(run).map_err(StoreError::from)?;
    let source = Trained(&checkpoint, network);
    write(network, &source, StoreError::from, folder)
}

fn write<S: Source>(
    network: Network,
    source: &S,
    explain: impl Fn(S::Error) -> StoreError,
    folder: &Path,
) -> Result<PathBuf, TorchError> {
    let device = DeviceKind::Cpu.open()?;
    let bytes = match network {
        Network::Unet | Network::UnetBlind | Network::Text => {
            encode::<UnetConfig, S>(network, source, &device)
        }
        Network::NoiseLevel => encode::<NoiseLevelConfig, S>(network, source, &device),
        Network::Scorer => encode::<ScorerConfig, S>(network, source, &device),
        Network::Vae => encode::<VaeConfig, S>(network, source, &device),
        Network::Clip => return Err(TorchError::Clip),
    };
    let file = folder.join(format!("{network}.safetensors"));
    atomic::write(&file, &bytes.map_err(explain)?)?;
    Ok(file)
}

fn encode<C: ModelConfig, S: Source>(
    network: Network,
    source: &S,
    device: &Device,
) -> Result<Vec<u8>, S::Error> {
    let (model, config) = source.open::<C>(device)?;
    let weights = weights::named(model).map_err(|reason| source.misfit(&reason))?;
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = weights
        .into_iter()
        .map(|(name, weight)| {
            let Weight { shape, values } = turned(weight);
            let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            (torch_name(&name), shape, bytes)
        })
        .collect();
    let json = |value: serde_json::Result<String>| value.expect("plain data");
    let mut metadata = HashMap::from([
        // What Hugging Face's libraries ask for.
        ("format".into(), "pt".into()),
        (NETWORK.into(), network.name().into()),
        (CONFIG.into(), json(serde_json::to_string(&config))),
    ]);
    if let Some(classes) = source.classes() {
        metadata.insert(CLASSES.into(), json(serde_json::to_string(&classes)));
    }
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, SafeTensorError>>();
    views
        .and_then(|views| safetensors::serialize(views, Some(metadata)))
        .map_err(|error| source.misfit(&error.to_string()))
}

/// What PyTorch calls a weight.
fn torch_name(name: &str) -> String {
    let (path, own) = name.rsplit_once('.').unwrap_or(("", name));
    match own {
        "gamma" => format!("{path}.weight"),
        "beta" => format!("{path}.bias"),
        _ => name.into(),
    }
}

/// A weight in the other's layout: of linear maps, the only matrices that there are, the rows become columns.
fn turned(weight: Weight) -> Weight {
    let Weight { shape, values } = &weight;
    let &[rows, columns] = &shape[..] else {
        return weight;
    };
    let column = |c: usize| (0..rows).map(move |r| values[r * columns + c]);
    Weight {
        shape: vec![columns, rows],
        values: (0..columns).flat_map(column).collect(),
    }
}

/// Quantises the network of a state dict and puts it into a folder of weights, as [`export::network`] does with that
/// of a training run. Which network it is the file says, or `network` where it does not. Returns the entry.
///
/// # Errors
/// [`TorchError`]; the weights are then as they were.
pub fn import(path: &Path, network: Option<Network>, folder: &Path) -> Result<Entry, TorchError> {
    let dict = StateDict::read(path, network)?;
    // What cannot be loaded afterwards is not taken.
    Library::new(DeviceKind::Cpu.open()?).load(dict.network, &dict)?;
    let name = path.file_name().map(|name| name.to_string_lossy());
    let sha256 = weights::sha256(&dict.bytes);
    let training = json!({ "imported": { "file": name, "sha256": sha256 } });
    export::put(dict.network, &dict, training, folder)
}

/// A file with a state dict, and what its metadata says of it.
struct StateDict {
    path: PathBuf,
    bytes: Vec<u8>,
    network: Network,
    config: serde_json::Value,
    classes: Option<Classes>,
}

impl StateDict {
    fn read(path: &Path, network: Option<Network>) -> Result<Self, TorchError> {
        let bytes = atomic::read(path)?;
        let unfit = |reason: String| TorchError::File(path.into(), reason);
        let (_, header) = SafeTensors::read_metadata(&bytes)
            .map_err(|error| unfit(format!("it is no safetensors file ({error})")))?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let says = |key: &str, error: &dyn std::fmt::Display| {
            unfit(format!("the \"{key}\" of its metadata is none: {error}"))
        };
        let named = match metadata.get(NETWORK) {
            Some(name) => Some(name.parse().map_err(|error| says(NETWORK, &error))?),
            None => None,
        };
        let network = match (named, network) {
            (Some(named), Some(asked)) if named != asked => {
                return Err(unfit(format!("it says that it is {named}, not {asked}")));
            }
            (named, asked) => named.or(asked).ok_or_else(|| {
                unfit("it does not say which network it is: name it with --network".into())
            })?,
        };
        let config = metadata.get(CONFIG).ok_or_else(|| {
            unfit("its metadata has no \"config\", the network's configuration: save it with one, as examples/twin.py does".into())
        })?;
        let config = serde_json::from_str(config).map_err(|error| says(CONFIG, &error))?;
        let classes = match metadata.get(CLASSES) {
            Some(names) => {
                Some(serde_json::from_str(names).map_err(|error| says(CLASSES, &error))?)
            }
            None => None,
        };
        if !has_state_dict(network) {
            return Err(TorchError::Clip);
        }
        Ok(Self {
            path: path.into(),
            bytes,
            network,
            config,
            classes,
        })
    }

    /// The weights that `fresh`, a network's own, are to be replaced by.
    fn weights(
        &self,
        fresh: BTreeMap<String, Weight>,
    ) -> Result<BTreeMap<String, Weight>, TorchError> {
        let file =
            SafeTensors::deserialize(&self.bytes).map_err(|e| self.misfit(&e.to_string()))?;
        let names: BTreeMap<String, String> = fresh
            .keys()
            .map(|name| (torch_name(name), name.clone()))
            .collect();
        let wanted: BTreeSet<&str> = names.keys().map(String::as_str).collect();
        let there: BTreeSet<&str> = file.iter().map(|(name, _)| name).collect();
        let lacks: Vec<&str> = wanted.difference(&there).copied().collect();
        let strange: Vec<&str> = there.difference(&wanted).copied().collect();
        let faults = [("lacks", lacks), ("should not have", strange)];
        let faults = faults.iter().filter(|(_, names)| !names.is_empty());
        let faults: Vec<String> = faults
            .map(|(what, names)| format!("it {what} {}", some(names)))
            .collect();
        if !faults.is_empty() {
            let network = self.network;
            let reason = format!(
                "as {network} of its configuration {}",
                faults.join(", and ")
            );
            return Err(self.misfit(&reason));
        }
        let mut weights = BTreeMap::new();
        for (theirs, view) in file.iter() {
            let ours = &names[theirs];
            // As large as its own, so that nothing larger is ever turned.
            let shape = turned(fresh[ours].clone()).shape;
            if view.shape() != shape {
                let reason = format!("{theirs} is {:?} instead of {shape:?}", view.shape());
                return Err(self.misfit(&reason));
            }
            let values =
                numbers(&view).map_err(|reason| self.misfit(&format!("{theirs} {reason}")))?;
            weights.insert(ours.clone(), turned(Weight { shape, values }));
        }
        Ok(weights)
    }
}

impl Source for StateDict {
    type Error = TorchError;

    fn open<C: ModelConfig>(&self, device: &Device) -> Result<(C::Model, C), TorchError> {
        let config: C = serde_json::from_value(self.config.clone())
            .map_err(|error| self.misfit(&format!("its configuration cannot be read: {error}")))?;
        config.check().map_err(|e| self.misfit(&e.to_string()))?;
        let network = config.init(device);
        let fresh = weights::named(network.clone()).map_err(|reason| self.misfit(&reason))?;
        let network = weights::fill(network, self.weights(fresh)?);
        Ok((network.map_err(|reason| self.misfit(&reason))?, config))
    }

    /// Only what is asked for a class has any.
    fn classes(&self) -> Option<Classes> {
        let classes = self.classes.clone();
        classes.filter(|_| self.network.has_classes())
    }

    fn misfit(&self, reason: &str) -> TorchError {
        TorchError::File(self.path.clone(), reason.into())
    }
}

/// The first of some names, and how many more there are.
fn some(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).into(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    }
}

/// A tensor's numbers.
///
/// # Errors
/// What it has or is that it should not.
fn numbers(view: &TensorView) -> Result<Vec<f32>, String> {
    let data = view.data();
    let pairs = || data.as_chunks().0.iter().copied();
    let values: Vec<f32> = match view.dtype() {
        Dtype::F32 => weights::floats(view)?,
        Dtype::F16 => pairs().map(|two| f16::from_le_bytes(two).into()).collect(),
        Dtype::BF16 => pairs().map(|two| bf16::from_le_bytes(two).into()).collect(),
        other => {
            return Err(format!(
                "is of type {other:?}: save it as float32, with model.float()"
            ));
        }
    };
    if values.iter().all(|v| v.is_finite()) {
        Ok(values)
    } else {
        Err("has a value that is not a number".into())
    }
}
