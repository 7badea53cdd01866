//! How well the autoencoder gives back what it was shown.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{EvaluationError, classifier::Classifier, judge, lenet::LeNet, numbers};
use crate::{
    model::vae::Vae,
    native::{
        picture::{mean_square, psnr},
        train::pictures::{Drawn, VALIDATION_BATCH, pictures},
    },
    scene::VALUES,
};

/// The quality of reconstructions. Shares are in [0, 1].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VaeReport {
    /// Pictures of test digits.
    pub count: usize,
    /// [`mean_square`] of what is made from the latent's mean.
    pub mse: f64,
    /// [`psnr`], in decibels.
    pub psnr: f64,
    /// The KL term of a picture, in nats.
    pub kl: f64,
    /// Standard deviation of the latents' numbers.
    pub latent_deviation: f64,
    /// Share of pictures in whose reconstruction LeNet-5 sees the digit that it sees in the original.
    pub same_digit: f64,
    /// Share of originals that it reads right.
    pub original_accuracy: f64,
    /// Share of reconstructions that it reads right.
    pub accuracy: f64,
}

/// Measures an autoencoder on pictures that it has not been trained with.
///
/// # Errors
/// [`EvaluationError::Device`].
pub fn evaluate(
    vae: &Vae,
    drawn: &Drawn,
    classifier: &Classifier<LeNet>,
    device: &burn::tensor::Device,
) -> Result<VaeReport, EvaluationError> {
    let mut decoded: Vec<f32> = Vec::with_capacity(drawn.values.len());
    let (mut kl, mut squares, mut latents) = (0.0, 0.0, 0);
    for batch in drawn.values.chunks(VALIDATION_BATCH * VALUES) {
        let posterior = vae.encode(pictures(batch.to_vec(), device));
        kl += sum(&numbers(posterior.kl())?, |v| v);
        let mean = numbers(posterior.mean.clone())?;
        squares += sum(&mean, |v| v * v);
        latents += mean.len();
        decoded.extend(numbers(vae.decode(posterior.mean).permute([0, 2, 3, 1]))?);
    }
    let n = drawn.len().max(1) as f64;
    let mse = mean_square(&drawn.values, &decoded);

    let before = judge::digits(classifier, drawn.each())?;
    let after = judge::digits(classifier, decoded.chunks(VALUES))?;
    let digits: Vec<Option<u8>> = drawn.scenes.iter().map(|s| Some(s.digit)).collect();
    let alike = |a: &[Option<u8>], b: &[Option<u8>]| {
        a.iter().zip(b).filter(|(a, b)| a == b).count() as f64 / n
    };
    Ok(VaeReport {
        count: drawn.len(),
        mse,
        psnr: psnr(mse),
        kl: kl / n,
        latent_deviation: (squares / latents.max(1) as f64).sqrt(),
        same_digit: alike(&before, &after),
        original_accuracy: alike(&before, &digits),
        accuracy: alike(&after, &digits),
    })
}

fn sum(values: &[f32], of: impl Fn(f64) -> f64) -> f64 {
    values.iter().map(|&v| of(f64::from(v))).sum()
}

impl fmt::Display for VaeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "pictures                      {:>8}", self.count)?;
        writeln!(f, "mean square error             {:>8.5}", self.mse)?;
        writeln!(f, "PSNR                          {:>8.2} dB", self.psnr)?;
        writeln!(f, "KL                            {:>8.1} nats", self.kl)?;
        writeln!(
            f,
            "latents' standard deviation   {:>8.3}",
            self.latent_deviation
        )?;
        let percent = |share: f64| 100.0 * share;
        writeln!(
            f,
            "same digit seen               {:>8.2} %",
            percent(self.same_digit)
        )?;
        write!(
            f,
            "digits read right             {:>8.2} %, in the originals {:.2} %",
            percent(self.accuracy),
            percent(self.original_accuracy)
        )
    }
}
