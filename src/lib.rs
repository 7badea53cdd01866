//! Handwritten digits out of pure noise, one visible step at a time.
//!
//! # Layout
//!
//! | module | job |
//! | --- | --- |
//! | [`rng`] | seed → Gaussian noise, the same on every machine |
//! | [`schedule`] | β, ᾱ and σ tables |
//! | [`sampler`] | σᵢ → σᵢ₊₁, pure, in f64 |
//! | [`denoiser`] | what generates: (x, σ, cond) → denoised, and the wrappers that make one |
//! | [`generation`] | a resumable run; the only place where a sampler meets a tensor |
//! | [`library`] | the networks that are loaded, and what can generate with them |
//! | [`classes`] | the classes that a set of pictures has, by number and by name |
//! | [`kernel`] | operators of our own, each beside the same in Burn's |
//! | [`name`] | the names by which a person asks for one of several things |
//! | [`nn`] | blocks that models share |
//! | [`model`] | one file a model: `Config` and `Module` |
//! | [`scene`] | coloured pictures of digits: their attributes, painted and measured |
//! | [`caption`] | sentences about them: the grammar and the tokenizer |
//! | [`image`] | pixels ↔ tensors: the one normalisation |
//! | [`training`] | what training is wherever it runs, and the trainer of the page |
//! | [`weights`] | manifest, checks, quantisation, load from bytes |
//! | `web` | the binding that the page calls (feature `web`) |
//! | `native` | data, training, evaluation, export, serve (feature `native`) |
//!
//! # Invariants
//!
//! - `rng`, `schedule` and `sampler` never name Burn; they compute in f64.
//! - Noise is drawn on the host from the seed, so the same seed and settings give the same digit on
//!   every backend, within [`generation::PARITY_TOLERANCE`].
//! - Every model that generates is a [`denoiser::Denoiser`].
//! - A sampler's step is pure; the driver owns the loop.
//! - Only `web` names wasm-bindgen, only `native` and `main.rs` name files and threads, they
//!   and `training` optimisers.
//!
//! # Glossary
//!
//! `z` latent, in the place of x where a model works on latents · `logit_scale` what CLIP's cosines are
//! multiplied by · `sigma_data` standard deviation of what is denoised · `x0` clean sample in \[-1, 1\] · `x` current noisy sample, x0 + σ·noise · `denoised` D(x; σ), the
//! estimate of x0 · `sigma` standard deviation of the noise in x · `sigmas` decreasing, steps + 1
//! long, ends in 0 · `beta`, `alpha_bar` the variance-preserving schedule over `t` · `eta` 0 = ODE,
//! 1 = ancestral · `rate` c in "subtract c times the noise" · `momentum` the share of the step before that
//! is gone once more · `shift` of flow matching's t, which multiplies sigma · `c_skip`, `c_out`, `c_in`, `c_noise` preconditioning · `steps` intervals in the
//! table · `nfe` network calls (guidance doubles it) · `guidance` g in uncond + g·(cond − uncond), so
//! 1 = off · `negative` what stands in the place of uncond, to be led away from · `cond`, `null_cond`, `p_uncond` · `ema_decay` · `seed`.

/// The tensors that a [`denoiser::Denoiser`] takes and gives are of exactly this version.
pub use burn;

pub mod caption;
pub mod classes;
pub mod denoiser;
pub mod generation;
pub mod image;
pub mod kernel;
pub mod library;
pub mod model;
pub mod name;
pub mod nn;
pub mod rng;
pub mod sampler;
pub mod scene;
pub mod schedule;
pub mod training;
pub mod weights;

#[cfg(feature = "native")]
pub mod native;
#[cfg(feature = "web")]
pub mod web;
