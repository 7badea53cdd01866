//! Pictures and sentences in one space: near where they say the same.

use burn::{
    config::Config,
    module::{Module, ModuleMapper, Param},
    nn::{
        Embedding, EmbeddingConfig, Initializer, Linear, LinearConfig,
        transformer::{TransformerEncoder, TransformerEncoderConfig, TransformerEncoderInput},
    },
    tensor::{Device, Int, Tensor, TensorData},
};

use crate::{
    caption::{self, MAX_TOKENS, PADDING, Tokenizer, Tokens},
    nn::{Cost, Impossible, ModelConfig, Pyramid, PyramidConfig, config::check},
};

/// Configuration of a [`Clip`].
#[derive(Config, Debug, PartialEq)]
pub struct ClipConfig {
    /// The words that are known, in the order of their tokens.
    #[config(default = "caption::vocabulary()")]
    pub words: Vec<String>,
    /// Width of a token's vector.
    #[config(default = 96)]
    pub text_width: usize,
    /// Transformer blocks.
    #[config(default = 2)]
    pub text_layers: usize,
    /// Attention heads of a block.
    #[config(default = 4)]
    pub heads: usize,
    /// Width and height of the picture.
    #[config(default = 64)]
    pub size: usize,
    /// Channels of the picture.
    #[config(default = 3)]
    pub picture_channels: usize,
    /// Channels at each level, the first at half the picture's width.
    #[config(default = "vec![16, 48, 96, 128]")]
    pub channels: Vec<usize>,
    /// Residual blocks at each level.
    #[config(default = "vec![1, 1, 1, 1]")]
    pub blocks: Vec<usize>,
    /// Width of the space that both share.
    #[config(default = 64)]
    pub embedding: usize,
}

/// Contrastive language–image pre-training (Radford et al. 2021, <https://arxiv.org/abs/2103.00020>): two
/// encoders whose outputs are compared by their cosine.
#[derive(Module, Debug)]
pub struct Clip {
    text: TextEncoder,
    image: ImageEncoder,
    /// ln of what the cosines are multiplied by before the softmax.
    logit_scale: Param<Tensor<1>>,
}

/// A transformer (Vaswani et al. 2017) over a sentence's tokens. Its GELU is the exact one; the gradient of it is that
/// of the tanh approximation, off by up to 4e-4, on ndarray and on GPUs, where Burn 0.22.1 has no other.
#[derive(Module, Debug)]
pub struct TextEncoder {
    tokens: Embedding,
    positions: Param<Tensor<2>>,
    transformer: TransformerEncoder,
    projection: Linear,
}

#[derive(Module, Debug)]
struct ImageEncoder {
    pyramid: Pyramid,
    projection: Linear,
}

/// The largest factor of the cosines, as in the paper.
const MAX_LOGIT_SCALE: f64 = 100.0;

impl ClipConfig {
    /// What makes tokens of text.
    pub fn tokenizer(&self) -> Tokenizer {
        Tokenizer::new(&self.words)
    }

    /// Channels, height and width of a picture.
    pub fn picture(&self) -> [usize; 3] {
        [self.picture_channels, self.size, self.size]
    }

    fn pyramid(&self) -> PyramidConfig {
        PyramidConfig::new(
            self.size,
            // And the contrast.
            self.picture_channels + 1,
            self.channels.clone(),
            self.blocks.clone(),
        )
    }

    /// The text encoder's part of [`ModelConfig::cost`].
    pub fn text_cost(&self) -> Cost {
        let d = self.text_width;
        let vectors = (Tokenizer::tokens(self.words.len()) + MAX_TOKENS) * d;
        let attention = Cost {
            parameters: 0,
            macs: 2 * MAX_TOKENS * MAX_TOKENS * d,
        };
        let projections: Cost = [[d, d]; 4]
            .map(|io| Cost::conv(1, io, MAX_TOKENS))
            .into_iter()
            .sum();
        let feed_forward = [[d, 4 * d], [4 * d, d]].map(|io| Cost::conv(1, io, MAX_TOKENS));
        let norms = Cost::norm(d) + Cost::norm(d);
        let layer = attention + projections + feed_forward.into_iter().sum() + norms;
        let layers: Cost = (0..self.text_layers).map(|_| layer).sum();
        let vectors = Cost {
            parameters: vectors,
            macs: 0,
        };
        vectors + layers + Cost::conv(1, [d, self.embedding], 1)
    }

