//! The residual block that every convolutional model is made of.

use burn::{
    config::Config,
    module::Module,
    nn::{Linear, LinearConfig, conv::Conv2d},
    tensor::{Device, Tensor},
};

use super::{Cost, GroupNorm, GroupNormConfig, conv1x1, conv3x3, zero_conv3x3};
use crate::kernel::{conv2d, linear, norm_conv2d};

/// Configuration of a [`ResidualBlock`].
#[derive(Config, Debug)]
pub struct ResidualBlockConfig {
    /// Channels in and out.
    pub channels: [usize; 2],
    /// Width of the embedding that modulates the block; none: a plain block.
    #[config(default = "None")]
    pub embedding: Option<usize>,
}

/// norm → SiLU → 3×3 → modulated norm → SiLU → 3×3, added to the input (He et al. 2016; the scale and
/// shift by an embedding are those of Dhariwal & Nichol 2021, <https://arxiv.org/abs/2105.05233>).
#[derive(Module, Debug)]
pub struct ResidualBlock {
    norm1: GroupNorm,
    conv1: Conv2d,
    modulation: Option<Linear>,
    norm2: GroupNorm,
    conv2: Conv2d,
    skip: Option<Conv2d>,
}

impl ResidualBlockConfig {
    /// A block that starts as the identity (or as its 1×1 `skip`, where the width changes).
    pub fn init(&self, device: &Device) -> ResidualBlock {
        let [input, output] = self.channels;
        ResidualBlock {
            norm1: GroupNormConfig::new(input).init(device),
            conv1: conv3x3([input, output], 1, device),
            modulation: self
                .embedding
                .map(|e| LinearConfig::new(e, 2 * output).init(device)),
            norm2: GroupNormConfig::new(output).init(device),
            conv2: zero_conv3x3([output, output], device),
            skip: (input != output).then(|| conv1x1([input, output], device)),
        }
    }

    /// Parameters and multiply–accumulates of a block on `pixels` pixels.
    pub fn cost(&self, pixels: usize) -> Cost {
        let [input, output] = self.channels;
        let modulation = self.embedding.map(|e| Cost::conv(1, [e, 2 * output], 1));
        let skip = (input != output).then(|| Cost::conv(1, [input, output], pixels));
        Cost::norm(input)
            + Cost::conv(3, [input, output], pixels)
            + modulation.unwrap_or_default()
            + Cost::norm(output)
            + Cost::conv(3, [output, output], pixels)
            + skip.unwrap_or_default()
    }
}

impl ResidualBlock {
    /// # Shapes
    /// `x` [n, c_in, h, w]; `embedding` [n, e], ignored by a plain block. Returns [n, c_out, h, w].
    pub fn forward(&self, x: Tensor<4>, embedding: Option<&Tensor<2>>) -> Tensor<4> {
        let modulation = self.modulation.as_ref().zip(embedding);
        let modulation = modulation.map(|(map, e)| linear(e.clone(), map, None, false));
        let skip = match &self.skip {
            Some(skip) => conv2d(x.clone(), skip, None),
            None => x.clone(),
        };
        let h = norm_conv2d(x, self.norm1.silu(None), &self.conv1, None);
        norm_conv2d(h, self.norm2.silu(modulation), &self.conv2, Some(skip))
    }
}
