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
//! | [`nn`] | blocks that models share |
//! | [`model`] | one file a model: `Config` and `Module` |
//! | [`scene`] | coloured pictures of digits: their attributes, painted and measured |
//! | [`caption`] | sentences about them: the grammar and the tokenizer |
//! | [`image`] | pixels ↔ tensors: the one normalisation |
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
//! - Only `web` names wasm-bindgen, only `native` and `main.rs` name files, threads and optimisers.
//!
//! # Glossary
//!
//! `z` latent, in the place of x where a model works on latents · `logit_scale` what CLIP's cosines are
//! multiplied by · `sigma_data` standard deviation of what is denoised · `x0` clean sample in \[-1, 1\] · `x` current noisy sample, x0 + σ·noise · `denoised` D(x; σ), the
//! estimate of x0 · `sigma` standard deviation of the noise in x · `sigmas` decreasing, steps + 1
//! long, ends in 0 · `beta`, `alpha_bar` the variance-preserving schedule over `t` · `eta` 0 = ODE,
//! 1 = ancestral · `c_skip`, `c_out`, `c_in`, `c_noise` preconditioning · `steps` intervals in the
//! table · `nfe` network calls (guidance doubles it) · `guidance` g in uncond + g·(cond − uncond), so
//! 1 = off · `cond`, `null_cond`, `p_uncond` · `ema_decay` · `seed`.

pub mod caption;
pub mod denoiser;
pub mod generation;
pub mod image;
pub mod library;
pub mod model;
pub mod nn;
pub mod rng;
pub mod sampler;
pub mod scene;
pub mod schedule;
pub mod weights;

#[cfg(feature = "native")]
pub mod native;
#[cfg(feature = "web")]
pub mod web;
