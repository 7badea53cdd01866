//! A U-Net as a denoiser.

use std::rc::Rc;

use burn::tensor::Tensor;

use super::{Cond, Denoiser, Descent, SIGMA_MAX, SIGMA_MIN, column};
use crate::{
    classes::Classes,
    model::unet::{Sentences, Unet, UnetConfig},
    nn::{Preconditioning, SIGMA_DATA},
    schedule::Fitted,
};

/// A [`Unet`] F as a denoiser: D(x; σ) = c_skip·x + c_out·F(c_in·x, c_noise, cond), with the factors of
/// [`Preconditioning`].
#[derive(Debug)]
pub struct Edm {
    unet: Unet,
    config: UnetConfig,
    classes: Classes,
    fitted: Option<Fitted>,
}

impl Edm {
    /// Wraps a network, whose classes have their numbers for names.
    pub fn new(unet: Unet, config: UnetConfig) -> Self {
        Self {
            unet,
            classes: Classes::numbered(config.classes),
            config,
            fitted: None,
        }
    }

    /// With names for its classes, as many as it has.
    pub fn with_classes(mut self, classes: Classes) -> Self {
        self.classes = classes;
        self
    }

    /// With a schedule that was fitted to it.
    pub fn with_schedule(mut self, fitted: Option<Fitted>) -> Self {
        self.fitted = fitted;
        self
    }

    /// What the network looks up of sentences, [`Unet::look_up`].
    pub fn look_up(&self, context: &Tensor<3>) -> Sentences {
        self.unet.look_up(context)
    }

    /// [`Denoiser::denoise`] with σ as a tensor \[n\], which may be another network's answer, and a
    /// sentence for each picture, where the network takes one.
    pub fn denoise_at(
        &self,
        x: Tensor<4>,
        sigma: Tensor<1>,
        cond: &Cond,
        sentences: Option<&Sentences>,
    ) -> Tensor<4> {
        // Sent to the device before it has work: what is sent later waits for that.
        let class = cond.one_hot(self.config.classes, &x.device());
        let Preconditioning {
            c_skip,
            c_out,
            c_in,
            c_noise,
        } = Preconditioning::at(sigma, self.config.sigma_data);
        let network = self
            .unet
            .forward(x.clone() * c_in, c_noise, class, sentences);
        x * c_skip + network * c_out
    }
}

impl Denoiser for Edm {
    fn denoise(&self, x: Tensor<4>, sigma: &[f64], cond: &Cond) -> Tensor<4> {
        let sigma = column(sigma, &x.device());
        self.denoise_at(x, sigma, cond, None)
    }

    fn shape(&self) -> [usize; 3] {
        [
            self.config.picture_channels,
            self.config.size,
            self.config.size,
        ]
    }

    /// As for pictures, in proportion to the spread of what is denoised.
    fn sigma_range(&self) -> (f64, f64) {
        let scale = self.config.sigma_data / SIGMA_DATA;
        (SIGMA_MIN * scale, SIGMA_MAX * scale)
    }

    fn fitted(&self) -> Option<&Fitted> {
        self.fitted.as_ref()
    }

    fn classes(&self) -> Classes {
        self.classes.clone()
    }
}

/// A U-Net that is told the amount of noise which another network sees in the picture, σ̂(x), in place
/// of the true one: nothing that it works with knows how much noise was added.
#[derive(Debug)]
pub struct Estimated {
    edm: Rc<Edm>,
    predictor: Rc<Descent>,
}

impl Estimated {
    /// Lets `predictor` tell `edm` its σ.
    pub fn new(edm: Rc<Edm>, predictor: Rc<Descent>) -> Self {
        Self { edm, predictor }
    }
}

impl Denoiser for Estimated {
    fn denoise(&self, x: Tensor<4>, _sigma: &[f64], cond: &Cond) -> Tensor<4> {
        let sigma = self.predictor.sigma(x.clone());
        self.edm.denoise_at(x, sigma, cond, None)
    }

    fn shape(&self) -> [usize; 3] {
        self.edm.shape()
    }

    fn sigma_range(&self) -> (f64, f64) {
        self.edm.sigma_range()
    }

    fn fitted(&self) -> Option<&Fitted> {
        self.edm.fitted()
    }

    fn classes(&self) -> Classes {
        self.edm.classes()
    }
}
