//! A plain convolutional encoder whose derivative is written out beside it.

use burn::{
    config::Config,
    module::Module,
    nn::{
        Initializer, Linear, LinearConfig, PaddingConfig2d,
        conv::{Conv2d, Conv2dConfig},
    },
    tensor::{
        Device, Tensor,
        activation::{sigmoid, silu},
        module::conv_transpose2d,
        ops::ConvTransposeOptions,
    },
};

use crate::model::Cost;

/// Configuration of an [`Encoder`].
#[derive(Config, Debug, PartialEq)]
pub struct EncoderConfig {
    /// Width and height of the picture.
    #[config(default = 28)]
    pub size: usize,
    /// Channels of the picture.
    #[config(default = 1)]
    pub picture_channels: usize,
    /// Channels after each layer.
    pub channels: Vec<usize>,
    /// 2 where a layer halves the width and height, else 1.
    pub strides: Vec<usize>,
    /// Width of the first layer's kernels, odd; the others' is 3.
    #[config(default = 5)]
    pub first_kernel: usize,
    /// Width of the vector that scales and shifts the channels of every layer; none: nothing does.
    #[config(default = "None")]
    pub embedding: Option<usize>,
}

/// Layers of conv → scale and shift by an embedding → SiLU. No normalisation: what a unit is worth must
/// not depend on the rest of the picture, or the gradient with respect to a pixel loses its meaning as
/// "a little brighter here". SiLU, because a gradient that is to be followed must not jump as ReLU's.
#[derive(Module, Debug)]
pub struct Encoder {
    layers: Vec<Layer>,
}

#[derive(Module, Debug)]
struct Layer {
    conv: Conv2d,
    /// Embedding → scale and shift of each channel (FiLM, Perez et al. 2018,
    /// <https://arxiv.org/abs/1709.07871>).
    modulation: Option<Linear>,
}

/// What [`Encoder::trace`] keeps: each layer's output [n, c, h, w], and its derivative at its place.
pub struct Trace {
    /// The layers' outputs, the encoder's own last.
    pub outputs: Vec<Tensor<4>>,
    slopes: Vec<Tensor<4>>,
}

impl EncoderConfig {
    /// Makes sure that an encoder can be built.
    ///
    /// # Errors
    /// What would have to hold, and does not.
    pub fn check(&self) -> Result<(), &'static str> {
        let halvings = self.strides.iter().filter(|&&s| s == 2).count();
        let rules = [
            (
                (1..=32).contains(&self.channels.len()),
                "channels must name 1 to 32 layers",
            ),
            (
                self.channels.iter().all(|c| (1..=4096).contains(c)),
                "channels must be 1 to 4096",
            ),
            (
                self.strides.len() == self.channels.len(),
                "strides must have a number for each of channels",
            ),
            (
                self.strides.iter().all(|s| (1..=2).contains(s)),
                "strides must be 1 or 2",
            ),
            ((1..=1024).contains(&self.size), "size must be 1 to 1024"),
            (
                halvings <= 10 && self.size.is_multiple_of(1 << halvings),
                "size must halve evenly at each stride of 2",
            ),
            (
                (1..=16).contains(&self.picture_channels),
                "picture_channels must be 1 to 16",
            ),
            (
                self.first_kernel % 2 == 1 && self.first_kernel <= 15,
                "first_kernel must be odd and at most 15",
            ),
            (
                self.embedding.is_none_or(|e| (1..=4096).contains(&e)),
                "embedding must be 1 to 4096",
            ),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err(rule),
            None => Ok(()),
        }
    }

    /// The output for one picture: channels, height, width.
    pub fn output(&self) -> [usize; 3] {
        let size = self.strides.iter().fold(self.size, |size, s| size / s);
        let channels = self.channels.last().copied().unwrap_or(0);
        [channels, size, size]
    }

    /// Each layer's kernel, channels and output size.
    fn layers(&self) -> impl Iterator<Item = (usize, [usize; 2], usize)> + '_ {
        let mut input = self.picture_channels;
        let mut size = self.size;
        let layers = self.channels.iter().zip(&self.strides).enumerate();
        layers.map(move |(i, (&output, stride))| {
            size /= stride;
            let kernel = if i == 0 { self.first_kernel } else { 3 };
            (
                kernel,
                [std::mem::replace(&mut input, output), output],
                size,
            )
        })
    }

    /// An encoder with fresh weights.
    pub fn init(&self, device: &Device) -> Encoder {
        let layers = self.layers().zip(&self.strides);
        Encoder {
            layers: layers
                .map(|((kernel, channels, _), &stride)| Layer {
                    conv: conv(kernel, channels, stride, device),
                    modulation: self.embedding.map(|embedding| {
                        LinearConfig::new(embedding, 2 * channels[1])
                            .with_initializer(Initializer::Zeros)
                            .init(device)
                    }),
                })
                .collect(),
        }
    }

    /// Parameters and multiply–accumulates of [`Encoder::forward`].
    pub fn cost(&self) -> Cost {
        self.layers()
            .map(|(kernel, channels, size)| {
                let modulation = self
                    .embedding
                    .map(|e| Cost::conv(1, [e, 2 * channels[1]], 1));
                Cost::conv(kernel, channels, size * size) + modulation.unwrap_or_default()
            })
            .sum()
    }
}

