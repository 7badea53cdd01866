//! How good samples are: whether the digit asked for is the digit seen, or the class, and how far from real ones
//! they lie; and how well noise is seen.

pub mod classifier;
pub mod clip;
pub mod frechet;
pub mod grid;
pub mod judge;
pub mod lenet;
pub mod manifold;
pub mod noise;
pub mod pixels;
pub mod plot;
pub mod resnet;
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
    classifier::{Classifier, Reader},
    frechet::{FrechetError, Gaussian},
    manifold::{Manifold, Overlap},
};
use super::data::{About, DataSet};
use crate::classes::Classes;

/// The quality of a set of samples. Shares are in [0, 1].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Who judges: [`Reader::NAME`].
    pub judge: String,
    /// Samples.
    pub count: usize,
    /// Share of samples in which the digit asked for is the digit seen; none where none was asked for.
    pub accuracy: Option<f64>,
    /// The same for each digit; none where it was not asked for.
    pub per_class: Vec<Option<f64>>,
    /// The names of the classes, where they are not digits.
    #[serde(
        default = "Classes::digits",
        skip_serializing_if = "Classes::are_digits"
    )]
    pub classes: Classes,
    /// Fréchet distance in the judge's features between samples and one half of the test set.
    pub frechet: Spread,
    /// The same for as many digits of the other half: what real digits reach.
    pub frechet_real: Spread,
    /// `frechet / frechet_real`.
    pub ratio: Spread,
    /// What as many samples as that have in common with as many real digits, a mean over the halves.
    pub overlap: Overlap,
    /// The same of real digits of the other half.
    pub overlap_real: Overlap,
    /// Share of the test digits that the judge reads right.
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
    /// Too few real digits.
    #[error("{0} held-out pictures are too few to compare with: every class needs 2 or more")]
    Few(usize),
    /// The Fréchet distance.
    #[error(transparent)]
    Frechet(#[from] FrechetError),
    /// The device failed.
    #[error("the device failed while it read the samples ({0}): try `--device cpu`")]
    Device(String),
}

/// Ways to halve the real digits that are compared with one another.
const HALVINGS: u64 = 5;

/// Measures `samples`, whose labels are the digits asked for, by `classifier`.
///
/// # Errors
/// [`EvaluationError`].
pub fn evaluate<N: Reader>(
    samples: &DataSet,
    test_set: &DataSet,
    classifier: &Classifier<N>,
) -> Result<Report, EvaluationError> {
    Reference::new(test_set, classifier, samples.len())?.judge(samples)
}

/// What samples are compared with: real digits that the judge was not trained with, and how these compare with one
/// another.
///
/// They are halved at random, with as many of each digit in both halves: the samples take the place of the one half, and
/// are compared with the other. A distance falls with the number of pictures, so that there are as many on the side of
/// the samples as on that of real digits. Each figure is taken for five ways to halve.
#[derive(Debug)]
pub struct Reference<'a, N> {
    classifier: &'a Classifier<N>,
    /// Pictures on either side.
    count: usize,
    halvings: Vec<Halving>,
    /// What the pictures are.
    about: &'a About,
    /// Shares of the real digits that are read right: of each, and of all.
    per_class: Vec<Option<f64>>,
    accuracy: f64,
}

/// One way to halve.
#[derive(Debug)]
struct Halving {
    /// Decides which samples are compared, where there are more than that.
    random: ChaCha8Rng,
    /// The half that is compared with.
    gaussian: Gaussian,
    /// As many of it as are compared with it.
    manifold: Manifold,
    /// How the other half compares.
    frechet: f64,
    overlap: Overlap,
}

