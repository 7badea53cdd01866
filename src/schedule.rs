//! How much noise, and when: the noise that training adds at t = 1..1000 ([`BetaSchedule`]), and
//! the sigmas that sampling visits ([`Schedule`], [`karras`], [`Fitted`]).
//!
//! `x = x0 + sigma * noise` throughout: sigma is in units of the picture, which lies in [-1, 1].

use std::{collections::BTreeMap, f64::consts::FRAC_PI_2, ops::RangeInclusive};

use serde::{Deserialize, Serialize};
use strum::{EnumCount, EnumString, IntoStaticStr, VariantArray};
use thiserror::Error;

use crate::name::UnknownName;

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
    /// Both.
    pub const ALL: [Self; 2] = [Self::Linear, Self::Cosine];

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
pub enum Schedule {
    /// Dense where sigma is small: [`karras`] with rho = 7.
    Karras,
    /// Evenly spaced t of [`BetaSchedule::Linear`].
    Linear,
    /// Evenly spaced t of [`BetaSchedule::Cosine`].
    Cosine,
    /// Evenly spaced ln sigma: each step leaves the same share of the noise.
    Exponential,
    /// Evenly spaced t of flow matching: [`flow`], with shift 1 unless another is set.
    Flow,
    /// As measured to suit one network in few steps: its own [`Fitted`] tables.
    Fitted,
}

impl Schedule {
    /// Every schedule, in the order in which they are offered.
    pub const ALL: [Self; Self::COUNT] =
        *Self::VARIANTS.first_chunk().expect("as many as there are");

    /// The name by which it is asked for.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The table of a run of `steps` intervals: `steps + 1` strictly decreasing sigmas, the last 0.
    /// Needs `0 < sigma_min < sigma_max`.
    ///
    /// They go from `sigma_max` to `sigma_min`, then to 0; linear and cosine take their evenly
    /// spaced t among those whose sigma lies in that range, from the largest to the smallest, so
    /// the first sigma is `sigma_max` or a little less: start from the table's own. Without a network there is
    /// nothing to fit to: fitted is then what fits begin with, karras.
    pub fn sigmas(self, steps: usize, sigma_min: f64, sigma_max: f64) -> Vec<f64> {
        match self {
            Self::Karras | Self::Fitted => karras(steps, sigma_min, sigma_max, 7.0),
            Self::Linear => spaced(BetaSchedule::Linear, steps, sigma_min, sigma_max),
            Self::Cosine => spaced(BetaSchedule::Cosine, steps, sigma_min, sigma_max),
            Self::Exponential => table(steps, |part| {
                sigma_max.powf(1.0 - part) * sigma_min.powf(part)
            }),
            Self::Flow => flow(steps, sigma_min, sigma_max, 1.0),
        }
    }
}

fn unknown(name: &str) -> UnknownName {
    UnknownName::new("schedule", name, Schedule::ALL)
}

/// `steps + 1` decreasing sigmas from `sigma_max` to `sigma_min`, evenly spaced in
/// `sigma^(1/rho)`, then 0 (Karras et al., "Elucidating the Design Space of Diffusion-Based
/// Generative Models", 2022, eq. 5). One step goes from `sigma_max` to 0.
pub fn karras(steps: usize, sigma_min: f64, sigma_max: f64, rho: f64) -> Vec<f64> {
    let (low, high) = (sigma_min.powf(1.0 / rho), sigma_max.powf(1.0 / rho));
    table(steps, |part| lerp(high, low, part).powf(rho))
}

/// `steps + 1` decreasing sigmas from `sigma_max` to `sigma_min`, then 0, evenly spaced in the t of flow
/// matching, whose straight path `x_t = (1 - t) x0 + t noise` has `sigma = t / (1 - t)` (Liu, Gong & Liu,
/// "Flow Straight and Fast", 2022). `shift` above 1 spends more steps where there is much noise: it takes t
/// to `shift t / (1 + (shift - 1) t)`, which multiplies sigma by it (Esser et al., "Scaling Rectified Flow
/// Transformers for High-Resolution Image Synthesis", 2024, eq. 23); both ends stay.
pub fn flow(steps: usize, sigma_min: f64, sigma_max: f64, shift: f64) -> Vec<f64> {
    table(steps, |part| {
        // sigma = shift t / (1 - t) at the t that lies `part` of the way, collected.
        let (top, bottom) = (
            (1.0 - part) * (shift + sigma_min),
            part * (shift + sigma_max),
        );
        lerp(sigma_max, sigma_min, bottom / (top + bottom))
    })
}

