//! From sigma_i to sigma_{i+1}: one pure step at a time. The caller owns the loop, the network and
//! the noise, so that it can draw, pause, step back or cancel between any two steps.
//!
//! Samples are `x = x0 + sigma * noise`, never rescaled, as in k-diffusion. A network of another
//! parametrisation is wrapped into `denoised = D(x; sigma)` before it comes here; in this frame the
//! probability-flow ODE is `dx/dsigma = (x - D(x; sigma)) / sigma`.

mod ode;
mod optimiser;
mod sde;
mod source;

use std::iter;

use serde::{Deserialize, Serialize};
use strum::{EnumCount, EnumString, IntoStaticStr, VariantArray};

use crate::{name::UnknownName, schedule::Schedule};

pub use source::Source;

/// One call of the network.
#[derive(Clone, PartialEq, Debug)]
pub struct Evaluation {
    /// Where it was called: the noisy sample, flattened.
    pub x: Vec<f64>,
    /// The noise level that it was told, above 0.
    pub sigma: f64,
    /// What it answered: D(x; sigma), its estimate of the clean sample. As long as `x`.
    pub denoised: Vec<f64>,
}

/// What a step wants next.
#[derive(Clone, PartialEq, Debug)]
pub enum Next {
    /// The network's answer at this point too: call it, append it to the step's evaluations, and
    /// ask again.
    Evaluate {
        /// The sample to denoise.
        x: Vec<f64>,
        /// Its noise level, above 0.
        sigma: f64,
    },
    /// Nothing: this is x at the end of the interval.
    Reached(Vec<f64>),
}

/// The stretch of noise levels that one step covers, `from > to >= 0`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Interval {
    /// sigma_i.
    pub from: f64,
    /// sigma_{i+1}; 0 in the last step.
    pub to: f64,
}

/// So many earlier steps a sampler looks at, at most.
pub const LOOK_BACK: usize = 8;

/// A way to cross an [`Interval`].
pub trait Sampler {
    /// One step, pure: the same arguments give the same answer.
    ///
    /// - `evaluations`: the calls already made in this step, the first at `(x_i, interval.from)`.
    /// - `history`: the first evaluations of the last [`LOOK_BACK`] steps, or of more, oldest first.
    /// - `noise`: N(0, I) for this step, as long as x; the same values each time it is called. Only
    ///   stochastic samplers call it.
    ///
    /// # Panics
    /// When `evaluations` is empty.
    fn step(
        &self,
        interval: Interval,
        evaluations: &[Evaluation],
        history: &[Evaluation],
        noise: &dyn Fn() -> Vec<f64>,
    ) -> Next;
}

/// What can be set of a sampler.
#[derive(
    Serialize, Clone, Copy, PartialEq, Eq, Debug, strum::Display, IntoStaticStr, VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Parameter {
    /// [`Tuning::eta`].
    Eta,
    /// [`Tuning::rate`].
    Rate,
    /// [`Tuning::momentum`].
    Momentum,
}

impl Parameter {
    /// The samplers that have it.
    pub fn samplers(self) -> impl Iterator<Item = SamplerKind> {
        let has_it = move |kind: &SamplerKind| kind.parameters().contains(&self);
        SamplerKind::ALL.into_iter().filter(has_it)
    }
}

/// A value for each [`Parameter`]; a sampler looks at those that it has.
#[derive(Serialize, Clone, Copy, PartialEq, Debug)]
pub struct Tuning {
    /// Fresh noise in a step, 0 (the ODE) to 1 (ancestral).
    pub eta: f64,
    /// c in "subtract c times the noise", 0 to 2: at 1 a step takes off all the noise that the network
    /// sees, and beyond 2 each step would leave more than it found.
    pub rate: f64,
    /// The share of the way of the step before that is gone once more, 0 to 1.
    pub momentum: f64,
}

/// A rate at which noise falls a little faster than ten steps tell the network, and a momentum that
/// does not overshoot by it.
impl Default for Tuning {
    fn default() -> Self {
        Self {
            eta: 0.0,
            rate: 0.6,
            momentum: 0.2,
        }
    }
}

/// The samplers by name. Orders hold where the steps of a table become short; a multistep method has
/// its own once it has as many steps behind it as it looks back at.
#[derive(
    Serialize,
    Deserialize,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Debug,
    strum::Display,
    EnumCount,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case", parse_err_ty = UnknownName, parse_err_fn = unknown)]
