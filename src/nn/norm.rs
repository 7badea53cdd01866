//! Group normalisation whose scale and shift may depend on the sample.

use burn::{
    config::Config,
    module::{Module, Param},
    nn::Initializer,
    tensor::{Device, Tensor},
};

/// Configuration of a [`GroupNorm`].
#[derive(Config, Debug)]
pub struct GroupNormConfig {
    /// Channels of the input.
    pub channels: usize,
    /// Channels that share a mean and a variance.
    #[config(default = 8)]
    pub group: usize,
}

/// Group normalisation (Wu & He 2018, <https://arxiv.org/abs/1803.08494>), written as one
/// multiplication and one addition a pixel: y = x·a + b, with a and b one number a channel. On the
/// small pictures of this crate the passes over memory cost more than the arithmetic.
#[derive(Module, Debug)]
pub struct GroupNorm {
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
    #[module(skip)]
    groups: usize,
}

const EPSILON: f64 = 1e-5;

impl GroupNormConfig {
    /// How many groups there are; must divide `channels`.
    pub fn groups(&self) -> usize {
        (self.channels / self.group.max(1)).max(1)
    }

    /// A norm with scale 1 and shift 0.
    pub fn init(&self, device: &Device) -> GroupNorm {
        GroupNorm {
            gamma: Initializer::Ones.init([self.channels], device),
            beta: Initializer::Zeros.init([self.channels], device),
            groups: self.groups(),
        }
    }
}

impl GroupNorm {
    /// # Shapes
    /// `x` [n, c, h, w]; `modulation` (scale, shift), each [n, c], applied as
    /// norm(x)·(1 + scale) + shift. Returns [n, c, h, w].
    pub fn forward(&self, x: Tensor<4>, modulation: Option<(Tensor<2>, Tensor<2>)>) -> Tensor<4> {
        let [n, c, h, w] = x.dims();
        let grouped = x.clone().reshape([n, self.groups, c / self.groups * h * w]);
        let mean = grouped.clone().mean_dim(2);
        // E[x²] − E[x]² needs no centred copy of x.
        let variance = grouped.square().mean_dim(2) - mean.clone().square();
        let inverse_std = (variance.clamp_min(0.0) + EPSILON).sqrt().recip();

        let per_channel = |t: Tensor<3>| t.repeat_dim(2, c / self.groups).reshape([n, c]);
        let (mean, inverse_std) = (per_channel(mean), per_channel(inverse_std));
        let (gamma, beta) = (
            self.gamma.val().unsqueeze::<2>(),
            self.beta.val().unsqueeze::<2>(),
        );
        let (gamma, beta) = match modulation {
            Some((scale, shift)) => {
                let scale = scale + 1.0;
                (scale.clone() * gamma, scale * beta + shift)
            }
            None => (gamma, beta),
        };
        let a = inverse_std * gamma;
        let b = beta - mean * a.clone();
        x * a.reshape([n, c, 1, 1]) + b.reshape([n, c, 1, 1])
    }
}
