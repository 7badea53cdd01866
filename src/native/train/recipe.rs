//! How a network is trained: what the shipped ones were trained with, and what a file says instead.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::{
    library::Network,
    native::text,
    nn::{Impossible, ModelConfig},
};

/// The most samples of a step.
pub const MAX_BATCH: usize = 60_000;

/// How any model is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Passes over the data.
    pub epochs: u64,
    /// Samples that go through the network at once.
    pub batch: usize,
    /// Batches whose gradients make one step: as if the batch were so many times as large, in the memory of one.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub accumulate: usize,
    /// The learning rate after warm-up; it then falls to 0 along a half cosine.
    pub learning_rate: f64,
    /// Steps over which the learning rate rises from 0.
    pub warmup: u64,
    /// Decay of the averaged weights a step.
    pub ema_decay: f64,
    /// Decides the initial weights and every random draw.
    pub seed: u64,
    /// Whether CLIP's text encoder stays as it was exported.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lock_text: bool,
    /// What the network's configuration has that is not usual.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub budget: Map<String, Value>,
}

fn one() -> usize {
    1
}

fn is_one(value: &usize) -> bool {
    *value == 1
}

/// A recipe that nothing can be trained by.
#[derive(Debug, Error)]
pub enum RecipeError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// It is no TOML, or has a key that means nothing, or a value of another kind.
    #[error("{} is no recipe: {why}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        why: String,
    },
    /// No pass.
    #[error("epochs must be 1 or more, not 0")]
    Epochs,
    /// Too few or too many.
    #[error("batch must be 1 to {MAX_BATCH}, not {0}")]
    Batch(usize),
    /// None, or more samples a step than there may be.
    #[error(
        "accumulate must be 1 or more, and with the batch no more than {MAX_BATCH} samples a step, not {0}"
    )]
    Accumulate(usize),
    /// CLIP's loss is not a mean over samples.
    #[error(
        "{0} compares all pictures of a step with one another: leave out --accumulate and give a larger --batch"
    )]
    Compares(Network),
    /// Out of range, or no number.
    #[error("--learning-rate must be above 0 and at most 1, not {0}")]
    LearningRate(f64),
    /// Out of range, or no number.
    #[error("ema_decay must be 0 or more and below 1, not {0}")]
    EmaDecay(f64),
    /// The network's configuration has no such key.
    #[error("the budget of {network} has no {key:?}: it has {keys}")]
    Key {
        /// The network.
        network: Network,
        /// What was asked for.
        key: String,
        /// What there is.
        keys: String,
    },
    /// It follows from something else.
    #[error("the budget cannot have {0:?}: the network and the data decide on that")]
    Given(String),
    /// A value of another kind.
    #[error("the budget of {0} cannot be read: {1}")]
    Budget(Network, String),
    /// A network that cannot be built.
    #[error("the budget of {0} is not possible: {reason}", reason = .1.0)]
    Impossible(Network, Impossible),
}

/// `recipe.toml`: what it leaves out is as the shipped weights had it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipeFile {
    /// What is trained.
    pub network: Option<Network>,
    /// The folder of the data, seen from where the program is run.
    pub data: Option<PathBuf>,
    /// As in [`Recipe`], and so on.
    pub epochs: Option<u64>,
    /// Samples that go through the network at once.
    pub batch: Option<usize>,
    /// Batches a step.
    pub accumulate: Option<usize>,
    /// The learning rate after warm-up.
    pub learning_rate: Option<f64>,
    /// Steps over which it rises.
    pub warmup: Option<u64>,
    /// Decay of the averaged weights a step.
    pub ema_decay: Option<f64>,
    /// Decides every random draw.
    pub seed: Option<u64>,
    /// Fields of the network's configuration.
    #[serde(default)]
    pub budget: Map<String, Value>,
}

impl RecipeFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`RecipeError::File`], [`RecipeError::Format`].
    pub fn read(path: &Path) -> Result<Self, RecipeError> {
        toml::from_str(&text::read(path)?).map_err(|error| RecipeError::Format {
            path: path.into(),
            why: one_line(&error),
        })
    }
}

/// What is wrong, and in which line, without the drawing of it.
fn one_line(error: &toml::de::Error) -> String {
    let shown = error.to_string();
    let place = shown
        .lines()
        .next()
        .and_then(|line| line.split(" at ").nth(1));
    let what = error.message().trim().replace('\n', ", ");
    match place {
        Some(place) => format!("{what} ({place})"),
        None => what,
    }
}

