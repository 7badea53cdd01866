//! Blocks that models share.

mod attention;
pub mod config;
mod cost;
mod embedding;
mod encoder;
mod norm;
mod preconditioning;
mod pyramid;
mod residual;

pub use attention::{CrossAttention, CrossAttentionConfig, SelfAttention, SelfAttentionConfig};
pub use config::{Impossible, ModelConfig};
pub use cost::Cost;
pub use embedding::{sinusoidal_features, sinusoidal_frequencies};
pub use encoder::{Encoder, EncoderConfig, Trace};
pub use norm::{GroupNorm, GroupNormConfig};
pub use preconditioning::{Preconditioning, SIGMA_DATA};
pub use pyramid::{Pyramid, PyramidConfig};
pub use residual::{ResidualBlock, ResidualBlockConfig};

use burn::{
    nn::{
        Initializer, PaddingConfig2d,
        conv::{Conv2d, Conv2dConfig},
    },
    tensor::Device,
};

/// A 3×3 convolution that keeps the picture's size, or halves it with `stride` 2.
pub fn conv3x3(channels: [usize; 2], stride: usize, device: &Device) -> Conv2d {
    Conv2dConfig::new(channels, [3, 3])
        .with_stride([stride, stride])
        .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
        .with_initializer(Initializer::KaimingNormal {
            gain: 1.0,
            fan_out_only: false,
        })
        .init(device)
}

/// A 3×3 convolution that starts at zero, so that what it adds grows during training.
pub fn zero_conv3x3(channels: [usize; 2], device: &Device) -> Conv2d {
    Conv2dConfig::new(channels, [3, 3])
        .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
        .with_initializer(Initializer::Zeros)
        .init(device)
}

/// A 1×1 convolution: a linear map of the channels at each pixel.
pub fn conv1x1(channels: [usize; 2], device: &Device) -> Conv2d {
    Conv2dConfig::new(channels, [1, 1])
        .with_initializer(Initializer::KaimingNormal {
            gain: 1.0,
            fan_out_only: false,
        })
        .init(device)
}
