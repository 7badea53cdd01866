//! The loss of a denoiser.

use burn::tensor::Tensor;

use super::Batch;
use crate::nn::SIGMA_DATA;

/// [`edm_loss`] on digits.
pub fn denoising_loss(denoised: Tensor<4>, batch: &Batch) -> Tensor<1> {
    let device = denoised.device();
    let error = denoised - batch.x0(&device);
    edm_loss(error, batch.sigma(&device), SIGMA_DATA)
}

/// The EDM loss: λ(σ)·(D(x0 + σ·noise; σ) − x0)², λ = (σ² + σ_d²)/(σ·σ_d)², a mean over pixels and
/// pictures.
///
/// # Shapes
/// `error` D − x0, [n, channels, h, w]; `sigma` \[n\].
pub fn edm_loss(error: Tensor<4>, sigma: Tensor<1>, sigma_data: f64) -> Tensor<1> {
    let variance = sigma.square();
    let data = sigma_data * sigma_data;
    let weight = (variance.clone() + data) / (variance * data);
    (error.square() * weight.reshape([-1, 1, 1, 1])).mean()
}
