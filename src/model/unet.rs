//! The U-Net (Ronneberger et al. 2015; Ho et al. 2020) that predicts what to take away from a noisy
//! picture, given the noise level and what the picture is to show: a digit, or what a sentence says.

use burn::{
    config::Config,
    module::Module,
    nn::{Linear, LinearConfig, conv::Conv2d},
    tensor::{Device, Tensor},
};

use crate::{
    caption::MAX_TOKENS,
    kernel,
    nn::{
        Cost, CrossAttention, CrossAttentionConfig, GroupNorm, GroupNormConfig, Impossible,
        ModelConfig, ResidualBlock, ResidualBlockConfig, SIGMA_DATA, SelfAttention,
        SelfAttentionConfig,
        config::{check, levels},
        conv1x1, conv3x3, sinusoidal_features, zero_conv3x3,
    },
};

/// Configuration of a [`Unet`].
#[derive(Config, Debug, PartialEq)]
pub struct UnetConfig {
    /// Width and height of the picture, divisible by 2 for each level but the last.
    #[config(default = 28)]
    pub size: usize,
    /// Channels of the picture.
    #[config(default = 1)]
    pub picture_channels: usize,
    /// Channels at each level; each level has half the width and height of the one before.
    #[config(default = "vec![16, 48, 96]")]
    pub channels: Vec<usize>,
    /// Residual blocks at each level, on the way down and again on the way up.
    #[config(default = "vec![1, 1, 1]")]
    pub blocks: Vec<usize>,
    /// Attention heads at the lowest level.
    #[config(default = 4)]
    pub heads: usize,
    /// Sines and cosines that tell the noise level; 0: the network is not told it.
    #[config(default = 32)]
    pub noise_features: usize,
    /// Width of the vector that carries noise level and digit to every block.
    #[config(default = 128)]
    pub embedding: usize,
    /// Classes; one more, the last, means "any": the null condition.
    #[config(default = 10)]
    pub classes: usize,
    /// Width of the vectors of a sentence's tokens; none: no sentence.
    #[config(default = "None")]
    pub context: Option<usize>,
    /// Standard deviation of what is denoised: [`crate::nn::Preconditioning`].
    #[config(default = "SIGMA_DATA")]
    pub sigma_data: f64,
}

/// F(c_in·x, c_noise, digit): see [`crate::denoiser::Edm`] for what its output means.
///
/// Skips are added, not concatenated: on this budget the channels saved buy more when spent on width.
#[derive(Module, Debug)]
pub struct Unet {
    stem: Conv2d,
    down: Vec<Level>,
    middle_in: Vec<ResidualBlock>,
    attention: SelfAttention,
    context: Option<CrossAttention>,
    middle_out: Vec<ResidualBlock>,
    up: Vec<Level>,
    norm: GroupNorm,
    head: Conv2d,
    noise: Option<Linear>,
    class: Linear,
    embedding: Linear,
    #[module(skip)]
    noise_features: usize,
}

/// The blocks at one size and the convolution that leads to it or away from it.
#[derive(Module, Debug)]
struct Level {
    blocks: Vec<ResidualBlock>,
    context: Option<CrossAttention>,
    resample: Conv2d,
}

impl ModelConfig for UnetConfig {
    type Model = Unet;

    fn check(&self) -> Result<(), Impossible> {
        let picture = (self.size, self.picture_channels);
        check(&levels(picture, &self.channels, &self.blocks, false))?;
        let divides = |c: &usize| self.heads > 0 && c.is_multiple_of(self.heads);
        check(&[
            (
                self.context.is_none_or(|c| (1..=4096).contains(&c)),
                "context must be 1 to 4096",
            ),
            (
                self.context.is_none() || self.channels.iter().all(divides),
                "heads must divide all of channels where there is a context",
            ),
            (
                self.sigma_data > 0.0 && self.sigma_data.is_finite(),
                "sigma_data must be above 0",
            ),
            (
                self.channels.last().is_some_and(divides),
                "heads must divide the last of channels",
            ),
            (
                self.noise_features == 0 || (4..=4096).contains(&self.noise_features),
                "noise_features must be 0 or 4 to 4096",
            ),
            (
                self.noise_features.is_multiple_of(2),
                "noise_features must be even",
            ),
            (
                (1..=4096).contains(&self.embedding),
                "embedding must be 1 to 4096",
            ),
            (
                (0..=4096).contains(&self.classes),
                "classes must be 0 to 4096",
            ),
        ])
    }

