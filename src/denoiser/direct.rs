//! A network that answers with the clean picture itself.

use burn::tensor::Tensor;

use super::{Cond, Denoiser, SIGMA_MAX, SIGMA_MIN, column};
use crate::{
    classes::Classes,
    image::DIGIT_SIZE,
    model::mlp::{Mlp, MlpConfig},
    nn::{Preconditioning, SIGMA_DATA},
};

/// An [`Mlp`] F as a denoiser: D(x; σ) = F(c_in·x, c_noise, cond), with the factors of [`Preconditioning`].
///
/// It is not asked for the noise, as a [`super::Edm`] is where there is little: noise needs as many numbers as there
/// are pixels, which do not go through layers that are narrower; digits do (Li & He 2025,
/// <https://arxiv.org/abs/2511.13720>).
#[derive(Debug)]
pub struct Direct {
    network: Mlp,
    config: MlpConfig,
}

impl Direct {
    /// Wraps a network.
    pub fn new(network: Mlp, config: MlpConfig) -> Self {
        Self { network, config }
    }
}

impl Denoiser for Direct {
    fn denoise(&self, x: Tensor<4>, sigma: &[f64], cond: &Cond) -> Tensor<4> {
        let class = cond.one_hot(self.config.classes, &x.device());
        let Preconditioning { c_in, c_noise, .. } =
            Preconditioning::at(column(sigma, &x.device()), SIGMA_DATA);
        let dims = x.dims();
        let flat = (x * c_in).reshape([dims[0], self.config.pixels]);
        self.network.forward(flat, c_noise, class).reshape(dims)
    }

    fn shape(&self) -> [usize; 3] {
        [1, DIGIT_SIZE, DIGIT_SIZE]
    }

    fn sigma_range(&self) -> (f64, f64) {
        (SIGMA_MIN, SIGMA_MAX)
    }

    fn classes(&self) -> Classes {
        Classes::numbered(self.config.classes)
    }
}
