//! Attention of the pixels of a small feature map: to each other, and to the tokens of a sentence.

use burn::{
    config::Config,
    module::Module,
    nn::{
        Initializer, Linear, LinearConfig,
        conv::{Conv2d, Conv2dConfig},
    },
    tensor::{Device, Tensor, activation::softmax},
};

use super::{GroupNorm, GroupNormConfig, conv1x1};
use crate::model::Cost;

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
        let [n, c, h, w] = x.dims();
        let d = c / self.heads;
        let qkv = self
            .qkv
            .forward(self.norm.forward(x.clone(), None))
            .reshape([n, 3, self.heads, d, h * w]);
        let part = |i: usize| -> Tensor<4> {
            qkv.clone()
                .slice([0..n, i..i + 1])
                .reshape([n, self.heads, d, h * w])
        };
        let mixed = attend(part(0), part(1), part(2));
        x + self.out.forward(mixed.reshape([n, c, h, w]))
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
    /// # Shapes
    /// `x` [n, c, h, w]; `context` [n, tokens, context]; returns the shape of `x`.
    pub fn forward(&self, x: Tensor<4>, context: &Tensor<3>) -> Tensor<4> {
        let [n, c, h, w] = x.dims();
        let [_, tokens, _] = context.dims();
        let d = c / self.heads;
        let q = self.queries.forward(self.norm.forward(x.clone(), None));
        let q: Tensor<4> = q.reshape([n, self.heads, d, h * w]);
        let kv = self.keys_values.forward(context.clone());
        let part = |i: usize| -> Tensor<4> {
            let half = kv.clone().narrow(2, i * c, c);
            half.swap_dims(1, 2).reshape([n, self.heads, d, tokens])
        };
        let mixed = attend(q, part(0), part(1));
        x + self.out.forward(mixed.reshape([n, c, h, w]))
    }
}

/// softmax(q kᵀ / √d) v for each head.
///
/// # Shapes
/// `q` [n, heads, d, queries]; `k`, `v` [n, heads, d, keys]; returns the shape of `q`.
fn attend(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>) -> Tensor<4> {
    let [_, _, d, _] = q.dims();
    let scores = (q / (d as f64).sqrt()).swap_dims(2, 3).matmul(k);
    // [.., d, keys] × [.., keys, queries]
    v.matmul(softmax(scores, 3).swap_dims(2, 3))
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
