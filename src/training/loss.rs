//! The loss of a denoiser.

use burn::tensor::Tensor;

use super::Batch;
use crate::nn::SIGMA_DATA;

/// [`edm_losses`] on digits.
pub fn denoising_losses(denoised: Tensor<4>, batch: &Batch) -> Tensor<1> {
    let device = denoised.device();
    let error = denoised - batch.x0(&device);
    edm_losses(error, batch.sigma(&device), SIGMA_DATA)
}

/// The EDM loss of each picture: λ(σ)·(D(x0 + σ·noise; σ) − x0)², λ = (σ² + σ_d²)/(σ·σ_d)², a mean over its
/// pixels.
///
/// # Shapes
/// `error` D − x0, [n, channels, h, w]; `sigma` \[n\]; gives \[n\].
pub fn edm_losses(error: Tensor<4>, sigma: Tensor<1>, sigma_data: f64) -> Tensor<1> {
    let variance = sigma.square();
    let data = sigma_data * sigma_data;
    let weight = (variance.clone() + data) / (variance * data);
    let squares: Tensor<2> = error.square().flatten(1, 3);
    squares.mean_dim(1).squeeze_dim::<1>(1) * weight
}
