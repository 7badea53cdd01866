//! A U-Net over latents, told what to draw by a sentence.

use std::{cell::RefCell, rc::Rc};

use burn::tensor::Tensor;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Cond, Denoiser, Edm, Wanted, column};
use crate::{
    caption::{Tokenizer, Tokens},
    model::{clip::Clip, unet::Sentences},
    schedule::Fitted,
};

/// The stream of a seed that chooses a digit: no noise comes from it.
const DIGITS: u64 = u64::MAX;

/// Text → picture: the sentences go through CLIP's text encoder, the U-Net's pixels look at what it makes
/// of their words, and a [`Decoder`](super::Decoder) makes a picture of the latent. Latent diffusion, in
/// miniature (Rombach et al. 2022, <https://arxiv.org/abs/2112.10752>). Where a sentence names no digit, the
/// picture's seed chooses one, and its word is read in the place of the missing one: without, something between
/// digits comes out.
pub struct Prompted {
    edm: Rc<Edm>,
    clip: Rc<Clip>,
    tokenizer: Rc<Tokenizer>,
    /// The last call's sentences, and what the U-Net looks up of them: all steps of a run have the same.
    known: RefCell<Option<(Cond, Rc<Sentences>)>>,
}

impl Prompted {
    /// Puts the parts together.
    pub fn new(edm: Rc<Edm>, (clip, tokenizer): (Rc<Clip>, Rc<Tokenizer>)) -> Self {
        Self {
            edm,
            clip,
            tokenizer,
            known: RefCell::new(None),
        }
    }

    fn tokens(&self, wanted: &Wanted) -> Tokens {
        match wanted {
            // The empty sentence is the null condition.
            Wanted::Any => self.tokenizer.encode(""),
            Wanted::Digit(digit) => self.tokenizer.encode(&digit.to_string()),
            Wanted::Prompt(text) => self.tokenizer.encode(text),
        }
    }

    fn sentences(&self, cond: &Cond) -> Rc<Sentences> {
        let mut known = self.known.borrow_mut();
        match &*known {
            Some((of, sentences)) if of == cond => sentences.clone(),
            _ => {
                let texts: Vec<_> = cond.0.iter().map(|wanted| self.tokens(wanted)).collect();
                let context = self.clip.text().tokens(&texts);
                let sentences = Rc::new(self.edm.look_up(&context));
                *known = Some((cond.clone(), sentences.clone()));
                sentences
            }
        }
    }
}

impl Denoiser for Prompted {
    fn denoise(&self, x: Tensor<4>, sigma: &[f64], cond: &Cond) -> Tensor<4> {
        let sentences = self.sentences(cond);
        let sigma = column(sigma, &x.device());
        self.edm
            .denoise_at(x, sigma, &Cond::null(cond.0.len()), Some(&sentences))
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

    fn settle(&self, wanted: Wanted, negative: &Wanted, seed: u64) -> Wanted {
        let unwanted = self.tokens(negative).digits();
        let mut digits: Vec<u8> = (0..10).filter(|d| !unwanted.contains(d)).collect();
        if digits.is_empty() {
            digits = (0..10).collect();
        }
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(DIGITS);
        let digit = digits[random.random_range(0..digits.len())];
        match wanted {
            Wanted::Any => Wanted::Digit(digit),
            Wanted::Prompt(text) => Wanted::Prompt(self.tokenizer.with_digit(&text, digit)),
            Wanted::Digit(digit) => Wanted::Digit(digit),
        }
    }
}
