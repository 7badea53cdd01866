//! A training run → a quantised weights file and its line in the manifest.

use std::{io::ErrorKind, path::Path};

use burn::tensor::Device;
use serde_json::json;
use thiserror::Error;

use super::{
    atomic,
    device::DeviceKind,
    sample::{self, SampleError, Trained},
};
use crate::{
    library::Network,
    model::{
        ModelConfig, clip::ClipConfig, noise_level::NoiseLevelConfig, scorer::ScorerConfig,
        unet::UnetConfig, vae::VaeConfig,
    },
    native::{device::DeviceError, train::Checkpoint},
    weights::{self, Entry, Manifest, Source, WeightsError},
};

/// An export that failed; the weights folder is then as it was.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The run.
    #[error(transparent)]
    Run(#[from] SampleError),
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
    let checkpoint = Checkpoint::open(run).map_err(SampleError::from)?;
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
    atomic::write(&folder.join(&entry.file), &bytes)?;
    let mut manifest = match sample::manifest(folder) {
        Ok(manifest) => manifest,
        Err(SampleError::File(error)) if error.kind() == ErrorKind::NotFound => Manifest::default(),
        // Damaged, or another version's: only exporting again makes it good.
        Err(SampleError::Weights(..)) => Manifest::default(),
        Err(other) => return Err(other.into()),
    };
    manifest.models.insert(network.name().into(), entry.clone());
    write_manifest(folder, &manifest)?;
    Ok(entry)
}

/// A trained network as a file, and its line in the manifest.
fn encode<C: ModelConfig>(
    source: &Trained,
    device: &Device,
) -> Result<(Entry, Vec<u8>), ExportError> {
    let (model, config) = source.open::<C>(device).map_err(SampleError::from)?;
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
        "data": "MNIST, 60,000 training digits",
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
        file,
    };
    Ok((entry, bytes))
}

/// Replaces `manifest.json`.
///
/// # Errors
/// [`ExportError::Io`].
pub fn write_manifest(folder: &Path, manifest: &Manifest) -> Result<(), ExportError> {
    let mut json = serde_json::to_string_pretty(manifest).expect("a manifest is plain data");
    json.push('\n');
    Ok(atomic::write(
        &folder.join("manifest.json"),
        json.as_bytes(),
    )?)
}
