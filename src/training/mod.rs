//! What training is wherever it runs: what a step draws, the loss, the optimiser, the averaged weights. The
//! trainer for a page is here too; the one for the command line is in `native`.

mod adam;
mod batch;
mod ema;
mod loss;
mod pictures;
mod trainer;

pub use adam::Adam;
pub use batch::{Batch, LN_SIGMA, P_UNCOND, draw, noise, order, pictures, random, sigmas};
use burn::{
    grad_clipping::GradientClippingConfig,
    optim::{AdamConfig, ModuleOptimizer},
};
pub use ema::averaged;
pub use loss::{denoising_losses, edm_losses};
pub use pictures::{MAX_DRAWINGS, Pictures};
pub use trainer::{
    MAX_BATCH, MAX_LEARNING_RATE, MAX_SAMPLES, MIN_LEARNING_RATE, Settings, Step, Trainer,
    TrainerError, squared_error,
};

/// Adam (Kingma & Ba 2014, <https://arxiv.org/abs/1412.6980>) with gradients that are never long.
pub fn optimizer() -> ModuleOptimizer {
    AdamConfig::new()
        .with_beta_2(0.99)
        .with_epsilon(1e-8)
        // Of each tensor by itself, as Burn does it; not of all gradients together.
        .with_grad_clipping(Some(GradientClippingConfig::Norm(1.0)))
        .init()
}
