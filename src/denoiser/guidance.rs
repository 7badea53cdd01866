//! Two answers of one denoiser, with and without what is asked for, into one that keeps closer to it.

use burn::tensor::Tensor;

use super::{Cond, Denoiser, Wanted, column};
use crate::classes::Classes;

/// How strongly to insist, and at which noise levels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Strength {
    /// g; 1 is off.
    pub guidance: f64,
    /// Where low < σ ≤ high, and nowhere else: [low, high]. None: everywhere.
    pub interval: Option<[f64; 2]>,
}

impl Strength {
    /// g at a noise level.
    pub fn at(self, sigma: f64) -> f64 {
        match self.interval {
            Some([low, high]) if !(low < sigma && sigma <= high) => 1.0,
            _ => self.guidance,
        }
    }

    /// Whether it takes two answers there.
    pub fn needs_both(self, sigma: f64) -> bool {
        ![0.0, 1.0].contains(&self.at(sigma))
    }
}

/// Classifier-free guidance (Ho & Salimans 2022, <https://arxiv.org/abs/2207.12598>):
/// uncond + g·(cond − uncond), so g = 1 is off. Both calls go through the network as one batch. Where
/// nothing is asked for they are the same, and g = 0 leaves only the first: that is one call.
///
/// Guidance may be left to an interval of noise levels (Kynkäänniemi et al. 2024,
/// <https://arxiv.org/abs/2404.07724>): at high ones it takes the variety, at low ones it is wasted. In the
/// place of uncond may stand an answer to something unwanted, which a picture is then led away from: a
/// negative.
#[derive(Debug)]
pub struct Guidance<D> {
    inner: D,
    strength: Strength,
    /// In the place of the null condition.
    negative: Option<Cond>,
}

impl<D: Denoiser> Guidance<D> {
    /// Steers `inner`.
    pub fn new(inner: D, strength: Strength) -> Self {
        Self {
            inner,
            strength,
            negative: None,
        }
    }

    /// Steers away from `negative`, one for each picture of every batch to come, where it says something.
    pub fn away_from(mut self, negative: Cond) -> Self {
        self.negative = Some(negative);
        self
    }

    /// What stands in the place of uncond.
    fn away(&self, n: usize) -> Cond {
        self.negative.clone().unwrap_or_else(|| Cond::null(n))
    }
}

impl<D: Denoiser> Denoiser for Guidance<D> {
    fn denoise(&self, x: Tensor<4>, sigma: &[f64], cond: &Cond) -> Tensor<4> {
        let n = sigma.len();
        let away = self.away(n);
        let differ = |i: usize| cond.0[i] != away.0[i];
        if !(0..n).any(|i| self.strength.needs_both(sigma[i]) && differ(i)) {
            let one = |i: usize| match self.strength.at(sigma[i]) {
                0.0 => away.0[i].clone(),
                _ => cond.0[i].clone(),
            };
            return self
                .inner
                .denoise(x, sigma, &Cond((0..n).map(one).collect()));
        }
        let g: Vec<f64> = sigma.iter().map(|&s| self.strength.at(s)).collect();
        let g = column(&g, &x.device()).reshape([-1, 1, 1, 1]);
        let both = Tensor::cat(vec![x.clone(), x], 0);
        let with_and_without = Cond([&cond.0[..], &away.0[..]].concat());
        let denoised = self
            .inner
            .denoise(both, &[sigma, sigma].concat(), &with_and_without);
        let (cond, away) = (denoised.clone().narrow(0, 0, n), denoised.narrow(0, n, n));
        away.clone() + (cond - away) * g
    }

    fn shape(&self) -> [usize; 3] {
        self.inner.shape()
    }

    fn sigma_range(&self) -> (f64, f64) {
        self.inner.sigma_range()
    }

    fn classes(&self) -> Classes {
        self.inner.classes()
    }

    fn calls(&self, cond: &Cond, sigma: f64) -> usize {
        let once = self.inner.calls(cond, sigma);
        let differ = cond.0 != self.away(cond.0.len()).0;
        if self.strength.needs_both(sigma) && differ {
            2 * once
        } else {
            once
        }
    }

    fn settle(&self, wanted: Wanted, negative: &Wanted, seed: u64) -> Wanted {
        self.inner.settle(wanted, negative, seed)
    }
}
