//! A small denoiser without convolutions, which learns to draw digits in a minute on one CPU thread.

use burn::{
    config::Config,
    module::Module,
    nn::{Linear, LinearConfig},
    tensor::{Device, Tensor},
};

use crate::{
    kernel,
    nn::{
        Cost, GroupNorm, GroupNormConfig, Impossible, ModelConfig, config::check,
        sinusoidal_features,
    },
};

/// Configuration of an [`Mlp`].
#[derive(Config, Debug, PartialEq)]
pub struct MlpConfig {
    /// Numbers of a picture.
    #[config(default = 784)]
    pub pixels: usize,
    /// Numbers of a hidden layer.
    #[config(default = 256)]
    pub width: usize,
    /// Residual layers between the first and the last one.
    #[config(default = 2)]
    pub blocks: usize,
    /// Sines and cosines that tell the noise level; 0: the network is not told it.
    #[config(default = 16)]
    pub noise_features: usize,
    /// Width of the vector that carries noise level and digit to every layer.
    #[config(default = 64)]
    pub embedding: usize,
    /// Classes; one more, the last, means "any": the null condition.
    #[config(default = 10)]
    pub classes: usize,
}

/// F(c_in·x, c_noise, digit), the clean picture itself: see [`crate::denoiser::Direct`].
#[derive(Module, Debug)]
pub struct Mlp {
    stem: Linear,
    blocks: Vec<Layer>,
    head: Layer,
    noise: Option<Linear>,
    class: Linear,
    #[module(skip)]
    noise_features: usize,
}

/// Modulated norm → SiLU → linear.
#[derive(Module, Debug)]
struct Layer {
    norm: GroupNorm,
    modulation: Linear,
    linear: Linear,
}

impl ModelConfig for MlpConfig {
    type Model = Mlp;

    fn check(&self) -> Result<(), Impossible> {
        check(&[
            (
                [self.pixels, self.width, self.embedding]
                    .iter()
                    .all(|size| (1..=4096).contains(size)),
                "pixels, width and embedding must be 1 to 4096",
            ),
            (self.blocks <= 64, "blocks must be 0 to 64"),
            (
                self.noise_features == 0 || (4..=4096).contains(&self.noise_features),
                "noise_features must be 0 or 4 to 4096",
            ),
            (
                self.noise_features.is_multiple_of(2),
                "noise_features must be even",
            ),
            (self.classes <= 4096, "classes must be 0 to 4096"),
        ])
    }

    fn init(&self, device: &Device) -> Mlp {
        let linear = |from, to| LinearConfig::new(from, to).init(device);
        let layer = |to| Layer {
            norm: GroupNormConfig::new(self.width)
                .with_group(self.width)
                .init(device),
            modulation: linear(self.embedding, 2 * self.width),
            linear: linear(self.width, to),
        };
        Mlp {
            stem: linear(self.pixels, self.width),
            blocks: (0..self.blocks).map(|_| layer(self.width)).collect(),
            head: layer(self.pixels),
            noise: (self.noise_features > 0).then(|| linear(self.noise_features, self.embedding)),
            class: LinearConfig::new(self.classes + 1, self.embedding)
                .with_bias(false)
                .init(device),
            noise_features: self.noise_features,
        }
    }

    fn cost(&self) -> Cost {
        let layer = |to| {
            Cost::norm(self.width)
                + Cost::conv(1, [self.embedding, 2 * self.width], 1)
                + Cost::conv(1, [self.width, to], 1)
        };
        let noise = match self.noise_features {
            0 => Cost::default(),
            features => Cost::conv(1, [features, self.embedding], 1),
        };
        let class = (self.classes + 1) * self.embedding;
        Cost::conv(1, [self.pixels, self.width], 1)
            + (0..self.blocks).map(|_| layer(self.width)).sum()
            + layer(self.pixels)
            + noise
            + Cost {
                parameters: class,
                macs: class,
            }
    }
}

impl Mlp {
    /// `c_noise` is not looked at where the configuration has no noise features.
    ///
    /// # Shapes
    /// `x` [n, pixels]; `c_noise` \[n\]; `class` [n, classes + 1], one-hot. Returns the shape of `x`.
    pub fn forward(&self, x: Tensor<2>, c_noise: Tensor<1>, class: Tensor<2>) -> Tensor<2> {
        let embedding = match &self.noise {
            Some(noise) => {
                let class = kernel::linear(class, &self.class, None, false);
                let features = sinusoidal_features(c_noise, self.noise_features);
                kernel::linear(features, noise, Some(class), true)
            }
            None => kernel::linear(class, &self.class, None, true),
        };
        let first = kernel::linear(x, &self.stem, None, false);
        let h = self.blocks.iter().fold(first, |h, block| {
            block.forward(h.clone(), &embedding, Some(h))
        });
        self.head.forward(h, &embedding, None)
    }
}

impl Layer {
    /// # Shapes
    /// `x` [n, width]; `embedding` [n, e]; `residual` that of the answer.
    fn forward(
        &self,
        x: Tensor<2>,
        embedding: &Tensor<2>,
        residual: Option<Tensor<2>>,
    ) -> Tensor<2> {
        let modulation = kernel::linear(embedding.clone(), &self.modulation, None, false);
        let [n, width] = x.dims();
        let norm = self.norm.silu(Some(modulation));
        let h = kernel::norm(x.reshape([n, width, 1, 1]), norm).reshape([n, width]);
        kernel::linear(h, &self.linear, residual, false)
    }
}

#[cfg(all(test, feature = "flex", not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    #[test]
    fn the_cost_counts_every_parameter() {
        for config in [MlpConfig::new(), MlpConfig::new().with_noise_features(0)] {
            assert_eq!(config.check(), Ok(()));
            assert_eq!(
                config.cost().parameters,
                config.init(&Device::flex()).num_params()
            );
        }
    }
}