    fn init(&self, device: &Device) -> Unet {
        let blocks = |level: usize| -> Vec<ResidualBlock> {
            let width = self.channels[level];
            let block =
                ResidualBlockConfig::new([width, width]).with_embedding(Some(self.embedding));
            (0..self.blocks[level])
                .map(|_| block.init(device))
                .collect()
        };
        let context = |level: usize| Some(self.cross_attention(level)?.init(device));
        let last = self.channels.len() - 1;
        let pair = |level: usize| [self.channels[level], self.channels[level + 1]];
        Unet {
            stem: conv3x3([self.picture_channels, self.channels[0]], 1, device),
            down: (0..last)
                .map(|level| Level {
                    blocks: blocks(level),
                    context: context(level),
                    resample: conv3x3(pair(level), 2, device),
                })
                .collect(),
            middle_in: blocks(last),
            attention: SelfAttentionConfig::new(self.channels[last])
                .with_heads(self.heads)
                .init(device),
            context: context(last),
            middle_out: blocks(last),
            up: (0..last)
                .rev()
                .map(|level| {
                    let [fine, coarse] = pair(level);
                    Level {
                        blocks: blocks(level),
                        context: context(level),
                        resample: conv1x1([coarse, fine], device),
                    }
                })
                .collect(),
            norm: GroupNormConfig::new(self.channels[0]).init(device),
            head: zero_conv3x3([self.channels[0], self.picture_channels], device),
            noise: (self.noise_features > 0)
                .then(|| LinearConfig::new(self.noise_features, self.embedding).init(device)),
            class: LinearConfig::new(self.classes + 1, self.embedding)
                .with_bias(false)
                .init(device),
            embedding: LinearConfig::new(self.embedding, self.embedding).init(device),
            noise_features: self.noise_features,
        }
    }

    fn cost(&self) -> Cost {
        let e = self.embedding;
        let pixels = |level: usize| (self.size >> level).pow(2);
        let blocks = |level: usize| -> Cost {
            let c = self.channels[level];
            let block = ResidualBlockConfig::new([c, c])
                .with_embedding(Some(e))
                .cost(pixels(level));
            (0..self.blocks[level]).map(|_| block).sum()
        };
        let last = self.channels.len() - 1;
        let resample = |level: usize| {
            let [fine, coarse] = [self.channels[level], self.channels[level + 1]];
            Cost::conv(3, [fine, coarse], pixels(level + 1))
                + Cost::conv(1, [coarse, fine], pixels(level + 1))
        };
        let attention = SelfAttentionConfig::new(self.channels[last]).cost(pixels(last));
        let context = |level: usize| {
            let look = self.cross_attention(level);
            look.map_or(Cost::default(), |look| look.cost(pixels(level), MAX_TOKENS))
        };
        let picture = [self.picture_channels, self.channels[0]];
        let noise = match self.noise_features {
            0 => Cost::default(),
            features => Cost::conv(1, [features, e], 1),
        };
        (0..=last)
            .map(|level| blocks(level) + blocks(level))
            .sum::<Cost>()
            + (0..last).map(resample).sum()
            + (0..last).map(|level| context(level) + context(level)).sum()
            + attention
            + context(last)
            + Cost::conv(3, picture, pixels(0))
            + Cost::norm(self.channels[0])
            + Cost::conv(3, [picture[1], picture[0]], pixels(0))
            + noise
            + Cost {
                parameters: (self.classes + 1) * e,
                macs: (self.classes + 1) * e,
            }
            + Cost::conv(1, [e, e], 1)
    }
}

