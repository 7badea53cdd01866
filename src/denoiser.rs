//! What generates: a function (x, σ, cond) → denoised, the estimate of the clean picture.

use burn::tensor::{Device, Tensor, TensorData};

use crate::model::unet::{Unet, UnetConfig};

/// What to steer a call by: the digit wanted in each picture of the batch; none is the null
/// condition, "any".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cond {
    /// One entry a picture.
    pub digits: Vec<Option<u8>>,
}

impl Cond {
    /// The null condition for `n` pictures.
    pub fn null(n: usize) -> Self {
        Self {
            digits: vec![None; n],
        }
    }

    /// One-hot rows [n, classes + 1]; the null digit is the last class.
    fn one_hot(&self, classes: usize, device: &Device) -> Tensor<2> {
        let width = classes + 1;
        let mut rows = vec![0f32; self.digits.len() * width];
        for (row, digit) in rows.chunks_mut(width).zip(&self.digits) {
            row[digit.map_or(classes, |d| usize::from(d).min(classes))] = 1.0;
        }
        Tensor::from_data(TensorData::new(rows, [self.digits.len(), width]), device)
    }
}

/// Every model that generates.
pub trait Denoiser {
    /// D(x; σ): the mean of all clean pictures that could have led to `x`.
    ///
    /// # Shapes
    /// `x` [n, c, h, w] = x0 + σ·noise; `sigma` one for each picture; returns the shape of `x`.
    fn denoise(&self, x: Tensor<4>, sigma: &[f64], cond: &Cond) -> Tensor<4>;

    /// Channels, height and width of a picture.
    fn shape(&self) -> [usize; 3];

    /// The range that sampling walks through: it starts at sigma_max, and the last step leads from
    /// sigma_min to 0. (sigma_min, sigma_max).
    fn sigma_range(&self) -> (f64, f64);

    /// Network calls that one evaluation costs a picture.
    fn calls(&self) -> usize {
        1
    }
}

impl<D: Denoiser + ?Sized> Denoiser for std::rc::Rc<D> {
    fn denoise(&self, x: Tensor<4>, sigma: &[f64], cond: &Cond) -> Tensor<4> {
        (**self).denoise(x, sigma, cond)
    }

    fn shape(&self) -> [usize; 3] {
        (**self).shape()
    }

    fn sigma_range(&self) -> (f64, f64) {
        (**self).sigma_range()
    }

    fn calls(&self) -> usize {
        (**self).calls()
    }
}

/// The preconditioning of Karras et al. 2022 (EDM, <https://arxiv.org/abs/2206.00364>, Table 1) around
/// the [`Unet`] F:
///
/// D(x; σ) = c_skip·x + c_out·F(c_in·x, c_noise, cond)
///
/// | | |
/// | --- | --- |
/// | c_skip | σ_d² / (σ² + σ_d²) |
/// | c_out | σ·σ_d / √(σ² + σ_d²) |
/// | c_in | 1 / √(σ² + σ_d²) |
/// | c_noise | ln(σ) / 4 |
///
/// Chosen because F then has inputs and targets of unit variance at every σ: at little noise it
/// predicts the noise, at much noise the clean picture, so no error of the network is magnified at
/// either end. An eps-prediction multiplies its error by σ, which at 20 steps and σ = 80 ruins the
/// first ones.
#[derive(Debug)]
pub struct Edm {
    unet: Unet,
    config: UnetConfig,
}

/// Standard deviation of MNIST's pixels in [-1, 1].
pub const SIGMA_DATA: f64 = 0.6;

/// Below this a pixel moves by less than an 8-bit grey level.
const SIGMA_MIN: f64 = 0.02;

/// At this σ the eye and the network see nothing of a digit. EDM starts at 80: measured here, that
/// spends a quarter of the steps on noise alone, which training has hardly seen (it draws one σ in
/// a thousand above 20), and ends further from the test set for the same share of digits seen right.
const SIGMA_MAX: f64 = 20.0;

impl Edm {
    /// Wraps a network.
    pub fn new(unet: Unet, config: UnetConfig) -> Self {
        Self { unet, config }
    }
}

impl Denoiser for Edm {
    fn denoise(&self, x: Tensor<4>, sigma: &[f64], cond: &Cond) -> Tensor<4> {
        let device = x.device();
        let total = |s: f64| (s * s + SIGMA_DATA * SIGMA_DATA).sqrt();
        let column = |f: &dyn Fn(f64) -> f64| {
            let values: Vec<f32> = sigma.iter().map(|&s| f(s) as f32).collect();
            Tensor::<1>::from_data(TensorData::new(values, [sigma.len()]), &device)
        };
        let per_picture = |f: &dyn Fn(f64) -> f64| column(f).reshape([-1, 1, 1, 1]);
        let c_skip = per_picture(&|s| (SIGMA_DATA / total(s)).powi(2));
        let c_out = per_picture(&|s| s * SIGMA_DATA / total(s));
        let c_in = per_picture(&|s| 1.0 / total(s));
        let c_noise = column(&|s| s.ln() / 4.0);
        let class = cond.one_hot(self.config.classes, &device);
        x.clone() * c_skip + self.unet.forward(x * c_in, c_noise, class) * c_out
    }

    fn shape(&self) -> [usize; 3] {
        [
            self.config.picture_channels,
            self.config.size,
            self.config.size,
        ]
    }

    fn sigma_range(&self) -> (f64, f64) {
        (SIGMA_MIN, SIGMA_MAX)
    }
}

/// Classifier-free guidance (Ho & Salimans 2022, <https://arxiv.org/abs/2207.12598>):
/// uncond + g·(cond − uncond), so g = 1 is off. Both calls go through the network as one batch.
#[derive(Debug)]
pub struct Guidance<D> {
    inner: D,
    guidance: f64,
}

impl<D: Denoiser> Guidance<D> {
    /// Steers `inner` with the strength `guidance`.
    pub fn new(inner: D, guidance: f64) -> Self {
        Self { inner, guidance }
    }
}

impl<D: Denoiser> Denoiser for Guidance<D> {
    fn denoise(&self, x: Tensor<4>, sigma: &[f64], cond: &Cond) -> Tensor<4> {
        let n = sigma.len();
        let both = Tensor::cat(vec![x.clone(), x], 0);
        let digits = cond
            .digits
            .iter()
            .copied()
            .chain(std::iter::repeat_n(None, n))
            .collect();
        let denoised = self
            .inner
            .denoise(both, &[sigma, sigma].concat(), &Cond { digits });
        let (cond, uncond) = (denoised.clone().narrow(0, 0, n), denoised.narrow(0, n, n));
        uncond.clone() + (cond - uncond) * self.guidance
    }

    fn shape(&self) -> [usize; 3] {
        self.inner.shape()
    }

    fn sigma_range(&self) -> (f64, f64) {
        self.inner.sigma_range()
    }

    fn calls(&self) -> usize {
        2 * self.inner.calls()
    }
}
