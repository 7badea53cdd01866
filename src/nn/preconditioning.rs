//! Factors that give a network inputs and targets of unit variance at every noise level.

use burn::tensor::Tensor;

/// Standard deviation of MNIST's pixels in [-1, 1].
pub const SIGMA_DATA: f64 = 0.6;

/// The preconditioning of Karras et al. 2022 (EDM, <https://arxiv.org/abs/2206.00364>, Table 1):
///
/// D(x; σ) = c_skip·x + c_out·F(c_in·x, c_noise)
///
/// | | |
/// | --- | --- |
/// | c_skip | σ_d² / (σ² + σ_d²) |
/// | c_out | σ·σ_d / √(σ² + σ_d²) |
/// | c_in | 1 / √(σ² + σ_d²) |
/// | c_noise | ln(σ) / 4 |
///
/// At little noise F predicts the noise, at much noise the clean picture, so no error of the network is
/// magnified at either end. An eps-prediction multiplies its error by σ, which at 20 steps and σ = 80
/// ruins the first ones.
pub struct Preconditioning {
    /// [n, 1, 1, 1].
    pub c_skip: Tensor<4>,
    /// [n, 1, 1, 1].
    pub c_out: Tensor<4>,
    /// [n, 1, 1, 1].
    pub c_in: Tensor<4>,
    /// \[n\].
    pub c_noise: Tensor<1>,
}

impl Preconditioning {
    /// The factors for each picture's σ, \[n\], where what is denoised has the standard deviation
    /// `sigma_data`.
    pub fn at(sigma: Tensor<1>, sigma_data: f64) -> Self {
        let per_picture = |column: Tensor<1>| column.reshape([-1, 1, 1, 1]);
        let total = (sigma.clone().square() + sigma_data * sigma_data).sqrt();
        Self {
            c_skip: per_picture((total.clone().recip() * sigma_data).square()),
            c_out: per_picture(sigma.clone() * sigma_data / total.clone()),
            c_in: per_picture(total.recip()),
            c_noise: sigma.log() / 4.0,
        }
    }
}