    /// The image encoder's part of [`ModelConfig::cost`].
    pub fn image_cost(&self) -> Cost {
        let pyramid = self.pyramid();
        pyramid.cost() + Cost::conv(1, [pyramid.width(), self.embedding], 1)
    }
}

impl ModelConfig for ClipConfig {
    type Model = Clip;

    fn check(&self) -> Result<(), Impossible> {
        self.pyramid().check()?;
        check(&[
            (
                (1..=100_000).contains(&self.words.len()),
                "words must be 1 to 100000",
            ),
            (
                (1..=4096).contains(&self.text_width),
                "text_width must be 1 to 4096",
            ),
            (
                (1..=64).contains(&self.text_layers),
                "text_layers must be 1 to 64",
            ),
            (
                self.heads > 0 && self.text_width.is_multiple_of(self.heads),
                "heads must divide text_width",
            ),
            (
                (1..=4096).contains(&self.embedding),
                "embedding must be 1 to 4096",
            ),
        ])
    }

    fn init(&self, device: &Device) -> Clip {
        let d = self.text_width;
        let small = Initializer::Normal {
            mean: 0.0,
            std: 0.02,
        };
        let tokens = Tokenizer::tokens(self.words.len());
        Clip {
            text: TextEncoder {
                tokens: EmbeddingConfig::new(tokens, d)
                    .with_initializer(small.clone())
                    .init(device),
                positions: small.init([MAX_TOKENS, d], device),
                transformer: TransformerEncoderConfig::new(d, 4 * d, self.heads, self.text_layers)
                    .with_dropout(0.1)
                    .with_norm_first(true)
                    .init(device),
                projection: LinearConfig::new(d, self.embedding).init(device),
            },
            image: ImageEncoder {
                pyramid: self.pyramid().init(device),
                projection: LinearConfig::new(self.pyramid().width(), self.embedding).init(device),
            },
            // 1/0.07, as in the paper.
            logit_scale: Initializer::Constant {
                value: 14.3f64.ln(),
            }
            .init([1], device),
        }
    }

    fn cost(&self) -> Cost {
        let scale = Cost {
            parameters: 1,
            macs: 0,
        };
        self.text_cost() + self.image_cost() + scale
    }
}

impl TextEncoder {
    /// Width of a token's vector.
    pub fn width(&self) -> usize {
        let [_, width] = self.positions.dims();
        width
    }

    /// A vector for each token in the light of the others, [n, [`MAX_TOKENS`], text width].
    pub fn tokens(&self, sentences: &[Tokens]) -> Tensor<3> {
        self.read(sentences, MAX_TOKENS)
    }

    /// The sentences as wholes: vectors of length 1, [n, embedding].
    pub fn embedding(&self, sentences: &[Tokens]) -> Tensor<2> {
        // Nothing is read of the padding: only as much of it is needed as makes them equally long.
        let longest = sentences.iter().map(|sentence| sentence.ids.len()).max();
        let tokens = self.read(sentences, longest.unwrap_or(0).clamp(1, MAX_TOKENS));
        let [n, _, width] = tokens.dims();
        let start = tokens.narrow(1, 0, 1).reshape([n, width]);
        unit(self.projection.forward(start))
    }

    /// The transformer's answers for the first `length` tokens, padding behind a sentence's own.
    fn read(&self, sentences: &[Tokens], length: usize) -> Tensor<3> {
        let device = &self.positions.val().device();
        let padded = sentences.iter().flat_map(|sentence| {
            let ids = sentence
                .ids
                .iter()
                .copied()
                .chain(std::iter::repeat(PADDING));
            ids.take(length).map(|id| id as i32)
        });
        let ids = TensorData::new(padded.collect::<Vec<i32>>(), [sentences.len(), length]);
        let ids = Tensor::<2, Int>::from_data(ids, device);
        let padding = ids.clone().equal_elem(PADDING as i32);
        let positions = self.positions.val().narrow(0, 0, length);
        let x = self.tokens.forward(ids) + positions.unsqueeze::<3>();
        let input = TransformerEncoderInput::new(x).mask_pad(padding);
        self.transformer.forward(input)
    }
}

