//! A resumable run from noise to a picture: the driver that owns the loop, and the only place where a
//! sampler meets a tensor.

use std::rc::Rc;

use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    classes::Classes,
    denoiser::{Cond, Decoder, Denoiser, Guidance, SIGMA_LIMIT, Strength, Wanted},
    image, rng,
    sampler::{Evaluation, Interval, LOOK_BACK, Next, Parameter, Sampler, SamplerKind, Tuning},
    schedule::{self, Schedule},
};

/// How far a pixel in [-1, 1] of the finished picture may differ between backends and machines for
/// the same seed and settings; their arithmetic differs in the order of sums.
pub const PARITY_TOLERANCE: f32 = 0.02;

/// The largest number of steps a run may have: as many as the schedule that models are trained on.
pub const MAX_STEPS: usize = 1000;

/// The largest guidance; beyond it every picture is the same.
pub const MAX_GUIDANCE: f64 = 20.0;

/// The largest rate of a descent: beyond it every step would leave more noise than it found.
pub const MAX_RATE: f64 = 2.0;

/// The shifts of flow matching's t.
pub const SHIFTS: [f64; 2] = [0.01, 100.0];

/// The largest value, either way, of a picture or latent that is handed in: what the most noise makes of
/// one stays far below it, and no sum of squares in a network overflows.
pub const MAX_VALUE: f32 = 10_000.0;

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
    /// The noise levels that it is left to, low < σ ≤ high; none: all.
    pub guidance_interval: Option<[f64; 2]>,
    /// Fresh noise in a step, 0 (ODE) to 1 (ancestral). This and what follows is for those that have it, and where
    /// it is none, as they have it by default.
    pub eta: Option<f64>,
    /// c in "subtract c times the noise", 0 to [`MAX_RATE`].
    pub rate: Option<f64>,
    /// The share of the way of the step before that is gone once more, 0 to 1.
    pub momentum: Option<f64>,
    /// How much more of the schedule flow lies where there is much noise, one of [`SHIFTS`]; 1 = none.
    pub shift: Option<f64>,
}

/// What draws digits best in 20 network calls, guidance counted twice: what `unnoise eval` measures.
impl Default for Settings {
    fn default() -> Self {
        Self {
            steps: 10,
            sampler: SamplerKind::Dpmpp2m,
            schedule: None,
            guidance: 1.5,
            guidance_interval: None,
            eta: None,
            rate: None,
            momentum: None,
            shift: None,
        }
    }
}

/// A picture asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// 0 to 9, or the number of another class; none for any.
    pub digit: Option<u8>,
    /// What to draw, for a model that knows words; none for anything.
    pub prompt: Option<String>,
    /// What not to draw.
    pub negative: Option<Negative>,
    /// Decides the noise, and with it the picture.
    pub seed: u64,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            digit: None,
            prompt: None,
            negative: None,
            seed: 1,
        }
    }
}

/// What guidance leads a picture away from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "the negative must be a digit or a text")]
pub enum Negative {
    /// A digit, 0 to 9, or the number of another class.
    Digit(u8),
    /// What a sentence says, for a model that knows words; a blank one says nothing.
    Prompt(String),
}

impl Request {
    fn unwanted(&self) -> Wanted {
        match &self.negative {
            Some(Negative::Digit(digit)) => Wanted::Digit(*digit),
            Some(Negative::Prompt(text)) if !text.trim().is_empty() => Wanted::Prompt(text.clone()),
            Some(Negative::Prompt(_)) | None => Wanted::Any,
        }
    }

