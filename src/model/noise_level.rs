//! The amount of noise in a picture, from the picture alone.

use burn::{
    config::Config,
    module::Module,
    nn::{Linear, LinearConfig},
    tensor::{
        Device, Tensor,
        activation::{log_sigmoid, sigmoid},
    },
};

use crate::nn::{Cost, Encoder, EncoderConfig, Impossible, ModelConfig};

/// Configuration of a [`NoiseLevel`].
#[derive(Config, Debug, PartialEq)]
pub struct NoiseLevelConfig {
    /// Width and height of the picture.
    #[config(default = 28)]
    pub size: usize,
    /// Channels after each layer.
    #[config(default = "vec![32, 48, 64, 96]")]
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

    fn check(&self) -> Result<(), Impossible> {
        self.encoder().check()
    }

    fn init(&self, device: &Device) -> NoiseLevel {
        NoiseLevel {
            encoder: self.encoder().init(device),
            readout: LinearConfig::new(self.features(), 1).init(device),
        }
    }

    /// Of σ̂ alone; its gradient costs as much again.
    fn cost(&self) -> Cost {
        self.encoder().cost() + Cost::conv(1, [self.features(), 1], 1)
    }
}

/// What [`NoiseLevel::slope`] gives.
pub struct Slope {
    /// ln σ̂, \[n\].
    pub log_sigma: Tensor<1>,
    /// ∂ ln σ̂ / ∂x, the shape of x.
    pub gradient: Tensor<4>,
}

impl Slope {
    /// σ̂, \[n\].
    pub fn sigma(&self) -> Tensor<1> {
        self.log_sigma.clone().exp()
    }

    /// x − n/2·∇σ̂², n being the pixels: where the slope leads from `x` (see
    /// [`crate::denoiser::Descent`]).
    pub fn descend(self, x: Tensor<4>) -> Tensor<4> {
        let [n, c, h, w] = x.dims();
        // n/2·∇σ̂² = n·σ̂²·∇ ln σ̂
        let squares = (self.log_sigma * 2.0).exp().reshape([n, 1, 1, 1]);
        x - self.gradient * squares * (c * h * w) as f64
    }
}

impl NoiseLevel {
    /// ln σ̂.
    ///
    /// # Shapes
    /// `x` [n, 1, size, size]; returns \[n\].
    pub fn log_sigma(&self, x: Tensor<4>) -> Tensor<1> {
        let rms = Rms::of(&x);
        let activations = self.encoder.activations(x * rms.inverse(), None);
        let (statistics, _) = Statistics::of(&activations);
        rms.log + log_sigmoid(self.readout.forward(statistics)).flatten(0, 1)
    }

    /// σ̂.
    ///
    /// # Shapes
    /// As [`NoiseLevel::log_sigma`].
    pub fn sigma(&self, x: Tensor<4>) -> Tensor<1> {
        self.log_sigma(x).exp()
    }

    /// [`NoiseLevel::log_sigma`] and its gradient, written out as a network of its own: training
    /// differentiates it, and automatic differentiation here is of first order. The browser takes this
    /// one too: in Burn 0.22 the automatic one, whose every layer sums two gradients, comes out wrong on
    /// WebGPU.
    ///
    /// # Shapes
    /// `x` [n, 1, size, size].
    pub fn slope(&self, x: Tensor<4>) -> Slope {
        let rms = Rms::of(&x);
        let input = x.clone() * rms.inverse();
        let trace = self.encoder.trace(input.clone(), None);
        let (statistics, slopes) = Statistics::of(&trace.outputs);
        let share = self.readout.forward(statistics);
        let log_sigma = rms.log.clone() + log_sigmoid(share.clone()).flatten(0, 1);

        // Of the network, with respect to its input.
        let of_outputs = slopes.into_iter().scan(0, |at, slope| {
            let channels = slope.channels();
            let weights = self.readout.weight.val().narrow(0, *at, 2 * channels);
            *at += 2 * channels;
            Some(slope.weighted(weights))
        });
        let of_input = self.encoder.pull_back(trace, of_outputs.collect());
        // Of ln σ̂, with respect to x: scaling x changes rms and leaves the input as it is.
        let [n, c, h, w] = x.dims();
        let pixels = (c * h * w) as f64;
        let along = (of_input.clone() * input.clone())
            .flatten::<2>(1, 3)
            .mean_dim(1)
            .reshape([n, 1, 1, 1]);
        let of_share = sigmoid(-share).reshape([n, 1, 1, 1]);
        let gradient =
            ((of_input - input.clone() * along) * of_share + input / pixels) * rms.inverse();
        Slope {
            log_sigma,
            gradient,
        }
    }
}

/// The root mean square of each picture.
struct Rms {
    /// Its logarithm, \[n\].
    log: Tensor<1>,
}

impl Rms {
    fn of(x: &Tensor<4>) -> Self {
        let [n, ..] = x.dims();
        let mean_square = x.clone().square().flatten::<2>(1, 3).mean_dim(1);
        // A picture of zeros has none; it must not become 0 / 0.
        let log = (mean_square + 1e-12).log() * 0.5;
        Self {
            log: log.reshape([n]),
        }
    }

    /// 1 / rms, [n, 1, 1, 1].
    fn inverse(&self) -> Tensor<4> {
        self.log.clone().neg().exp().reshape([-1, 1, 1, 1])
    }
}

/// What one layer's statistics change by when its output changes.
struct Statistics {
    /// (h − mean) / variance, the shape of the layer's output h.
    deviation: Tensor<4>,
}

impl Statistics {
    /// The least variance that is told from none: no infinity where a channel is even.
    const FLOOR: f64 = 1e-6;

    /// Mean and logarithm of the standard deviation of every channel of every layer, [n, features], and
    /// their slopes.
    fn of(outputs: &[Tensor<4>]) -> (Tensor<2>, Vec<Self>) {
        let mut features = Vec::with_capacity(2 * outputs.len());
        let mut slopes = Vec::with_capacity(outputs.len());
        for h in outputs {
            let shape = h.dims();
            let pixels = h.clone().flatten::<3>(2, 3);
            let mean = pixels.clone().mean_dim(2);
            let centred = pixels - mean.clone();
            let variance = centred.clone().square().mean_dim(2) + Self::FLOOR;
            features.push(mean.flatten::<2>(1, 2));
            features.push((variance.clone().log() * 0.5).flatten::<2>(1, 2));
            slopes.push(Self {
                deviation: (centred / variance).reshape(shape),
            });
        }
        (Tensor::cat(features, 1), slopes)
    }

    fn channels(&self) -> usize {
        self.deviation.dims()[1]
    }

    /// The gradient with respect to the layer's output of the statistics' sum by `weights`,
    /// [2·channels, 1]: first the means', then the deviations'.
    fn weighted(self, weights: Tensor<2>) -> Tensor<4> {
        let [_, c, h, w] = self.deviation.dims();
        let part = |from: usize| weights.clone().narrow(0, from, c).reshape([1, c, 1, 1]);
        (self.deviation * part(c) + part(0)) / (h * w) as f64
    }
}
