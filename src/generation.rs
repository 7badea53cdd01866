//! A resumable run from noise to a picture: the driver that owns the loop, and the only place where a
//! sampler meets a tensor.

use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    denoiser::{Cond, Denoiser, Guidance, Wanted},
    image, rng,
    sampler::{Evaluation, Interval, Next, Sampler, SamplerKind},
    schedule::Schedule,
};

/// How far a pixel in [-1, 1] of the finished picture may differ between backends and machines for
/// the same seed and settings; their arithmetic differs in the order of sums.
pub const PARITY_TOLERANCE: f32 = 0.02;

/// The largest number of steps a run may have: as many as the schedule that models are trained on.
pub const MAX_STEPS: usize = 1000;

/// The largest guidance; beyond it every picture is the same.
pub const MAX_GUIDANCE: f64 = 20.0;

/// How to generate: everything but the pictures asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Settings {
    /// Intervals of the σ table, 1 to [`MAX_STEPS`].
    pub steps: usize,
    /// How to go from one σ to the next.
    pub sampler: SamplerKind,
    /// How σ is spaced; none: the sampler's customary way.
    pub schedule: Option<Schedule>,
    /// Strength of classifier-free guidance, 0 to [`MAX_GUIDANCE`]; 1 = off.
    pub guidance: f64,
    /// Fresh noise in a DDIM step, 0 (ODE) to 1 (ancestral).
    pub eta: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            steps: 20,
            sampler: SamplerKind::Dpmpp2m,
            schedule: None,
            guidance: 1.5,
            eta: 0.0,
        }
    }
}

/// A picture asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// 0 to 9, or none for any.
    pub digit: Option<u8>,
    /// What to draw, for a model that knows words; none for anything.
    #[serde(default)]
    pub prompt: Option<String>,
    /// Decides the noise, and with it the picture.
    pub seed: u64,
}

impl Request {
    fn wanted(&self) -> Wanted {
        match (&self.prompt, self.digit) {
            (Some(prompt), _) => Wanted::Prompt(prompt.clone()),
            (None, Some(digit)) => Wanted::Digit(digit),
            (None, None) => Wanted::Any,
        }
    }
}

/// Settings that make no run.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum SettingsError {
    /// Too few or too many.
    #[error("steps must be 1 to {MAX_STEPS}, not {0}")]
    Steps(usize),
    /// Out of range, or no number.
    #[error("guidance must be 0 to {MAX_GUIDANCE}, not {0}")]
    Guidance(f64),
    /// Out of range, or no number.
    #[error("eta must be 0 to 1, not {0}")]
    Eta(f64),
    /// No such digit.
    #[error("the digit must be 0 to 9, not {0}")]
    Digit(u8),
    /// A picture to start from that is none.
    #[error("the picture to start from must have {0} x {1} x {2} finite numbers")]
    Picture(usize, usize, usize),
    /// Out of range, or no number.
    #[error("sigma must be above {1} and at most {2}, not {0}")]
    Sigma(f64, f64, f64),
    /// An empty batch.
    #[error("no picture was asked for")]
    Nothing,
}

/// A run that cannot go on.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum GenerationError {
    /// The device failed.
    #[error("the device stopped computing: {0}")]
    Device(String),
    /// The network's answer has NaN or infinite values.
    #[error(
        "the network's answer at step {step} is not a number: the weights or the device are faulty"
    )]
    NotFinite {
        /// The step that failed.
        step: usize,
    },
}

impl Settings {
    /// # Errors
    /// [`SettingsError`]: the first setting that is out of range.
    pub fn check(&self) -> Result<(), SettingsError> {
        if !(1..=MAX_STEPS).contains(&self.steps) {
            return Err(SettingsError::Steps(self.steps));
        }
        if !(0.0..=MAX_GUIDANCE).contains(&self.guidance) {
            return Err(SettingsError::Guidance(self.guidance));
        }
        if !(0.0..=1.0).contains(&self.eta) {
            return Err(SettingsError::Eta(self.eta));
        }
        Ok(())
    }

    /// The σ table of a run: steps + 1 decreasing values, ending in 0.
    pub fn sigmas(&self, sigma_min: f64, sigma_max: f64) -> Vec<f64> {
        self.schedule
            .unwrap_or(self.sampler.schedule())
            .sigmas(self.steps, sigma_min, sigma_max)
    }

