//! A number as a vector that a network can read.

use burn::tensor::Tensor;

use crate::kernel;

/// Cosines and sines of `x` at `features / 2` frequencies, geometrically spaced from 32 down to half a
/// radian a unit of `x` (after Vaswani et al. 2017, <https://arxiv.org/abs/1706.03762>, §3.5).
///
/// # Shapes
/// `x` \[n\]; returns [n, features]; `features` is even and at least 4.
pub fn sinusoidal_features(x: Tensor<1>, features: usize) -> Tensor<2> {
    kernel::waves(x, sinusoidal_frequencies(features))
}

/// The frequencies of [`sinusoidal_features`], radians a unit of `x`.
pub fn sinusoidal_frequencies(features: usize) -> Vec<f32> {
    let half = features / 2;
    (0..half)
        .map(|i| (HIGHEST.ln() - (HIGHEST / LOWEST).ln() * i as f32 / (half - 1) as f32).exp())
        .collect()
}

/// Radians a unit of `x`: c_noise = ln(σ)/4 spans about 2.5 units, so the slowest wave covers it once
/// and the fastest tells σ apart that differ by some per cent.
const HIGHEST: f32 = 32.0;
const LOWEST: f32 = 0.5;
