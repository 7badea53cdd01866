//! From sigma_i to sigma_{i+1}: one pure step at a time. The caller owns the loop, the network and
//! the noise, so that it can draw, pause, step back or cancel between any two steps.
//!
//! Samples are `x = x0 + sigma * noise`, never rescaled, as in k-diffusion. A network of another
//! parametrisation is wrapped into `denoised = D(x; sigma)` before it comes here; in this frame the
//! probability-flow ODE is `dx/dsigma = (x - D(x; sigma)) / sigma`.

mod ode;
mod sde;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::schedule::Schedule;

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

/// A way to cross an [`Interval`].
pub trait Sampler {
    /// One step, pure: the same arguments give the same answer.
    ///
    /// - `evaluations`: the calls already made in this step, the first at `(x_i, interval.from)`.
    /// - `history`: the first evaluation of every earlier step, oldest first.
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

/// The samplers by name.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum SamplerKind {
    /// Ancestral sampling, with fresh noise in every step but the last (Ho et al., 2020).
    Ddpm,
    /// From the ODE (eta = 0) to ancestral sampling (eta = 1) (Song, Meng & Ermon, 2020).
    Ddim,
    /// The straight line, first order.
    Euler,
    /// The trapezoidal rule, second order, two calls a step (Karras et al., 2022).
    Heun,
    /// DPM-Solver++(2M), second order, one call a step (Lu et al., 2022).
    #[serde(rename = "dpmpp-2m")]
    Dpmpp2m,
}

impl SamplerKind {
    /// Every sampler, in the order in which they are offered.
    pub const ALL: [Self; 5] = [
        Self::Ddpm,
        Self::Ddim,
        Self::Euler,
        Self::Heun,
        Self::Dpmpp2m,
    ];

    /// The name by which it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ddpm => "ddpm",
            Self::Ddim => "ddim",
            Self::Euler => "euler",
            Self::Heun => "heun",
            Self::Dpmpp2m => "dpmpp-2m",
        }
    }

    /// The table that its authors walk.
    pub fn schedule(self) -> Schedule {
        match self {
            Self::Ddpm | Self::Ddim => Schedule::Linear,
            Self::Euler | Self::Heun | Self::Dpmpp2m => Schedule::Karras,
        }
    }

    /// The sampler. `eta` is the randomness of [`Ddim`](Self::Ddim), from 0 to 1; the others have
    /// none to set.
    pub fn build(self, eta: f64) -> Box<dyn Sampler> {
        match self {
            Self::Ddpm => Box::new(sde::Ddim { eta: 1.0 }),
            Self::Ddim => Box::new(sde::Ddim { eta }),
            Self::Euler => Box::new(ode::Euler),
            Self::Heun => Box::new(ode::Heun),
            Self::Dpmpp2m => Box::new(ode::Dpmpp2m),
        }
    }

    /// Network calls of a run of `steps` intervals that ends in 0; guidance, which doubles them, is
    /// not counted.
    pub fn calls(self, steps: usize) -> usize {
        match self {
            Self::Heun => steps + steps.saturating_sub(1), // the last interval is an Euler step
            Self::Ddpm | Self::Ddim | Self::Euler | Self::Dpmpp2m => steps,
        }
    }
}

impl fmt::Display for SamplerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for SamplerKind {
    type Err = UnknownSampler;

    fn from_str(name: &str) -> Result<Self, UnknownSampler> {
        let found = Self::ALL.into_iter().find(|one| one.name() == name);
        found.ok_or_else(|| UnknownSampler(name.into()))
    }
}

/// A name that no [`SamplerKind`] has.
#[derive(Error, Clone, PartialEq, Eq, Debug)]
#[error("there is no sampler {0:?}: choose one of {names}", names = SamplerKind::ALL.map(SamplerKind::name).join(", "))]
pub struct UnknownSampler(pub String);

/// The point at `part` of the straight line from `a`, where part is 0 (to the bit), to `b`, where
/// it is 1.
fn along(a: &[f64], b: &[f64], part: f64) -> Vec<f64> {
    let pairs = a.iter().zip(b);
    pairs.map(|(a, b)| a + part * (b - a)).collect()
}
