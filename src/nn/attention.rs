//! Attention over the pixels of a small feature map.

use burn::{
    config::Config,
    module::Module,
    nn::{
        Initializer,
        conv::{Conv2d, Conv2dConfig},
    },
    tensor::{Device, Tensor, activation::softmax},
};

use super::{GroupNorm, GroupNormConfig, conv1x1};

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
            out: Conv2dConfig::new([self.channels, self.channels], [1, 1])
                .with_initializer(Initializer::Zeros)
                .init(device),
            heads: self.heads,
        }
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
        let (q, k, v) = (part(0), part(1), part(2));
        let scores = (q / (d as f64).sqrt()).swap_dims(2, 3).matmul(k);
        // [.., d, keys] × [.., keys, queries]
        let mixed = v.matmul(softmax(scores, 3).swap_dims(2, 3));
        x + self.out.forward(mixed.reshape([n, c, h, w]))
    }
}
