//! CLIP's training: tell which sentence of a batch belongs to which picture.

use std::{path::Path, rc::Rc};

use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData, activation::log_softmax},
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{
    Task, TrainError, Validation,
    pictures::{Drawn, Pictures},
};
use crate::{
    caption::{Phrasing, Said, Tokenizer, Tokens, describe},
    library::Network,
    model::clip::{Clip, ClipConfig},
    native::{data::DataSet, picture},
    nn::ModelConfig,
    scene::Scene,
};

/// Share of the sentences that say one thing only.
const ONE: f64 = 0.85;

/// Coloured pictures, sentences about them, and two encoders that learn which belong together.
pub struct ClipTask {
    config: ClipConfig,
    tokenizer: Tokenizer,
    pictures: Pictures,
    locked: Option<Rc<Clip>>,
}

impl ClipTask {
    /// The training.
    pub fn new(config: ClipConfig, pictures: Pictures) -> Self {
        let tokenizer = config.tokenizer();
        Self {
            config,
            tokenizer,
            pictures,
            locked: None,
        }
    }

    /// The training of an image encoder for the text encoder of `clip`, which stays as it is: whatever has
    /// learned to follow its words still can.
    pub fn locked(clip: Rc<Clip>, config: &ClipConfig, pictures: Pictures) -> Self {
        let fresh = ClipConfig::new();
        let config = config
            .clone()
            .with_channels(fresh.channels)
            .with_blocks(fresh.blocks);
        Self {
            locked: Some(clip),
            ..Self::new(config, pictures)
        }
    }

    /// The network's configuration.
    pub fn network(&self) -> &ClipConfig {
        &self.config
    }

    /// A sentence about each picture.
    fn sentences(&self, drawn: &Drawn, phrasing: Phrasing, random: &mut ChaCha8Rng) -> Sentences {
        let mut sentences = Sentences::default();
        let shares = match self.locked {
            Some(_) => &Said::SHARES_LATER,
            None => &Said::SHARES_AT_FIRST,
        };
        for scene in &drawn.scenes {
            let said = match random.random_bool(ONE) {
                true => Said::one(shares, random),
                false => Said::random(scene, random),
            };
            let text = describe(scene, said, phrasing, random);
            sentences.tokens.push(self.tokenizer.encode(&text));
            sentences.said.push(said);
        }
        sentences
    }
}

/// Sentences, each about the picture in its place.
#[derive(Default)]
pub struct Sentences {
    tokens: Vec<Tokens>,
    said: Vec<Said>,
}

impl Sentences {
    /// Which sentence (column) is true of which picture (row), 1 or 0: "a three" is true of every three.
    fn truth(&self, scenes: &[Scene], device: &Device) -> Tensor<2> {
        let rows = scenes.iter().flat_map(|scene| {
            let of = scenes.iter().zip(&self.said);
            of.map(|(about, said)| f32::from(u8::from(said.agrees(about, scene))))
        });
        let n = scenes.len();
        Tensor::from_data(TensorData::new(rows.collect(), [n, n]), device)
    }
}

/// The cosines of every picture with every sentence, times the logit scale, [pictures, sentences].
fn logits(model: &Clip, drawn: &Drawn, sentences: &Sentences) -> Tensor<2> {
    let images = model.image(drawn.tensor(&model.devices()[0]));
    let texts = model.text().embedding(&sentences.tokens);
    images.matmul(texts.transpose()) * model.logit_scale().unsqueeze::<2>()
}

/// The mean of the cross-entropies of finding the sentences that are true of a picture and the pictures
/// of which a sentence is true. Where several are, each counts the same: to push any of them away would be
/// wrong, and as half of the sentences say one thing only, it would be most of what is learned (Yang et
/// al. 2022, "Unified Contrastive Learning in Image-Text-Label Space", <https://arxiv.org/abs/2204.03610>).
fn loss(model: &Clip, drawn: &Drawn, sentences: &Sentences) -> Tensor<1> {
    let logits = logits(model, drawn, sentences);
    let truth = sentences.truth(&drawn.scenes, &logits.device());
    let entropy = |dim: usize| {
        let share = truth.clone() / truth.clone().sum_dim(dim);
        (log_softmax(logits.clone(), dim) * share).sum()
    };
    (entropy(0) + entropy(1)) / (-2.0 * drawn.len() as f64)
}

impl Task for ClipTask {
    type Model = Clip;
    type Part = (Drawn, Sentences);

    fn name(&self) -> &'static str {
        Network::Clip.name()
    }

    fn config(&self) -> serde_json::Value {
        serde_json::to_value(&self.config).expect("a configuration is plain data")
    }

    fn init(&self, device: &Device) -> Clip {
        let clip = self.config.init(device);
        match &self.locked {
            Some(locked) => clip.with_locked_text(locked.text()),
            None => clip,
        }
    }

    fn data(&self) -> Option<&DataSet> {
        Some(&self.pictures.digits.train)
    }

    fn epoch_samples(&self) -> usize {
        self.pictures.epoch()
    }

    fn draw(&self, step: u64, samples: usize, _parts: usize) -> Vec<Self::Part> {
        let mut random = self.pictures.digits.random(step);
        let drawn = self.pictures.batch(step, samples, &mut random, Scene::seen);
        let sentences = self.sentences(&drawn, Phrasing::Trained, &mut random);
        vec![(drawn, sentences)]
    }

    fn loss(&self, model: &Clip, (drawn, sentences): &Self::Part) -> Tensor<1> {
        loss(model, drawn, sentences)
    }

    /// On pictures of test digits and in phrasings that training does not use.
    fn validate(&self, model: &Clip) -> Validation {
        let mut random = ChaCha8Rng::seed_from_u64(0);
        let batches = self.pictures.validation();
        let losses = batches.iter().map(|drawn| {
            let sentences = self.sentences(drawn, Phrasing::Unseen, &mut random);
            loss(model, drawn, &sentences).into_scalar::<f64>()
        });
        (losses.sum::<f64>() / batches.len() as f64).into()
    }

    /// The matrix of a batch as a picture: bright where a picture (row) and a sentence (column) are near.
    fn show(&self, model: &Clip, png: &Path) -> Result<(), TrainError> {
        let failed = |error: &dyn std::fmt::Display| TrainError::Show(error.to_string());
        let drawn = self.pictures.validation().swap_remove(0);
        let sentences = self.sentences(&drawn, Phrasing::Unseen, &mut ChaCha8Rng::seed_from_u64(0));
        let cosines = logits(model, &drawn, &sentences) / model.logit_scale().unsqueeze::<2>();
        let values = cosines.try_into_vec_as::<f32>().map_err(|e| failed(&e))?;
        picture::grid(&[values], drawn.len(), drawn.len(), 1, 1, 0)
            .and_then(|grid| picture::save_png(png, &grid))
            .map_err(|e| failed(&e))
    }
}