fn conv(kernel: usize, channels: [usize; 2], stride: usize, device: &Device) -> Conv2d {
    let border = kernel / 2;
    Conv2dConfig::new(channels, [kernel, kernel])
        .with_stride([stride, stride])
        .with_padding(PaddingConfig2d::Explicit(border, border, border, border))
        .with_initializer(Initializer::KaimingNormal {
            gain: 1.0,
            fan_out_only: false,
        })
        .init(device)
}

impl Layer {
    /// What SiLU is applied to, and the scale in front of it.
    fn before(
        &self,
        x: Tensor<4>,
        embedding: Option<&Tensor<2>>,
    ) -> (Tensor<4>, Option<Tensor<4>>) {
        let h = self.conv.forward(x);
        match (&self.modulation, embedding) {
            (Some(modulation), Some(embedding)) => {
                let [n, c, ..] = h.dims();
                let both = modulation
                    .forward(embedding.clone())
                    .reshape([n, 2 * c, 1, 1]);
                let scale = both.clone().narrow(1, 0, c) + 1.0;
                (h * scale.clone() + both.narrow(1, c, c), Some(scale))
            }
            _ => (h, None),
        }
    }
}

impl Encoder {
    /// # Shapes
    /// `x` [n, channels, size, size]; `embedding` [n, embedding], where the configuration has one;
    /// returns [n, c, h, w] as [`EncoderConfig::output`] says.
    pub fn forward(&self, x: Tensor<4>, embedding: Option<&Tensor<2>>) -> Tensor<4> {
        self.layers
            .iter()
            .fold(x, |h, layer| silu(layer.before(h, embedding).0))
    }

    /// [`Encoder::forward`] after each layer.
    pub fn activations(&self, x: Tensor<4>, embedding: Option<&Tensor<2>>) -> Vec<Tensor<4>> {
        let mut activations = Vec::with_capacity(self.layers.len());
        self.layers.iter().fold(x, |h, layer| {
            let h = silu(layer.before(h, embedding).0);
            activations.push(h.clone());
            h
        });
        activations
    }

    /// [`Encoder::activations`], with what [`Encoder::pull_back`] needs.
    pub fn trace(&self, x: Tensor<4>, embedding: Option<&Tensor<2>>) -> Trace {
        let mut outputs = Vec::with_capacity(self.layers.len());
        let mut slopes = Vec::with_capacity(self.layers.len());
        self.layers.iter().fold(x, |h, layer| {
            let (z, scale) = layer.before(h, embedding);
            let s = sigmoid(z.clone());
            let h = z * s.clone();
            // SiLU' = s + z·s·(1 − s)
            let slope = s.clone() + h.clone() * (-s + 1.0);
            slopes.push(match scale {
                Some(scale) => slope * scale,
                None => slope,
            });
            outputs.push(h.clone());
            h
        });
        Trace { outputs, slopes }
    }

    /// Jᵀ·g: the gradient with respect to the picture of whatever has the gradients `of_outputs` with
    /// respect to the layers' outputs. Written out as a network of its own, the layers' transposes in
    /// reverse order, so that training can differentiate it: automatic differentiation here is of first
    /// order.
    ///
    /// # Shapes
    /// `of_outputs` one for each layer, the shape of its output; returns the shape of the picture.
    pub fn pull_back(&self, trace: &Trace, of_outputs: Vec<Tensor<4>>) -> Tensor<4> {
        let layers = self.layers.iter().zip(&trace.slopes).zip(of_outputs).rev();
        let pulled = layers.fold(
            None,
            |from_above: Option<Tensor<4>>, ((layer, slope), own)| {
                let g = match from_above {
                    Some(from_above) => from_above + own,
                    None => own,
                };
                let conv = &layer.conv;
                let border = conv.kernel_size[0] / 2;
                // Of two sizes that a stride of 2 halves to the same, the even one.
                let options = ConvTransposeOptions::new(
                    conv.stride,
                    [border, border],
                    conv.stride.map(|s| s - 1),
                    [1, 1],
                    1,
                );
                let g = g * slope.clone();
                Some(conv_transpose2d(g, conv.weight.val(), None, options))
            },
        );
        pulled.expect("an encoder has a layer")
    }
}
