//! A training run → a quantised weights file and its line in the manifest. Tensors keep the names that they have here,
//! which [`weights`] says how to read.

use std::path::Path;

use burn::tensor::Device;
use serde_json::json;
use thiserror::Error;

use super::{
    atomic,
    device::DeviceKind,
    store::{self, Checkpoint, StoreError, Trained},
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
    Run(#[from] StoreError),
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

/// Writes the network's file and its entry in `manifest.json`. Returns the entry.
///
/// # Errors
/// [`ExportError`].
pub fn network(network: Network, run: &Path, folder: &Path) -> Result<Entry, ExportError> {
    let device = DeviceKind::Cpu.open()?;
    let checkpoint = Checkpoint::open(run).map_err(StoreError::from)?;
    let source = Trained(&checkpoint, network);
    let (entry, bytes) = match network {
        Network::Unet | Network::UnetBlind | Network::Text => {
            encode::<UnetConfig>(&source, &device)?
        }
        Network::NoiseLevel => encode::<NoiseLevelConfig>(&source, &device)?,
        Network::Scorer => encode::<ScorerConfig>(&source, &device)?,
        Network::Vae => encode::<VaeConfig>(&source, &device)?,
        Network::Clip => encode::<ClipConfig>(&source, &device)?,
    };
    // Before anything is written: a manifest that cannot be read must not be replaced.
    store::manifest_or_new(folder)?;
    atomic::write(&folder.join(&entry.file), &bytes)?;
    store::change_manifest(folder, |manifest| {
        manifest.models.insert(network.name().into(), entry.clone());
    })?;
    Ok(entry)
}

/// A trained network as a file, and its line in the manifest.
fn encode<C: ModelConfig>(
    source: &Trained,
    device: &Device,
) -> Result<(Entry, Vec<u8>), ExportError> {
    let (model, config) = source.open::<C>(device).map_err(StoreError::from)?;
    let Trained(
        Checkpoint {
            identity, progress, ..
        },
        network,
    ) = source;
    let cost = config.cost();
    let file = format!("{network}.safetensors");
    let bytes = weights::encode(model, &file)?;
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
