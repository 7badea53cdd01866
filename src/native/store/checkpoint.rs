//! A training run on disk: one file, replaced as a whole, so that a run killed at any moment resumes.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use burn::{
    module::Module,
    optim::ModuleOptimizer,
    store::{ModuleRecord, RecordError},
    tensor::Bytes,
};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Progress;
use crate::{
    native::{atomic, data::Learned},
    nn::ModelConfig,
    weights,
};

/// What tells one run from another: resuming under other settings would be another run. Only its `epochs`
/// may be more than they were, to train on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// The model's name.
    pub model: String,
    /// Its configuration.
    pub config: serde_json::Value,
    /// How it is trained.
    pub training: serde_json::Value,
    /// What it learns from; none in older files, which are of MNIST.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Learned>,
}

impl Identity {
    /// What it learns from.
    pub fn learned(&self) -> Learned {
        self.data.clone().unwrap_or_default()
    }
}

/// A checkpoint that cannot be written or read.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// Reading or writing failed; the reason names the file.
    #[error("{1}")]
    Io(PathBuf, io::Error),
    /// Not a checkpoint, or cut short.
    #[error("{path} is no checkpoint of this program ({reason}): delete it and train without --resume", path = .0.display(), reason = .1)]
    Format(PathBuf, String),
    /// Another model or other settings.
    #[error("{path} belongs to a run with other settings ({what}): give the same ones, or begin another run elsewhere with --runs DIR", path = .0.display(), what = .1)]
    Other(PathBuf, String),
}

const FILE: &str = "checkpoint.safetensors";

/// Whether a folder holds a training run, begun or finished.
pub fn is_run(folder: &Path) -> bool {
    path(folder).exists()
}

/// The checkpoint's path in a run's folder.
fn path(run: &Path) -> PathBuf {
    run.join(FILE)
}

