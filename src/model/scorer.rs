//! The magic function f: how likely a picture is a handwritten 0, 1, … 9, or no digit, at any amount
//! of noise.

use burn::{
    config::Config,
    module::Module,
    nn::{Initializer, Linear, LinearConfig},
    tensor::{Device, Tensor, TensorData, activation::softmax},
};

use crate::{
    kernel,
    nn::{
        Cost, Encoder, EncoderConfig, Impossible, ModelConfig, Preconditioning, SIGMA_DATA,
        config::check, sinusoidal_features,
    },
};

/// Configuration of a [`Scorer`].
#[derive(Config, Debug, PartialEq)]
pub struct ScorerConfig {
    /// Width and height of the picture.
    #[config(default = 28)]
    pub size: usize,
    /// Channels after each layer.
    #[config(default = "vec![32, 48, 64, 96, 112, 112]")]
    pub channels: Vec<usize>,
    /// 2 where a layer halves the width and height, else 1.
    #[config(default = "vec![1, 2, 1, 2, 1, 1]")]
    pub strides: Vec<usize>,
    /// Sines and cosines that tell the noise level.
    #[config(default = 32)]
    pub noise_features: usize,
    /// Width of the vector that carries the noise level to every layer.
    #[config(default = 64)]
    pub embedding: usize,
    /// Kinds of digits; one more, the last, is "no digit".
    #[config(default = 10)]
    pub classes: usize,
}

/// A classifier that is also a density: for each class c, "no digit" included,
///
/// log f_c(x; σ) = −|x|² / (2·(σ² + σ_d²)) + (σ_d / σ)·N_c(c_in·x, σ) + const
///
/// with N a plain convolutional network. Two readings of the same numbers:
///
/// - softmax over c gives p(c | x), the probability that x, which has noise of amount σ, is a c
///   (Grathwohl et al. 2020, "Your classifier is secretly an energy based model",
///   <https://arxiv.org/abs/1912.03263>; Yadin et al. 2024, "Classification diffusion models",
///   <https://arxiv.org/abs/2402.10095>);
/// - x + σ²·∇ₓ log f_c is the estimate of the clean picture (Tweedie's formula). With these factors it
///   equals c_skip·x + c_out·∇N_c, the preconditioning of [`crate::denoiser::Edm`] with the U-Net
///   replaced by a gradient, so the gradient has inputs and targets of unit variance at every σ
///   (Salimans & Ho 2021, "Should EBMs model the energy or the score?").
///
/// That a classifier's gradient can draw at all needs training on all amounts of noise: an ordinary
/// one's gradient is noise to the eye, a robust one's is not (Santurkar et al. 2019,
/// <https://arxiv.org/abs/1906.09453>).
#[derive(Module, Debug)]
pub struct Scorer {
    encoder: Encoder,
    noise: Linear,
    readout: Linear,
    bias: Linear,
    #[module(skip)]
    noise_features: usize,
}

/// What [`Scorer::score`] gives.
pub struct Score {
    /// [n, classes + 1], as [`Scorer::log_f`] gives it.
    pub log_f: Tensor<2>,
    /// x + σ²·∇ₓ log f of the digits asked for, the shape of x.
    pub denoised: Tensor<4>,
}

impl ModelConfig for ScorerConfig {
    type Model = Scorer;

    fn check(&self) -> Result<(), Impossible> {
        self.encoder().check()?;
        check(&[
            (
                (4..=4096).contains(&self.noise_features) && self.noise_features.is_multiple_of(2),
                "noise_features must be even and 4 to 4096",
            ),
            (
                (1..=4096).contains(&self.classes),
                "classes must be 1 to 4096",
            ),
        ])
    }

    fn init(&self, device: &Device) -> Scorer {
        let features: usize = self.encoder().output().iter().product();
        Scorer {
            encoder: self.encoder().init(device),
            noise: LinearConfig::new(self.noise_features, self.embedding).init(device),
            // Small, so that at first nothing is known of any class.
            readout: LinearConfig::new(features, self.classes + 1)
                .with_bias(false)
                .with_initializer(Initializer::Normal {
                    mean: 0.0,
                    std: 0.02,
                })
                .init(device),
            bias: LinearConfig::new(self.embedding, self.classes + 1)
                .with_initializer(Initializer::Zeros)
                .init(device),
            noise_features: self.noise_features,
        }
    }

    fn cost(&self) -> Cost {
        let features: usize = self.encoder().output().iter().product();
        let readout = features * (self.classes + 1);
        // The gradient costs once more what the function costs.
        let there_and_back = self.encoder().cost()
            + Cost {
                parameters: readout,
                macs: readout,
            };
        Cost {
            parameters: there_and_back.parameters,
            macs: 2 * there_and_back.macs,
        } + Cost::conv(1, [self.noise_features, self.embedding], 1)
            + Cost::conv(1, [self.embedding, self.classes + 1], 1)
    }
}

impl ScorerConfig {
    fn encoder(&self) -> EncoderConfig {
        EncoderConfig::new(self.channels.clone(), self.strides.clone())
            .with_size(self.size)
            .with_embedding(Some(self.embedding))
    }
}

impl Scorer {
    /// log f of every class, "no digit" last, up to a constant that depends on σ alone.
    ///
    /// # Shapes
    /// `x` [n, 1, size, size]; `sigma` \[n\]; returns [n, classes + 1].
    pub fn log_f(&self, x: Tensor<4>, sigma: Tensor<1>) -> Tensor<2> {
        let Preconditioning { c_in, c_noise, .. } = Preconditioning::at(sigma.clone(), SIGMA_DATA);
        let embedding = self.embedding(c_noise);
        let output = self
            .encoder
            .forward(x.clone() * c_in.clone(), Some(&embedding));
        self.read(output, x, c_in, embedding, sigma)
    }

