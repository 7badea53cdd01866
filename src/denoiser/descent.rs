//! The gradient of the predicted amount of noise, as a denoiser.

use burn::tensor::Tensor;

use super::{Cond, Denoiser, SIGMA_MAX, SIGMA_MIN};
use crate::model::noise_level::{NoiseLevel, NoiseLevelConfig, Slope};

/// D(x) = x − n/2·∇σ̂², n being the pixels: straight away from noise.
///
/// √n·σ̂ is the distance from x to the nearest clean picture, and the gradient of half a squared distance
/// is the way from there to x, so a perfect σ̂ is a denoiser (Permenter & Yuan 2024,
/// <https://arxiv.org/abs/2306.04848>). It is told neither σ nor the digit.
#[derive(Debug)]
pub struct Descent {
    predictor: NoiseLevel,
    config: NoiseLevelConfig,
}

impl Descent {
    /// Wraps a predictor.
    pub fn new(predictor: NoiseLevel, config: NoiseLevelConfig) -> Self {
        Self { predictor, config }
    }

    /// σ̂ alone.
    ///
    /// # Shapes
    /// `x` [n, 1, size, size]; returns \[n\].
    pub fn sigma(&self, x: Tensor<4>) -> Tensor<1> {
        self.predictor.sigma(x)
    }

    /// ln σ̂ and its gradient.
    ///
    /// # Shapes
    /// `x` [n, 1, size, size].
    pub fn slope(&self, x: Tensor<4>) -> Slope {
        self.predictor.slope(x)
    }
}

impl Denoiser for Descent {
    fn denoise(&self, x: Tensor<4>, _sigma: &[f64], _cond: &Cond) -> Tensor<4> {
        self.slope(x.clone()).descend(x)
    }

    fn shape(&self) -> [usize; 3] {
        [1, self.config.size, self.config.size]
    }

    fn sigma_range(&self) -> (f64, f64) {
        (SIGMA_MIN, SIGMA_MAX)
    }
}
