//! The noise-level predictor's training: see how much noise was added.

use std::path::Path;

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use rand::RngExt;

use super::{
    Task, TrainError, Validation,
    digits::{Digits, VALIDATION_SIGMAS},
    shares,
};
use crate::{
    denoiser::{SIGMA_MAX, SIGMA_MIN},
    library::Network,
    model::noise_level::{NoiseLevel, NoiseLevelConfig},
    native::{chart, data::DataSet},
    nn::ModelConfig,
    training::{self, Batch, denoising_losses},
};

/// A set of pictures and a predictor that learns how noisy they are.
pub struct NoiseLevelTask {
    config: NoiseLevelConfig,
    digits: Digits,
}

impl NoiseLevelTask {
    /// The training.
    pub fn new(config: NoiseLevelConfig, digits: Digits) -> Self {
        Self { config, digits }
    }
}

/// Weight of the error of ln σ̂ beside the denoising loss: that of a relative error of 10 % is as much as
/// a tenth of the loss of no network.
const AMOUNT: f64 = 10.0;

/// Of each picture (ln σ̂ − ln σ)², the square of the relative error, and the denoising loss of the gradient.
/// Without the second the predictor is as exact, and its gradient is nothing that a person would follow:
/// it points at whatever small change misleads the network most.
fn losses(model: &NoiseLevel, batch: &Batch) -> Tensor<1> {
    let device = &model.devices()[0];
    let x = batch.x(device);
    let slope = model.slope(x.clone());
    let error = slope.log_sigma.clone() - batch.sigma(device).log();
    error.square() * AMOUNT + denoising_losses(slope.descend(x), batch)
}

impl Task for NoiseLevelTask {
    type Model = NoiseLevel;
    type Part = Batch;

    fn name(&self) -> &'static str {
        Network::NoiseLevel.name()
    }

    fn config(&self) -> serde_json::Value {
        serde_json::to_value(&self.config).expect("a configuration is plain data")
    }

    fn init(&self, device: &Device) -> NoiseLevel {
        self.config.init(device)
    }

    fn data(&self) -> Option<&DataSet> {
        Some(&self.digits.train)
    }

    fn epoch_samples(&self) -> usize {
        self.digits.train.len()
    }

    fn draw(&self, step: u64, samples: usize, parts: usize) -> Vec<Batch> {
        let (x0, labels) = self.digits.clean(step, samples);
        let mut random = self.digits.random(step);
        // Every amount that sampling passes through, and a little beyond, as often as any other.
        let (low, high) = ((SIGMA_MIN / 2.0).ln(), (SIGMA_MAX * 2.0).ln());
        let sigma = labels
            .iter()
            .map(|_| random.random_range(low..high).exp())
            .collect();
        let noise = training::noise(x0.len(), &mut random);
        let batch = Batch {
            size: self.config.size,
            x0,
            labels,
            sigma,
            noise,
        };
        shares(batch.sigma.len(), parts)
            .map(|share| batch.part(share))
            .collect()
    }

    fn loss(&self, model: &NoiseLevel, batch: &Batch) -> Tensor<1> {
        losses(model, batch).mean()
    }

    fn validate(&self, model: &NoiseLevel) -> Validation {
        self.digits.validate(|batch| losses(model, batch))
    }

    /// The relative error over ln σ, on held-out digits.
    fn show(&self, model: &NoiseLevel, png: &Path) -> Result<(), TrainError> {
        let device = &model.devices()[0];
        let mut squares = [(0.0, 0.0); VALIDATION_SIGMAS.len()];
        for batch in self.digits.validation() {
            let predicted = model
                .log_sigma(batch.x(device))
                .try_into_vec_as::<f32>()
                .map_err(|error| TrainError::Show(error.to_string()))?;
            for (sigma, predicted) in batch.sigma.iter().zip(predicted) {
                let of_sigma = VALIDATION_SIGMAS.iter().position(|s| s == sigma);
                let (sum, count) = &mut squares[of_sigma.expect("validation draws from these")];
                *sum += (f64::from(predicted) - sigma.ln()).powi(2);
                *count += 1.0;
            }
        }
        let points = VALIDATION_SIGMAS.iter().zip(squares);
        let error = chart::Series {
            name: "relative error".into(),
            points: points
                .map(|(sigma, (sum, count))| (sigma.ln(), f64::sqrt(sum / count)))
                .collect(),
        };
        Ok(chart::save(png, "ln sigma", &[error])?)
    }
}
