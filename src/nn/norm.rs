//! Group normalisation whose scale and shift may depend on the sample.

use burn::{
    config::Config,
    module::{Module, Param},
    nn::Initializer,
    tensor::{Device, Tensor},
};

use crate::kernel::Norm;

/// Configuration of a [`GroupNorm`].
#[derive(Config, Debug)]
pub struct GroupNormConfig {
    /// Channels of the input.
    pub channels: usize,
    /// Channels that share a mean and a variance.
    #[config(default = 8)]
    pub group: usize,
}

/// Group normalisation (Wu & He 2018, <https://arxiv.org/abs/1803.08494>).
#[derive(Module, Debug)]
pub struct GroupNorm {
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
    #[module(skip)]
    groups: usize,
}

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
    /// The norm alone, as an attention is put behind it.
    pub fn plain(&self) -> Norm {
        Norm {
            gamma: self.gamma.val(),
            beta: self.beta.val(),
            modulation: None,
            groups: self.groups,
            silu: false,
        }
    }

    /// The norm, then the modulation of each sample's channels by scales and shifts, [n, 2c], where there is
    /// one, then SiLU.
    pub fn silu(&self, modulation: Option<Tensor<2>>) -> Norm {
        Norm {
            modulation,
            silu: true,
            ..self.plain()
        }
    }
}
