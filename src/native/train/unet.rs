//! The U-Net's training: denoise digits at every noise level.

use std::{path::Path, rc::Rc};

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};

use super::{Task, TrainError, Validation, digits::Digits, shares, show};
use crate::{
    denoiser::{Cond, Denoiser, Edm},
    library::Network,
    model::unet::{Unet, UnetConfig},
    native::data::DataSet,
    nn::ModelConfig,
    training::{self, Batch, denoising_losses},
};

/// A set of pictures and a U-Net that learns it.
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

impl Task for UnetTask {
    type Model = Unet;
    type Part = (Batch, Cond);

    fn name(&self) -> &'static str {
        self.network.name()
    }

    fn config(&self) -> serde_json::Value {
        serde_json::to_value(&self.config).expect("a configuration is plain data")
    }

    fn init(&self, device: &Device) -> Unet {
        self.config.init(device)
    }

    fn data(&self) -> Option<&DataSet> {
        Some(&self.digits.train)
    }

    fn epoch_samples(&self) -> usize {
        self.digits.train.len()
    }

    fn draw(&self, step: u64, samples: usize, parts: usize) -> Vec<Self::Part> {
        let (x0, labels) = self.digits.clean(step, samples);
        let (batch, cond) =
            training::draw(x0, self.config.size, labels, &mut self.digits.random(step));
        shares(batch.sigma.len(), parts)
            .map(|share| (batch.part(share.clone()), Cond(cond.0[share].to_vec())))
            .collect()
    }

    fn loss(&self, model: &Unet, (batch, cond): &Self::Part) -> Tensor<1> {
        let x = batch.x(&model.devices()[0]);
        let denoised = self.denoiser(model).denoise(x, &batch.sigma, cond);
        denoising_losses(denoised, batch).mean()
    }

    fn validate(&self, model: &Unet) -> Validation {
        let denoiser = self.denoiser(model);
        self.digits.validate(|batch| {
            let cond = Cond::digits(batch.labels.iter().copied().map(Some));
            let denoised = denoiser.denoise(batch.x(&model.devices()[0]), &batch.sigma, &cond);
            denoising_losses(denoised, batch)
        })
    }

    fn show(&self, model: &Unet, png: &Path) -> Result<(), TrainError> {
        show::digits(Rc::new(self.denoiser(model)), &model.devices()[0], png)
    }
}
