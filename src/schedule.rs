//! How much noise, and when: the noise that training adds at t = 1..1000 ([`BetaSchedule`]), and
//! the sigmas that sampling visits ([`Schedule`], [`karras`]).
//!
//! `x = x0 + sigma * noise` throughout: sigma is in units of the picture, which lies in [-1, 1].

use std::f64::consts::FRAC_PI_2;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Training times: t runs from 1 to this, and index i of every table here is t = i + 1.
pub const TRAIN_STEPS: usize = 1000;

/// The variance that each training time adds, `x_t = sqrt(1 - beta) x_{t-1} + sqrt(beta) noise`.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum BetaSchedule {
    /// 1e-4 to 0.02 in a straight line (Ho et al., "Denoising Diffusion Probabilistic Models", 2020).
    Linear,
    /// alpha_bar follows a squared cosine with s = 0.008, beta at most 0.999 (Nichol & Dhariwal,
    /// "Improved Denoising Diffusion Probabilistic Models", 2021).
    Cosine,
}

impl BetaSchedule {
    /// beta: 1000 values in (0, 1), increasing.
    pub fn beta(self) -> Vec<f64> {
        let steps = TRAIN_STEPS as f64;
        match self {
            Self::Linear => (0..TRAIN_STEPS)
                .map(|i| lerp(1e-4, 0.02, i as f64 / (steps - 1.0)))
                .collect(),
            Self::Cosine => {
                let f = |t: usize| {
                    let angle = (t as f64 / steps + 0.008) / 1.008 * FRAC_PI_2;
                    angle.cos().powi(2)
                };
                (0..TRAIN_STEPS)
                    .map(|i| (1.0 - f(i + 1) / f(i)).min(0.999))
                    .collect()
            }
        }
    }

    /// alpha_bar, the product of `1 - beta` so far: the share of the clean picture that is left in
    /// the variance of `x_t`. 1000 decreasing values in (0, 1).
    pub fn alpha_bar(self) -> Vec<f64> {
        let product = |product: &mut f64, beta| {
            *product *= 1.0 - beta;
            Some(*product)
        };
        self.beta().into_iter().scan(1.0, product).collect()
    }

    /// `sigma = sqrt((1 - alpha_bar) / alpha_bar)`, the noise in `x_t / sqrt(alpha_bar)`. 1000
    /// increasing values: linear 0.01 to 157, cosine 0.0064 to 20,000.
    pub fn sigma(self) -> Vec<f64> {
        let sigma = |alpha_bar: f64| ((1.0 - alpha_bar) / alpha_bar).sqrt();
        self.alpha_bar().into_iter().map(sigma).collect()
    }
}

/// How the sigmas of a sampling run are spaced.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// Dense where sigma is small: [`karras`] with rho = 7.
    Karras,
    /// Evenly spaced t of [`BetaSchedule::Linear`].
    Linear,
    /// Evenly spaced t of [`BetaSchedule::Cosine`].
    Cosine,
}

impl Schedule {
    /// Every schedule, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::Karras, Self::Linear, Self::Cosine];

    /// The name by which it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::Karras => "karras",
            Self::Linear => "linear",
            Self::Cosine => "cosine",
        }
    }

    /// The table of a run of `steps` intervals: `steps + 1` strictly decreasing sigmas, the last 0.
    /// Needs `0 < sigma_min < sigma_max`.
    ///
    /// Karras goes from `sigma_max` to `sigma_min`, then to 0. Linear and cosine take their evenly
    /// spaced t among those whose sigma lies in that range, from the largest to the smallest, so
    /// the first sigma is `sigma_max` or a little less: start from the table's own.
    pub fn sigmas(self, steps: usize, sigma_min: f64, sigma_max: f64) -> Vec<f64> {
        match self {
            Self::Karras => karras(steps, sigma_min, sigma_max, 7.0),
            Self::Linear => spaced(BetaSchedule::Linear, steps, sigma_min, sigma_max),
            Self::Cosine => spaced(BetaSchedule::Cosine, steps, sigma_min, sigma_max),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Schedule {
    type Err = UnknownSchedule;

    fn from_str(name: &str) -> Result<Self, UnknownSchedule> {
        let found = Self::ALL.into_iter().find(|one| one.name() == name);
        found.ok_or_else(|| UnknownSchedule(name.into()))
    }
}

/// A name that no [`Schedule`] has.
#[derive(Error, Clone, PartialEq, Eq, Debug)]
#[error("there is no schedule {0:?}: choose one of {names}", names = Schedule::ALL.map(Schedule::name).join(", "))]
pub struct UnknownSchedule(pub String);

/// `steps + 1` decreasing sigmas from `sigma_max` to `sigma_min`, evenly spaced in
/// `sigma^(1/rho)`, then 0 (Karras et al., "Elucidating the Design Space of Diffusion-Based
/// Generative Models", 2022, eq. 5). One step goes from `sigma_max` to 0.
pub fn karras(steps: usize, sigma_min: f64, sigma_max: f64, rho: f64) -> Vec<f64> {
    let (low, high) = (sigma_min.powf(1.0 / rho), sigma_max.powf(1.0 / rho));
    table(steps, |part| lerp(high, low, part).powf(rho))
}

/// The sigmas of evenly spaced t. Between two t, ln sigma is a straight line, so that any number
/// of steps has its t.
fn spaced(beta: BetaSchedule, steps: usize, sigma_min: f64, sigma_max: f64) -> Vec<f64> {
    let sigma = beta.sigma();
    // Two t at least, however narrow the range, so that a table can decrease.
    let last = sigma.partition_point(|&s| s <= sigma_max).max(2) - 1;
    let first = sigma.partition_point(|&s| s < sigma_min).min(last - 1);
    table(steps, |part| {
        let i = lerp(last as f64, first as f64, part);
        let (low, high) = (sigma[i.floor() as usize], sigma[i.ceil() as usize]);
        low * (high / low).powf(i.fract())
    })
}

/// `steps` values of a curve over [0, 1], both ends included, and 0.
fn table(steps: usize, sigma: impl Fn(f64) -> f64) -> Vec<f64> {
    let intervals = steps.saturating_sub(1).max(1) as f64;
    (0..steps)
        .map(|i| sigma(i as f64 / intervals))
        .chain([0.0])
        .collect()
}

/// Exact at both ends, as `a + part * (b - a)` is not.
fn lerp(a: f64, b: f64, part: f64) -> f64 {
    (1.0 - part) * a + part * b
}
