//! A trainer that makes one step at a time and is small enough for a page: a network that learns to draw from
//! nothing.

use std::collections::{BTreeMap, HashMap, VecDeque};

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    optim::GradientsParams,
    tensor::{Device, Tensor, TensorData},
};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Adam, Batch, Pictures, averaged, draw, order, random};
use crate::{
    denoiser::{Cond, Denoiser, Direct, Wanted},
    generation::{self, Generation, GenerationError, Request, SettingsError},
    image::{DIGIT_PIXELS, DIGIT_SIZE},
    model::mlp::{Mlp, MlpConfig},
    nn::ModelConfig,
    rng,
    weights::{self, Weight},
};

/// Decay of the averaged weights a step: of the last hundred steps or so, as a run has few.
const EMA_DECAY: f64 = 0.99;

/// Steps over which the learning rate rises from 0.
const WARMUP: u64 = 20;

/// The smallest learning rate that is taken.
pub const MIN_LEARNING_RATE: f64 = 1e-6;

/// The largest; far below it training fails, which may be looked at.
pub const MAX_LEARNING_RATE: f64 = 1.0;

/// As many pictures are taken in a step at most.
pub const MAX_BATCH: usize = 256;

/// As many pictures are drawn at once at most.
pub const MAX_SAMPLES: usize = 100;

/// Guidance of what is drawn.
const GUIDANCE: f64 = 2.0;

/// The entry of a file's header by which it is told from others, and what it says.
const FORMAT: (&str, &str) = ("format", "unnoise-training-1");

const STEPS: &str = "steps";
const TELL_SIGMA: &str = "tellSigma";
const WEIGHTS: &str = "weights.";
const AVERAGE: &str = "average.";

/// How to train.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Settings {
    /// Decides the first weights and every draw.
    pub seed: u64,
    /// The learning rate, [`MIN_LEARNING_RATE`] to [`MAX_LEARNING_RATE`].
    pub learning_rate: f64,
    /// Pictures a step, 1 to [`MAX_BATCH`].
    pub batch: usize,
    /// Whether the network is told how much noise there is.
    pub tell_sigma: bool,
}

/// With these, and 600 steps, it draws digits of which nine in ten and more are read right.
impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 1,
            learning_rate: 3e-3,
            batch: 64,
            tell_sigma: true,
        }
    }
}

/// Training that cannot begin or go on.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum TrainerError {
    /// Out of range, or no number.
    #[error("the learning rate must be {MIN_LEARNING_RATE} to {MAX_LEARNING_RATE}, not {0}")]
    LearningRate(f64),
    /// Too few or too many.
    #[error("the batch must be 1 to {MAX_BATCH} pictures, not {0}")]
    Batch(usize),
    /// Too few or too many.
    #[error("1 to {MAX_SAMPLES} pictures can be drawn at once, not {0}")]
    Samples(usize),
    /// Not the digits that [`Pictures::pack`] makes.
    #[error("the digits to learn from cannot be read: {0}")]
    Pictures(String),
    /// Not drawings.
    #[error("there must be 1 to {max} drawings of 28 x 28 numbers from -1 to 1", max = super::MAX_DRAWINGS)]
    Drawings,
    /// The loss is NaN or infinite.
    #[error(
        "the loss is not a number any more after {0} steps: begin again with a lower learning rate"
    )]
    Diverged(u64),
    /// Not what [`Trainer::save`] makes.
    #[error("this is no network that was trained and saved here: {0}")]
    File(String),
    /// What is drawn.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A network call.
    #[error(transparent)]
    Generation(#[from] GenerationError),
}

impl Settings {
    /// # Errors
    /// [`TrainerError`]: the first setting that is out of range.
    pub fn check(&self) -> Result<(), TrainerError> {
        if !(MIN_LEARNING_RATE..=MAX_LEARNING_RATE).contains(&self.learning_rate) {
            return Err(TrainerError::LearningRate(self.learning_rate));
        }
        if !(1..=MAX_BATCH).contains(&self.batch) {
            return Err(TrainerError::Batch(self.batch));
        }
        Ok(())
    }
}

