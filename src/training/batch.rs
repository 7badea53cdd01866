//! What a step learns from: clean digits, and how noisy to make them.

use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::denoiser::Cond;

/// ln σ of training is drawn from N(mean, deviation²), centred where the loss can still fall
/// (Karras et al. 2022, Table 1; shifted up, as a digit's strokes outlast more noise than a photo).
pub const LN_SIGMA: (f64, f64) = (-0.8, 1.2);

/// Share of samples whose condition is withheld, which trains the unconditional half.
pub const P_UNCOND: f64 = 0.1;

/// Clean digits, and how noisy to make them.
pub struct Batch {
    /// Width and height of each.
    pub size: usize,
    /// n × size², in [-1, 1].
    pub x0: Vec<f32>,
    /// n digits, or other classes.
    pub labels: Vec<u8>,
    /// n amounts of noise.
    pub sigma: Vec<f64>,
    /// n × size², N(0, 1).
    pub noise: Vec<f64>,
}

impl Batch {
    /// Some of the pictures.
    pub fn part(&self, pictures: Range<usize>) -> Self {
        let pixels = self.size * self.size;
        let values = pictures.start * pixels..pictures.end * pixels;
        Self {
            size: self.size,
            x0: self.x0[values.clone()].to_vec(),
            labels: self
                .labels
                .get(pictures.clone())
                .unwrap_or_default()
                .to_vec(),
            sigma: self.sigma[pictures].to_vec(),
            noise: self.noise[values].to_vec(),
        }
    }

    /// x0 + σ·noise, n × size².
    pub fn noised(&self) -> Vec<f32> {
        let values = self.x0.iter().zip(&self.noise).enumerate();
        let pixels = self.size * self.size;
        let x = values.map(|(i, (&x0, &noise))| x0 + (self.sigma[i / pixels] * noise) as f32);
        x.collect()
    }

    /// x0 + σ·noise, [n, 1, size, size].
    pub fn x(&self, device: &Device) -> Tensor<4> {
        pictures(self.noised(), self.size, device)
    }

    /// The clean pictures, [n, 1, size, size].
    pub fn x0(&self, device: &Device) -> Tensor<4> {
        pictures(self.x0.clone(), self.size, device)
    }

    /// σ as a tensor, \[n\].
    pub fn sigma(&self, device: &Device) -> Tensor<1> {
        let sigma: Vec<f32> = self.sigma.iter().map(|&s| s as f32).collect();
        Tensor::from_data(TensorData::new(sigma, [self.sigma.len()]), device)
    }
}

/// Draws for clean digits how noisy to make them, and which of them the network is told to draw: all but the
/// share [`P_UNCOND`].
pub fn draw(x0: Vec<f32>, size: usize, labels: Vec<u8>, random: &mut ChaCha8Rng) -> (Batch, Cond) {
    let sigma = sigmas(labels.len(), LN_SIGMA, random);
    let told = |&label: &u8| (!random.random_bool(P_UNCOND)).then_some(label);
    let cond = Cond::digits(labels.iter().map(told).collect::<Vec<_>>());
    let noise = noise(x0.len(), random);
    let batch = Batch {
        size,
        x0,
        labels,
        sigma,
        noise,
    };
    (batch, cond)
}

/// The random numbers of a step.
pub fn random(seed: u64, step: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(u64::MAX - step);
    random
}

/// The order of `len` digits in a pass over them.
pub fn order(seed: u64, pass: u64, len: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(pass);
    order.shuffle(&mut random);
    order
}

/// `n` amounts of noise whose logarithms have this mean and this deviation, as [`LN_SIGMA`].
pub fn sigmas(n: usize, (mean, deviation): (f64, f64), random: &mut ChaCha8Rng) -> Vec<f64> {
    (0..n)
        .map(|_| {
            let z: f64 = StandardNormal.sample(random);
            (mean + deviation * z).exp()
        })
        .collect()
}

/// N(0, 1) for each of so many pixels.
pub fn noise(pixels: usize, random: &mut ChaCha8Rng) -> Vec<f64> {
    (0..pixels).map(|_| StandardNormal.sample(random)).collect()
}

/// Values of whole pictures as a tensor, [n, 1, size, size].
pub fn pictures(values: Vec<f32>, size: usize, device: &Device) -> Tensor<4> {
    let n = values.len() / (size * size).max(1);
    Tensor::from_data(TensorData::new(values, [n, 1, size, size]), device)
}
