//! A picture → a few channels at a fraction of its size, by stride-2 convolutions and residual blocks.

use burn::{
    config::Config,
    module::Module,
    nn::conv::Conv2d,
    tensor::{Device, Tensor},
};

use super::{
    Cost, GroupNorm, GroupNormConfig, ResidualBlock, ResidualBlockConfig,
    config::{Impossible, check, levels},
    conv3x3,
};
use crate::kernel;

/// Configuration of a [`Pyramid`].
#[derive(Config, Debug, PartialEq)]
pub struct PyramidConfig {
    /// Width and height of the picture, divisible by 2 for each level.
    pub size: usize,
    /// Channels of the picture.
    pub picture_channels: usize,
    /// Channels at each level; each has half the width and height of the one before, the first half those
    /// of the picture.
    pub channels: Vec<usize>,
    /// Residual blocks at each level.
    pub blocks: Vec<usize>,
}

/// conv ↓2 → blocks, for each level; norm and SiLU at the end.
#[derive(Module, Debug)]
pub struct Pyramid {
    levels: Vec<Level>,
    norm: GroupNorm,
}

#[derive(Module, Debug)]
struct Level {
    halve: Conv2d,
    blocks: Vec<ResidualBlock>,
}

impl PyramidConfig {
    /// Makes sure that a pyramid can be built.
    ///
    /// # Errors
    /// [`Impossible`].
    pub fn check(&self) -> Result<(), Impossible> {
        let picture = (self.size, self.picture_channels);
        check(&levels(picture, &self.channels, &self.blocks, true))
    }

    /// Width and height of what comes out.
    pub fn lowest(&self) -> usize {
        self.size >> self.channels.len()
    }

    /// Channels of what comes out.
    pub fn width(&self) -> usize {
        self.channels.last().copied().unwrap_or(0)
    }

    /// A pyramid with fresh weights.
    pub fn init(&self, device: &Device) -> Pyramid {
        let mut input = self.picture_channels;
        let levels = self.channels.iter().zip(&self.blocks);
        Pyramid {
            levels: levels
                .map(|(&c, &blocks)| Level {
                    halve: conv3x3([std::mem::replace(&mut input, c), c], 2, device),
                    blocks: (0..blocks)
                        .map(|_| ResidualBlockConfig::new([c, c]).init(device))
                        .collect(),
                })
                .collect(),
            norm: GroupNormConfig::new(self.width()).init(device),
        }
    }

    /// Parameters and multiply–accumulates of [`Pyramid::forward`].
    pub fn cost(&self) -> Cost {
        let mut input = self.picture_channels;
        let levels = self.channels.iter().zip(&self.blocks).enumerate();
        let levels: Cost = levels
            .map(|(level, (&c, &blocks))| {
                let pixels = (self.size >> (level + 1)).pow(2);
                let halve = Cost::conv(3, [std::mem::replace(&mut input, c), c], pixels);
                (0..blocks)
                    .map(|_| ResidualBlockConfig::new([c, c]).cost(pixels))
                    .fold(halve, |a, b| a + b)
            })
            .sum();
        levels + Cost::norm(self.width())
    }
}

impl Pyramid {
    /// # Shapes
    /// `x` [n, picture channels, size, size]; returns [n, width, lowest, lowest].
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let h = self.levels.iter().fold(x, |h, level| {
            let h = kernel::conv2d(h, &level.halve, None);
            level
                .blocks
                .iter()
                .fold(h, |h, block| block.forward(h, None))
        });
        kernel::norm(h, self.norm.silu(None))
    }
}
