//! What generates: a function (x, σ, cond) → denoised, the estimate of the clean picture.

mod decoder;
mod descent;
mod direct;
mod edm;
mod gradient;
mod guidance;
mod prompted;

use burn::tensor::{Device, Tensor, TensorData};

use crate::{classes::Classes, schedule::Fitted};

pub use decoder::{Decoder, VaeDecoder};
pub use descent::Descent;
pub use direct::Direct;
pub use edm::{Edm, Estimated};
pub use gradient::{FixedSigma, Gradient, Reading};
pub use guidance::{Guidance, Strength};
pub use prompted::Prompted;

/// Below this a pixel moves by less than an 8-bit grey level.
pub const SIGMA_MIN: f64 = 0.02;

/// At this σ the eye and the network see nothing of a digit. EDM starts at 80: measured here, that
/// spends a quarter of the steps on noise alone, which training has hardly seen (it draws one σ in
/// a thousand above 20), and ends further from the test set for the same share of digits seen right.
pub const SIGMA_MAX: f64 = 20.0;

/// What a picture is to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// Anything: the null condition.
    #[default]
    Any,
    /// A digit, 0 to 9, or another class by its number.
    Digit(u8),
    /// What a sentence says. A model that knows no words draws anything.
    Prompt(String),
}

/// σ of what a network may be asked about: more noise than any here has seen, by far.
pub const SIGMA_LIMIT: f64 = 1000.0;

/// What to steer a call by: one entry for each picture of the batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cond(pub Vec<Wanted>);

impl Cond {
    /// The null condition for `n` pictures.
    pub fn null(n: usize) -> Self {
        Self(vec![Wanted::Any; n])
    }

    /// A digit for each picture, or none for any.
    pub fn digits(digits: impl IntoIterator<Item = Option<u8>>) -> Self {
        let wanted = |digit: Option<u8>| digit.map_or(Wanted::Any, Wanted::Digit);
        Self(digits.into_iter().map(wanted).collect())
    }

    /// The digit wanted in each picture, where one is.
    fn wanted_digits(&self) -> Vec<Option<u8>> {
        let digit = |wanted: &Wanted| match wanted {
            Wanted::Digit(digit) => Some(*digit),
            Wanted::Any | Wanted::Prompt(_) => None,
        };
        self.0.iter().map(digit).collect()
    }

    /// One-hot rows [n, classes + 1]; the null digit is the last class.
    fn one_hot(&self, classes: usize, device: &Device) -> Tensor<2> {
        let width = classes + 1;
        let mut rows = vec![0f32; self.0.len() * width];
        for (row, digit) in rows.chunks_mut(width).zip(self.wanted_digits()) {
            row[digit.map_or(classes, |d| usize::from(d).min(classes))] = 1.0;
        }
        Tensor::from_data(TensorData::new(rows, [self.0.len(), width]), device)
    }
}

/// Every model that generates.
pub trait Denoiser {
    /// D(x; σ): the mean of all clean pictures that could have led to `x`.
    ///
    /// # Shapes
    /// `x` [n, c, h, w] = x0 + σ·noise; `sigma` one for each picture; returns the shape of `x`.
    fn denoise(&self, x: Tensor<4>, sigma: &[f64], cond: &Cond) -> Tensor<4>;

    /// Channels, height and width of x.
    fn shape(&self) -> [usize; 3];

    /// The range that sampling walks through: it starts at sigma_max, and the last step leads from
    /// sigma_min to 0. (sigma_min, sigma_max).
    fn sigma_range(&self) -> (f64, f64);

    /// The schedule that was fitted to it for few steps, if one was.
    fn fitted(&self) -> Option<&Fitted> {
        None
    }

    /// What it can be asked for.
    fn classes(&self) -> Classes {
        Classes::digits()
    }

    /// Network calls that one evaluation with this condition, at this noise level, costs a picture, at most.
    fn calls(&self, _cond: &Cond, _sigma: f64) -> usize {
        1
    }

    /// What a picture is to show where `wanted` leaves that open, chosen by its seed: nothing that `negative`
    /// names. Most leave it open.
    fn settle(&self, wanted: Wanted, _negative: &Wanted, _seed: u64) -> Wanted {
        wanted
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

    fn fitted(&self) -> Option<&Fitted> {
        (**self).fitted()
    }

    fn classes(&self) -> Classes {
        (**self).classes()
    }

    fn calls(&self, cond: &Cond, sigma: f64) -> usize {
        (**self).calls(cond, sigma)
    }

    fn settle(&self, wanted: Wanted, negative: &Wanted, seed: u64) -> Wanted {
        (**self).settle(wanted, negative, seed)
    }
}

/// One number a picture, as a tensor \[n\].
fn column(values: &[f64], device: &Device) -> Tensor<1> {
    let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
    let n = values.len();
    Tensor::from_data(TensorData::new(values, [n]), device)
}
