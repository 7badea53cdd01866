//! A number as a vector that a network can read.

use burn::tensor::{Device, Tensor, TensorData};

/// Cosines and sines of `x` at `features / 2` frequencies, geometrically spaced from 32 down to half a
/// radian a unit of `x` (after Vaswani et al. 2017, <https://arxiv.org/abs/1706.03762>, §3.5).
///
/// # Shapes
/// `x` \[n\]; returns [n, features]; `features` is even and at least 4.
pub fn sinusoidal_features(x: Tensor<1>, features: usize, device: &Device) -> Tensor<2> {
    let half = features / 2;
    let frequencies: Vec<f32> = (0..half)
        .map(|i| (HIGHEST.ln() - (HIGHEST / LOWEST).ln() * i as f32 / (half - 1) as f32).exp())
        .collect();
    let angles = x.unsqueeze_dim::<2>(1)
        * Tensor::<2>::from_data(TensorData::new(frequencies, [1, half]), device);
    Tensor::cat(vec![angles.clone().cos(), angles.sin()], 1)
}

/// Radians a unit of `x`: c_noise = ln(σ)/4 spans about 2.5 units, so the slowest wave covers it once
/// and the fastest tells σ apart that differ by some per cent.
const HIGHEST: f32 = 32.0;
const LOWEST: f32 = 0.5;
