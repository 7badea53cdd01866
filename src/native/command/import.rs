//! `unnoise import`.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, WeightsFolder, say_kept};
use crate::{library::Network, native::torch};

#[derive(Args)]
pub struct Import {
    /// A state dict as a safetensors file, as `unnoise export --float` and examples/twin.py write it
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// unet, unet-blind, noise-level, scorer, vae or text [default: what the file says]
    #[arg(long)]
    network: Option<Network>,
    #[command(flatten)]
    weights: WeightsFolder,
}

impl Import {
    pub fn run(&self) -> Result<(), Failure> {
        let weights = &self.weights.folder;
        let entry = torch::import(&self.file, self.network, weights)?;
        say_kept(weights, &entry)
    }
}
