//! One file a model: its `Config` and its `Module`.

pub mod clip;
pub mod mlp;
pub mod noise_level;
pub mod scorer;
pub mod unet;
pub mod vae;
