//! A U-Net over latents, told what to draw by a sentence.

use std::{cell::RefCell, rc::Rc};

use burn::tensor::Tensor;

use super::{Cond, Denoiser, Edm, Wanted, column};
use crate::{
    caption::Tokenizer,
    model::{clip::Clip, vae::Vae},
};

/// Text → picture: the sentences go through CLIP's text encoder, the U-Net's pixels look at what it makes
/// of their words, and the autoencoder's decoder makes a picture of the latent. Latent diffusion, in
/// miniature (Rombach et al. 2022, <https://arxiv.org/abs/2112.10752>).
pub struct Prompted {
    edm: Rc<Edm>,
    clip: Rc<Clip>,
    tokenizer: Rc<Tokenizer>,
    vae: Rc<Vae>,
    picture: [usize; 3],
    /// The last call's sentences, encoded: all steps of a run have the same.
    encoded: RefCell<Option<(Cond, Tensor<3>)>>,
}

impl Prompted {
    /// Puts the parts together. `picture` is the shape that `vae` decodes to.
    pub fn new(
        edm: Rc<Edm>,
        (clip, tokenizer): (Rc<Clip>, Rc<Tokenizer>),
        (vae, picture): (Rc<Vae>, [usize; 3]),
    ) -> Self {
        Self {
            edm,
            clip,
            tokenizer,
            vae,
            picture,
            encoded: RefCell::new(None),
        }
    }

    fn encode(&self, cond: &Cond) -> Tensor<3> {
        let mut encoded = self.encoded.borrow_mut();
        match &*encoded {
            Some((known, context)) if known == cond => context.clone(),
            _ => {
                let tokens = |wanted: &Wanted| match wanted {
                    // The empty sentence is the null condition.
                    Wanted::Any => self.tokenizer.encode(""),
                    Wanted::Digit(digit) => self.tokenizer.encode(&digit.to_string()),
                    Wanted::Prompt(text) => self.tokenizer.encode(text),
                };
                let sentences: Vec<_> = cond.0.iter().map(tokens).collect();
                let context = self.clip.text().forward(&sentences).tokens;
                *encoded = Some((cond.clone(), context.clone()));
                context
            }
        }
    }
}

impl Denoiser for Prompted {
    fn denoise(&self, x: Tensor<4>, sigma: &[f64], cond: &Cond) -> Tensor<4> {
        let context = self.encode(cond);
        let sigma = column(sigma, &x.device());
        self.edm
            .denoise_at(x, sigma, &Cond::null(cond.0.len()), Some(&context))
    }

    fn shape(&self) -> [usize; 3] {
        self.edm.shape()
    }

    fn sigma_range(&self) -> (f64, f64) {
        self.edm.sigma_range()
    }

    fn decode(&self, z: Tensor<4>) -> Tensor<4> {
        self.vae.decode(z)
    }

    fn picture_shape(&self) -> [usize; 3] {
        self.picture
    }
}
