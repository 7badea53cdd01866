//! What every training on coloured pictures needs: scenes that are drawn anew at each step.

use std::{cell::OnceCell, ops::Range, path::Path};

use burn::tensor::{Device, Tensor, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::digits::Digits;
use crate::{
    image::{DIGIT_SIZE, from_pixel},
    native::data::{DataError, DataSet},
    scene::{CHANNELS, SIZE, Scene, Strokes, VALUES},
};

/// The most pictures of an epoch: each is drawn anew, so that an epoch has no natural length.
const EPOCH: usize = 16_384;

/// Held-out pictures that validation uses.
const VALIDATION: usize = 512;

/// Pictures that validation puts through a network at once.
pub const VALIDATION_BATCH: usize = 64;

/// MNIST's digits as what coloured pictures are made from.
pub struct Pictures {
    /// The digits.
    pub digits: Digits,
    /// The training digits' strokes, once they have been looked for: that takes longer than painting.
    strokes: Vec<OnceCell<Option<Strokes>>>,
}

/// Pictures and what they show.
#[derive(Clone, Debug, Default)]
pub struct Drawn {
    /// What each shows.
    pub scenes: Vec<Scene>,
    /// n × height × width × channels, in [-1, 1].
    pub values: Vec<f32>,
}

impl Pictures {
    /// Loads the data.
    ///
    /// # Errors
    /// [`DataError`].
    pub fn load(data: &Path, seed: u64) -> Result<Self, DataError> {
        Ok(Self::of(Digits::load(data, seed)?))
    }

    /// Pictures of these digits.
    pub fn of(digits: Digits) -> Self {
        let strokes = vec![OnceCell::new(); digits.train.len()];
        Self { digits, strokes }
    }

    /// The pictures of a training step: `scene` says what is made of each digit.
    pub fn batch<R: Rng>(
        &self,
        step: u64,
        batch: usize,
        random: &mut R,
        scene: impl Fn(u8, &mut R) -> Scene,
    ) -> Drawn {
        let mut drawn = Drawn::default();
        for i in self.digits.indices(step, batch) {
            self.draw(i, &mut drawn, random, &scene);
        }
        drawn
    }

    /// Adds the picture that `scene` makes of the training digit `i`; returns false where that has no ink.
    pub fn draw<R: Rng>(
        &self,
        i: usize,
        drawn: &mut Drawn,
        random: &mut R,
        scene: impl Fn(u8, &mut R) -> Scene,
    ) -> bool {
        let train = &self.digits.train;
        let strokes = self.strokes[i].get_or_init(|| strokes(train, i));
        if let Some(strokes) = strokes {
            drawn.draw(scene(train.labels[i], random), strokes);
        }
        strokes.is_some()
    }

    /// Pictures of an epoch.
    pub fn epoch(&self) -> usize {
        EPOCH.min(self.digits.train.len())
    }

    /// Pictures of test digits for validation, the same each time.
    pub fn validation(&self) -> Vec<Drawn> {
        let indices: Vec<usize> = (0..VALIDATION.min(self.digits.test.len())).collect();
        let mut random = ChaCha8Rng::seed_from_u64(0);
        let chunks = indices.chunks(VALIDATION_BATCH);
        chunks
            .map(|chunk| Drawn::of(&self.digits.test, chunk, &mut random))
            .collect()
    }
}

impl Drawn {
    /// Pictures of the first `count` test digits, the same each time, of kinds that training shows.
    pub fn of_test_digits(test: &DataSet, count: usize) -> Self {
        let indices: Vec<usize> = (0..count.min(test.len())).collect();
        Self::of(test, &indices, &mut ChaCha8Rng::seed_from_u64(1))
    }

    /// A digit without ink is left out.
    fn of(digits: &DataSet, indices: &[usize], random: &mut impl Rng) -> Self {
        let mut drawn = Self::default();
        for &i in indices {
            if let Some(strokes) = strokes(digits, i) {
                drawn.draw(Scene::seen(digits.labels[i], random), &strokes);
            }
        }
        drawn
    }

    fn draw(&mut self, scene: Scene, strokes: &Strokes) {
        self.values.extend(scene.paint(strokes));
        self.scenes.push(scene);
    }

    /// Some of the pictures.
    pub fn part(&self, pictures: Range<usize>) -> Self {
        Self {
            values: self.values[pictures.start * VALUES..pictures.end * VALUES].to_vec(),
            scenes: self.scenes[pictures].to_vec(),
        }
    }

    /// Pictures.
    pub fn len(&self) -> usize {
        self.scenes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.scenes.is_empty()
    }

    /// The pictures one by one, each height × width × channels.
    pub fn each(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks(VALUES)
    }

    /// The pictures as a tensor, [n, channels, height, width].
    pub fn tensor(&self, device: &Device) -> Tensor<4> {
        pictures(self.values.clone(), device)
    }
}

/// The strokes of a digit; none, where there is no ink.
fn strokes(digits: &DataSet, i: usize) -> Option<Strokes> {
    let ink: Vec<f32> = digits
        .image(i)
        .iter()
        .map(|&p| (from_pixel(p) + 1.0) / 2.0)
        .collect();
    Strokes::of(&ink, DIGIT_SIZE)
}

/// Pictures, n × height × width × channels, as a tensor [n, channels, height, width].
pub fn pictures(values: Vec<f32>, device: &Device) -> Tensor<4> {
    let n = values.len() / VALUES;
    let data = TensorData::new(values, [n, SIZE, SIZE, CHANNELS]);
    Tensor::<4>::from_data(data, device).permute([0, 3, 1, 2])
}