/// What a step has seen and done.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Steps made, this one included.
    pub step: u64,
    /// The mean squared error of the clean pictures, before the weights were changed.
    pub loss: f64,
    /// The digit that the network was told to expect in each picture; none for any.
    pub digits: Vec<Option<u8>>,
    /// The amount of noise in each.
    pub sigma: Vec<f64>,
    /// The clean pictures, n × 784.
    pub x0: Vec<f32>,
    /// The noise that was drawn, n × 784, N(0, 1).
    pub noise: Vec<f32>,
    /// x0 + σ·noise.
    pub x: Vec<f32>,
    /// The network's answer: its estimate of the clean pictures.
    pub denoised: Vec<f32>,
}

/// A network, how it is trained, and how far.
pub struct Trainer {
    settings: Settings,
    config: MlpConfig,
    pictures: Pictures,
    device: Device,
    model: Mlp,
    average: Mlp,
    adam: Adam,
    steps: u64,
    /// Pictures that were taken, and their order in this pass.
    taken: u64,
    order: Vec<usize>,
}

impl Trainer {
    /// A network with fresh weights, which are the same for the same seed on every machine.
    ///
    /// # Errors
    /// [`TrainerError`]: what is wrong with the settings.
    pub fn new(
        settings: Settings,
        pictures: Pictures,
        device: &Device,
    ) -> Result<Self, TrainerError> {
        settings.check()?;
        let mut config = MlpConfig::new();
        if !settings.tell_sigma {
            config = config.with_noise_features(0);
        }
        let device = device.clone().autodiff();
        let model = config.init(&device).map(&mut Fresh::new(settings.seed));
        Ok(Self {
            average: model.valid(),
            adam: Adam::default(),
            steps: 0,
            taken: 0,
            order: Vec::new(),
            settings,
            config,
            pictures,
            device,
            model,
        })
    }

    /// The settings: what was asked for, and since then changed.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Steps made.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Sets how the steps to come are made.
    ///
    /// # Errors
    /// [`TrainerError`]; nothing is changed then.
    pub fn set(&mut self, learning_rate: f64, batch: usize) -> Result<(), TrainerError> {
        let settings = Settings {
            learning_rate,
            batch,
            ..self.settings.clone()
        };
        settings.check()?;
        self.settings = settings;
        Ok(())
    }

    /// One step: draw pictures and noise, add it, ask the network, measure its error, and change every weight a little
    /// against the gradient of that. One that fails leaves the weights as they were.
    ///
    /// # Errors
    /// [`TrainerError::Diverged`], [`TrainerError::Generation`].
    pub async fn step(&mut self) -> Result<Step, TrainerError> {
        let (batch, cond) = self.draw();
        let network = Direct::new(self.model.clone(), self.config.clone());
        let denoised = network.denoise(batch.x(&self.device), &batch.sigma, &cond);
        let loss = squared_error(denoised.clone(), &batch);
        let gradients = GradientsParams::from_grads(loss.backward(), &self.model);
        let loss = f64::from(numbers(loss).await?[0]);
        if !loss.is_finite() {
            return Err(TrainerError::Diverged(self.steps));
        }
        let rising = (self.steps + 1) as f64 / WARMUP as f64;
        let rate = self.settings.learning_rate * rising.min(1.0);
        self.model = self.adam.step(rate, self.model.clone(), gradients);
        self.steps += 1;
        let (average, model) = (self.average.clone(), self.model.valid());
        self.average = averaged(average, &model, self.steps, EMA_DECAY);
        let told = |wanted: &Wanted| match wanted {
            Wanted::Digit(digit) => Some(*digit),
            Wanted::Any | Wanted::Prompt(_) => None,
        };
        Ok(Step {
            step: self.steps,
            loss,
            digits: cond.0.iter().map(told).collect(),
            x: batch.noised(),
            denoised: numbers(denoised).await?,
            noise: batch.noise.iter().map(|&v| v as f32).collect(),
            x0: batch.x0,
            sigma: batch.sigma,
        })
    }