    fn wanted(&self) -> Wanted {
        match (&self.prompt, self.digit) {
            (Some(prompt), _) if !prompt.trim().is_empty() => Wanted::Prompt(prompt.clone()),
            (Some(_), _) => Wanted::Any,
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
    /// No noise levels, or the wrong way round.
    #[error(
        "the guidance interval must be two noise levels from 0 to {SIGMA_LIMIT}, the lower one first, not {0} and {1}"
    )]
    GuidanceInterval(f64, f64),
    /// Out of range, or no number.
    #[error("rate must be 0 to {MAX_RATE}, not {0}")]
    Rate(f64),
    /// Out of range, or no number.
    #[error("momentum must be 0 to 1, not {0}")]
    Momentum(f64),
    /// Out of range, or no number.
    #[error("shift must be {min} to {max}, not {0}", min = SHIFTS[0], max = SHIFTS[1])]
    Shift(f64),
    /// A parameter that the sampler does not have.
    #[error("{0} is for {those}: the sampler {1} has none", those = those(.0.samplers()))]
    NotOfSampler(Parameter, SamplerKind),
    /// A shift of a schedule that has none.
    #[error("shift is for the schedule {flow}: the schedule {0} has none", flow = Schedule::Flow)]
    NotOfSchedule(Schedule),
    /// No such digit, or class.
    #[error("{1}, not {0}")]
    Digit(u8, Classes),
    /// Too little guidance to lead away from anything.
    #[error("a negative is what guidance leads away from: guidance must be above 1, not {0}")]
    Negative(f64),
    /// Asked for and not wanted.
    #[error("{phrase} cannot be both asked for and the negative", phrase = .1.phrase(*.0))]
    Contradiction(u8, Classes),
    /// A picture to start from that is none.
    #[error(
        "the picture to start from must have {0} x {1} x {2} numbers from -{MAX_VALUE} to {MAX_VALUE}"
    )]
    Picture(usize, usize, usize),
    /// Out of range, or no number.
    #[error("sigma must be above {1} and at most {2}, not {0}")]
    Sigma(f64, f64, f64),
    /// A schedule that the model does not have.
    #[error(
        "no schedule has been fitted to this model: choose another one than {fitted}",
        fitted = Schedule::Fitted
    )]
    NotFitted,
    /// A schedule that was fitted for other numbers of steps: for the least to the most.
    #[error("the schedule {fitted} is for {1} to {2} steps, not {0}", fitted = Schedule::Fitted)]
    FittedSteps(usize, usize, usize),
    /// A schedule that was fitted to whole runs.
    #[error(
        "the schedule {fitted} leads from pure noise: choose another one to start from a picture",
        fitted = Schedule::Fitted
    )]
    FittedToNoise,
    /// An empty batch.
    #[error("no picture was asked for")]
    Nothing,
}

fn those(samplers: impl Iterator<Item = SamplerKind>) -> String {
    let names: Vec<&str> = samplers.map(SamplerKind::name).collect();
    names.join(", ")
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
    /// [`SettingsError`]: the first setting that is out of range, or else that the sampler or the schedule does not have.
    pub fn check(&self) -> Result<(), SettingsError> {
        if !(1..=MAX_STEPS).contains(&self.steps) {
            return Err(SettingsError::Steps(self.steps));
        }
        if !(0.0..=MAX_GUIDANCE).contains(&self.guidance) {
            return Err(SettingsError::Guidance(self.guidance));
        }
        if let Some([low, high]) = self.guidance_interval
            && !(0.0 <= low && low < high && high <= SIGMA_LIMIT)
        {
            return Err(SettingsError::GuidanceInterval(low, high));
        }
        if let Some(eta) = self.eta
            && !(0.0..=1.0).contains(&eta)
        {
            return Err(SettingsError::Eta(eta));
        }
        if let Some(rate) = self.rate
            && !(0.0..=MAX_RATE).contains(&rate)
        {
            return Err(SettingsError::Rate(rate));
        }
        if let Some(momentum) = self.momentum
            && !(0.0..=1.0).contains(&momentum)
        {
            return Err(SettingsError::Momentum(momentum));
        }
        if let Some(shift) = self.shift
            && !(SHIFTS[0]..=SHIFTS[1]).contains(&shift)
        {
            return Err(SettingsError::Shift(shift));
        }
        self.check_what_applies()
    }

    /// What would mean nothing is not taken in silence.
    fn check_what_applies(&self) -> Result<(), SettingsError> {
        for (parameter, given) in [
            (Parameter::Eta, self.eta),
            (Parameter::Rate, self.rate),
            (Parameter::Momentum, self.momentum),
        ] {
            if given.is_some() && !self.sampler.parameters().contains(&parameter) {
                return Err(SettingsError::NotOfSampler(parameter, self.sampler));
            }
        }
        let schedule = self.schedule();
        if self.shift.is_some() && schedule != Schedule::Flow {
            return Err(SettingsError::NotOfSchedule(schedule));
        }
        Ok(())
    }

    /// The schedule of a run.
    pub fn schedule(&self) -> Schedule {
        self.schedule.unwrap_or(self.sampler.schedule())
    }

    /// The σ table of a denoiser's run: steps + 1 decreasing values, ending in 0.
    ///
    /// # Errors
    /// [`SettingsError::NotFitted`], [`SettingsError::FittedSteps`].
    pub fn table(&self, denoiser: &dyn Denoiser) -> Result<Vec<f64>, SettingsError> {
        let (sigma_min, sigma_max) = denoiser.sigma_range();
        match (self.schedule(), denoiser.fitted()) {
            (Schedule::Fitted, Some(fitted)) => {
                let (least, most) = fitted.steps().into_inner();
                if !(least..=most).contains(&self.steps) {
                    return Err(SettingsError::FittedSteps(self.steps, least, most));
                }
                Ok(fitted.sigmas(self.steps))
            }
            (Schedule::Fitted, None) => Err(SettingsError::NotFitted),
            _ => Ok(self.sigmas(sigma_min, sigma_max)),
        }
    }

    /// That of any run over this range, whose denoiser, and so what was fitted to it, is not known.
    pub fn sigmas(&self, sigma_min: f64, sigma_max: f64) -> Vec<f64> {
        match self.schedule() {
            Schedule::Flow => {
                let shift = self.shift.unwrap_or(1.0);
                schedule::flow(self.steps, sigma_min, sigma_max, shift)
            }
            schedule => schedule.sigmas(self.steps, sigma_min, sigma_max),
        }
    }

    /// Network calls of a finished run over this range in which something is asked for, guidance included.
    pub fn calls(&self, sigma_min: f64, sigma_max: f64) -> usize {
        self.calls_along(&self.sigmas(sigma_min, sigma_max))
    }

    /// The same along a table.
    pub fn calls_along(&self, sigmas: &[f64]) -> usize {
        let intervals = sigmas.windows(2).map(|pair| Interval {
            from: pair[0],
            to: pair[1],
        });
        let strength = self.strength();
        let calls = |sigma| if strength.needs_both(sigma) { 2 } else { 1 };
        let asked = intervals.flat_map(|interval| self.sampler.asks(interval));
        asked.map(calls).sum()
    }

    fn strength(&self) -> Strength {
        Strength {
            guidance: self.guidance,
            interval: self.guidance_interval,
        }
    }

    fn tuning(&self) -> Tuning {
        let Tuning {
            eta,
            rate,
            momentum,
        } = Tuning::default();
        Tuning {
            eta: self.eta.unwrap_or(eta),
            rate: self.rate.unwrap_or(rate),
            momentum: self.momentum.unwrap_or(momentum),
        }
    }
}

