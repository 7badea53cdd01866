//! The U-Net's training: denoise digits at every noise level.

use std::path::Path;

use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::{Task, TrainError};
use crate::{
    denoiser::{Cond, Denoiser, Edm, SIGMA_DATA},
    generation::{Generation, Request, Settings},
    image::{self, DIGIT_PIXELS, DIGIT_SIZE},
    model::unet::{Unet, UnetConfig},
    native::{
        data::{DataError, Mnist, Split},
        picture,
    },
    rng,
};

/// ln σ of training is drawn from N(P_MEAN, P_STD²), centred where the loss can still fall
/// (Karras et al. 2022, Table 1; shifted up, as a digit's strokes outlast more noise than a photo).
const P_MEAN: f64 = -0.8;
const P_STD: f64 = 1.2;

/// Share of samples whose digit is withheld, which trains the unconditional half.
const P_UNCOND: f64 = 0.1;

/// σ at which the validation loss is taken, with equal weight.
const VALIDATION_SIGMAS: [f64; 8] = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4];

/// Held-out digits that validation uses.
const VALIDATION_DIGITS: usize = 1024;

/// MNIST and a U-Net that learns it.
pub struct UnetTask {
    config: UnetConfig,
    seed: u64,
    train: Mnist,
    test: Mnist,
}

impl UnetTask {
    /// Loads the data.
    ///
    /// # Errors
    /// [`DataError`].
    pub fn new(config: UnetConfig, data: &Path, seed: u64) -> Result<Self, DataError> {
        Ok(Self {
            config,
            seed,
            train: Mnist::load(data, Split::Train)?,
            test: Mnist::load(data, Split::Test)?,
        })
    }

    /// Which digit of the training set each sample of a step is: every epoch is a new permutation.
    fn indices(&self, step: u64, batch: usize) -> Vec<usize> {
        let epoch_steps = (self.epoch_samples() / batch).max(1) as u64;
        let mut order: Vec<usize> = (0..self.train.len()).collect();
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(step / epoch_steps);
        order.shuffle(&mut random);
        let start = (step % epoch_steps) as usize * batch;
        order.into_iter().skip(start).take(batch).collect()
    }

    /// The EDM loss: λ(σ)·(D(x0 + σ·noise; σ) − x0)², λ = (σ² + σ_d²)/(σ·σ_d)², a mean over
    /// pixels and pictures.
    fn denoising_loss(
        model: Edm,
        x0: Vec<f32>,
        noise: Vec<f64>,
        sigma: &[f64],
        cond: &Cond,
        device: &Device,
    ) -> Tensor<1> {
        let shape = [sigma.len(), 1, DIGIT_SIZE, DIGIT_SIZE];
        let x: Vec<f32> = x0
            .iter()
            .zip(&noise)
            .enumerate()
            .map(|(i, (&x0, &noise))| x0 + (sigma[i / DIGIT_PIXELS] * noise) as f32)
            .collect();
        let weight: Vec<f32> = sigma
            .iter()
            .map(|s| ((s * s + SIGMA_DATA * SIGMA_DATA) / (s * SIGMA_DATA).powi(2)) as f32)
            .collect();
        let tensor =
            |values: Vec<f32>| Tensor::<4>::from_data(TensorData::new(values, shape), device);
        let weight =
            Tensor::<4>::from_data(TensorData::new(weight, [sigma.len(), 1, 1, 1]), device);
        let error = model.denoise(tensor(x), sigma, cond) - tensor(x0);
        (error.square() * weight).mean()
    }

    fn pixels<'a>(digits: &'a Mnist, indices: &'a [usize]) -> impl Iterator<Item = f32> + 'a {
        indices
            .iter()
            .flat_map(|&i| digits.image(i))
            .map(|&p| image::from_pixel(p))
    }
}

impl Task for UnetTask {
    type Model = Unet;

    fn name(&self) -> &'static str {
        "unet"
    }

    fn config(&self) -> serde_json::Value {
        serde_json::to_value(&self.config).expect("a configuration is plain data")
    }

    fn init(&self, device: &Device) -> Unet {
        self.config.init(device)
    }

    fn epoch_samples(&self) -> usize {
        self.train.len()
    }

    fn loss(&self, model: &Unet, step: u64, batch: usize) -> Tensor<1> {
        let indices = self.indices(step, batch);
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(u64::MAX - step);
        let sigma: Vec<f64> = indices
            .iter()
            .map(|_| {
                let z: f64 = StandardNormal.sample(&mut random);
                (P_MEAN + P_STD * z).exp()
            })
            .collect();
        let digits = indices
            .iter()
            .map(|&i| (!random.random_bool(P_UNCOND)).then(|| self.train.labels[i]))
            .collect();
        let noise: Vec<f64> = (0..batch * DIGIT_PIXELS)
            .map(|_| StandardNormal.sample(&mut random))
            .collect();
        let x0 = Self::pixels(&self.train, &indices).collect();
        let device = &model.devices()[0];
        let denoiser = Edm::new(model.clone(), self.config.clone());
        Self::denoising_loss(denoiser, x0, noise, &sigma, &Cond { digits }, device)
    }

    fn validate(&self, model: &Unet) -> f64 {
        const BATCH: usize = 128;
        let device = &model.devices()[0];
        let indices: Vec<usize> = (0..VALIDATION_DIGITS.min(self.test.len())).collect();
        let losses: Vec<f64> = indices
            .chunks(BATCH)
            .map(|chunk| {
                let noise = rng::gaussian(0, chunk[0] as u64, chunk.len() * DIGIT_PIXELS);
                let sigma: Vec<f64> = chunk
                    .iter()
                    .map(|i| VALIDATION_SIGMAS[i % VALIDATION_SIGMAS.len()])
                    .collect();
                let digits = chunk.iter().map(|&i| Some(self.test.labels[i])).collect();
                let x0 = Self::pixels(&self.test, chunk).collect();
                let denoiser = Edm::new(model.clone(), self.config.clone());
                let loss =
                    Self::denoising_loss(denoiser, x0, noise, &sigma, &Cond { digits }, device);
                loss.into_scalar::<f64>() * chunk.len() as f64
            })
            .collect();
        losses.iter().sum::<f64>() / indices.len() as f64
    }

    fn show(&self, model: &Unet, png: &Path) -> Result<(), TrainError> {
        const EACH: u64 = 8;
        let denoiser = std::rc::Rc::new(Edm::new(model.clone(), self.config.clone()));
        let requests: Vec<Request> = (0..EACH)
            .flat_map(|seed| {
                (0..10).map(move |digit| Request {
                    digit: Some(digit),
                    seed,
                })
            })
            .collect();
        let settings = Settings {
            guidance: 1.0,
            ..Settings::default()
        };
        let failed = |error: &dyn std::fmt::Display| TrainError::Show(error.to_string());
        let mut run = Generation::new(denoiser, &settings, &requests, &model.devices()[0])
            .map_err(|e| failed(&e))?;
        while pollster::block_on(run.next())
            .map_err(|e| failed(&e))?
            .is_some()
        {}
        let frame = run.frame();
        let pictures: Vec<Vec<f32>> = frame.x.chunks(DIGIT_PIXELS).map(<[f32]>::to_vec).collect();
        picture::grid(&pictures, frame.width, frame.height, frame.channels, 10, 2)
            .and_then(|grid| picture::save_png(png, &grid))
            .map_err(|e| failed(&e))
    }
}