/// Writes a checkpoint in place of the last one.
///
/// # Errors
/// [`CheckpointError::Io`]; the last checkpoint is then untouched.
pub fn save<M: Module>(
    run: &Path,
    identity: &Identity,
    progress: &Progress,
    model: M,
    average: M,
    optimizer: &ModuleOptimizer,
) -> Result<(), CheckpointError> {
    let file = path(run);
    let bad = |error: String| CheckpointError::Format(file.clone(), error);
    let record = |record: Result<Bytes, RecordError>| record.map_err(|e| bad(e.to_string()));
    let parts = [
        ("model", record(model.into_record().into_bytes())?),
        ("average", record(average.into_record().into_bytes())?),
        ("optimizer", record(optimizer.into_bytes())?),
    ];
    let tensors = parts
        .iter()
        .map(|(name, bytes)| Ok((*name, TensorView::new(Dtype::U8, vec![bytes.len()], bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(|e| bad(e.to_string()))?;
    let json = |value: serde_json::Result<String>| value.map_err(|e| bad(e.to_string()));
    let (identity, progress) = (
        json(serde_json::to_string(identity))?,
        json(serde_json::to_string(progress))?,
    );
    let sum = sum(
        &identity,
        &progress,
        parts.each_ref().map(|(_, bytes)| &bytes[..]),
    );
    let metadata = [
        ("identity", identity),
        ("progress", progress),
        ("sha256", sum),
    ];
    let metadata = metadata.map(|(key, text)| (key.to_string(), text));
    let bytes =
        safetensors::serialize(tensors, Some(metadata.into())).map_err(|e| bad(e.to_string()))?;
    atomic::write(&file, &bytes).map_err(|e| CheckpointError::Io(file, e))
}

/// Over all that a checkpoint says: Burn panics on an optimiser's state with a wrong bit, and goes on
/// with a weight that has one.
fn sum(identity: &str, progress: &str, parts: [&[u8]; 3]) -> String {
    let text = [identity.as_bytes(), progress.as_bytes()];
    weights::sha256(&text.into_iter().chain(parts).collect::<Vec<_>>().concat())
}

/// A checkpoint's parts.
#[derive(Debug)]
pub struct Checkpoint {
    file: PathBuf,
    bytes: Vec<u8>,
    /// Which run it belongs to.
    pub identity: Identity,
    /// Where the run stood.
    pub progress: Progress,
}

impl Checkpoint {
    /// Reads the checkpoint of a run.
    ///
    /// # Errors
    /// [`CheckpointError`]: no file (an [`Io`](CheckpointError::Io) of the kind `NotFound`), or not a
    /// checkpoint.
    pub fn open(run: &Path) -> Result<Self, CheckpointError> {
        let file = path(run);
        let bytes = atomic::read(&file).map_err(|error| {
            let error = match error.kind() {
                ErrorKind::NotFound => io::Error::new(
                    error.kind(),
                    format!(
                        "there is no training run in {}: begin one with `unnoise train`",
                        run.display()
                    ),
                ),
                _ => error,
            };
            CheckpointError::Io(file.clone(), error)
        })?;
        let bad = |error: String| CheckpointError::Format(file.clone(), error);
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| bad(e.to_string()))?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let text = |key: &str| {
            metadata
                .get(key)
                .ok_or_else(|| bad(format!("it holds no {key}")))
        };
        let (identity, progress) = (text("identity")?, text("progress")?);
        let expected = text("sha256")?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(|e| bad(e.to_string()))?;
        let part = |name| {
            let part = tensors.tensor(name).map_err(|e| bad(e.to_string()))?;
            Ok(part.data())
        };
        let parts = [part("model")?, part("average")?, part("optimizer")?];
        if sum(identity, progress, parts) != *expected {
            return Err(bad("it was altered".into()));
        }
        let identity = serde_json::from_str(identity).map_err(|e| bad(e.to_string()))?;
        let progress = serde_json::from_str(progress).map_err(|e| bad(e.to_string()))?;
        Ok(Self {
            file,
            bytes,
            identity,
            progress,
        })
    }

    /// The configuration of the model named `model`, checked.
    ///
    /// # Errors
    /// [`CheckpointError`]: another model's checkpoint, or one that cannot be built.
    pub fn config<C: ModelConfig>(&self, model: &str) -> Result<C, CheckpointError> {
        if self.identity.model != model {
            let what = format!("it trains {}", self.identity.model);
            return Err(CheckpointError::Other(self.file.clone(), what));
        }
        let bad = |reason: String| CheckpointError::Format(self.file.clone(), reason);
        let config: C =
            serde_json::from_value(self.identity.config.clone()).map_err(|e| bad(e.to_string()))?;
        config.check().map_err(|e| bad(e.to_string()))?;
        Ok(config)
    }

    /// The error for a checkpoint that is sound, but not what is wanted.
    pub fn misfit(&self, reason: &str) -> CheckpointError {
        CheckpointError::Format(self.file.clone(), reason.into())
    }

    /// Fails unless the checkpoint is of this very run, or of one that had fewer epochs.
    ///
    /// # Errors
    /// [`CheckpointError::Other`], which names what differs.
    pub fn check(&self, identity: &Identity) -> Result<(), CheckpointError> {
        let other = |what: String| Err(CheckpointError::Other(self.file.clone(), what));
        // Through the same text as the stored one: JSON may lose the last bit of a number.
        let identity: Identity = serde_json::to_string(identity)
            .and_then(|json| serde_json::from_str(&json))
            .map_err(|e| CheckpointError::Format(self.file.clone(), e.to_string()))?;
        if self.identity.model != identity.model {
            return other(format!("it trains {}", self.identity.model));
        }
        if self.identity.learned() != identity.learned() {
            return other(format!("it learns from {}", self.identity.learned()));
        }
        if self.identity.config != identity.config {
            return other(format!("its model is {}", self.identity.config));
        }
        let mut begun = self.identity.training.clone();
        if let Some(epochs) = begun.get_mut("epochs") {
            let wanted = &identity.training["epochs"];
            if wanted.as_u64() > epochs.as_u64() {
                *epochs = wanted.clone();
            }
        }
        if begun != identity.training {
            return other(format!("it was started with {}", self.identity.training));
        }
        Ok(())
    }

    fn part(&self, name: &str) -> Result<Bytes, CheckpointError> {
        let bad = |error: String| CheckpointError::Format(self.file.clone(), error);
        let tensors = SafeTensors::deserialize(&self.bytes).map_err(|e| bad(e.to_string()))?;
        let part = tensors.tensor(name).map_err(|e| bad(e.to_string()))?;
        Ok(Bytes::from_bytes_vec(part.data().to_vec()))
    }

    fn module<M: Module>(&self, name: &str, module: M) -> Result<M, CheckpointError> {
        ModuleRecord::from_bytes(self.part(name)?)
            .and_then(|record| module.try_load_record(record))
            .map_err(|e| CheckpointError::Format(self.file.clone(), e.to_string()))
    }

    /// The weights being trained.
    ///
    /// # Errors
    /// [`CheckpointError::Format`].
    pub fn model<M: Module>(&self, module: M) -> Result<M, CheckpointError> {
        self.module("model", module)
    }

    /// Their moving average: what is evaluated and exported.
    ///
    /// # Errors
    /// [`CheckpointError::Format`].
    pub fn average<M: Module>(&self, module: M) -> Result<M, CheckpointError> {
        self.module("average", module)
    }

    /// The optimiser's state.
    ///
    /// # Errors
    /// [`CheckpointError::Format`].
    pub fn optimizer(
        &self,
        optimizer: ModuleOptimizer,
    ) -> Result<ModuleOptimizer, CheckpointError> {
        optimizer
            .from_bytes(self.part("optimizer")?)
            .map_err(|e| CheckpointError::Format(self.file.clone(), e.to_string()))
    }
}
