//! Attention of the pixels of a small feature map: to each other, and to the tokens of a sentence.

use burn::{
    config::Config,
    module::Module,
    nn::{
        Initializer, Linear, LinearConfig,
        conv::{Conv2d, Conv2dConfig},
    },
    tensor::{Device, Tensor},
};

use super::{Cost, GroupNorm, GroupNormConfig, conv1x1};
use crate::kernel::{attend, conv2d, linear, norm_conv2d};

/// Configuration of a [`SelfAttention`].
#[derive(Config, Debug)]
pub struct SelfAttentionConfig {
    /// Channels in and out.
    pub channels: usize,
    /// Heads; divides `channels`.
    #[config(default = 4)]
    pub heads: usize,
}

/// Every pixel looks at every other: softmax(q kᵀ / √d) v (Vaswani et al. 2017), added to the input.
#[derive(Module, Debug)]
pub struct SelfAttention {
    norm: GroupNorm,
    qkv: Conv2d,
    out: Conv2d,
    #[module(skip)]
    heads: usize,
}

impl SelfAttentionConfig {
    /// An attention that starts as the identity.
    pub fn init(&self, device: &Device) -> SelfAttention {
        SelfAttention {
            norm: GroupNormConfig::new(self.channels).init(device),
            qkv: conv1x1([self.channels, 3 * self.channels], device),
            out: zero_conv1x1(self.channels, device),
            heads: self.heads,
        }
    }

    /// Parameters and multiply–accumulates on `pixels` pixels.
    pub fn cost(&self, pixels: usize) -> Cost {
        let c = self.channels;
        let maps = Cost::conv(1, [c, 3 * c], pixels) + Cost::conv(1, [c, c], pixels);
        Cost::norm(c) + maps + mixing(pixels, pixels, c)
    }
}

impl SelfAttention {
    /// # Shapes
    /// `x` [n, c, h, w]; returns the same.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let c = x.dims()[1];
        let qkv = norm_conv2d(x.clone(), self.norm.plain(), &self.qkv, None);
        let queries = qkv.clone().narrow(1, 0, c);
        let mixed = attend(queries, qkv.narrow(1, c, 2 * c), self.heads);
        conv2d(mixed, &self.out, Some(x))
    }
}

/// Configuration of a [`CrossAttention`].
#[derive(Config, Debug)]
pub struct CrossAttentionConfig {
    /// Channels in and out.
    pub channels: usize,
    /// Width of a token's vector.
    pub context: usize,
    /// Heads; divides `channels`.
    #[config(default = 4)]
    pub heads: usize,
}

/// Every pixel looks at every token of a sentence: softmax(q kᵀ / √d) v with q from the picture, k and v
/// from the tokens, added to the input (Rombach et al. 2022, <https://arxiv.org/abs/2112.10752>).
#[derive(Module, Debug)]
pub struct CrossAttention {
    norm: GroupNorm,
    queries: Conv2d,
    keys_values: Linear,
    out: Conv2d,
    #[module(skip)]
    heads: usize,
}

impl CrossAttentionConfig {
    /// An attention that starts as the identity.
    pub fn init(&self, device: &Device) -> CrossAttention {
        CrossAttention {
            norm: GroupNormConfig::new(self.channels).init(device),
            queries: conv1x1([self.channels, self.channels], device),
            keys_values: LinearConfig::new(self.context, 2 * self.channels).init(device),
            out: zero_conv1x1(self.channels, device),
            heads: self.heads,
        }
    }

    /// Parameters and multiply–accumulates on `pixels` pixels and `tokens` tokens.
    pub fn cost(&self, pixels: usize, tokens: usize) -> Cost {
        let c = self.channels;
        let maps = Cost::conv(1, [c, c], pixels) + Cost::conv(1, [c, c], pixels);
        let of_tokens = Cost::conv(1, [self.context, 2 * c], tokens);
        Cost::norm(c) + maps + of_tokens + mixing(pixels, tokens, c)
    }
}

impl CrossAttention {
    /// The keys and the values of a sentence's tokens, whatever the picture.
    ///
    /// # Shapes
    /// `context` [n, tokens, context]; returns [n, 2c, tokens, 1].
    pub fn keys_values(&self, context: &Tensor<3>) -> Tensor<4> {
        let [n, tokens, width] = context.dims();
        let rows = context.clone().reshape([n * tokens, width]);
        let keys_values = linear(rows, &self.keys_values, None, false);
        let keys_values: Tensor<3> = keys_values.reshape([n as i32, tokens as i32, -1]);
        keys_values.swap_dims(1, 2).unsqueeze_dim(3)
    }

    /// # Shapes
    /// `x` [n, c, h, w]; `keys_values` as above; returns the shape of `x`.
    pub fn forward(&self, x: Tensor<4>, keys_values: Tensor<4>) -> Tensor<4> {
        let queries = norm_conv2d(x.clone(), self.norm.plain(), &self.queries, None);
        let mixed = attend(queries, keys_values, self.heads);
        conv2d(mixed, &self.out, Some(x))
    }
}

/// What [`attend`] costs with `c` channels in all heads.
fn mixing(queries: usize, keys: usize, c: usize) -> Cost {
    Cost {
        parameters: 0,
        macs: 2 * queries * keys * c,
    }
}

fn zero_conv1x1(channels: usize, device: &Device) -> Conv2d {
    Conv2dConfig::new([channels, channels], [1, 1])
        .with_initializer(Initializer::Zeros)
        .init(device)
}
