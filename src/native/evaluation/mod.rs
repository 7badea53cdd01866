//! How good samples are: whether the digit asked for is the digit seen, and how far from real digits
//! they lie; and how well noise is seen.

pub mod clip;
pub mod frechet;
pub mod judge;
pub mod lenet;
pub mod noise;
pub mod suite;
pub mod text;
pub mod vae;

use std::fmt;

use burn::tensor::Tensor;
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use self::{
    frechet::{FrechetError, Gaussian},
    lenet::{Classifier, FEATURES},
};
use super::data::{CLASSES, Mnist};

/// The quality of a set of samples. Shares are in [0, 1].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Samples.
    pub count: usize,
    /// Share of samples in which the digit asked for is the digit seen; none where none was asked for.
    pub accuracy: Option<f64>,
    /// The same for each digit; none where it was not asked for.
    pub per_class: [Option<f64>; CLASSES],
    /// Fréchet distance in LeNet-5's 84 features between the samples and the test set.
    pub frechet: f64,
    /// The same for training digits, as many of each as were asked for: what real digits reach.
    pub frechet_real: f64,
    /// `frechet / frechet_real`.
    pub ratio: f64,
    /// Share of the test digits that LeNet-5 reads right.
    pub classifier_accuracy: f64,
}

/// An evaluation that cannot be made.
#[derive(Debug, Error)]
pub enum EvaluationError {
    /// No samples.
    #[error(
        "there are no samples to evaluate: make some with `unnoise sample --balanced 10000 --out DIR`"
    )]
    Empty,
    /// The Fréchet distance.
    #[error(transparent)]
    Frechet(#[from] FrechetError),
    /// The device failed.
    #[error("the device failed while it read the samples ({0}): try `--device cpu`")]
    Device(String),
}

/// Measures `samples`, whose labels are the digits asked for, by `classifier`.
///
/// The real-against-real figure is taken of as many training digits of each kind as there are samples,
/// against the same test set, so that both figures bear the same bias of a finite count.
///
/// # Errors
/// [`EvaluationError`].
pub fn evaluate(
    samples: &Mnist,
    train_set: &Mnist,
    test_set: &Mnist,
    classifier: &Classifier,
) -> Result<Report, EvaluationError> {
    if samples.is_empty() {
        return Err(EvaluationError::Empty);
    }
    let gaussian = |features: &[f32]| Gaussian::fit(features, FEATURES);
    let sampled = classifier.read(&samples.images)?;
    let tested = classifier.read(&test_set.images)?;
    let real = classifier.read(&train_set.select(&alike(samples, train_set)).images)?;

    let test = gaussian(&tested.features)?;
    let frechet = gaussian(&sampled.features)?.distance(&test)?;
    let frechet_real = gaussian(&real.features)?.distance(&test)?;
    Ok(Report {
        count: samples.len(),
        accuracy: share(&sampled.digits, &samples.labels, |_| true),
        per_class: std::array::from_fn(|c| {
            share(&sampled.digits, &samples.labels, |label| {
                usize::from(label) == c
            })
        }),
        frechet,
        frechet_real,
        ratio: frechet / frechet_real,
        classifier_accuracy: share(&tested.digits, &test_set.labels, |_| true).unwrap_or(0.0),
    })
}

impl Report {
    /// The figures of samples whose labels were not asked for.
    pub fn unasked(self) -> Self {
        Self {
            accuracy: None,
            per_class: [None; CLASSES],
            ..self
        }
    }
}

/// A tensor's values, on the host.
fn numbers<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, EvaluationError> {
    tensor
        .try_into_vec_as::<f32>()
        .map_err(|error| EvaluationError::Device(error.to_string()))
}

/// Of the labels that are `wanted`, the share that was seen; none where none is.
fn share(seen: &[u8], labels: &[u8], wanted: impl Fn(u8) -> bool) -> Option<f64> {
    let (mut right, mut all) = (0, 0);
    for (seen, &label) in seen.iter().zip(labels).filter(|&(_, &label)| wanted(label)) {
        right += usize::from(*seen == label);
        all += 1;
    }
    (all > 0).then(|| f64::from(right as u32) / f64::from(all))
}

/// Indices of training digits drawn at random, the same ones each time, as many of each kind as there
/// are among `samples` (over again from the first, where the training set has too few).
fn alike(samples: &Mnist, train_set: &Mnist) -> Vec<usize> {
    let mut order: Vec<usize> = (0..train_set.len()).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(0));
    (0..CLASSES as u8)
        .flat_map(|digit| {
            let asked = samples
                .labels
                .iter()
                .filter(|&&label| label == digit)
                .count();
            let of_kind: Vec<usize> = order
                .iter()
                .copied()
                .filter(|&i| train_set.labels[i] == digit)
                .collect();
            of_kind.into_iter().cycle().take(asked)
        })
        .collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent =
            |share: Option<f64>| share.map_or("-".into(), |share| format!("{:.1}", 100.0 * share));
        writeln!(f, "samples                       {:>8}", self.count)?;
        writeln!(
            f,
            "digit asked for = digit seen  {:>8} %",
            self.accuracy
                .map_or("-".into(), |share| format!("{:.2}", 100.0 * share))
        )?;
        write!(f, "  digit ")?;
        (0..CLASSES).try_for_each(|digit| write!(f, "{digit:>6}"))?;
        write!(f, "\n  %     ")?;
        self.per_class
            .iter()
            .try_for_each(|&share| write!(f, "{:>6}", percent(share)))?;
        writeln!(f, "\nFréchet distance              {:>8.3}", self.frechet)?;
        writeln!(
            f,
            "  real against real           {:>8.3}",
            self.frechet_real
        )?;
        writeln!(f, "  ratio                       {:>8.2}", self.ratio)?;
        write!(
            f,
            "judged by a LeNet-5 that reads {:>7.2} % of the test digits",
            100.0 * self.classifier_accuracy
        )
    }
}
