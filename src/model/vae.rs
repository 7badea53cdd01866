//! The autoencoder: a picture of 12,288 numbers → a latent of 256 → the picture again.

use burn::{
    config::Config,
    module::Module,
    nn::conv::Conv2d,
    tensor::{Device, Tensor},
};

use crate::{
    kernel,
    nn::{
        Cost, GroupNorm, GroupNormConfig, Impossible, ModelConfig, Pyramid, PyramidConfig,
        ResidualBlock, ResidualBlockConfig, config::check, conv1x1, conv3x3,
    },
};

/// Configuration of a [`Vae`].
#[derive(Config, Debug, PartialEq)]
pub struct VaeConfig {
    /// Width and height of the picture, divisible by 2 for each level.
    #[config(default = 64)]
    pub size: usize,
    /// Channels of the picture.
    #[config(default = 3)]
    pub picture_channels: usize,
    /// Channels of the latent.
    #[config(default = 4)]
    pub latent_channels: usize,
    /// Channels at each level, the first at half the picture's width, the last at the latent's.
    #[config(default = "vec![32, 64, 96]")]
    pub channels: Vec<usize>,
    /// The encoder's residual blocks at each level.
    #[config(default = "vec![0, 1, 2]")]
    pub encoder_blocks: Vec<usize>,
    /// The decoder's: it has to make up what the encoder only has to see.
    #[config(default = "vec![1, 1, 2]")]
    pub decoder_blocks: Vec<usize>,
}

/// A variational autoencoder (Kingma & Welling 2014, <https://arxiv.org/abs/1312.6114>), of the shape that
/// latent diffusion uses (Rombach et al. 2022, <https://arxiv.org/abs/2112.10752>).
#[derive(Module, Debug)]
pub struct Vae {
    encoder: Pyramid,
    posterior: Conv2d,
    stem: Conv2d,
    levels: Vec<Level>,
    norm: GroupNorm,
    head: Conv2d,
}

/// The blocks at one size and the map to the next larger one's channels.
#[derive(Module, Debug)]
struct Level {
    blocks: Vec<ResidualBlock>,
    narrow: Option<Conv2d>,
}

/// What an encoder says of a picture: z ~ N(mean, exp(log_variance)).
pub struct Posterior {
    /// [n, latent channels, h, w].
    pub mean: Tensor<4>,
    /// [n, latent channels, h, w].
    pub log_variance: Tensor<4>,
}

impl VaeConfig {
    /// Channels, height and width of a picture.
    pub fn picture(&self) -> [usize; 3] {
        [self.picture_channels, self.size, self.size]
    }

    /// Channels, height and width of a latent.
    pub fn latent(&self) -> [usize; 3] {
        let side = self.encoder().lowest();
        [self.latent_channels, side, side]
    }

    fn encoder(&self) -> PyramidConfig {
        PyramidConfig::new(
            self.size,
            self.picture_channels,
            self.channels.clone(),
            self.encoder_blocks.clone(),
        )
    }

    /// The encoder's part of [`ModelConfig::cost`].
    pub fn encoder_cost(&self) -> Cost {
        let pyramid = self.encoder();
        let posterior = [pyramid.width(), 2 * self.latent_channels];
        pyramid.cost() + Cost::conv(3, posterior, pyramid.lowest().pow(2))
    }

    /// The decoder's part of [`ModelConfig::cost`].
    pub fn decoder_cost(&self) -> Cost {
        let pixels = |level: usize| (self.size >> (level + 1)).pow(2);
        let last = self.channels.len() - 1;
        let levels = (0..=last).map(|level| {
            let c = self.channels[level];
            let blocks: Cost = (0..self.decoder_blocks[level])
                .map(|_| ResidualBlockConfig::new([c, c]).cost(pixels(level)))
                .sum();
            let narrow = level
                .checked_sub(1)
                .map(|finer| Cost::conv(1, [c, self.channels[finer]], pixels(level)));
            blocks + narrow.unwrap_or_default()
        });
        let coarsest = [self.latent_channels, self.channels[last]];
        levels.sum::<Cost>()
            + Cost::conv(3, coarsest, pixels(last))
            + Cost::norm(self.channels[0])
            + Cost::conv(3, [self.channels[0], 4 * self.picture_channels], pixels(0))
    }
}

impl ModelConfig for VaeConfig {
    type Model = Vae;

    fn check(&self) -> Result<(), Impossible> {
        self.encoder().check()?;
        check(&[
            (
                (1..=64).contains(&self.latent_channels),
                "latent_channels must be 1 to 64",
            ),
            (
                self.decoder_blocks.len() == self.channels.len(),
                "decoder_blocks must have a number for each of channels",
            ),
            (
                self.decoder_blocks.iter().all(|&n| n <= 64),
                "decoder_blocks must be at most 64 a level",
            ),
        ])
    }

    fn init(&self, device: &Device) -> Vae {
        let last = self.channels.len() - 1;
        let level = |level: usize| {
            let c = self.channels[level];
            Level {
                blocks: (0..self.decoder_blocks[level])
                    .map(|_| ResidualBlockConfig::new([c, c]).init(device))
                    .collect(),
                narrow: level
                    .checked_sub(1)
                    .map(|finer| conv1x1([c, self.channels[finer]], device)),
            }
        };
        let posterior = [self.channels[last], 2 * self.latent_channels];
        Vae {
            encoder: self.encoder().init(device),
            posterior: conv3x3(posterior, 1, device),
            stem: conv3x3([self.latent_channels, self.channels[last]], 1, device),
            levels: (0..=last).rev().map(level).collect(),
            norm: GroupNormConfig::new(self.channels[0]).init(device),
            head: conv3x3([self.channels[0], 4 * self.picture_channels], 1, device),
        }
    }