/// Noise levels that were fitted to what one network does in few steps, its weights untouched (in the spirit of
/// Sabour, Fidler & Kreis, "Align Your Steps", 2024, and Frankel et al., "S4S", 2025): a table for each of some
/// numbers of steps. For another number it lies between its neighbours', or is the nearest one's curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// By number of steps: as many decreasing sigmas, without the 0 at the end.
    tables: BTreeMap<usize, Vec<f64>>,
}

/// Tables that are none.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum FittedError {
    /// Not a single one.
    #[error("it has no table")]
    Empty,
    /// Too few or too many.
    #[error("its table for {0} steps has {1} noise levels")]
    Length(usize, usize),
    /// Not from much noise to little.
    #[error("its table for {0} steps does not decrease")]
    Order(usize),
    /// Beyond what the network samples from, or no number.
    #[error("its table for {0} steps leaves the noise levels from {1} to {2}")]
    Range(usize, f64, f64),
}

impl Fitted {
    /// From tables by number of steps, each as many decreasing sigmas, without the 0 at the end, from `sigma_min` to
    /// `sigma_max`.
    ///
    /// # Errors
    /// [`FittedError`].
    pub fn new(
        tables: BTreeMap<usize, Vec<f64>>,
        (sigma_min, sigma_max): (f64, f64),
    ) -> Result<Self, FittedError> {
        if tables.is_empty() {
            return Err(FittedError::Empty);
        }
        for (&steps, table) in &tables {
            if steps == 0 || table.len() != steps {
                return Err(FittedError::Length(steps, table.len()));
            }
            // False for NaN too.
            let inside = |sigma: &f64| (sigma_min..=sigma_max).contains(sigma);
            if !table.iter().all(inside) {
                return Err(FittedError::Range(steps, sigma_min, sigma_max));
            }
            if !table.is_sorted_by(|a, b| a > b) {
                return Err(FittedError::Order(steps));
            }
        }
        Ok(Self { tables })
    }

    /// The numbers of steps that it is for, from the least to the most that has a table. With more, the schedules that
    /// are formulas come nearer: measured at twice as many.
    pub fn steps(&self) -> RangeInclusive<usize> {
        let mut steps = self.tables.keys();
        let least = steps.next().copied().unwrap_or(0);
        least..=steps.next_back().copied().unwrap_or(least)
    }

    /// The table of a run of `steps` intervals: `steps + 1` strictly decreasing sigmas, the last 0. Between two
    /// numbers of steps ln sigma is a straight line.
    pub fn sigmas(&self, steps: usize) -> Vec<f64> {
        let fewer = self.tables.range(..=steps).next_back();
        let more = self.tables.range(steps..).next();
        let ((few, low), (many, high)) = match (fewer, more) {
            (Some(fewer), Some(more)) => (fewer, more),
            (Some(one), None) | (None, Some(one)) => (one, one),
            (None, None) => unreachable!("there is a table"),
        };
        let part = match many - few {
            0 => 0.0,
            apart => (steps - few) as f64 / apart as f64,
        };
        let along = |table: &[f64], share| at(table, share * (table.len() - 1) as f64);
        table(steps, |share| {
            along(low, share).powf(1.0 - part) * along(high, share).powf(part)
        })
    }
}

/// A table at a place between its indices, where ln sigma is a straight line.
fn at(sigmas: &[f64], i: f64) -> f64 {
    let (low, high) = (sigmas[i.floor() as usize], sigmas[i.ceil() as usize]);
    low * (high / low).powf(i.fract())
}

/// The sigmas of evenly spaced t. Between two t, ln sigma is a straight line, so that any number
/// of steps has its t.
fn spaced(beta: BetaSchedule, steps: usize, sigma_min: f64, sigma_max: f64) -> Vec<f64> {
    let sigma = beta.sigma();
    // Two t at least, however narrow the range, so that a table can decrease.
    let last = sigma.partition_point(|&s| s <= sigma_max).max(2) - 1;
    let first = sigma.partition_point(|&s| s < sigma_min).min(last - 1);
    table(steps, |part| {
        at(&sigma, lerp(last as f64, first as f64, part))
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
