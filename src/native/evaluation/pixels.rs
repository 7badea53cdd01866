//! What the pixels of samples say, without a judge: whether digits are copied, and how much those of a kind differ.

use std::fmt;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::native::data::DataSet;

/// So many digits are compared with all training digits, at most.
const MOST: usize = 1000;

/// Samples beside digits that no network was trained with. A pixel is 0 on paper and 1 in ink.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pixels {
    /// From the samples to the nearest training digit.
    pub nearest: Nearest,
    /// From as many test digits to it: copies would be nearer.
    pub nearest_real: Nearest,
    /// The variance of a pixel among the samples of one digit, over that among test digits: a mean over pixels and
    /// digits. None where no digit was asked for, or one of some digit.
    pub variance: Option<f64>,
}

/// Euclidean distances over the pixels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Nearest {
    /// Half are nearer.
    pub median: f64,
    /// One in a hundred is nearer.
    pub percentile: f64,
}

/// Real digits to compare with: those that were trained with, and others.
#[derive(Debug)]
pub struct Reference<'a> {
    train_set: &'a DataSet,
    count: usize,
    nearest: Nearest,
    variance: Option<f64>,
}

impl<'a> Reference<'a> {
    /// For sets of `count` samples.
    pub fn new(train_set: &'a DataSet, test_set: &DataSet, count: usize) -> Self {
        let count = count.min(test_set.len()).min(MOST);
        Self {
            train_set,
            count,
            nearest: nearest(test_set, count, train_set),
            variance: variance(test_set).filter(|&variance| variance > 0.0),
        }
    }

    /// What real digits reach, in the place of samples.
    pub fn real(&self) -> Pixels {
        Pixels {
            nearest: self.nearest,
            nearest_real: self.nearest,
            variance: self.variance.map(|_| 1.0),
        }
    }

    /// Compares samples, whose labels are the digits asked for.
    pub fn compare(&self, samples: &DataSet) -> Pixels {
        let count = self.count.min(samples.len());
        let variance = variance(samples).zip(self.variance);
        Pixels {
            nearest: nearest(samples, count, self.train_set),
            nearest_real: self.nearest,
            variance: variance.map(|(made, real)| made / real),
        }
    }
}

/// The way from each of the first `count` digits to the nearest one of `others`.
fn nearest(digits: &DataSet, count: usize, others: &DataSet) -> Nearest {
    let pixels = digits.about.pixels();
    let square = |a: &[u8], b: &[u8]| -> i32 {
        let differences = a.iter().zip(b).map(|(&a, &b)| i32::from(a) - i32::from(b));
        differences.map(|d| d * d).sum()
    };
    let way = |digit: &[u8]| {
        let squares = others
            .images
            .chunks(pixels)
            .map(|other| square(digit, other));
        f64::from(squares.min().unwrap_or(0)).sqrt() / 255.0
    };
    let first = &digits.images[..count * pixels];
    let mut ways: Vec<f64> = first.par_chunks(pixels).map(way).collect();
    ways.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| {
        ways.get((share * count as f64) as usize)
            .copied()
            .unwrap_or(0.0)
    };
    Nearest {
        median: at(0.5),
        percentile: at(0.01),
    }
}

/// Of a pixel among the pictures with one label, a mean over pixels and labels; none where a label has less than two.
fn variance(digits: &DataSet) -> Option<f64> {
    let (pixels, classes) = (digits.about.pixels(), digits.about.classes.len());
    let of_label = |label: usize| {
        let mut n = 0.0;
        let mut sums = vec![(0.0, 0.0); pixels];
        let labelled = digits.images.chunks(pixels).zip(&digits.labels);
        for (image, _) in labelled.filter(|&(_, &l)| usize::from(l) == label) {
            n += 1.0;
            for ((sum, squares), &pixel) in sums.iter_mut().zip(image) {
                let value = f64::from(pixel) / 255.0;
                *sum += value;
                *squares += value * value;
            }
        }
        let of_pixel = |(sum, squares): &(f64, f64)| (squares - sum * sum / n) / (n - 1.0);
        let all: f64 = sums.iter().map(of_pixel).sum();
        (n >= 2.0).then_some(all / pixels as f64)
    };
    let all: Option<f64> = (0..classes).map(of_label).sum();
    all.map(|sum| sum / classes as f64)
}

impl fmt::Display for Nearest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { median, percentile } = self;
        write!(f, "{median:>8.2}  (one in a hundred below {percentile:.2})")
    }
}

impl fmt::Display for Pixels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "to the nearest one trained on {}", self.nearest)?;
        writeln!(f, "  from held-out ones          {}", self.nearest_real)?;
        let variance = self.variance.map_or("-".into(), |v| format!("{v:.3}"));
        write!(
            f,
            "variance within a class       {variance:>8}  of that of held-out ones"
        )
    }
}
