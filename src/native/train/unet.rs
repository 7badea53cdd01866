//! The U-Net's training: denoise digits at every noise level.

use std::{path::Path, rc::Rc};

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use rand::RngExt;

use super::{
    Task, TrainError,
    digits::{self, Batch, Digits},
    show,
};
use crate::{
    denoiser::{Cond, Denoiser, Edm},
    library::Network,
    model::{
        ModelConfig,
        unet::{Unet, UnetConfig},
    },
    nn::SIGMA_DATA,
};

/// Share of samples whose digit is withheld, which trains the unconditional half.
const P_UNCOND: f64 = 0.1;

/// MNIST and a U-Net that learns it.
pub struct UnetTask {
    network: Network,
    config: UnetConfig,
    digits: Digits,
}

impl UnetTask {
    /// The training of one of the two U-Nets.
    pub fn new(network: Network, config: UnetConfig, digits: Digits) -> Self {
        Self {
            network,
            config,
            digits,
        }
    }

    fn denoiser(&self, model: &Unet) -> Edm {
        Edm::new(model.clone(), self.config.clone())
    }
}

/// [`edm_loss`] on digits.
pub fn denoising_loss(denoised: Tensor<4>, batch: &Batch) -> Tensor<1> {
    let device = denoised.device();
    let error = denoised - batch.x0(&device);
    edm_loss(error, batch.sigma(&device), SIGMA_DATA)
}

/// The EDM loss: λ(σ)·(D(x0 + σ·noise; σ) − x0)², λ = (σ² + σ_d²)/(σ·σ_d)², a mean over pixels and
/// pictures.
///
/// # Shapes
/// `error` D − x0, [n, channels, h, w]; `sigma` \[n\].
pub fn edm_loss(error: Tensor<4>, sigma: Tensor<1>, sigma_data: f64) -> Tensor<1> {
    let variance = sigma.square();
    let data = sigma_data * sigma_data;
    let weight = (variance.clone() + data) / (variance * data);
    (error.square() * weight.reshape([-1, 1, 1, 1])).mean()
}

impl Task for UnetTask {
    type Model = Unet;

    fn name(&self) -> &'static str {
        self.network.name()
    }

    fn config(&self) -> serde_json::Value {
        serde_json::to_value(&self.config).expect("a configuration is plain data")
    }

    fn init(&self, device: &Device) -> Unet {
        self.config.init(device)
    }

    fn epoch_samples(&self) -> usize {
        self.digits.train.len()
    }

    fn loss(&self, model: &Unet, step: u64, batch: usize) -> Tensor<1> {
        let (x0, labels) = self.digits.clean(step, batch);
        let mut random = self.digits.random(step);
        let sigma = digits::sigmas(labels.len(), digits::LN_SIGMA, &mut random);
        let digits: Vec<Option<u8>> = labels
            .iter()
            .map(|&label| (!random.random_bool(P_UNCOND)).then_some(label))
            .collect();
        let noise = digits::noise(labels.len(), &mut random);
        let batch = Batch {
            x0,
            labels,
            sigma,
            noise,
        };
        let x = batch.x(&model.devices()[0]);
        let denoised = self
            .denoiser(model)
            .denoise(x, &batch.sigma, &Cond::digits(digits));
        denoising_loss(denoised, &batch)
    }

    fn validate(&self, model: &Unet) -> f64 {
        let denoiser = self.denoiser(model);
        self.digits.validate(|batch| {
            let cond = Cond::digits(batch.labels.iter().copied().map(Some));
            let denoised = denoiser.denoise(batch.x(&model.devices()[0]), &batch.sigma, &cond);
            denoising_loss(denoised, batch).into_scalar::<f64>()
        })
    }

    fn show(&self, model: &Unet, png: &Path) -> Result<(), TrainError> {
        show::digits(Rc::new(self.denoiser(model)), &model.devices()[0], png)
    }
}