    /// Network calls of a finished run, guidance included.
    pub fn calls(&self) -> usize {
        self.sampler.calls(self.steps) * if self.guidance == 1.0 { 1 } else { 2 }
    }
}

/// What a run shows after a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Steps made; 0 is the noise that the run starts from.
    pub step: usize,
    /// Steps in all.
    pub steps: usize,
    /// Standard deviation of the noise in `x`.
    pub sigma: f64,
    /// Network calls made so far, for each picture.
    pub nfe: usize,
    /// The pictures one after another, each height × width × channels; clean ones lie in [-1, 1].
    pub x: Vec<f32>,
    /// The estimate of the clean pictures that this step followed; none before the first step.
    pub denoised: Option<Vec<f32>>,
    /// Width of a picture.
    pub width: usize,
    /// Height of a picture.
    pub height: usize,
    /// Channels of a picture.
    pub channels: usize,
}

/// A run: call [`Generation::next`] until it gives none.
pub struct Generation<D> {
    denoiser: Guided<D>,
    device: Device,
    sampler: Box<dyn Sampler>,
    settings: Settings,
    sigmas: Vec<f64>,
    cond: Cond,
    seeds: Vec<u64>,
    x: Vec<f64>,
    history: Vec<Evaluation>,
    nfe: usize,
}

/// Guidance 1 is off and must not cost a second call.
enum Guided<D> {
    Off(D),
    On(Guidance<D>),
}

impl<D: Denoiser> Guided<D> {
    fn get(&self) -> &dyn Denoiser {
        match self {
            Self::Off(denoiser) => denoiser,
            Self::On(guidance) => guidance,
        }
    }
}