    /// [`Scorer::log_f`] and the estimate of the clean picture in which `digits` are asked for (none:
    /// any), its gradient written out as a network of its own: for training, which differentiates it.
    ///
    /// # Shapes
    /// `x` [n, 1, size, size]; `sigma` \[n\]; `digits` of length n.
    pub fn score(&self, x: Tensor<4>, sigma: Tensor<1>, digits: &[Option<u8>]) -> Score {
        let Preconditioning {
            c_skip,
            c_out,
            c_in,
            c_noise,
        } = Preconditioning::at(sigma.clone(), SIGMA_DATA);
        let embedding = self.embedding(c_noise);
        let trace = self
            .encoder
            .trace(x.clone() * c_in.clone(), Some(&embedding));
        let last = trace.outputs.len() - 1;
        let output = trace.outputs[last].clone();
        let log_f = self.read(output.clone(), x.clone(), c_in, embedding, sigma);
        let g = weights(log_f.clone(), digits)
            .matmul(self.readout.weight.val().transpose())
            .reshape(output.dims());
        // Only the last layer is read.
        let mut of_outputs: Vec<_> = trace.outputs[..last]
            .iter()
            .map(Tensor::zeros_like)
            .collect();
        of_outputs.push(g);
        let gradient = self.encoder.pull_back(trace, of_outputs);
        Score {
            log_f,
            denoised: x * c_skip + gradient * c_out,
        }
    }

    fn embedding(&self, c_noise: Tensor<1>) -> Tensor<2> {
        let features = sinusoidal_features(c_noise, self.noise_features);
        kernel::linear(features, &self.noise, None, true)
    }

    /// The encoder's output → log f.
    fn read(
        &self,
        output: Tensor<4>,
        x: Tensor<4>,
        c_in: Tensor<4>,
        embedding: Tensor<2>,
        sigma: Tensor<1>,
    ) -> Tensor<2> {
        let bias = kernel::linear(embedding, &self.bias, None, false);
        let network = kernel::linear(output.flatten(1, 3), &self.readout, Some(bias), false);
        let scale = (sigma.recip() * SIGMA_DATA).unsqueeze_dim::<2>(1);
        // Of x itself, not of the scaled picture that the encoder read: in Burn 0.22 the kernels fused
        // for WebGPU get the sum of two gradients wrong if one comes straight from a convolution.
        let square = x.square().flatten::<2>(1, 3).sum_dim(1);
        let far_out = square * c_in.square().flatten::<2>(1, 3) * 0.5;
        network * scale - far_out
    }
}

/// log f of what is asked for in each picture: of its digit, or, for none, of any digit, which is the
/// sum over the digits. "No digit" is never asked for.
///
/// # Shapes
/// `log_f` [n, classes + 1]; `digits` of length n; returns [n, 1].
pub fn log_f_of(log_f: Tensor<2>, digits: &[Option<u8>]) -> Tensor<2> {
    let any = any_digit(log_f.clone());
    let largest = any.clone().max_dim(1).detach();
    let any = (any - largest.clone()).exp().sum_dim(1).log() + largest;
    let asked = asked(&log_f, digits);
    let one = (log_f * asked.clone()).sum_dim(1);
    one + any * (-asked.sum_dim(1) + 1.0)
}

/// p(class | x), "no digit" last.
///
/// # Shapes
/// `log_f` [n, classes + 1], as [`Scorer::log_f`] gives it; returns its shape.
pub fn probabilities(log_f: Tensor<2>) -> Tensor<2> {
    softmax(log_f, 1)
}

/// The likeliest class of a picture's [`probabilities`]; none where that is "no digit", the last.
pub fn likeliest(probabilities: &[f64]) -> Option<u8> {
    let classes = probabilities.iter().enumerate();
    let (class, _) = classes.max_by(|a, b| a.1.total_cmp(b.1))?;
    (class + 1 < probabilities.len()).then_some(class as u8)
}

/// The weight of each class in the gradient of [`log_f_of`]: 1 for the digit asked for, or, for none,
/// the digits' softmax.
fn weights(log_f: Tensor<2>, digits: &[Option<u8>]) -> Tensor<2> {
    let asked = asked(&log_f, digits);
    let any = softmax(any_digit(log_f.clone()), 1);
    let none = Tensor::zeros([log_f.dims()[0], 1], &log_f.device());
    let any = Tensor::cat(vec![any, none], 1);
    any * (-asked.clone().sum_dim(1) + 1.0) + asked
}

/// The columns of the digits, without "no digit".
fn any_digit(log_f: Tensor<2>) -> Tensor<2> {
    let classes = log_f.dims()[1] - 1;
    log_f.narrow(1, 0, classes)
}

/// One-hot rows of the digits; zeros where none is asked for.
fn asked(log_f: &Tensor<2>, digits: &[Option<u8>]) -> Tensor<2> {
    let [n, width] = log_f.dims();
    let mut rows = vec![0f32; n * width];
    for (row, digit) in rows.chunks_mut(width).zip(digits) {
        if let Some(digit) = digit {
            row[usize::from(*digit).min(width - 2)] = 1.0;
        }
    }
    Tensor::from_data(TensorData::new(rows, [n, width]), &log_f.device())
}
