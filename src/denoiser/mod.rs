//! What generates: a function (x, σ, cond) → denoised, the estimate of the clean picture.

mod descent;
mod edm;
mod gradient;
mod guidance;

use burn::tensor::{Device, Tensor, TensorData};

pub use descent::Descent;
pub use edm::{Edm, Estimated};
pub use gradient::{FixedSigma, Gradient, Reading};
pub use guidance::Guidance;

/// Below this a pixel moves by less than an 8-bit grey level.
pub const SIGMA_MIN: f64 = 0.02;

/// At this σ the eye and the network see nothing of a digit. EDM starts at 80: measured here, that
/// spends a quarter of the steps on noise alone, which training has hardly seen (it draws one σ in
/// a thousand above 20), and ends further from the test set for the same share of digits seen right.
pub const SIGMA_MAX: f64 = 20.0;

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

/// One number a picture, as a tensor \[n\].
fn column(values: &[f64], device: &Device) -> Tensor<1> {
    let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
    let n = values.len();
    Tensor::from_data(TensorData::new(values, [n]), device)
}
