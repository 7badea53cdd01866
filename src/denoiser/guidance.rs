//! Two answers of one denoiser, with and without the digit, into one that keeps closer to the digit.

use burn::tensor::Tensor;

use super::{Cond, Denoiser};

/// Classifier-free guidance (Ho & Salimans 2022, <https://arxiv.org/abs/2207.12598>):
/// uncond + g·(cond − uncond), so g = 1 is off. Both calls go through the network as one batch.
#[derive(Debug)]
pub struct Guidance<D> {
    inner: D,
    guidance: f64,
}

impl<D: Denoiser> Guidance<D> {
    /// Steers `inner` with the strength `guidance`.
    pub fn new(inner: D, guidance: f64) -> Self {
        Self { inner, guidance }
    }
}

impl<D: Denoiser> Denoiser for Guidance<D> {
    fn denoise(&self, x: Tensor<4>, sigma: &[f64], cond: &Cond) -> Tensor<4> {
        let n = sigma.len();
        let both = Tensor::cat(vec![x.clone(), x], 0);
        let with_and_without = Cond([&cond.0[..], &Cond::null(n).0].concat());
        let denoised = self
            .inner
            .denoise(both, &[sigma, sigma].concat(), &with_and_without);
        let (cond, uncond) = (denoised.clone().narrow(0, 0, n), denoised.narrow(0, n, n));
        uncond.clone() + (cond - uncond) * self.guidance
    }

    fn shape(&self) -> [usize; 3] {
        self.inner.shape()
    }

    fn sigma_range(&self) -> (f64, f64) {
        self.inner.sigma_range()
    }

    fn calls(&self) -> usize {
        2 * self.inner.calls()
    }

    fn decode(&self, z: Tensor<4>) -> Tensor<4> {
        self.inner.decode(z)
    }

    fn picture_shape(&self) -> [usize; 3] {
        self.inner.picture_shape()
    }
}
