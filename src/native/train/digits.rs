//! Which of a set's pictures a training sees in which step: MNIST's digits, or others.

use std::{cell::RefCell, path::Path};

use burn::tensor::Tensor;
use rand_chacha::ChaCha8Rng;

use super::Validation;
use crate::{
    image,
    native::data::{About, DataError, DataSet, Split},
    rng,
    training::{self, Batch},
};

/// σ at which validation looks, with equal weight.
pub const VALIDATION_SIGMAS: [f64; 8] = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4];

/// Held-out digits that validation uses.
const VALIDATION_DIGITS: usize = 1024;

/// Pictures that validation puts through a network at once.
const VALIDATION_BATCH: usize = 128;

/// A set of pictures, and the draws of a training run: the same for the same seed and step, so that a resumed run
/// continues as if it had not stopped.
pub struct Digits {
    /// Decides every draw.
    pub seed: u64,
    /// What is trained on.
    pub train: DataSet,
    /// What is held out.
    pub test: DataSet,
    /// The last pass that was asked for, and the order of its digits.
    pass: RefCell<Option<(u64, Vec<usize>)>>,
}

impl Digits {
    /// Loads the data.
    ///
    /// # Errors
    /// [`DataError`].
    pub fn load(data: &Path, seed: u64) -> Result<Self, DataError> {
        let train = DataSet::load(data, Split::Train)?;
        Ok(Self::new(seed, train, DataSet::load(data, Split::Test)?))
    }

    /// Of data that is at hand.
    pub fn new(seed: u64, train: DataSet, test: DataSet) -> Self {
        Self {
            seed,
            train,
            test,
            pass: RefCell::new(None),
        }
    }

    /// What the pictures are.
    pub fn about(&self) -> &About {
        &self.train.about
    }

    /// The random numbers of a step.
    pub fn random(&self, step: u64) -> ChaCha8Rng {
        training::random(self.seed, step)
    }

    /// Which digit of the training set each sample of a step is: every pass is a new permutation.
    pub fn indices(&self, step: u64, batch: usize) -> Vec<usize> {
        let pass = self.pass(step, batch);
        let mut known = self.pass.borrow_mut();
        let (_, order) = match &mut *known {
            Some(last) if last.0 == pass => last,
            known => known.insert((pass, training::order(self.seed, pass, self.train.len()))),
        };
        let start = (step % self.pass_steps(batch)) as usize * batch;
        order.iter().skip(start).take(batch).copied().collect()
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
            size: self.about().size,
            x0: pixels(&self.test, &chunk),
            labels: chunk.iter().map(|&i| self.test.labels[i]).collect(),
            sigma: chunk
                .iter()
                .map(|i| VALIDATION_SIGMAS[i % VALIDATION_SIGMAS.len()])
                .collect(),
            noise: rng::gaussian(0, chunk[0] as u64, chunk.len() * self.about().pixels()),
        })
    }

    /// What `losses` gives, a number for each picture of a batch, over the held-out digits.
    pub fn validate(&self, losses: impl Fn(&Batch) -> Tensor<1>) -> Validation {
        let of_batch = |batch: Batch| {
            let losses: Vec<f64> = losses(&batch).into_data().iter::<f64>().collect();
            batch.sigma.into_iter().zip(losses)
        };
        self.validation().flat_map(of_batch).collect()
    }
}

fn pixels(digits: &DataSet, indices: &[usize]) -> Vec<f32> {
    let pixels = indices.iter().flat_map(|&i| digits.image(i));
    pixels.map(|&p| image::from_pixel(p)).collect()
}
