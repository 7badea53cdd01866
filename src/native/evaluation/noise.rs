//! How well noise is seen: σ̂ beside σ, and what is left of it after one call of a denoiser, by σ.

use std::fmt;

use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::{EvaluationError, numbers};
use crate::{
    denoiser::{Cond, Denoiser, Descent},
    image,
    native::data::DataSet,
    nn::SIGMA_DATA,
    rng, training,
};

/// The amounts of noise in the tables.
pub const SIGMAS: [f64; 10] = [0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0];

/// Pictures that a network reads at once.
const BATCH: usize = 128;

/// σ̂ at one σ. Errors are relative: those of ln σ̂.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NoiseError {
    /// The true amount.
    pub sigma: f64,
    /// Mean of ln σ̂ − ln σ.
    pub bias: f64,
    /// Root of the mean square of ln σ̂ − ln σ.
    pub rms: f64,
}

/// σ̂ of digits with noise of each of [`SIGMAS`] on them.
///
/// # Errors
/// [`EvaluationError::Device`].
pub fn noise_errors(
    predictor: &Descent,
    digits: &DataSet,
    device: &Device,
) -> Result<Vec<NoiseError>, EvaluationError> {
    let mut rows = Vec::with_capacity(SIGMAS.len());
    for sigma in SIGMAS {
        let mut errors: Vec<f64> = Vec::with_capacity(digits.len());
        for (stream, batch) in digits
            .images
            .chunks(BATCH * digits.about.pixels())
            .enumerate()
        {
            let (_, x) = noisy((batch, digits.about.size), sigma, stream, device);
            let predicted = numbers(predictor.sigma(x))?;
            errors.extend(predicted.iter().map(|&p| (f64::from(p) / sigma).ln()));
        }
        let mean = |f: fn(f64) -> f64| {
            errors.iter().map(|&e| f(e)).sum::<f64>() / errors.len().max(1) as f64
        };
        rows.push(NoiseError {
            sigma,
            bias: mean(|e| e),
            rms: mean(|e| e * e).sqrt(),
        });
    }
    Ok(rows)
}

/// A denoiser's loss at each of [`SIGMAS`], as in training: λ(σ)·(D − x0)², λ = (σ² + σ_d²)/(σ·σ_d)², a
/// mean over pixels and digits. 1 is as good as no network.
///
/// # Errors
/// [`EvaluationError::Device`].
pub fn losses(
    denoiser: &dyn Denoiser,
    digits: &DataSet,
    device: &Device,
) -> Result<Vec<f64>, EvaluationError> {
    let mut rows = Vec::with_capacity(SIGMAS.len());
    for sigma in SIGMAS {
        let mut sum = 0.0;
        let batches = digits.images.chunks(BATCH * digits.about.pixels());
        for (stream, (batch, labels)) in batches.zip(digits.labels.chunks(BATCH)).enumerate() {
            let (x0, x) = noisy((batch, digits.about.size), sigma, stream, device);
            let cond = Cond::digits(labels.iter().copied().map(Some));
            let denoised = denoiser.denoise(x, &vec![sigma; labels.len()], &cond);
            sum += f64::from(numbers((denoised - x0).square().sum())?[0]);
        }
        let weight = (sigma * sigma + SIGMA_DATA * SIGMA_DATA) / (sigma * SIGMA_DATA).powi(2);
        rows.push(weight * sum / digits.images.len().max(1) as f64);
    }
    Ok(rows)
}

/// Clean pictures and the same with noise, [n, 1, size, size]; the same noise for the same `stream`.
fn noisy(
    (images, size): (&[u8], usize),
    sigma: f64,
    stream: usize,
    device: &Device,
) -> (Tensor<4>, Tensor<4>) {
    let x0: Vec<f32> = images.iter().map(|&p| image::from_pixel(p)).collect();
    let noise = rng::gaussian(0, stream as u64, x0.len());
    let x = x0.iter().zip(noise);
    let x = x.map(|(x0, noise)| x0 + (sigma * noise) as f32).collect();
    (
        training::pictures(x0, size, device),
        training::pictures(x, size, device),
    )
}

/// σ̂ by σ, of pictures with so many pixels, as text.
pub struct NoiseTable<'a>(pub &'a [NoiseError], pub usize);

impl fmt::Display for NoiseTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pixels = self.1;
        let best = 1.0 / (2.0 * pixels as f64).sqrt();
        writeln!(f, "{:>8}  {:>8}  {:>12}", "sigma", "bias", "rms error")?;
        for NoiseError { sigma, bias, rms } in self.0 {
            writeln!(
                f,
                "{sigma:>8}  {:>+6.1} %  {:>10.1} %",
                100.0 * bias,
                100.0 * rms
            )?;
        }
        write!(
            f,
            "from {pixels} pixels of pure noise nobody can do better than {:.1} %",
            100.0 * best
        )
    }
}

/// Losses by σ of several denoisers, as text.
pub struct LossTable<'a>(pub &'a [(&'static str, Vec<f64>)]);

impl fmt::Display for LossTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>8}", "sigma")?;
        self.0
            .iter()
            .try_for_each(|(name, _)| write!(f, "  {name:>18}"))?;
        for (i, sigma) in SIGMAS.iter().enumerate() {
            write!(f, "\n{sigma:>8}")?;
            self.0
                .iter()
                .try_for_each(|(_, losses)| write!(f, "  {:>18.4}", losses[i]))?;
        }
        write!(f, "\n{:>8}", "mean")?;
        self.0.iter().try_for_each(|(_, losses)| {
            let mean = losses.iter().sum::<f64>() / losses.len() as f64;
            write!(f, "  {mean:>18.4}")
        })
    }
}