impl UnetConfig {
    /// A U-Net over latents of this shape that a sentence steers, whose tokens are vectors of width
    /// `context`; `sigma_data` is the latents' standard deviation.
    pub fn of_latents([channels, size, _]: [usize; 3], context: usize, sigma_data: f64) -> Self {
        Self::new()
            .with_size(size)
            .with_picture_channels(channels)
            .with_channels(vec![64, 152])
            .with_blocks(vec![1, 1])
            .with_classes(0)
            .with_context(Some(context))
            .with_sigma_data(sigma_data)
    }

    fn cross_attention(&self, level: usize) -> Option<CrossAttentionConfig> {
        let look = |context| CrossAttentionConfig::new(self.channels[level], context);
        self.context
            .map(|context| look(context).with_heads(self.heads))
    }
}

/// What the pixels look up of sentences: keys and values for each cross-attention, in the order of the layers.
/// They hang on nothing that changes from step to step.
#[derive(Clone, Debug)]
pub struct Sentences(Vec<Tensor<4>>);

impl Unet {
    /// What there is to look up of sentences whose tokens are the vectors `context`; nothing where the
    /// configuration has no context.
    ///
    /// # Shapes
    /// `context` [n, tokens, context].
    pub fn look_up(&self, context: &Tensor<3>) -> Sentences {
        let (down, up) = (self.down.iter(), self.up.iter());
        let layers = down
            .map(|level| &level.context)
            .chain([&self.context])
            .chain(up.map(|level| &level.context));
        let keys_values = |layer: &CrossAttention| layer.keys_values(context);
        Sentences(layers.flatten().map(keys_values).collect())
    }

    /// `c_noise` is not looked at where the configuration has no noise features, nor `sentences` where
    /// it has no context.
    ///
    /// # Shapes
    /// `x` [n, channels, size, size]; `c_noise` \[n\]; `class` [n, classes + 1], one-hot; `sentences`
    /// n of them. Returns the shape of `x`.
    pub fn forward(
        &self,
        x: Tensor<4>,
        c_noise: Tensor<1>,
        class: Tensor<2>,
        sentences: Option<&Sentences>,
    ) -> Tensor<4> {
        let embedding = match &self.noise {
            Some(noise) => {
                let class = kernel::linear(class, &self.class, None, false);
                let features = sinusoidal_features(c_noise, self.noise_features);
                kernel::linear(features, noise, Some(class), true)
            }
            None => kernel::linear(class, &self.class, None, true),
        };
        let embedding = kernel::linear(embedding, &self.embedding, None, true);
        let run = |blocks: &[ResidualBlock], h: Tensor<4>| {
            blocks
                .iter()
                .fold(h, |h, block| block.forward(h, Some(&embedding)))
        };

        let mut keys_values = sentences.into_iter().flat_map(|Sentences(all)| all.iter());
        let mut look = |look: &Option<CrossAttention>, h: Tensor<4>| {
            let look = look.as_ref().zip(keys_values.next());
            match look {
                Some((look, keys_values)) => look.forward(h, keys_values.clone()),
                None => h,
            }
        };

        let mut h = kernel::conv2d(x, &self.stem, None);
        let mut skips = Vec::with_capacity(self.down.len());
        for level in &self.down {
            h = look(&level.context, run(&level.blocks, h));
            skips.push(h.clone());
            h = kernel::conv2d(h, &level.resample, None);
        }
        h = run(&self.middle_in, h);
        h = look(&self.context, self.attention.forward(h));
        h = run(&self.middle_out, h);
        for (level, skip) in self.up.iter().zip(skips.into_iter().rev()) {
            h = kernel::upsample(kernel::conv2d(h, &level.resample, None), Some(skip));
            h = look(&level.context, run(&level.blocks, h));
        }
        kernel::norm_conv2d(h, self.norm.silu(None), &self.head, None)
    }
}