impl Recipe {
    /// What the shipped weights of a network were trained with, before some of them were trained further.
    pub fn of(network: Network) -> Self {
        let (epochs, batch, learning_rate) = match network {
            Network::Unet | Network::UnetBlind => (10, 64, 3e-3),
            Network::Scorer => (10, 64, 2e-3),
            Network::NoiseLevel => (6, 64, 2e-3),
            Network::Vae => (12, 32, 2e-3),
            Network::Clip => (50, 64, 1e-3),
            Network::Text => (360, 128, 2e-3),
        };
        Self {
            epochs,
            batch,
            accumulate: 1,
            learning_rate,
            warmup: 300,
            ema_decay: 0.9995,
            seed: 0,
            lock_text: false,
            budget: Map::new(),
        }
    }

    /// The recipe of a network with what a file says.
    pub fn with(network: Network, file: &RecipeFile) -> Self {
        let usual = Self::of(network);
        Self {
            epochs: file.epochs.unwrap_or(usual.epochs),
            batch: file.batch.unwrap_or(usual.batch),
            accumulate: file.accumulate.unwrap_or(usual.accumulate),
            learning_rate: file.learning_rate.unwrap_or(usual.learning_rate),
            warmup: file.warmup.unwrap_or(usual.warmup),
            ema_decay: file.ema_decay.unwrap_or(usual.ema_decay),
            seed: file.seed.unwrap_or(usual.seed),
            budget: file.budget.clone(),
            ..usual
        }
    }

    /// # Errors
    /// [`RecipeError`]: the first number that is out of range.
    pub fn check(&self) -> Result<(), RecipeError> {
        if self.epochs == 0 {
            return Err(RecipeError::Epochs);
        }
        if !(1..=MAX_BATCH).contains(&self.batch) {
            return Err(RecipeError::Batch(self.batch));
        }
        if !(1..=MAX_BATCH / self.batch).contains(&self.accumulate) {
            return Err(RecipeError::Accumulate(self.accumulate));
        }
        if !(self.learning_rate > 0.0 && self.learning_rate <= 1.0) {
            return Err(RecipeError::LearningRate(self.learning_rate));
        }
        if !(0.0..1.0).contains(&self.ema_decay) {
            return Err(RecipeError::EmaDecay(self.ema_decay));
        }
        Ok(())
    }

    /// Samples a step.
    pub fn samples(&self) -> usize {
        self.batch * self.accumulate
    }

    /// `config` with what the budget says instead, checked.
    ///
    /// # Errors
    /// [`RecipeError`]: a key that there is not, or that is not free, or a network that cannot be built.
    pub fn configured<C: ModelConfig>(
        &self,
        network: Network,
        config: &C,
    ) -> Result<C, RecipeError> {
        /// As the data are, or the networks that this one works with.
        const GIVEN: [&str; 6] = [
            "size",
            "classes",
            "picture_channels",
            "context",
            "sigma_data",
            "words",
        ];
        let usual = serde_json::to_value(config).expect("a configuration is plain data");
        let mut fields = usual.as_object().cloned().unwrap_or_default();
        for (key, value) in &self.budget {
            let blind = network == Network::UnetBlind && key == "noise_features";
            if blind || GIVEN.contains(&key.as_str()) {
                return Err(RecipeError::Given(key.clone()));
            }
            match fields.get_mut(key) {
                Some(field) => *field = value.clone(),
                None => {
                    let free = fields.keys().filter(|key| !GIVEN.contains(&key.as_str()));
                    let keys: Vec<&str> = free.map(String::as_str).collect();
                    return Err(RecipeError::Key {
                        network,
                        key: key.clone(),
                        keys: keys.join(", "),
                    });
                }
            }
        }
        let config: C = serde_json::from_value(fields.into())
            .map_err(|error| RecipeError::Budget(network, error.to_string()))?;
        config
            .check()
            .map_err(|reason| RecipeError::Impossible(network, reason))?;
        Ok(config)
    }

    /// For so many pictures, of which an epoch may be short: as many epochs as `steps` steps take, and no more than a
    /// tenth of them to warm up.
    pub fn lasting(self, steps: u64, pictures: usize) -> Self {
        let of_epoch = (pictures / self.samples()).max(1) as u64;
        let epochs = self.epochs.max(steps.div_ceil(of_epoch));
        Self {
            epochs,
            warmup: self.warmup.min(epochs * of_epoch / 10),
            ..self
        }
    }

    pub(super) fn learning_rate(&self, step: u64, steps: u64) -> f64 {
        if step < self.warmup {
            return self.learning_rate * (step + 1) as f64 / self.warmup as f64;
        }
        let done = (step - self.warmup) as f64 / (steps.saturating_sub(self.warmup)).max(1) as f64;
        self.learning_rate * 0.5 * (1.0 + (std::f64::consts::PI * done.min(1.0)).cos())
    }
}
