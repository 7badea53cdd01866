//! The judges of samples, trained by the same loop as every other model.

use std::{
    fs,
    marker::PhantomData,
    ops::Range,
    path::Path,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData, activation::log_softmax},
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::EvaluationError;
use crate::{
    image,
    native::{
        data::{About, DataSet},
        picture,
        store::CheckpointError,
        train::{Recipe, Run, Task, TrainError, Validation, shares, train},
    },
    training::pictures,
};

/// Digits that the network reads at once.
const BATCH: usize = 500;

/// A network that tells digits, or other classes, from one another.
pub trait Reader: Module {
    /// Its name: also that of its folder of runs.
    const NAME: &'static str;
    /// What it sees in a digit, one layer before the answer: so many numbers.
    const FEATURES: usize;

    /// A network with fresh weights for such pictures.
    fn fresh(about: &About, device: &Device) -> Self;

    /// How it is trained.
    fn recipe() -> Recipe;

    /// What the last layer decides by.
    ///
    /// # Shapes
    /// `images` [n, 1, size, size] in [-1, 1]; returns [n, FEATURES].
    fn features(&self, images: Tensor<4>) -> Tensor<2>;

    /// # Shapes
    /// `features` [n, FEATURES]; returns the logarithms of the classes' odds, [n, classes].
    fn logits(&self, features: Tensor<2>) -> Tensor<2>;
}

/// A trained [`Reader`].
#[derive(Debug)]
pub struct Classifier<N> {
    network: N,
    about: Arc<About>,
    device: Device,
}

/// What a [`Classifier`] sees in n pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// n × [`Reader::FEATURES`], as [`Reader::features`] gives them.
    pub features: Vec<f32>,
    /// The n likeliest digits.
    pub digits: Vec<u8>,
    /// n × classes, as [`Reader::logits`] gives them.
    pub logits: Vec<f32>,
}

impl Reading {
    /// The features of the pictures at `indices`, in that order.
    pub fn rows(&self, indices: &[usize]) -> Vec<f32> {
        let width = self.features.len() / self.digits.len().max(1);
        let row = |&i: &usize| &self.features[i * width..][..width];
        indices.iter().flat_map(row).copied().collect()
    }
}

impl<N: Reader> Classifier<N> {
    /// Trains the network, or continues, or only loads it, as far as `folder` holds it already.
    ///
    /// # Errors
    /// [`TrainError`].
    pub fn load_or_train(
        folder: &Path,
        recipe: &Recipe,
        train_set: &DataSet,
        test_set: &DataSet,
        device: &Device,
        interrupted: &AtomicBool,
    ) -> Result<Self, TrainError> {
        let task = ReaderTask {
            network: PhantomData,
            train: train_set,
            test: test_set,
            seed: recipe.seed,
        };
        let attempt = |resume| {
            let run = Run {
                folder: folder.to_path_buf(),
                resume,
                checkpoint_every: Duration::from_secs(60),
                pretrained: None,
            };
            train(&task, recipe, &run, device, interrupted)
        };
        let network = match attempt(true) {
            Ok(network) => network,
            // Never begun.
            Err(TrainError::Checkpoint(CheckpointError::Io(_, error)))
                if error.kind() == std::io::ErrorKind::NotFound =>
            {
                attempt(false)?
            }
            // Damaged, or by an older recipe: it holds nothing that training does not bring back.
            Err(TrainError::Checkpoint(
                CheckpointError::Format(path, _) | CheckpointError::Other(path, _),
            )) => {
                fs::remove_file(path)?;
                attempt(false)?
            }
            Err(other) => return Err(other),
        };
        Ok(Self {
            network,
            about: train_set.about.clone(),
            device: device.clone(),
        })
    }

    /// Reads `images`, each as many bytes as a picture has pixels.
    ///
    /// # Errors
    /// [`EvaluationError::Device`].
    pub fn read(&self, images: &[u8]) -> Result<Reading, EvaluationError> {
        let failed = |error: &dyn std::fmt::Display| EvaluationError::Device(error.to_string());
        let mut reading = Reading {
            features: Vec::new(),
            digits: Vec::new(),
            logits: Vec::new(),
        };
        for batch in images.chunks(BATCH * self.about.pixels()) {
            let values = batch
                .iter()
                .map(|&pixel| image::from_pixel(pixel))
                .collect();
            let features = self
                .network
                .features(pictures(values, self.about.size, &self.device));
            let logits = self.network.logits(features.clone());
            reading
                .features
                .extend(features.try_into_vec_as::<f32>().map_err(|e| failed(&e))?);
            reading
                .logits
                .extend(logits.try_into_vec_as::<f32>().map_err(|e| failed(&e))?);
        }
        let classes = self.about.classes.len();
        reading.digits = reading.logits.chunks(classes).map(likeliest).collect();
        Ok(reading)
    }

    /// Share of `digits` that are read right.
    ///
    /// # Errors
    /// [`EvaluationError::Device`].
    pub fn accuracy(&self, digits: &DataSet) -> Result<f64, EvaluationError> {
        let seen = self.read(&digits.images)?.digits;
        let right = seen
            .iter()
            .zip(&digits.labels)
            .filter(|(seen, label)| seen == label)
            .count();
        Ok(right as f64 / digits.len().max(1) as f64)
    }
}

/// What a [`Reader`] learns from.
struct ReaderTask<'a, N> {
    network: PhantomData<N>,
    train: &'a DataSet,
    test: &'a DataSet,
    seed: u64,
}

