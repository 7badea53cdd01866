//! What every training on digits needs: which ones, and how much noise is on them.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::{
    image::{self, DIGIT_PIXELS, DIGIT_SIZE},
    native::data::{DataError, Mnist, Split},
    rng,
};

/// ln σ of training is drawn from N(mean, deviation²), centred where the loss can still fall
/// (Karras et al. 2022, Table 1; shifted up, as a digit's strokes outlast more noise than a photo).
pub const LN_SIGMA: (f64, f64) = (-0.8, 1.2);

/// σ at which validation looks, with equal weight.
pub const VALIDATION_SIGMAS: [f64; 8] = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4];

/// Held-out digits that validation uses.
const VALIDATION_DIGITS: usize = 1024;

/// Pictures that validation puts through a network at once.
const VALIDATION_BATCH: usize = 128;

/// MNIST, and the draws of a training run: the same for the same seed and step, so that a resumed run
/// continues as if it had not stopped.
pub struct Digits {
    /// Decides every draw.
    pub seed: u64,
    /// What is trained on.
    pub train: Mnist,
    /// What is held out.
    pub test: Mnist,
}

/// Clean digits, and how noisy to make them.
pub struct Batch {
    /// n × 784, in [-1, 1].
    pub x0: Vec<f32>,
    /// n digits.
    pub labels: Vec<u8>,
    /// n amounts of noise.
    pub sigma: Vec<f64>,
    /// n × 784, N(0, 1).
    pub noise: Vec<f64>,
}

impl Digits {
    /// Loads the data.
    ///
    /// # Errors
    /// [`DataError`].
    pub fn load(data: &Path, seed: u64) -> Result<Self, DataError> {
        Ok(Self {
            seed,
            train: Mnist::load(data, Split::Train)?,
            test: Mnist::load(data, Split::Test)?,
        })
    }

    /// The random numbers of a step.
    pub fn random(&self, step: u64) -> ChaCha8Rng {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(u64::MAX - step);
        random
    }

    /// Which digit of the training set each sample of a step is: every pass is a new permutation.
    pub fn indices(&self, step: u64, batch: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.train.len()).collect();
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(self.pass(step, batch));
        order.shuffle(&mut random);
        let start = (step % self.pass_steps(batch)) as usize * batch;
        order.into_iter().skip(start).take(batch).collect()
    }

    /// How often every digit of the training set has been used before a step.
    pub fn pass(&self, step: u64, batch: usize) -> u64 {
        step / self.pass_steps(batch)
    }

    fn pass_steps(&self, batch: usize) -> u64 {
        (self.train.len() / batch).max(1) as u64
    }

    /// The digits of a step, with no noise drawn yet.
    pub fn clean(&self, step: u64, batch: usize) -> (Vec<f32>, Vec<u8>) {
        let indices = self.indices(step, batch);
        let labels = indices.iter().map(|&i| self.train.labels[i]).collect();
        (pixels(&self.train, &indices), labels)
    }

    /// The held-out digits that validation uses, each with one of [`VALIDATION_SIGMAS`] in turn.
    pub fn validation(&self) -> impl Iterator<Item = Batch> + '_ {
        let indices: Vec<usize> = (0..VALIDATION_DIGITS.min(self.test.len())).collect();
        let chunks: Vec<Vec<usize>> = indices
            .chunks(VALIDATION_BATCH)
            .map(<[usize]>::to_vec)
            .collect();
        chunks.into_iter().map(|chunk| Batch {
            x0: pixels(&self.test, &chunk),
            labels: chunk.iter().map(|&i| self.test.labels[i]).collect(),
            sigma: chunk
                .iter()
                .map(|i| VALIDATION_SIGMAS[i % VALIDATION_SIGMAS.len()])
                .collect(),
            noise: rng::gaussian(0, chunk[0] as u64, chunk.len() * DIGIT_PIXELS),
        })
    }

    /// The mean over the held-out digits of what `loss` gives for a batch.
    pub fn validate(&self, loss: impl Fn(&Batch) -> f64) -> f64 {
        let losses = self.validation().map(|batch| {
            let n = batch.sigma.len() as f64;
            (loss(&batch) * n, n)
        });
        let (sum, n) = losses.fold((0.0, 0.0), |(a, b), (c, d)| (a + c, b + d));
        sum / n
    }
}

impl Batch {
    /// x0 + σ·noise, [n, 1, 28, 28].
    pub fn x(&self, device: &Device) -> Tensor<4> {
        let pixels = self.x0.iter().zip(&self.noise).enumerate();
        let x = pixels.map(|(i, (&x0, &noise))| x0 + (self.sigma[i / DIGIT_PIXELS] * noise) as f32);
        pictures(x.collect(), device)
    }

    /// The clean pictures, [n, 1, 28, 28].
    pub fn x0(&self, device: &Device) -> Tensor<4> {
        pictures(self.x0.clone(), device)
    }

    /// σ as a tensor, \[n\].
    pub fn sigma(&self, device: &Device) -> Tensor<1> {
        let sigma: Vec<f32> = self.sigma.iter().map(|&s| s as f32).collect();
        Tensor::from_data(TensorData::new(sigma, [self.sigma.len()]), device)
    }
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

/// N(0, 1) for each pixel of `n` digits.
pub fn noise(n: usize, random: &mut ChaCha8Rng) -> Vec<f64> {
    (0..n * DIGIT_PIXELS)
        .map(|_| StandardNormal.sample(random))
        .collect()
}

/// Values of whole pictures as a tensor, [n, 1, 28, 28].
pub fn pictures(values: Vec<f32>, device: &Device) -> Tensor<4> {
    let n = values.len() / DIGIT_PIXELS;
    Tensor::from_data(
        TensorData::new(values, [n, 1, DIGIT_SIZE, DIGIT_SIZE]),
        device,
    )
}

fn pixels(digits: &Mnist, indices: &[usize]) -> Vec<f32> {
    let pixels = indices.iter().flat_map(|&i| digits.image(i));
    pixels.map(|&p| image::from_pixel(p)).collect()
}