impl<'a, N: Reader> Reference<'a, N> {
    /// Halves `test_set`, to be compared with sets of `count` samples.
    ///
    /// # Errors
    /// [`EvaluationError`].
    pub fn new(
        test_set: &'a DataSet,
        classifier: &'a Classifier<N>,
        count: usize,
    ) -> Result<Self, EvaluationError> {
        if count == 0 {
            return Err(EvaluationError::Empty);
        }
        let reading = classifier.read(&test_set.images)?;
        let classes = test_set.about.classes.len();
        let half = even_half(&test_set.labels, classes);
        if half < 2 {
            return Err(EvaluationError::Few(test_set.len()));
        }
        let count = count.min(half);
        let halving = |seed| {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let order = in_turn(&test_set.labels, classes, &mut random);
            let (real, other) = order.split_at(half);
            let (real, other) = (reading.rows(real), reading.rows(&other[..count]));
            let gaussian = Gaussian::fit(&real, N::FEATURES)?;
            let manifold = Manifold::of(&real[..count * N::FEATURES], N::FEATURES);
            Ok(Halving {
                frechet: Gaussian::fit(&other, N::FEATURES)?.distance(&gaussian)?,
                overlap: manifold.overlap(&Manifold::of(&other, N::FEATURES)),
                random,
                gaussian,
                manifold,
            })
        };
        let halvings: Result<_, EvaluationError> = (0..HALVINGS).map(halving).collect();
        Ok(Self {
            classifier,
            count,
            halvings: halvings?,
            about: &test_set.about,
            per_class: by_class(&reading.digits, &test_set.labels, classes),
            accuracy: share(&reading.digits, &test_set.labels, |_| true).unwrap_or(0.0),
        })
    }

    /// What real digits reach, in the place of samples: the share of the test digits that are read right, and how the
    /// halves compare.
    pub fn real(&self) -> Report {
        let frechet = Spread::of(&self.floors());
        let overlap = self.overlap();
        Report {
            judge: N::NAME.into(),
            count: self.count,
            accuracy: Some(self.accuracy),
            per_class: self.per_class.clone(),
            classes: self.about.classes.clone(),
            frechet,
            frechet_real: frechet,
            ratio: Spread::of(&[1.0]),
            overlap,
            overlap_real: overlap,
            classifier_accuracy: self.accuracy,
        }
    }

    fn floors(&self) -> Vec<f64> {
        self.halvings
            .iter()
            .map(|halving| halving.frechet)
            .collect()
    }

    fn overlap(&self) -> Overlap {
        let all: Vec<Overlap> = self
            .halvings
            .iter()
            .map(|halving| halving.overlap)
            .collect();
        Overlap::mean(&all)
    }

    /// Measures `samples`, whose labels are the digits asked for: as many as the reference was made for.
    ///
    /// # Errors
    /// [`EvaluationError`].
    pub fn judge(&self, samples: &DataSet) -> Result<Report, EvaluationError> {
        let reading = self.classifier.read(&samples.images)?;
        let classes = self.about.classes.len();
        let (mut frechet, mut overlaps) = (Vec::new(), Vec::new());
        for halving in &self.halvings {
            let order = in_turn(&samples.labels, classes, &mut halving.random.clone());
            let made = reading.rows(&order[..self.count.min(samples.len())]);
            frechet.push(Gaussian::fit(&made, N::FEATURES)?.distance(&halving.gaussian)?);
            overlaps.push(halving.manifold.overlap(&Manifold::of(&made, N::FEATURES)));
        }
        let floors = self.floors();
        let ratio: Vec<f64> = frechet
            .iter()
            .zip(&floors)
            .map(|(made, real)| made / real)
            .collect();
        Ok(Report {
            judge: N::NAME.into(),
            count: samples.len(),
            accuracy: share(&reading.digits, &samples.labels, |_| true),
            per_class: by_class(&reading.digits, &samples.labels, classes),
            classes: self.about.classes.clone(),
            frechet: Spread::of(&frechet),
            frechet_real: Spread::of(&floors),
            ratio: Spread::of(&ratio),
            overlap: Overlap::mean(&overlaps),
            overlap_real: self.overlap(),
            classifier_accuracy: self.accuracy,
        })
    }
}

/// The places of the labels, shuffled, one of each label in turn for as long as there are some of all.
fn in_turn(labels: &[u8], classes: usize, random: &mut ChaCha8Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.shuffle(random);
    let mut turns = vec![0; classes];
    let mut turn_of = vec![0; labels.len()];
    for &i in &order {
        let turn = &mut turns[usize::from(labels[i])];
        turn_of[i] = *turn;
        *turn += 1;
    }
    order.sort_by_key(|&i| (turn_of[i], labels[i]));
    order
}