    fn cost(&self) -> Cost {
        self.encoder_cost() + self.decoder_cost()
    }
}

impl Vae {
    /// # Shapes
    /// `x` [n, picture channels, size, size], in [-1, 1].
    pub fn encode(&self, x: Tensor<4>) -> Posterior {
        let both = kernel::conv2d(self.encoder.forward(x), &self.posterior, None);
        let channels = both.dims()[1] / 2;
        Posterior {
            mean: both.clone().narrow(1, 0, channels),
            log_variance: both.narrow(1, channels, channels).clamp(-20.0, 10.0),
        }
    }

    /// # Shapes
    /// `z` [n, latent channels, h, w]; returns [n, picture channels, size, size], about [-1, 1].
    pub fn decode(&self, z: Tensor<4>) -> Tensor<4> {
        let stem = kernel::conv2d(z, &self.stem, None);
        let h = self.levels.iter().fold(stem, |h, level| {
            let h = level
                .blocks
                .iter()
                .fold(h, |h, block| block.forward(h, None));
            match &level.narrow {
                Some(narrow) => kernel::upsample(kernel::conv2d(h, narrow, None), None),
                None => h,
            }
        });
        let h = kernel::norm_conv2d(h, self.norm.silu(None), &self.head, None);
        depth_to_space(h)
    }
}

/// Four channels of a pixel → one of four pixels: the sub-pixel convolution of Shi et al. 2016
/// (<https://arxiv.org/abs/1609.05158>), which makes a picture without a layer at its full size.
///
/// # Shapes
/// `x` [n, 4c, h, w]; returns [n, c, 2h, 2w].
fn depth_to_space(x: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let split: Tensor<6> = x.reshape([n, c / 4, 2, 2, h, w]);
    split
        .permute([0, 1, 4, 2, 5, 3])
        .reshape([n, c / 4, 2 * h, 2 * w])
}

impl Posterior {
    /// mean + exp(log_variance / 2)·noise.
    ///
    /// # Shapes
    /// `noise` that of the mean, N(0, 1).
    pub fn sample(&self, noise: Tensor<4>) -> Tensor<4> {
        self.mean.clone() + (self.log_variance.clone() / 2.0).exp() * noise
    }

    /// KL(N(mean, variance) ‖ N(0, 1)) of each number of the latent, in nats:
    /// (mean² + variance − 1 − ln variance) / 2.
    pub fn kl(&self) -> Tensor<4> {
        let log_variance = self.log_variance.clone();
        let variance = log_variance.clone().exp();
        (self.mean.clone().square() + variance - log_variance - 1.0) / 2.0
    }
}

#[cfg(all(test, feature = "flex", not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    /// Bytes of a quantised number: itself, and its share of its block's scale.
    const BYTES: f64 = 1.0 + 4.0 / crate::weights::BLOCK as f64;

    #[test]
    fn the_default_is_within_budget() {
        let config = VaeConfig::new();
        assert_eq!(config.check(), Ok(()));
        let (encoder, decoder) = (config.encoder_cost(), config.decoder_cost());
        for half in [encoder, decoder] {
            let bytes = BYTES * half.parameters as f64;
            assert!(bytes <= 600_000.0, "{bytes} bytes");
        }
        assert!(decoder.mflop() <= 250.0, "{} MFLOP", decoder.mflop());
        let [numbers, latent] = [config.picture(), config.latent()].map(|s| s.iter().product());
        let (numbers, latent): (usize, usize) = (numbers, latent);
        assert_eq!((latent, numbers / latent), (256, 48));
    }

    #[test]
    fn the_cost_counts_every_parameter() {
        let config = VaeConfig::new();
        let parameters = config.init(&Device::flex()).num_params();
        assert_eq!(config.cost().parameters, parameters);
    }

    /// Every value goes to its own place, and back by hand.
    #[test]
    fn depth_becomes_space() {
        let values: Vec<f32> = (0..16).map(|v| v as f32).collect();
        let x = Tensor::<1>::from_floats(&values[..], &Device::flex()).reshape([1, 4, 2, 2]);
        let spread: Vec<f32> = depth_to_space(x).into_data().iter::<f32>().collect();
        for (i, value) in spread.iter().enumerate() {
            let (y, x) = (i / 4, i % 4);
            let channel = 2 * (y % 2) + x % 2;
            assert_eq!(*value, (4 * channel + 2 * (y / 2) + x / 2) as f32);
        }
    }

    #[test]
    fn the_kl_term_is_its_formula() {
        let row = |values: [f32; 3]| {
            Tensor::<1>::from_floats(values, &Device::flex()).reshape([1, 3, 1, 1])
        };
        let (mean, log_variance) = ([0.0, 1.0, -2.0], [0.0, 0.5, -3.0]);
        let posterior = Posterior {
            mean: row(mean),
            log_variance: row(log_variance),
        };
        let kl: Vec<f32> = posterior.kl().into_data().iter::<f32>().collect();
        for i in 0..3 {
            // By quadrature: the mean of ln p − ln q under p.
            let (m, s) = (f64::from(mean[i]), f64::from(log_variance[i] / 2.0).exp());
            let ln = |x: f64, m: f64, s: f64| {
                -((x - m) / s).powi(2) / 2.0 - (s * (2.0 * std::f64::consts::PI).sqrt()).ln()
            };
            let step = s / 100.0;
            let sum: f64 = (-800..=800)
                .map(|k| m + f64::from(k) * step)
                .map(|x| step * ln(x, m, s).exp() * (ln(x, m, s) - ln(x, 0.0, 1.0)))
                .sum();
            assert!((f64::from(kl[i]) - sum).abs() < 1e-4, "{} and {sum}", kl[i]);
        }
    }
}
