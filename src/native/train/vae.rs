//! The autoencoder's training: give back the picture that went in.

use std::{fmt::Display, ops::Range, path::Path};

use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};
use rand_distr::{Distribution, StandardNormal};

use super::{
    Task, TrainError, Validation,
    pictures::{Drawn, Pictures},
    shares,
};
use crate::{
    library::Network,
    model::vae::{Vae, VaeConfig},
    native::{data::DataSet, picture},
    nn::ModelConfig,
    scene::{SIZE, Scene},
};

/// Weight of the KL term, a mean over the latent's numbers in nats, beside the mean square error of a
/// value: so little that it costs no sharpness, and enough that near latents mean like pictures.
const KL_WEIGHT: f64 = 1e-4;

/// Pictures that [`Task::show`] puts side by side with their reconstructions.
const SHOWN: usize = 32;

/// Coloured pictures and an autoencoder that learns them.
pub struct VaeTask {
    config: VaeConfig,
    pictures: Pictures,
}

impl VaeTask {
    /// The training.
    pub fn new(config: VaeConfig, pictures: Pictures) -> Self {
        Self { config, pictures }
    }

    /// Numbers of a latent.
    fn latent(&self) -> usize {
        self.config.latent().iter().product()
    }
}

/// mean (x̂ − x)² + [`KL_WEIGHT`]·KL, with x̂ decoded from a draw of the posterior.
///
/// # Shapes
/// `noise` as many numbers as the latents have.
fn loss(model: &Vae, drawn: &Drawn, noise: &[f32]) -> Tensor<1> {
    let device = &model.devices()[0];
    let x = drawn.tensor(device);
    let posterior = model.encode(x.clone());
    let shape = posterior.mean.dims();
    let noise = Tensor::from_data(TensorData::new(noise.to_vec(), shape), device);
    let error = model.decode(posterior.sample(noise)) - x;
    error.square().mean() + posterior.kl().mean() * KL_WEIGHT
}

impl Task for VaeTask {
    type Model = Vae;
    type Part = (Drawn, Vec<f32>);

    fn name(&self) -> &'static str {
        Network::Vae.name()
    }

    fn config(&self) -> serde_json::Value {
        serde_json::to_value(&self.config).expect("a configuration is plain data")
    }

    fn init(&self, device: &Device) -> Vae {
        self.config.init(device)
    }

    fn data(&self) -> Option<&DataSet> {
        Some(&self.pictures.digits.train)
    }

    fn epoch_samples(&self) -> usize {
        self.pictures.epoch()
    }

    fn draw(&self, step: u64, samples: usize, parts: usize) -> Vec<Self::Part> {
        let mut random = self.pictures.digits.random(step);
        let drawn = self.pictures.batch(step, samples, &mut random, Scene::seen);
        let part = |share: Range<usize>| {
            let noise =
                (0..share.len() * self.latent()).map(|_| StandardNormal.sample(&mut random));
            let noise = noise.collect();
            (drawn.part(share), noise)
        };
        shares(drawn.len(), parts).map(part).collect()
    }

    fn loss(&self, model: &Vae, (drawn, noise): &Self::Part) -> Tensor<1> {
        loss(model, drawn, noise)
    }

    /// The loss without noise on the latents.
    fn validate(&self, model: &Vae) -> Validation {
        let batches = self.pictures.validation();
        let (sum, n) = batches.iter().fold((0.0, 0.0), |(sum, n), drawn| {
            let of_batch = loss(model, drawn, &vec![0.0; drawn.len() * self.latent()]);
            let len = drawn.len() as f64;
            (sum + len * of_batch.into_scalar::<f64>(), n + len)
        });
        (sum / n).into()
    }

    /// Pictures and below each its reconstruction.
    fn show(&self, model: &Vae, png: &Path) -> Result<(), TrainError> {
        const COLUMNS: usize = 8;
        let failed = |error: &dyn Display| TrainError::Show(error.to_string());
        let drawn = self.pictures.validation().swap_remove(0);
        let x = drawn
            .tensor(&model.devices()[0])
            .narrow(0, 0, SHOWN.min(drawn.len()));
        let decoded = model.decode(model.encode(x).mean).permute([0, 2, 3, 1]);
        let values = decoded.try_into_vec_as::<f32>().map_err(|e| failed(&e))?;
        let decoded: Vec<&[f32]> = values.chunks(crate::scene::VALUES).collect();
        let originals: Vec<&[f32]> = drawn.each().take(decoded.len()).collect();
        let rows = originals.chunks(COLUMNS).zip(decoded.chunks(COLUMNS));
        let pictures: Vec<Vec<f32>> = rows
            .flat_map(|(originals, decoded)| originals.iter().chain(decoded))
            .map(|picture| picture.to_vec())
            .collect();
        picture::grid(&pictures, SIZE, SIZE, 3, COLUMNS, 2)
            .and_then(|grid| picture::save_png(png, &grid))
            .map_err(|e| failed(&e))
    }
}