impl Clip {
    /// The half that reads.
    pub fn text(&self) -> &TextEncoder {
        &self.text
    }

    /// The same with another's text encoder, which training then leaves as it is ("locked": Zhai et al. 2022,
    /// <https://arxiv.org/abs/2111.07991>, who lock the other one).
    pub fn with_locked_text(self, text: &TextEncoder) -> Self {
        let device = self.devices()[0].clone();
        // Not no_grad(), which would leave the dropout on: no sentence would read the same twice.
        let text = text.clone().map(&mut Moved(device)).freeze();
        Self { text, ..self }
    }

    /// Where pictures lie in the space, vectors of length 1.
    ///
    /// # Shapes
    /// `x` [n, picture channels, size, size], in [-1, 1]; returns [n, embedding].
    pub fn image(&self, x: Tensor<4>) -> Tensor<2> {
        let x = Tensor::cat(vec![x.clone(), contrast(x)], 1);
        let features = self.image.pyramid.forward(x);
        let [n, c, h, w] = features.dims();
        let pooled = features.reshape([n, c, h * w]).mean_dim(2).reshape([n, c]);
        unit(self.image.projection.forward(pooled))
    }

    /// What the cosines are multiplied by before the softmax, one number.
    pub fn logit_scale(&self) -> Tensor<1> {
        self.logit_scale.val().exp().clamp_max(MAX_LOGIT_SCALE)
    }
}

/// Brings weights to a device, out of whatever graph they were in.
struct Moved(Device);

impl ModuleMapper for Moved {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|weights| Tensor::from_data(weights.into_data(), &self.0))
    }
}

/// How far each pixel is from the picture's mean colour, in units of the root of its mean square: the
/// strokes, whatever their colours. Without it a digit must be learned anew for every pair of them.
///
/// # Shapes
/// `x` [n, channels, h, w]; returns [n, 1, h, w].
fn contrast(x: Tensor<4>) -> Tensor<4> {
    /// Of a picture of one colour there is nothing to see.
    const FAINTEST: f64 = 1e-3;
    let mean = x.clone().mean_dim(2).mean_dim(3);
    let square = (x - mean).square().sum_dim(1);
    let scale = square.clone().mean_dim(2).mean_dim(3) + FAINTEST;
    (square / scale + 1e-12).sqrt()
}

/// Rows of length 1.
fn unit(rows: Tensor<2>) -> Tensor<2> {
    let length = (rows.clone().square().sum_dim(1) + 1e-12).sqrt();
    rows / length
}

#[cfg(all(test, feature = "flex", not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    #[test]
    fn the_cost_counts_every_parameter() {
        let config = ClipConfig::new();
        assert_eq!(config.check(), Ok(()));
        let parameters = config.init(&Device::flex()).num_params();
        assert_eq!(config.cost().parameters, parameters);
    }

    /// Embeddings have length 1, and a sentence's does not depend on its company.
    #[test]
    fn a_sentence_is_read_by_itself() {
        let device = Device::flex();
        let config = ClipConfig::new();
        let clip = config.init(&device);
        let tokenizer = config.tokenizer();
        let tokens = ["a red three", "", "the bold blue seven on white paper"]
            .map(|text| tokenizer.encode(text));
        let embedding = |tokens: &[Tokens]| -> Vec<f32> {
            let embedding = clip.text().embedding(tokens);
            embedding.into_data().iter::<f32>().collect()
        };
        let together = embedding(&tokens);
        for (one, row) in tokens.iter().zip(together.chunks(config.embedding)) {
            let length: f32 = row.iter().map(|v| v * v).sum();
            assert!((length - 1.0).abs() < 1e-4);
            let alone = embedding(std::slice::from_ref(one));
            assert!(row.iter().zip(alone).all(|(a, b)| (a - b).abs() < 1e-5));
        }
    }
}
