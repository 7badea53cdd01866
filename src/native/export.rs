//! A network, of a training run or from elsewhere → a quantised weights file and its line in the manifest. Tensors keep
//! the names that they have here, which [`weights`] says how to read.

use std::path::Path;

use serde_json::json;
use thiserror::Error;

use super::{
    atomic,
    device::DeviceKind,
    store::{self, Checkpoint, CheckpointError, StoreError, Trained},
};
use crate::{
    library::Network,
    model::{
        clip::ClipConfig, noise_level::NoiseLevelConfig, scorer::ScorerConfig, unet::UnetConfig,
        vae::VaeConfig,
    },
    native::device::DeviceError,
    nn::ModelConfig,
    weights::{self, Entry, Source, WeightsError},
};

/// An export that failed; the weights folder is then as it was.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The run.
    #[error(transparent)]
    Run(#[from] CheckpointError),
    /// The manifest.
    #[error(transparent)]
    Manifest(#[from] StoreError),
    /// The weights.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A file.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// No CPU backend.
    #[error(transparent)]
    Device(#[from] DeviceError),
}

/// Writes the file of a training run's network and its entry in `manifest.json`. Returns the entry.
///
/// # Errors
/// [`ExportError`].
pub fn network(network: Network, run: &Path, folder: &Path) -> Result<Entry, ExportError> {
    let checkpoint = Checkpoint::open(run)?;
    let Checkpoint {
        identity, progress, ..
    } = &checkpoint;
    let last = progress.metrics.last();
    let mut training = json!({
        "data": identity.learned().to_string(),
        "recipe": identity.training,
        "steps": progress.step,
        "seconds": progress.seconds,
        "samples": last.map(|m| m.samples),
        "trainLoss": last.map(|m| m.train_loss),
        "validationLoss": last.map(|m| m.validation_loss),
    });
    if let Some(before) = &progress.pretrained {
        training["pretrained"] = before.clone();
    }
    put(network, &Trained(&checkpoint, network), training, folder)
}

/// The same of a network from wherever; `training` says how it came to be.
///
/// # Errors
/// The source's, [`ExportError`].
pub fn put<S: Source, E: From<S::Error> + From<ExportError>>(
    network: Network,
    source: &S,
    training: serde_json::Value,
    folder: &Path,
) -> Result<Entry, E> {
    let (entry, bytes) = match network {
        Network::Unet | Network::UnetBlind | Network::Text => {
            encode::<UnetConfig, S, E>(network, source, training)
        }
        Network::NoiseLevel => encode::<NoiseLevelConfig, S, E>(network, source, training),
        Network::Scorer => encode::<ScorerConfig, S, E>(network, source, training),
        Network::Vae => encode::<VaeConfig, S, E>(network, source, training),
        Network::Clip => encode::<ClipConfig, S, E>(network, source, training),
    }?;
    write(network, &entry, &bytes, folder)?;
    Ok(entry)
}

fn write(network: Network, entry: &Entry, bytes: &[u8], folder: &Path) -> Result<(), ExportError> {
    // Before anything is written: a manifest that cannot be read must not be replaced.
    store::manifest_or_new(folder)?;
    atomic::write(&folder.join(&entry.file), bytes)?;
    store::change_manifest(folder, |manifest| {
        manifest.models.insert(network.name().into(), entry.clone());
    })?;
    Ok(())
}

/// A network as a file, and its line in the manifest.
fn encode<C: ModelConfig, S: Source, E: From<S::Error> + From<ExportError>>(
    network: Network,
    source: &S,
    training: serde_json::Value,
) -> Result<(Entry, Vec<u8>), E> {
    let device = DeviceKind::Cpu.open().map_err(ExportError::from)?;
    let (model, config) = source.open::<C>(&device)?;
    let cost = config.cost();
    let file = format!("{network}.safetensors");
    let bytes = weights::encode(model, &file).map_err(ExportError::from)?;
    let entry = Entry {
        bytes: bytes.len() as u64,
        sha256: weights::sha256(&bytes),
        config: serde_json::to_value(&config).expect("a configuration is plain data"),
        quantisation: weights::Quantisation::default(),
        parameters: cost.parameters,
        mflop_per_call: cost.mflop(),
        training,
        quality: serde_json::Value::Null,
        classes: source.classes(),
        fit: None,
        file,
    };
    Ok((entry, bytes))
}