#[cfg(all(test, feature = "flex", not(target_arch = "wasm32")))]
mod tests {
    use burn::tensor::TensorData;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_default_is_within_budget() {
        let cost = UnetConfig::new().cost();
        assert_eq!(UnetConfig::new().check(), Ok(()));
        assert!(
            cost.parameters <= 1_500_000,
            "{} parameters",
            cost.parameters
        );
        assert!(cost.mflop() <= 100.0, "{} MFLOP", cost.mflop());
    }

    #[test]
    fn the_one_over_latents_is_within_budget() {
        let config = UnetConfig::of_latents([4, 8, 8], 96, 1.0);
        assert_eq!(config.check(), Ok(()));
        let cost = config.cost();
        assert_eq!(cost.parameters, config.init(&Device::flex()).num_params());
        // A byte a number, and a scale for each block.
        let bytes = cost.parameters as f64 * (1.0 + 4.0 / crate::weights::BLOCK as f64);
        assert!(bytes <= 2e6, "{bytes} bytes");
        assert!(cost.mflop() <= 60.0, "{} MFLOP", cost.mflop());
    }

    #[test]
    fn the_cost_counts_every_parameter() {
        let config = UnetConfig::new();
        assert_eq!(
            config.cost().parameters,
            config.init(&Device::flex()).num_params()
        );
    }

    #[test]
    fn the_cost_counts_every_multiplication() {
        // One level, one block each way, one pixel: every weight of a matrix is used once; of a 3×3
        // convolution too, as the cost does not count the border out.
        let config = UnetConfig::new()
            .with_size(1)
            .with_channels(vec![8])
            .with_blocks(vec![1])
            .with_noise_features(4)
            .with_embedding(4);
        let convolutions = 9 * (8 + 8) + 4 * 9 * 64;
        let attention = 8 * 24 + 8 * 8 + 2 * 8;
        let embedding = 4 * 4 + 11 * 4 + 4 * 4 + 2 * 4 * 16;
        assert_eq!(config.cost().macs, convolutions + attention + embedding);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        /// What `check` lets pass can be built and run, and its cost is counted right.
        #[test]
        fn a_configuration_is_refused_or_runs(
            size in 0usize..20,
            picture_channels in 0usize..4,
            channels in prop::collection::vec(0usize..33, 0..4),
            even in any::<bool>(),
            blocks in prop::collection::vec(0usize..3, 0..4),
            heads in 0usize..5,
            noise_features in 0usize..12,
            embedding in 0usize..9,
            classes in 0usize..4,
            context in prop::option::of(0usize..6),
        ) {
            // Half of the cases are the likelier to be possible.
            let (channels, blocks, size) = if even {
                let channels: Vec<usize> = channels.iter().map(|c| c / 8 * 8 + 8).collect();
                (channels.clone(), channels.iter().map(|c| c % 3).collect(), size / 4 * 4)
            } else {
                (channels, blocks, size)
            };
            let config = UnetConfig {
                size, picture_channels, channels, blocks, heads, noise_features, embedding, classes,
                context, sigma_data: 1.0,
            };
            if config.check().is_ok() {
                let device = Device::flex();
                let unet = config.init(&device);
                prop_assert_eq!(config.cost().parameters, unet.num_params());
                let shape = [2, picture_channels, size, size];
                let zeros = |dims: [usize; 2]| {
                    Tensor::<2>::from_data(TensorData::zeros::<f32, _>(dims), &device)
                };
                let out = unet.forward(
                    Tensor::ones(shape, &device),
                    Tensor::ones([2], &device),
                    zeros([2, classes + 1]),
                    Some(&unet.look_up(&Tensor::ones([2, 3, context.unwrap_or(1)], &device))),
                );
                prop_assert_eq!(out.dims(), shape);
            }
        }
    }
}