    /// Draws pictures with the averaged weights, 784 values each, one after another; of the same seeds the same, but
    /// for what has been learnt meanwhile.
    ///
    /// # Errors
    /// [`TrainerError`].
    pub async fn sample(&self, requests: &[Request]) -> Result<Vec<f32>, TrainerError> {
        if !(1..=MAX_SAMPLES).contains(&requests.len()) {
            return Err(TrainerError::Samples(requests.len()));
        }
        // Where no digit is known there is nothing to be guided to.
        let guidance = match self.pictures.are_labelled() {
            true => GUIDANCE,
            false => 1.0,
        };
        let settings = generation::Settings {
            guidance,
            ..generation::Settings::default()
        };
        let network = Direct::new(self.average.clone(), self.config.clone());
        let device = self.device.clone().inner();
        let mut run = Generation::new(network, &settings, requests, &device)?;
        while run.next().await?.is_some() {}
        Ok(run.frame().x)
    }

    /// The network as a safetensors file of f32: the weights, the averaged weights that draw, and in its header how
    /// far it is.
    ///
    /// # Errors
    /// [`TrainerError::File`].
    pub fn save(&self) -> Result<Vec<u8>, TrainerError> {
        let mut tensors = BTreeMap::new();
        for (prefix, network) in [
            (WEIGHTS, self.model.valid()),
            (AVERAGE, self.average.clone()),
        ] {
            let named = weights::named(network).map_err(TrainerError::File)?;
            tensors.extend(
                named
                    .into_iter()
                    .map(|(name, w)| (format!("{prefix}{name}"), w)),
            );
        }
        let bytes = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let parts: Vec<(&String, &Weight, Vec<u8>)> = tensors
            .iter()
            .map(|(name, weight)| (name, weight, bytes(&weight.values)))
            .collect();
        let failed = |error: safetensors::SafeTensorError| TrainerError::File(error.to_string());
        let views = parts
            .iter()
            .map(|(name, weight, bytes)| {
                let view = TensorView::new(Dtype::F32, weight.shape.clone(), bytes)?;
                Ok((*name, view))
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(failed)?;
        let header = HashMap::from([
            (FORMAT.0.into(), FORMAT.1.into()),
            (STEPS.into(), self.steps.to_string()),
            (TELL_SIGMA.into(), self.settings.tell_sigma.to_string()),
        ]);
        safetensors::serialize(views, Some(header)).map_err(failed)
    }

    /// Takes the network of a file from [`Trainer::save`] in the place of its own; Adam, which is not in it, begins
    /// anew.
    ///
    /// # Errors
    /// [`TrainerError::File`]; nothing is changed then.
    pub fn open(&mut self, bytes: &[u8]) -> Result<(), TrainerError> {
        let unfit = |reason: &dyn ToString| TrainerError::File(reason.to_string());
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| unfit(&e))?;
        let entry = |name: &str| header.metadata().as_ref()?.get(name);
        if entry(FORMAT.0).map(String::as_str) != Some(FORMAT.1) {
            return Err(unfit(&"its header does not say so"));
        }
        let steps = entry(STEPS).and_then(|text| text.parse().ok());
        let told = entry(TELL_SIGMA).and_then(|text| text.parse().ok());
        let (Some(steps), Some(tell_sigma)) = (steps, told) else {
            return Err(unfit(&"its header is incomplete"));
        };
        let features = match tell_sigma {
            true => MlpConfig::new().noise_features,
            false => 0,
        };
        let config = MlpConfig::new().with_noise_features(features);
        let file = SafeTensors::deserialize(bytes).map_err(|e| unfit(&e))?;
        let network = |prefix: &str, device: &Device| {
            let mut tensors = BTreeMap::new();
            for (name, view) in file.iter() {
                let Some(name) = name.strip_prefix(prefix) else {
                    continue;
                };
                let shape = view.shape().to_vec();
                let values = weights::floats(&view)?;
                tensors.insert(name.to_string(), Weight { shape, values });
            }
            weights::fill(config.init(device), tensors)
        };
        let model = network(WEIGHTS, &self.device).map_err(|e| unfit(&e))?;
        let average = network(AVERAGE, &self.device).map_err(|e| unfit(&e))?;
        // Weights and averages belong together by the parameters' identities, which a file does not hold.
        let mut values = Values::default();
        average.valid().visit(&mut values);
        let average = model.valid().map(&mut values);
        self.model = model;
        self.average = average;
        self.config = config;
        self.adam = Adam::default();
        self.settings.tell_sigma = tell_sigma;
        self.steps = steps;
        Ok(())
    }

    /// The pictures of the next step, how noisy they are made, and what the network is told of them.
    fn draw(&mut self) -> (Batch, Cond) {
        let mut random = random(self.settings.seed, self.steps);
        let len = self.pictures.len() as u64;
        let mut x0 = Vec::with_capacity(self.settings.batch * DIGIT_PIXELS);
        let mut labels = Vec::with_capacity(self.settings.batch);
        for _ in 0..self.settings.batch {
            let (pass, place) = (self.taken / len, (self.taken % len) as usize);
            if place == 0 {
                self.order = order(self.settings.seed, pass, self.pictures.len());
            }
            let picture = self.order[place];
            self.taken += 1;
            x0.extend(self.pictures.take(picture, &mut random));
            labels.push(self.pictures.label(picture));
        }
        let n = labels.len();
        let (batch, cond) = draw(x0, DIGIT_SIZE, labels, &mut random);
        match self.pictures.are_labelled() {
            true => (batch, cond),
            false => (batch, Cond::null(n)),
        }
    }
}

/// (D(x0 + σ·noise; σ) − x0)², a mean over pixels and pictures: σ² times that of the noise, which is what is left of x
/// without D.
///
/// # Shapes
/// `denoised` [n, 1, 28, 28].
pub fn squared_error(denoised: Tensor<4>, batch: &Batch) -> Tensor<1> {
    let x0 = batch.x0(&denoised.device());
    (denoised - x0).square().mean()
}

async fn numbers<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, GenerationError> {
    let data = tensor
        .into_data_async()
        .await
        .map_err(|error| GenerationError::Device(error.to_string()))?;
    Ok(data.convert::<f32>().iter::<f32>().collect())
}

/// The values of a module's parameters in their order: taken from one, and given to another.
#[derive(Default)]
struct Values(VecDeque<TensorData>);

impl ModuleVisitor for Values {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push_back(param.val().into_data());
    }
}

