//! The gradient of the predicted amount of noise, as a denoiser.

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};

use super::{Cond, Denoiser, SIGMA_MAX, SIGMA_MIN};
use crate::model::noise_level::{NoiseLevel, NoiseLevelConfig};

/// D(x) = x − n/2·∇σ̂², n being the pixels: straight away from noise.
///
/// √n·σ̂ is the distance from x to the nearest clean picture, and the gradient of half a squared distance
/// is the way from there to x, so a perfect σ̂ is a denoiser (Permenter & Yuan 2024,
/// <https://arxiv.org/abs/2306.04848>). It is told neither σ nor the digit.
#[derive(Debug)]
pub struct Descent {
    /// On a device that differentiates; its weights are constants there.
    predictor: NoiseLevel,
    config: NoiseLevelConfig,
}

/// What the predictor says of a batch of pictures.
#[derive(Debug)]
pub struct Slope {
    /// σ̂, \[n\].
    pub sigma: Tensor<1>,
    /// ∂σ̂/∂x, the shape of the pictures.
    pub gradient: Tensor<4>,
}

impl Descent {
    /// The device to put the predictor's weights on, so that its gradient can be taken.
    pub fn device(device: &Device) -> Device {
        device.clone().autodiff()
    }

    /// Wraps a predictor whose weights are on [`Descent::device`].
    pub fn new(predictor: NoiseLevel, config: NoiseLevelConfig) -> Self {
        Self {
            predictor: predictor.no_grad(),
            config,
        }
    }

    /// σ̂ alone.
    ///
    /// # Shapes
    /// `x` [n, 1, size, size]; returns \[n\].
    pub fn sigma(&self, x: Tensor<4>) -> Tensor<1> {
        self.predictor.sigma(Tensor::from_inner(x)).inner()
    }

    /// σ̂ and its gradient.
    ///
    /// # Shapes
    /// `x` [n, 1, size, size].
    pub fn slope(&self, x: Tensor<4>) -> Slope {
        let x = Tensor::from_inner(x).require_grad();
        let sigma = self.predictor.sigma(x.clone());
        let gradients = sigma.clone().sum().backward();
        let gradient = x.grad(&gradients).expect(
            "the predicted noise depends on every pixel: on its square, if on nothing else",
        );
        Slope {
            sigma: sigma.inner(),
            gradient,
        }
    }
}

impl Denoiser for Descent {
    fn denoise(&self, x: Tensor<4>, _sigma: &[f64], _cond: &Cond) -> Tensor<4> {
        let pixels: usize = self.shape().iter().product();
        let Slope { sigma, gradient } = self.slope(x.clone());
        // n/2·∇σ̂² = n·σ̂·∇σ̂
        x - gradient * sigma.reshape([-1, 1, 1, 1]) * pixels as f64
    }

    fn shape(&self) -> [usize; 3] {
        [1, self.config.size, self.config.size]
    }

    fn sigma_range(&self) -> (f64, f64) {
        (SIGMA_MIN, SIGMA_MAX)
    }
}