/// After which steps the pictures are made that latents stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decode {
    /// Each.
    #[default]
    Every,
    /// The last one.
    Last,
    /// None.
    Never,
}

impl Decode {
    /// Every choice.
    pub const ALL: [Self; 3] = [Self::Every, Self::Last, Self::Never];
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
    /// Network calls made so far for each picture; in a batch, for the one that costs most.
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
    /// Where `denoised` are latents that were to be decoded: the pictures that they stand for.
    pub decoded: Option<Decoded>,
}

/// Pictures made of latents.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// One after another, each height × width × channels, in [-1, 1].
    pub x: Vec<f32>,
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
    step: usize,
    x: Vec<f64>,
    /// The first evaluations of the latest steps: as many as samplers look back at.
    history: Vec<Evaluation>,
    nfe: usize,
    decoder: Option<(Rc<dyn Decoder>, Decode)>,
    decoded: Option<Decoded>,
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
        let classes = denoiser.classes();
        for request in requests {
            let unwanted = request.unwanted();
            let digits = [
                request.digit.map_or(Wanted::Any, Wanted::Digit),
                unwanted.clone(),
            ];
            for digit in digits {
                if let Wanted::Digit(digit) = digit
                    && usize::from(digit) >= classes.len()
                {
                    return Err(SettingsError::Digit(digit, classes));
                }
            }
            if unwanted != Wanted::Any && settings.guidance <= 1.0 {
                return Err(SettingsError::Negative(settings.guidance));
            }
            if let Wanted::Digit(digit) = unwanted
                && request.wanted() == unwanted
            {
                return Err(SettingsError::Contradiction(digit, classes));
            }
        }
        let sigmas = settings.table(&denoiser)?;
        let settle = |r: &Request| denoiser.settle(r.wanted(), &r.unwanted(), r.seed);
        let cond = Cond(requests.iter().map(settle).collect());
        let negative = Cond(requests.iter().map(Request::unwanted).collect());
        let mut run = Self {
            denoiser: if settings.guidance == 1.0 {
                Guided::Off(denoiser)
            } else {
                Guided::On(Guidance::new(denoiser, settings.strength()).away_from(negative))
            },
            device: device.clone(),
            sampler: settings.sampler.build(settings.tuning()),
            settings: settings.clone(),
            sigmas,
            cond,
            seeds: requests.iter().map(|r| r.seed).collect(),
            step: 0,
            x: Vec::new(),
            history: Vec::new(),
            nfe: 0,
            decoder: None,
            decoded: None,
        };
        run.x = run
            .noise(0)
            .into_iter()
            .map(|v| v * run.sigmas[0])
            .collect();
        Ok(run)
    }

    /// Goes from one σ to the next by a sampler of the caller's own, in place of the settings' one, which still decides
    /// on the schedule where they leave it open. To be called before the first step.
    pub fn sampled_by(mut self, sampler: Box<dyn Sampler>) -> Self {
        self.sampler = sampler;
        self
    }

    /// Makes pictures of the estimates, which are latents, after the steps that `when` says.
    pub fn decoding(mut self, decoder: Option<Rc<dyn Decoder>>, when: Decode) -> Self {
        self.decoder = decoder.map(|decoder| (decoder, when));
        self
    }

    /// Starts from `picture`, the same for every request, with noise of amount `sigma` on it, in place of
    /// pure noise (SDEdit, Meng et al. 2022, <https://arxiv.org/abs/2108.01073>): the more noise, the freer
    /// the result. To be called before the first step.
    ///
    /// # Shapes
    /// `picture` height × width × channels, clean, in [-1, 1].
    ///
    /// # Errors
    /// [`SettingsError::Picture`], [`SettingsError::Sigma`], [`SettingsError::FittedToNoise`].
    pub fn starting_from(mut self, picture: &[f32], sigma: f64) -> Result<Self, SettingsError> {
        let shape = self.denoiser.get().shape();
        let [channels, height, width] = shape;
        // The comparison is false for NaN too.
        let sound = picture.iter().all(|v| v.abs() <= MAX_VALUE);
        if picture.len() != channels * height * width || !sound {
            return Err(SettingsError::Picture(height, width, channels));
        }
        let (sigma_min, sigma_max) = self.denoiser.get().sigma_range();
        if !(sigma > sigma_min && sigma <= sigma_max) {
            return Err(SettingsError::Sigma(sigma, sigma_min, sigma_max));
        }
        if self.settings.schedule() == Schedule::Fitted {
            return Err(SettingsError::FittedToNoise);
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
            step: self.step,
            steps: self.sigmas.len() - 1,
            sigma: self.sigmas[self.step],
            nfe: self.nfe,
            x: picture(&self.x),
            denoised: self.history.last().map(|e| picture(&e.denoised)),
            width,
            height,
            channels,
            decoded: self.decoded.clone(),
        }
    }

    /// Makes one step; none when the run is done. A run that failed stays where it was.
    ///
    /// # Errors
    /// [`GenerationError`].
    pub async fn next(&mut self) -> Result<Option<Frame>, GenerationError> {
        let i = self.step;
        let Some(&to) = self.sigmas.get(i + 1) else {
            return Ok(None);
        };
        let interval = Interval {
            from: self.sigmas[i],
            to,
        };
        let mut calls = vec![self.evaluate(self.x.clone(), interval.from).await?];
        let x = loop {
            let noise = || self.noise(i as u64 + 1);
            match self.sampler.step(interval, &calls, &self.history, &noise) {
                Next::Evaluate { x, sigma } => calls.push(self.evaluate(x, sigma).await?),
                Next::Reached(x) => break x,
            }
        };
        let decoded = self.decode(&calls[0].denoised).await?;
        // Nothing can fail any longer.
        self.step += 1;
        self.x = x;
        self.decoded = decoded;
        let cost = |call: &Evaluation| self.denoiser.get().calls(&self.cond, call.sigma);
        self.nfe += calls.iter().map(cost).sum::<usize>();
        self.history.push(calls.swap_remove(0));
        let old = self.history.len().saturating_sub(LOOK_BACK);
        self.history.drain(..old);
        Ok(Some(self.frame()))
    }

    /// The pictures of the step under way, if they are wanted after it.
    async fn decode(&self, denoised: &[f64]) -> Result<Option<Decoded>, GenerationError> {
        let last = self.step + 2 == self.sigmas.len();
        let decoder = match &self.decoder {
            Some((decoder, Decode::Every)) => decoder,
            Some((decoder, Decode::Last)) if last => decoder,
            _ => return Ok(None),
        };
        let [channels, height, width] = decoder.shape();
        let planes = self.numbers(decoder.decode(self.tensor(denoised))).await?;
        Ok(Some(Decoded {
            x: image::interleave(&planes, channels, height * width),
            width,
            height,
            channels,
        }))
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
                step: self.step + 1,
            });
        }
        Ok(values)
    }
}
