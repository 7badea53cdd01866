//! The gradient of log f with respect to the pixels, as a denoiser.

use std::rc::Rc;

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};

use super::{Cond, Denoiser, SIGMA_MAX, SIGMA_MIN, Wanted, column};
use crate::{
    classes::Classes,
    model::scorer::{Scorer, ScorerConfig, log_f_of, probabilities},
    schedule::Fitted,
};

/// D(x; σ) = x + σ²·∇ₓ log f(x, digit; σ) (Tweedie's formula), f being a [`Scorer`] and the gradient
/// taken by automatic differentiation.
#[derive(Debug)]
pub struct Gradient {
    /// On a device that differentiates; its weights are constants there.
    scorer: Scorer,
    config: ScorerConfig,
    classes: Classes,
    fitted: Option<Fitted>,
}

/// What f says of a batch of pictures.
#[derive(Debug)]
pub struct Reading {
    /// log f of every class, "no digit" last: [n, classes + 1].
    pub log_f: Tensor<2>,
    /// log f of what was asked for: [n, 1].
    pub asked: Tensor<2>,
    /// Its gradient with respect to every pixel, the shape of the pictures.
    pub gradient: Tensor<4>,
}

impl Gradient {
    /// The least noise that f is told of when it reads a digit from a clean picture.
    pub const READING_SIGMA: f64 = 0.1;

    /// The device to put the scorer's weights on, so that its gradient can be taken.
    pub fn device(device: &Device) -> Device {
        device.clone().autodiff()
    }

    /// Wraps a scorer whose weights are on [`Gradient::device`] and whose classes have their numbers for names.
    pub fn new(scorer: Scorer, config: ScorerConfig) -> Self {
        Self {
            scorer: scorer.no_grad(),
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

    /// log f and its gradient.
    ///
    /// # Shapes
    /// `x` [n, 1, size, size]; `sigma` and `cond` one for each picture.
    pub fn read(&self, x: Tensor<4>, sigma: &[f64], cond: &Cond) -> Reading {
        let x = Tensor::from_inner(x).require_grad();
        let sigma = column(sigma, &x.device());
        let log_f = self.scorer.log_f(x.clone(), sigma);
        let asked = log_f_of(log_f.clone(), &cond.wanted_digits());
        let gradients = asked.clone().sum().backward();
        let gradient = x
            .grad(&gradients)
            .expect("log f depends on every pixel: on its square, if on nothing else");
        Reading {
            log_f: log_f.inner(),
            asked: asked.inner(),
            gradient,
        }
    }

    /// p(class | x), "no digit" last, without a gradient.
    ///
    /// # Shapes
    /// `x` [n, 1, size, size]; `sigma` one for each picture; returns [n, classes + 1].
    pub fn probabilities(&self, x: Tensor<4>, sigma: &[f64]) -> Tensor<2> {
        let x = Tensor::from_inner(x);
        let sigma = column(sigma, &x.device());
        probabilities(self.scorer.log_f(x, sigma).inner())
    }
}

impl Denoiser for Gradient {
    fn denoise(&self, x: Tensor<4>, sigma: &[f64], cond: &Cond) -> Tensor<4> {
        let squares: Vec<f64> = sigma.iter().map(|s| s * s).collect();
        let squares = column(&squares, &x.device()).reshape([-1, 1, 1, 1]);
        let Reading { gradient, .. } = self.read(x.clone(), sigma, cond);
        x + gradient * squares
    }

    fn shape(&self) -> [usize; 3] {
        [1, self.config.size, self.config.size]
    }

    fn sigma_range(&self) -> (f64, f64) {
        (SIGMA_MIN, SIGMA_MAX)
    }

    fn fitted(&self) -> Option<&Fitted> {
        self.fitted.as_ref()
    }

    fn classes(&self) -> Classes {
        self.classes.clone()
    }
}

/// A denoiser that is told the same σ in every step, whatever the noise: without annealing, every step
/// climbs the same f.
#[derive(Debug)]
pub struct FixedSigma<D> {
    inner: Rc<D>,
    sigma: f64,
    start: f64,
}

impl<D: Denoiser> FixedSigma<D> {
    /// Tells `inner` always `sigma`; sampling starts from noise of amount `start`.
    pub fn new(inner: Rc<D>, sigma: f64, start: f64) -> Self {
        Self {
            inner,
            sigma,
            start,
        }
    }
}

impl<D: Denoiser> Denoiser for FixedSigma<D> {
    fn denoise(&self, x: Tensor<4>, sigma: &[f64], cond: &Cond) -> Tensor<4> {
        self.inner.denoise(x, &vec![self.sigma; sigma.len()], cond)
    }

    fn shape(&self) -> [usize; 3] {
        self.inner.shape()
    }

    fn sigma_range(&self) -> (f64, f64) {
        (self.inner.sigma_range().0, self.start)
    }

    fn classes(&self) -> Classes {
        self.inner.classes()
    }

    fn calls(&self, cond: &Cond, sigma: f64) -> usize {
        self.inner.calls(cond, sigma)
    }

    fn settle(&self, wanted: Wanted, negative: &Wanted, seed: u64) -> Wanted {
        self.inner.settle(wanted, negative, seed)
    }
}