impl<N: Reader> ReaderTask<'_, N> {
    /// −log p(label), a mean over the pictures.
    fn cross_entropy(&self, model: &N, values: Vec<f32>, labels: &[u8]) -> Tensor<1> {
        let About { classes, size, .. } = &*self.train.about;
        let (classes, device) = (classes.len(), &model.devices()[0]);
        let mut asked = vec![0f32; labels.len() * classes];
        for (row, &label) in asked.chunks_mut(classes).zip(labels) {
            row[usize::from(label)] = 1.0;
        }
        let asked = Tensor::<2>::from_data(TensorData::new(asked, [labels.len(), classes]), device);
        let features = model.features(pictures(values, *size, device));
        let log_p = log_softmax(model.logits(features), 1);
        (log_p * asked).sum() / -(labels.len() as f64)
    }
}

impl<N: Reader> Task for ReaderTask<'_, N> {
    type Model = N;
    type Part = (Vec<f32>, Vec<u8>);

    fn name(&self) -> &'static str {
        N::NAME
    }

    fn config(&self) -> serde_json::Value {
        serde_json::json!({ "features": N::FEATURES })
    }

    fn init(&self, device: &Device) -> N {
        N::fresh(&self.train.about, device)
    }

    fn data(&self) -> Option<&DataSet> {
        Some(self.train)
    }

    fn epoch_samples(&self) -> usize {
        self.train.len()
    }

    /// Cross-entropy on digits that are turned, stretched and moved a little, drawn with replacement.
    fn draw(&self, step: u64, samples: usize, parts: usize) -> Vec<Self::Part> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(step);
        let (mut images, mut labels) = (
            Vec::with_capacity(samples * self.train.about.pixels()),
            Vec::with_capacity(samples),
        );
        for _ in 0..samples {
            let i = random.random_range(0..self.train.len());
            let image = self.train.image(i);
            images.extend(jitter(image, self.train.about.size, &mut random));
            labels.push(self.train.labels[i]);
        }
        let pixels = self.train.about.pixels();
        let part = |share: Range<usize>| {
            let values = share.start * pixels..share.end * pixels;
            (images[values].to_vec(), labels[share].to_vec())
        };
        shares(samples, parts).map(part).collect()
    }

    fn loss(&self, model: &N, (images, labels): &Self::Part) -> Tensor<1> {
        self.cross_entropy(model, images.clone(), labels)
    }

    fn validate(&self, model: &N) -> Validation {
        let batches = self
            .test
            .images
            .chunks(BATCH * self.test.about.pixels())
            .zip(self.test.labels.chunks(BATCH));
        let sum: f64 = batches
            .map(|(images, labels)| {
                let values = images
                    .iter()
                    .map(|&pixel| image::from_pixel(pixel))
                    .collect();
                let loss = self.cross_entropy(model, values, labels);
                loss.into_scalar::<f64>() * labels.len() as f64
            })
            .sum();
        (sum / self.test.len().max(1) as f64).into()
    }

    /// The test digits that the network still takes for others.
    fn show(&self, model: &N, png: &Path) -> Result<(), TrainError> {
        const MOST: usize = 100;
        let failed = |error: &dyn std::fmt::Display| TrainError::Show(error.to_string());
        let classifier = Classifier {
            network: model.clone(),
            about: self.test.about.clone(),
            device: model.devices()[0].clone(),
        };
        let seen = classifier
            .read(&self.test.images)
            .map_err(|e| failed(&e))?
            .digits;
        let wrong: Vec<Vec<f32>> = (0..self.test.len())
            .filter(|&i| seen[i] != self.test.labels[i])
            .take(MOST)
            .map(|i| {
                self.test
                    .image(i)
                    .iter()
                    .map(|&pixel| image::from_pixel(pixel))
                    .collect()
            })
            .collect();
        let size = self.test.about.size;
        picture::grid(&wrong, size, size, 1, 10, 2)
            .and_then(|grid| picture::save_png(png, &grid))
            .map_err(|e| failed(&e))
    }
}

fn likeliest(logits: &[f32]) -> u8 {
    let best = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    best.map_or(0, |(digit, _)| digit as u8)
}

/// The digit turned by up to 12°, sheared, stretched by up to 15 % either way and moved by up to two
/// pixels, in [-1, 1].
fn jitter(digit: &[u8], size: usize, random: &mut ChaCha8Rng) -> Vec<f32> {
    let centre = (size as f32 - 1.0) / 2.0;
    let mut within = |most: f32| random.random_range(-most..most);
    let (sin, cos) = within(0.21).sin_cos();
    let (shear, wide, high) = (within(0.15), 1.0 + within(0.15), 1.0 + within(0.15));
    let (right, down) = (within(2.0), within(2.0));

    let pixel = |x: i32, y: i32| {
        let inside = 0..size as i32;
        if inside.contains(&x) && inside.contains(&y) {
            f32::from(digit[y as usize * size + x as usize])
        } else {
            0.0
        }
    };
    let mut moved = Vec::with_capacity(size * size);
    for row in 0..size {
        for column in 0..size {
            // Where this pixel comes from.
            let (x, y) = (column as f32 - centre - right, row as f32 - centre - down);
            let (x, y) = (
                wide * (cos * x - sin * y) + shear * y + centre,
                high * (sin * x + cos * y) + centre,
            );
            let (left, top) = (x.floor(), y.floor());
            let (fx, fy) = (x - left, y - top);
            let (left, top) = (left as i32, top as i32);
            let above = pixel(left, top) * (1.0 - fx) + pixel(left + 1, top) * fx;
            let below = pixel(left, top + 1) * (1.0 - fx) + pixel(left + 1, top + 1) * fx;
            moved.push((above * (1.0 - fy) + below * fy) / 127.5 - 1.0);
        }
    }
    moved
}