pub enum SamplerKind {
    /// Ancestral sampling, with fresh noise in every step but the last; one call a step (Ho et al., 2020).
    Ddpm,
    /// From the ODE (eta = 0), first order, to ancestral sampling (eta = 1); one call a step (Song, Meng &
    /// Ermon, 2020).
    Ddim,
    /// The straight line, first order, one call a step (Karras et al., 2022).
    Euler,
    /// The straight line to less noise than is wanted, and fresh noise; one call a step: DDPM on another
    /// table (k-diffusion's `sample_euler_ancestral`).
    EulerAncestral,
    /// The trapezoidal rule, second order, two calls a step (Karras et al., 2022).
    Heun,
    /// Linear multistep: a cubic through four slopes, fourth order, one call a step (Adams & Bashforth,
    /// 1883; for diffusion, Liu et al., 2022).
    Lms,
    /// DPM-Solver++(2M), second order, one call a step (Lu et al., 2022).
    #[serde(rename = "dpmpp-2m")]
    #[strum(serialize = "dpmpp-2m")]
    Dpmpp2m,
    /// SDE-DPM-Solver++(2M), the same with fresh noise; one call a step (Lu et al., 2022).
    #[serde(rename = "dpmpp-2m-sde")]
    #[strum(serialize = "dpmpp-2m-sde")]
    Dpmpp2mSde,
    /// DPM-Solver++(3M), third order, one call a step (Lu et al., 2022).
    #[serde(rename = "dpmpp-3m")]
    #[strum(serialize = "dpmpp-3m")]
    Dpmpp3m,
    /// UniPC-2: DPM-Solver++(2M), each step corrected by the call that the next one begins with; third
    /// order, one call a step (Zhao et al., 2023).
    #[serde(rename = "unipc")]
    #[strum(serialize = "unipc")]
    UniPc,
    /// A velocity followed along a straight path from noise to picture, first order, one call a step (Liu,
    /// Gong & Liu, 2022; Lipman et al., 2022).
    Flow,
    /// Subtract c times the noise; one call a step. No order: c does not shrink with the step.
    GradientDescent,
    /// The same with momentum; one call a step (Polyak, 1964).
    Momentum,
    /// The same with a rate for each pixel, as Adam has; one call a step (Kingma & Ba, 2014; Chen et al.,
    /// 2018).
    Adam,
}

impl SamplerKind {
    /// Every sampler, in the order in which they are offered.
    pub const ALL: [Self; Self::COUNT] =
        *Self::VARIANTS.first_chunk().expect("as many as there are");

    /// The name by which it is asked for.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The table that its authors walk.
    pub fn schedule(self) -> Schedule {
        match self {
            Self::Ddpm | Self::Ddim => Schedule::Linear,
            Self::Flow => Schedule::Flow,
            // Where each step is to take off the same share of the noise.
            Self::GradientDescent | Self::Momentum | Self::Adam => Schedule::Exponential,
            Self::Euler
            | Self::EulerAncestral
            | Self::Heun
            | Self::Lms
            | Self::Dpmpp2m
            | Self::Dpmpp2mSde
            | Self::Dpmpp3m
            | Self::UniPc => Schedule::Karras,
        }
    }

    /// The sampler.
    pub fn build(self, tuning: Tuning) -> Box<dyn Sampler> {
        let Tuning {
            eta,
            rate,
            momentum,
        } = tuning;
        match self {
            Self::Ddpm | Self::EulerAncestral => Box::new(sde::Ddim { eta: 1.0 }),
            Self::Ddim => Box::new(sde::Ddim { eta }),
            Self::Euler | Self::Flow => Box::new(ode::Euler),
            Self::Heun => Box::new(ode::Heun),
            Self::Lms => Box::new(ode::Lms),
            Self::Dpmpp2m => Box::new(ode::Dpmpp2m),
            Self::Dpmpp2mSde => Box::new(sde::Dpmpp2mSde),
            Self::Dpmpp3m => Box::new(ode::Dpmpp3m),
            Self::UniPc => Box::new(ode::UniPc),
            Self::GradientDescent => Box::new(optimiser::HeavyBall {
                rate,
                momentum: 0.0,
            }),
            Self::Momentum => Box::new(optimiser::HeavyBall { rate, momentum }),
            Self::Adam => Box::new(optimiser::Adam { rate, momentum }),
        }
    }

    /// What of a [`Tuning`] means something to it.
    pub fn parameters(self) -> &'static [Parameter] {
        match self {
            Self::Ddim => &[Parameter::Eta],
            Self::GradientDescent => &[Parameter::Rate],
            Self::Momentum | Self::Adam => &[Parameter::Rate, Parameter::Momentum],
            _ => &[],
        }
    }

    /// By which power of the length of its steps its error falls; none where fresh noise or a rate of its own
    /// leads it elsewhere.
    pub fn order(self) -> Option<u32> {
        match self {
            Self::Ddim | Self::Euler | Self::Flow => Some(1),
            Self::Heun | Self::Dpmpp2m => Some(2),
            Self::Dpmpp3m | Self::UniPc => Some(3),
            Self::Lms => Some(4),
            Self::Ddpm | Self::EulerAncestral | Self::Dpmpp2mSde => None,
            Self::GradientDescent | Self::Momentum | Self::Adam => None,
        }
    }

    /// How often a step asks the network, without guidance; the last one, to 0, asks once.
    pub fn calls(self) -> usize {
        self.asks(Interval { from: 2.0, to: 1.0 }).count()
    }

    /// The noise levels at which a step asks the network.
    pub fn asks(self, interval: Interval) -> impl Iterator<Item = f64> {
        let end = self == Self::Heun && interval.to > 0.0; // a step to 0 is an Euler step
        iter::once(interval.from).chain(end.then_some(interval.to))
    }
}

fn unknown(name: &str) -> UnknownName {
    UnknownName::new("sampler", name, SamplerKind::ALL)
}

/// The point at `part` of the straight line from `a`, where part is 0 (to the bit), to `b`, where
/// it is 1.
fn along(a: &[f64], b: &[f64], part: f64) -> Vec<f64> {
    let pairs = a.iter().zip(b);
    pairs.map(|(a, b)| a + part * (b - a)).collect()
}