impl<D: Denoiser> Generation<D> {
    /// A run that has made no step yet: no network call is made.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn new(
        denoiser: D,
        settings: &Settings,
        requests: &[Request],
        device: &Device,
    ) -> Result<Self, SettingsError> {
        settings.check()?;
        if requests.is_empty() {
            return Err(SettingsError::Nothing);
        }
        if let Some(digit) = requests.iter().filter_map(|r| r.digit).find(|&d| d > 9) {
            return Err(SettingsError::Digit(digit));
        }
        let (sigma_min, sigma_max) = denoiser.sigma_range();
        let sigmas = settings.sigmas(sigma_min, sigma_max);
        let mut run = Self {
            denoiser: if settings.guidance == 1.0 {
                Guided::Off(denoiser)
            } else {
                Guided::On(Guidance::new(denoiser, settings.guidance))
            },
            device: device.clone(),
            sampler: settings.sampler.build(settings.eta),
            settings: settings.clone(),
            sigmas,
            cond: Cond(requests.iter().map(Request::wanted).collect()),
            seeds: requests.iter().map(|r| r.seed).collect(),
            x: Vec::new(),
            history: Vec::new(),
            nfe: 0,
        };
        run.x = run
            .noise(0)
            .into_iter()
            .map(|v| v * run.sigmas[0])
            .collect();
        Ok(run)
    }

    /// Starts from `picture`, the same for every request, with noise of amount `sigma` on it, in place of
    /// pure noise (SDEdit, Meng et al. 2022, <https://arxiv.org/abs/2108.01073>): the more noise, the freer
    /// the result. To be called before the first step.
    ///
    /// # Shapes
    /// `picture` height × width × channels, clean, in [-1, 1].
    ///
    /// # Errors
    /// [`SettingsError::Picture`], [`SettingsError::Sigma`].
    pub fn starting_from(mut self, picture: &[f32], sigma: f64) -> Result<Self, SettingsError> {
        let shape = self.denoiser.get().shape();
        let [channels, height, width] = shape;
        if picture.len() != channels * height * width || picture.iter().any(|v| !v.is_finite()) {
            return Err(SettingsError::Picture(height, width, channels));
        }
        let (sigma_min, sigma_max) = self.denoiser.get().sigma_range();
        if !(sigma > sigma_min && sigma <= sigma_max) {
            return Err(SettingsError::Sigma(sigma, sigma_min, sigma_max));
        }
        self.sigmas = self.settings.sigmas(sigma_min, sigma);
        let from = self.sigmas[0];
        let planes = image::planes(picture, channels);
        let clean = planes.iter().cycle();
        self.x = self
            .noise(0)
            .iter()
            .zip(clean)
            .map(|(noise, x0)| x0 + from * noise)
            .collect();
        Ok(self)
    }

    /// Where the run stands.
    pub fn frame(&self) -> Frame {
        let [channels, height, width] = self.denoiser.get().shape();
        let picture = |values: &[f64]| image::interleave(values, channels, height * width);
        Frame {
            step: self.history.len(),
            steps: self.sigmas.len() - 1,
            sigma: self.sigmas[self.history.len()],
            nfe: self.nfe,
            x: picture(&self.x),
            denoised: self.history.last().map(|e| picture(&e.denoised)),
            width,
            height,
            channels,
        }
    }

    /// Makes one step; none when the run is done. A run that failed stays where it was.
    ///
    /// # Errors
    /// [`GenerationError`].
    pub async fn next(&mut self) -> Result<Option<Frame>, GenerationError> {
        let i = self.history.len();
        let Some(&to) = self.sigmas.get(i + 1) else {
            return Ok(None);
        };
        let interval = Interval {
            from: self.sigmas[i],
            to,
        };
        let mut calls = vec![self.evaluate(self.x.clone(), interval.from).await?];
        self.x = loop {
            let noise = || self.noise(i as u64 + 1);
            match self.sampler.step(interval, &calls, &self.history, &noise) {
                Next::Evaluate { x, sigma } => calls.push(self.evaluate(x, sigma).await?),
                Next::Reached(x) => break x,
            }
        };
        self.nfe += calls.len() * self.denoiser.get().calls();
        self.history.push(calls.swap_remove(0));
        Ok(Some(self.frame()))
    }

    /// The pictures that the last estimate stands for, one after another, each height × width × channels;
    /// none before the first step, and none where x is no latent, but the picture itself.
    ///
    /// # Errors
    /// [`GenerationError`].
    pub async fn pictures(&self) -> Result<Option<Vec<f32>>, GenerationError> {
        let denoiser = self.denoiser.get();
        let [channels, height, width] = denoiser.picture_shape();
        let Some(last) = self.history.last() else {
            return Ok(None);
        };
        if denoiser.picture_shape() == denoiser.shape() {
            return Ok(None);
        }
        let planes = self
            .numbers(denoiser.decode(self.tensor(&last.denoised)))
            .await?;
        Ok(Some(image::interleave(&planes, channels, height * width)))
    }

    /// Gaussian noise for all pictures, each from its own seed.
    fn noise(&self, stream: u64) -> Vec<f64> {
        let len = self.denoiser.get().shape().iter().product();
        self.seeds
            .iter()
            .flat_map(|&seed| rng::gaussian(seed, stream, len))
            .collect()
    }

    async fn evaluate(&self, x: Vec<f64>, sigma: f64) -> Result<Evaluation, GenerationError> {
        let sigmas = vec![sigma; self.seeds.len()];
        let denoiser = self.denoiser.get();
        let denoised = self
            .numbers(denoiser.denoise(self.tensor(&x), &sigmas, &self.cond))
            .await?;
        Ok(Evaluation { x, sigma, denoised })
    }

    /// Values of all pictures on the device.
    fn tensor(&self, x: &[f64]) -> Tensor<4> {
        let [channels, height, width] = self.denoiser.get().shape();
        let values: Vec<f32> = x.iter().map(|&v| v as f32).collect();
        let data = TensorData::new(values, [self.seeds.len(), channels, height, width]);
        Tensor::from_data(data, &self.device)
    }

    /// A network's answer.
    async fn numbers(&self, tensor: Tensor<4>) -> Result<Vec<f64>, GenerationError> {
        let data = tensor
            .into_data_async()
            .await
            .map_err(|error| GenerationError::Device(error.to_string()))?;
        let values: Vec<f64> = data.convert::<f32>().iter::<f32>().map(f64::from).collect();
        if values.iter().any(|v| !v.is_finite()) {
            return Err(GenerationError::NotFinite {
                step: self.history.len() + 1,
            });
        }
        Ok(values)
    }
}
