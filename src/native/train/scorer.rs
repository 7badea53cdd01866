//! The scorer's training: tell digits from one another and from what is none, and denoise by its own
//! gradient, at every noise level.

use std::{path::Path, rc::Rc};

use burn::{
    module::Module,
    tensor::{Device, Int, Tensor, TensorData, activation::log_softmax},
};
use rand::RngExt;

use super::{Task, TrainError, Validation, digits::Digits, negatives::negative, shares, show};
use crate::{
    denoiser::Gradient,
    library::Network,
    model::scorer::{Scorer, ScorerConfig},
    native::data::DataSet,
    nn::ModelConfig,
    training::{self, Batch, P_UNCOND, denoising_losses},
};

/// Pictures that are no digit, for each that is one.
const NEGATIVES: f64 = 0.25;

/// Weight of the classification loss beside the denoising loss: the gradient is what draws, and a
/// classifier whose gradient denoises classifies well already.
const CLASSIFICATION: f64 = 0.02;

/// A set of pictures and a scorer that learns it.
pub struct ScorerTask {
    config: ScorerConfig,
    digits: Digits,
}

impl ScorerTask {
    /// The training.
    pub fn new(config: ScorerConfig, digits: Digits) -> Self {
        Self { config, digits }
    }
}

/// The mean of −ln p(class | x).
///
/// # Shapes
/// `log_f` [n, classes + 1]; `classes` of length n.
fn cross_entropy(log_f: Tensor<2>, classes: &[usize]) -> Tensor<1> {
    let n = classes.len();
    let classes: Vec<i32> = classes.iter().map(|&c| c as i32).collect();
    let classes = Tensor::<2, Int>::from_data(TensorData::new(classes, [n, 1]), &log_f.device());
    -log_softmax(log_f, 1).gather(1, classes).mean()
}

/// The denoising loss of the gradient for each digit (denoising score matching: Vincent 2011; Song & Ermon 2019,
/// <https://arxiv.org/abs/1907.05600>) and the mean classification loss.
fn losses(
    model: &Scorer,
    batch: &Batch,
    asked: &[Option<u8>],
    negatives: &Batch,
) -> [Tensor<1>; 2] {
    let device = &model.devices()[0];
    let score = model.score(batch.x(device), batch.sigma(device), asked);
    let denoising = denoising_losses(score.denoised, batch);
    let mut log_f = score.log_f;
    let none = log_f.dims()[1] - 1;
    let mut classes: Vec<usize> = batch.labels.iter().map(|&l| usize::from(l)).collect();
    if !negatives.sigma.is_empty() {
        let no_digit = model.log_f(negatives.x(device), negatives.sigma(device));
        log_f = Tensor::cat(vec![log_f, no_digit], 0);
        classes.extend(vec![none; negatives.sigma.len()]);
    }
    [denoising, cross_entropy(log_f, &classes)]
}

/// Digits, which of them the scorer is told, and pictures of none.
pub struct Part {
    digits: Batch,
    asked: Vec<Option<u8>>,
    negatives: Batch,
}

impl Task for ScorerTask {
    type Model = Scorer;
    type Part = Part;

    fn name(&self) -> &'static str {
        Network::Scorer.name()
    }

    fn config(&self) -> serde_json::Value {
        serde_json::to_value(&self.config).expect("a configuration is plain data")
    }

    fn init(&self, device: &Device) -> Scorer {
        self.config.init(device)
    }

    fn data(&self) -> Option<&DataSet> {
        Some(&self.digits.train)
    }

    fn epoch_samples(&self) -> usize {
        self.digits.train.len()
    }

    fn draw(&self, step: u64, samples: usize, parts: usize) -> Vec<Part> {
        let (x0, labels) = self.digits.clean(step, samples);
        let mut random = self.digits.random(step);
        let asked: Vec<Option<u8>> = labels
            .iter()
            .map(|&label| (!random.random_bool(P_UNCOND)).then_some(label))
            .collect();
        let size = self.config.size;
        let negatives: Vec<f32> = x0
            .chunks(size * size)
            .take((labels.len() as f64 * NEGATIVES) as usize)
            .flat_map(|digit| negative(digit, size, &mut random))
            .collect();
        let mut noisy = |x0: Vec<f32>, labels: Vec<u8>| {
            let n = x0.len() / (size * size);
            Batch {
                size,
                sigma: training::sigmas(n, training::LN_SIGMA, &mut random),
                noise: training::noise(x0.len(), &mut random),
                x0,
                labels,
            }
        };
        let negatives = noisy(negatives, Vec::new());
        let digits = noisy(x0, labels);
        let (all, none) = (asked.len(), negatives.sigma.len());
        shares(all, parts)
            .map(|share| Part {
                digits: digits.part(share.clone()),
                asked: asked[share.clone()].to_vec(),
                negatives: negatives
                    .part(share.start * none / all.max(1)..share.end * none / all.max(1)),
            })
            .collect()
    }

    fn loss(&self, model: &Scorer, part: &Part) -> Tensor<1> {
        let [denoising, classification] = losses(model, &part.digits, &part.asked, &part.negatives);
        denoising.mean() + classification * CLASSIFICATION
    }

    fn validate(&self, model: &Scorer) -> Validation {
        let none = || Batch {
            size: self.config.size,
            x0: Vec::new(),
            labels: Vec::new(),
            sigma: Vec::new(),
            noise: Vec::new(),
        };
        self.digits.validate(|batch| {
            let asked: Vec<Option<u8>> = batch.labels.iter().copied().map(Some).collect();
            let [denoising, _] = losses(model, batch, &asked, &none());
            denoising
        })
    }

    fn show(&self, model: &Scorer, png: &Path) -> Result<(), TrainError> {
        let device = &model.devices()[0];
        // What differentiates is not the training's device any more, but has its own way in.
        let scorer = model.clone().to_device(&Gradient::device(device));
        let denoiser = Rc::new(Gradient::new(scorer, self.config.clone()));
        show::digits(denoiser, device, png)
    }
}
