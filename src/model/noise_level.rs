//! The amount of noise in a picture, from the picture alone.

use burn::{
    config::Config,
    module::Module,
    nn::{Linear, LinearConfig},
    tensor::{Device, Tensor, activation::log_sigmoid},
};

use super::{Cost, ModelConfig};
use crate::nn::{Encoder, EncoderConfig};

/// Configuration of a [`NoiseLevel`].
#[derive(Config, Debug, PartialEq)]
pub struct NoiseLevelConfig {
    /// Width and height of the picture.
    #[config(default = 28)]
    pub size: usize,
    /// Channels after each layer.
    #[config(default = "vec![16, 24, 32, 48]")]
    pub channels: Vec<usize>,
    /// 2 where a layer halves the width and height, else 1.
    #[config(default = "vec![1, 2, 1, 2]")]
    pub strides: Vec<usize>,
}

/// σ̂(x) = rms(x)·sigmoid(N(x / rms(x))): the share of noise in the picture's rms. N reads, of every
/// channel of every layer of a plain convolutional network, the mean over the picture and the logarithm
/// of the standard deviation. The logarithm is what makes little noise readable: against strokes a
/// hundred times as strong, its trace in a mean is lost (measured after an epoch: an error of 11 %
/// rather than 54 % at σ = 0.02).
///
/// The best that any estimate from n pixels of pure noise can do is a relative error of 1/√(2n), 2.5 %
/// for 784 (Cramér–Rao).
#[derive(Module, Debug)]
pub struct NoiseLevel {
    encoder: Encoder,
    readout: Linear,
}

impl NoiseLevelConfig {
    fn encoder(&self) -> EncoderConfig {
        EncoderConfig::new(self.channels.clone(), self.strides.clone()).with_size(self.size)
    }

    /// Two of each channel.
    fn features(&self) -> usize {
        2 * self.channels.iter().sum::<usize>()
    }
}

impl ModelConfig for NoiseLevelConfig {
    type Model = NoiseLevel;

    fn check(&self) -> Result<(), String> {
        self.encoder()
            .check()
            .map_err(|rule| format!("its configuration is not possible: {rule}"))
    }

    fn init(&self, device: &Device) -> NoiseLevel {
        NoiseLevel {
            encoder: self.encoder().init(device),
            readout: LinearConfig::new(self.features(), 1).init(device),
        }
    }

    fn cost(&self) -> Cost {
        self.encoder().cost() + Cost::conv(1, [self.features(), 1], 1)
    }
}

impl NoiseLevel {
    /// ln σ̂.
    ///
    /// # Shapes
    /// `x` [n, 1, size, size]; returns \[n\].
    pub fn log_sigma(&self, x: Tensor<4>) -> Tensor<1> {
        let [n, ..] = x.dims();
        let mean_square = x.clone().square().flatten::<2>(1, 3).mean_dim(1);
        // A picture of zeros has none of either; it must not become 0 / 0.
        let log_rms = (mean_square + 1e-12).log() * 0.5;
        let input = x / log_rms.clone().exp().reshape([n, 1, 1, 1]);
        let activations = self.encoder.activations(input, None);
        let features = activations.into_iter().flat_map(|h| {
            let pixels = h.flatten::<3>(2, 3);
            let mean = pixels.clone().mean_dim(2);
            let variance = (pixels - mean.clone()).square().mean_dim(2);
            // The floor: no less than rounding leaves, and no infinity where a channel is even.
            let log_deviation = (variance + 1e-6).log() * 0.5;
            [mean, log_deviation].map(|feature| feature.flatten::<2>(1, 2))
        });
        let features = Tensor::cat(features.collect(), 1);
        let share = log_sigmoid(self.readout.forward(features));
        (log_rms + share).reshape([n])
    }

    /// σ̂.
    ///
    /// # Shapes
    /// As [`NoiseLevel::log_sigma`].
    pub fn sigma(&self, x: Tensor<4>) -> Tensor<1> {
        self.log_sigma(x).exp()
    }
}