/// So many of [`in_turn`] are half of what has as many of each label.
fn even_half(labels: &[u8], classes: usize) -> usize {
    let of = |class: usize| {
        labels
            .iter()
            .filter(|&&label| usize::from(label) == class)
            .count()
    };
    let counts: Vec<usize> = (0..classes).map(of).filter(|&count| count > 0).collect();
    counts.iter().min().unwrap_or(&0) / 2 * counts.len()
}

/// A figure that was taken several times.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The lowest.
    pub low: f64,
    /// The highest.
    pub high: f64,
}

impl Spread {
    /// Over `values`, at least one.
    pub fn of(values: &[f64]) -> Self {
        Self {
            mean: values.iter().sum::<f64>() / values.len() as f64,
            low: values.iter().copied().fold(f64::INFINITY, f64::min),
            high: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mean, low, high } = self;
        write!(f, "{mean:>8.3}  ({low:.3} to {high:.3})")
    }
}

impl Report {
    /// The digit that is seen least often where it was asked for, and how often; none where none was asked for.
    pub fn worst(&self) -> Option<(usize, f64)> {
        let shares = self.per_class.iter().enumerate();
        let known = shares.filter_map(|(digit, share)| Some((digit, (*share)?)));
        known.min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// The figures of samples whose labels were not asked for.
    pub fn unasked(self) -> Self {
        Self {
            accuracy: None,
            per_class: vec![None; self.per_class.len()],
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

/// [`share`] of each digit.
fn by_class(seen: &[u8], labels: &[u8], classes: usize) -> Vec<Option<f64>> {
    let of = |class| share(seen, labels, |label| usize::from(label) == class);
    (0..classes).map(of).collect()
}

/// Lines of a table: which share of the things of each attribute is `what`; none is a dash.
fn write_shares(f: &mut fmt::Formatter, what: &str, shares: &[Option<f64>]) -> fmt::Result {
    const ATTRIBUTES: [&str; 7] = [
        "digit",
        "ink",
        "paper",
        "thickness",
        "slant",
        "size",
        "digit and ink",
    ];
    ATTRIBUTES.iter().zip(shares).try_for_each(|(name, share)| {
        let share = share.map_or("-".into(), |share| format!("{:.2}", 100.0 * share));
        write!(f, "\n{:<29} {share:>8} %", format!("{name} {what}"))
    })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent =
            |share: Option<f64>| share.map_or("-".into(), |share| format!("{:.1}", 100.0 * share));
        writeln!(f, "samples                       {:>8}", self.count)?;
        let kind = match self.classes.are_digits() {
            true => "digit",
            false => "class",
        };
        writeln!(
            f,
            "{kind} asked for = {kind} seen  {:>8} %",
            self.accuracy
                .map_or("-".into(), |share| format!("{:.2}", 100.0 * share))
        )?;
        // As many side by side as fit into a line.
        let names = self.classes.names();
        let width = names.iter().map(|name| name.chars().count() + 2);
        let width = width.max().unwrap_or(0).max(6);
        let columns = (78 / width).max(1);
        let shares = names.chunks(columns).zip(self.per_class.chunks(columns));
        for (i, (names, shares)) in shares.enumerate() {
            write!(f, "{}  {kind} ", if i > 0 { "\n" } else { "" })?;
            names
                .iter()
                .try_for_each(|name| write!(f, "{name:>width$}"))?;
            write!(f, "\n  %     ")?;
            shares
                .iter()
                .try_for_each(|&share| write!(f, "{:>width$}", percent(share)))?;
        }
        if let Some((class, share)) = self.worst() {
            let name = names.get(class).map_or("", String::as_str);
            write!(f, "\n  worst: the {name}, {:.1} %", 100.0 * share)?;
        }
        writeln!(f, "\nFréchet distance              {}", self.frechet)?;
        writeln!(f, "  real against real           {}", self.frechet_real)?;
        writeln!(f, "  ratio                       {}", self.ratio)?;
        let overlaps = [self.overlap, self.overlap_real].map(Overlap::figures);
        for ((name, made), (_, real)) in overlaps[0].iter().zip(&overlaps[1]) {
            writeln!(f, "{name:<29} {made:>8.3}  (real {real:.3})")?;
        }
        write!(
            f,
            "judged by {}, which reads {:.2} % of the held-out pictures",
            self.judge,
            100.0 * self.classifier_accuracy
        )
    }
}
