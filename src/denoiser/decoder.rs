//! From latents to pictures.

use std::rc::Rc;

use burn::tensor::Tensor;

use crate::model::vae::{Vae, VaeConfig};

/// What makes pictures of clean latents.
pub trait Decoder {
    /// The pictures that latents stand for.
    ///
    /// # Shapes
    /// `z` [n, c, h, w]; returns n times [`Decoder::shape`].
    fn decode(&self, z: Tensor<4>) -> Tensor<4>;

    /// Channels, height and width of a picture.
    fn shape(&self) -> [usize; 3];
}

/// An autoencoder's second half.
pub struct VaeDecoder {
    vae: Rc<Vae>,
    config: VaeConfig,
}

impl VaeDecoder {
    /// Wraps an autoencoder.
    pub fn new(vae: Rc<Vae>, config: VaeConfig) -> Self {
        Self { vae, config }
    }
}

impl Decoder for VaeDecoder {
    fn decode(&self, z: Tensor<4>) -> Tensor<4> {
        self.vae.decode(z)
    }

    fn shape(&self) -> [usize; 3] {
        self.config.picture()
    }
}