impl ModuleMapper for Values {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let values = self.0.pop_front();
        param.map(|tensor| match values {
            Some(values) => Tensor::from_data(values, &tensor.device()),
            None => tensor,
        })
    }
}

/// Draws the first weights, N(0, 1 / inputs), from a seed: Burn's own numbers hang on the order in which parameters are
/// first used, and on whatever else draws meanwhile. Of the classes one alone is an input. Biases begin at 0.
struct Fresh {
    seed: u64,
    stream: u64,
    path: Vec<String>,
}

impl Fresh {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            stream: 0,
            path: Vec::new(),
        }
    }
}

impl ModuleMapper for Fresh {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.stream += 1;
        let is = |name: &str| self.path.iter().any(|part| part == name);
        let (class, scale) = (is("class"), is("gamma"));
        let (seed, stream) = (self.seed, self.stream);
        param.map(|tensor| {
            let dims: [usize; D] = tensor.dims();
            if scale {
                return tensor;
            }
            if D < 2 {
                return tensor.zeros_like().require_grad();
            }
            let inputs = if class { 1 } else { dims[0] };
            let deviation = 1.0 / (inputs as f64).sqrt();
            let draws = rng::gaussian(seed, stream, dims.iter().product());
            let values: Vec<f32> = draws.iter().map(|v| (v * deviation) as f32).collect();
            Tensor::from_data(TensorData::new(values, dims), &tensor.device()).require_grad()
        })
    }
}
