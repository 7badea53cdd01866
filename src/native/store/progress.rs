//! Where a training run stands, and what it has measured so far.

use serde::{Deserialize, Serialize};

/// What a run has measured at the end of an epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// Epochs finished.
    pub epoch: u64,
    /// Optimiser steps made.
    pub step: u64,
    /// Samples seen.
    pub samples: u64,
    /// Mean training loss over the epoch.
    pub train_loss: f64,
    /// Loss of the averaged weights on held-out data.
    pub validation_loss: f64,
    /// Learning rate at the end of the epoch.
    pub learning_rate: f64,
    /// Seconds of training up to here, pauses not counted.
    pub seconds: f64,
    /// Mean length of all gradients together over the epoch; none in older files.
    #[serde(default)]
    pub gradient_norm: Option<f64>,
    /// The greatest of the epoch.
    #[serde(default)]
    pub gradient_norm_max: Option<f64>,
}

/// What a run has measured over the last few steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepMetrics {
    /// Optimiser steps made.
    pub step: u64,
    /// Their mean training loss.
    pub loss: f64,
    /// Their mean length of all gradients together, before any is shortened.
    pub gradient_norm: f64,
    /// Learning rate of the last one.
    pub learning_rate: f64,
    /// Samples seen a second.
    pub samples_per_second: f64,
}

/// What the averaged weights lose at one amount of noise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SigmaMetrics {
    /// Epochs finished.
    pub epoch: u64,
    /// Optimiser steps made.
    pub step: u64,
    /// The amount of noise.
    pub sigma: f64,
    /// The mean loss on held-out data with so much noise.
    pub loss: f64,
}

/// Sums over some steps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sums {
    steps: u64,
    loss: f64,
    gradient_norm: f64,
    gradient_norm_max: f64,
    seconds: f64,
}

impl Sums {
    /// Counts one more step.
    pub fn add(&mut self, loss: f64, gradient_norm: f64, seconds: f64) {
        self.steps += 1;
        self.loss += loss;
        self.gradient_norm += gradient_norm;
        self.gradient_norm_max = self.gradient_norm_max.max(gradient_norm);
        self.seconds += seconds;
    }

    /// The mean loss.
    pub fn loss(&self) -> f64 {
        self.loss / self.steps as f64
    }

    /// The mean length of the gradients.
    pub fn gradient_norm(&self) -> f64 {
        self.gradient_norm / self.steps as f64
    }

    /// The greatest length.
    pub fn gradient_norm_max(&self) -> f64 {
        self.gradient_norm_max
    }

    /// Steps made in a second.
    pub fn rate(&self) -> f64 {
        self.steps as f64 / self.seconds.max(1e-9)
    }
}

/// Where a run stands. What older files lack is empty: of an epoch that was begun then, the means are over the rest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Optimiser steps made.
    pub step: u64,
    /// Seconds of training.
    pub seconds: f64,
    /// Since the epoch began.
    #[serde(default)]
    pub of_epoch: Sums,
    /// Since the last entry of `steps`.
    #[serde(default)]
    pub of_row: Sums,
    /// One entry a finished epoch.
    pub metrics: Vec<EpochMetrics>,
    /// One entry for each few steps.
    #[serde(default)]
    pub steps: Vec<StepMetrics>,
    /// One entry a finished epoch and amount of noise, where the loss is that of a denoiser.
    #[serde(default)]
    pub validation: Vec<SigmaMetrics>,
    /// Why the run may be going wrong; said once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// How the weights were trained that the run began with; none, if they were fresh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretrained: Option<serde_json::Value>,
}
