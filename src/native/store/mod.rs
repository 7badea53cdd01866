//! What lies in folders: exported weights with their manifest, and training runs.

mod checkpoint;
mod progress;

use std::{
    io,
    path::{Path, PathBuf},
};

use burn::{module::Module, tensor::Device};
pub use checkpoint::{Checkpoint, CheckpointError, Identity, is_run, save};
pub use progress::{EpochMetrics, Progress, SigmaMetrics, StepMetrics, Sums};
use thiserror::Error;

use super::{atomic, text};
use crate::{
    classes::Classes,
    library::{Library, Network},
    nn::ModelConfig,
    weights::{Entry, Manifest, Source, WeightsError, WeightsFile},
};

/// Weights that cannot be read or written.
#[derive(Debug, Error)]
pub enum StoreError {
    /// What a folder of weights holds.
    #[error("{folder}: {error}", folder = .0.display(), error = .1)]
    Weights(PathBuf, WeightsError),
    /// The checkpoint of a training run.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A file of weights.
    #[error("{0}: train and export the weights, or name their folder with --weights DIR")]
    File(io::Error),
    /// A file that cannot be written.
    #[error(transparent)]
    Write(#[from] io::Error),
}

const MANIFEST: &str = "manifest.json";

/// The manifest of a folder of weights.
///
/// # Errors
/// [`StoreError::File`], [`StoreError::Weights`].
pub fn manifest(folder: &Path) -> Result<Manifest, StoreError> {
    let json = text::read(&folder.join(MANIFEST)).map_err(StoreError::File)?;
    Manifest::parse(&json).map_err(|e| StoreError::Weights(folder.into(), e))
}

/// The exported networks of a folder of weights.
///
/// # Errors
/// [`StoreError`].
pub fn exported(
    folder: &Path,
    networks: &[Network],
    device: &Device,
) -> Result<Library, StoreError> {
    let manifest = manifest(folder)?;
    let mut library = Library::new(device.clone());
    for &network in networks {
        let Exported { entry, bytes } = &Exported::listed(&manifest, folder, network)?;
        library
            .load(network, &WeightsFile { entry, bytes })
            .map_err(|e| StoreError::Weights(folder.into(), e))?;
    }
    Ok(library)
}

/// A weights file and its line in the manifest, read and not yet checked.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The line.
    pub entry: Entry,
    /// The file.
    pub bytes: Vec<u8>,
}

impl Exported {
    /// Those of a network in a folder of weights.
    ///
    /// # Errors
    /// [`StoreError::File`], [`StoreError::Weights`].
    pub fn read(folder: &Path, network: Network) -> Result<Self, StoreError> {
        Self::listed(&manifest(folder)?, folder, network)
    }

    fn listed(manifest: &Manifest, folder: &Path, network: Network) -> Result<Self, StoreError> {
        let entry = manifest
            .model(network.name())
            .map_err(|e| StoreError::Weights(folder.into(), e))?;
        let bytes = atomic::read(&folder.join(&entry.file)).map_err(StoreError::File)?;
        let entry = entry.clone();
        Ok(Self { entry, bytes })
    }
}

/// The averaged networks of training runs, before quantisation. Those that the last of them only leans on are
/// taken as exported where they have no run: it was trained beside those.
///
/// # Errors
/// [`StoreError`].
pub fn trained(
    runs: &Path,
    weights: &Path,
    networks: &[Network],
    device: &Device,
) -> Result<Library, StoreError> {
    let run = |network: &Network| runs.join(network.name());
    let (has_run, exported_only): (Vec<Network>, Vec<Network>) = networks
        .iter()
        .partition(|network| Some(*network) == networks.last() || is_run(&run(network)));
    let mut library = exported(weights, &exported_only, device)?;
    for network in has_run {
        let checkpoint = Checkpoint::open(&run(&network))?;
        library.load(network, &Trained(&checkpoint, network))?;
    }
    Ok(library)
}

/// The averaged network of a training run.
pub struct Trained<'a>(pub &'a Checkpoint, pub Network);

impl Source for Trained<'_> {
    type Error = CheckpointError;

    fn open<C: ModelConfig>(&self, device: &Device) -> Result<(C::Model, C), CheckpointError> {
        let Self(checkpoint, network) = self;
        let config: C = checkpoint.config(network.name())?;
        let average = checkpoint.average(config.init(device))?.to_device(device);
        Ok((average, config))
    }

    /// Only what is asked for a class has any.
    fn classes(&self) -> Option<Classes> {
        let classes = self.0.identity.learned().about.classes;
        let Self(_, network) = self;
        (network.has_classes() && !classes.are_digits()).then_some(classes)
    }

    fn misfit(&self, reason: &str) -> CheckpointError {
        self.0.misfit(reason)
    }
}

/// The manifest of a folder of weights, an empty one where there is none.
///
/// # Errors
/// [`StoreError`]: one that cannot be read is no empty one, as the networks that it names would be forgotten.
pub fn manifest_or_new(folder: &Path) -> Result<Manifest, StoreError> {
    match manifest(folder) {
        Err(StoreError::File(error)) if error.kind() == io::ErrorKind::NotFound => {
            Ok(Manifest::default())
        }
        read => read,
    }
}

/// Changes the manifest of a folder of weights as it stands at this moment, whatever was read of it before: others
/// may have written it meanwhile.
///
/// # Errors
/// As [`manifest_or_new`]; the manifest is then as it was.
pub fn change_manifest(
    folder: &Path,
    change: impl FnOnce(&mut Manifest),
) -> Result<(), StoreError> {
    let mut manifest = manifest_or_new(folder)?;
    change(&mut manifest);
    let mut json = serde_json::to_string_pretty(&manifest).expect("a manifest is plain data");
    json.push('\n');
    Ok(atomic::write(&folder.join(MANIFEST), json.as_bytes())?)
}
