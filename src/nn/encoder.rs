//! A plain convolutional encoder whose derivative is written out beside it.

use burn::{
    config::Config,
    module::Module,
    nn::{
        Initializer, Linear, LinearConfig, PaddingConfig2d,
        conv::{Conv2d, Conv2dConfig},
    },
    tensor::{Device, Tensor},
};

use super::{
    Cost,
    config::{Impossible, check},
};
use crate::kernel;

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

/// What [`Encoder::trace`] keeps.
pub struct Trace {
    /// The layers' outputs, [n, c, h, w], the encoder's own last.
    pub outputs: Vec<Tensor<4>>,
    layers: Vec<Passed>,
}

/// What a layer has computed on the way.
struct Passed {
    /// Height and width of what came in.
    size: [usize; 2],
    /// The convolution's answer.
    convolved: Tensor<4>,
    modulation: Option<Tensor<2>>,
}

impl EncoderConfig {
    /// Makes sure that an encoder can be built.
    ///
    /// # Errors
    /// [`Impossible`].
    pub fn check(&self) -> Result<(), Impossible> {
        let halvings = self.strides.iter().filter(|&&s| s == 2).count();
        check(&[
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
        ])
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
    /// The scale and the shift of each channel, [n, 2c].
    fn modulation(&self, embedding: Option<&Tensor<2>>) -> Option<Tensor<2>> {
        let (modulation, embedding) = self.modulation.as_ref().zip(embedding)?;
        Some(kernel::linear(embedding.clone(), modulation, None, false))
    }

    /// SiLU of what [`Layer::before`] gives.
    fn forward(&self, x: Tensor<4>, embedding: Option<&Tensor<2>>) -> Tensor<4> {
        let h = kernel::conv2d(x, &self.conv, None);
        kernel::modulate_silu(h, self.modulation(embedding))
    }
}

impl Encoder {
    /// # Shapes
    /// `x` [n, channels, size, size]; `embedding` [n, embedding], where the configuration has one;
    /// returns [n, c, h, w] as [`EncoderConfig::output`] says.
    pub fn forward(&self, x: Tensor<4>, embedding: Option<&Tensor<2>>) -> Tensor<4> {
        self.layers
            .iter()
            .fold(x, |h, layer| layer.forward(h, embedding))
    }

    /// [`Encoder::forward`] after each layer.
    pub fn activations(&self, x: Tensor<4>, embedding: Option<&Tensor<2>>) -> Vec<Tensor<4>> {
        let mut activations = Vec::with_capacity(self.layers.len());
        self.layers.iter().fold(x, |h, layer| {
            let h = layer.forward(h, embedding);
            activations.push(h.clone());
            h
        });
        activations
    }

    /// [`Encoder::activations`], with what [`Encoder::pull_back`] needs.
    pub fn trace(&self, x: Tensor<4>, embedding: Option<&Tensor<2>>) -> Trace {
        let mut outputs = Vec::with_capacity(self.layers.len());
        let mut layers = Vec::with_capacity(self.layers.len());
        self.layers.iter().fold(x, |h, layer| {
            let [_, _, height, width] = h.dims();
            let convolved = kernel::conv2d(h, &layer.conv, None);
            let modulation = layer.modulation(embedding);
            let h = kernel::modulate_silu(convolved.clone(), modulation.clone());
            layers.push(Passed {
                size: [height, width],
                convolved,
                modulation,
            });
            outputs.push(h.clone());
            h
        });
        Trace { outputs, layers }
    }

    /// Jᵀ·g: the gradient with respect to the picture of whatever has the gradients `of_outputs` with
    /// respect to the layers' outputs. Written out as a network of its own, the layers' transposes in
    /// reverse order, so that training can differentiate it: automatic differentiation here is of first
    /// order.
    ///
    /// # Shapes
    /// `of_outputs` one for each layer, the shape of its output; returns the shape of the picture.
    pub fn pull_back(&self, trace: Trace, of_outputs: Vec<Tensor<4>>) -> Tensor<4> {
        let layers = self.layers.iter().zip(trace.layers).zip(of_outputs).rev();
        let pulled = layers.fold(
            None,
            |from_above: Option<Tensor<4>>, ((layer, passed), own)| {
                let g = match from_above {
                    Some(from_above) => from_above + own,
                    None => own,
                };
                let g = kernel::modulate_silu_back(g, passed.convolved, passed.modulation);
                Some(kernel::conv2d_back(g, &layer.conv, passed.size))
            },
        );
        pulled.expect("an encoder has a layer")
    }
}
