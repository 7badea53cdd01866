//! `unnoise reconstruct`.

use std::path::PathBuf;

use clap::Args;

use super::{DeviceChoice, Failure, WeightsFolder, say};
use crate::{
    library::Network,
    native::{reconstruct::Reconstruction, store},
};

#[derive(Args)]
pub struct Reconstruct {
    /// A PNG or JPEG picture, white where it is transparent, or a file of pictures in MNIST's format
    #[arg(value_name = "PICTURE|IDX")]
    from: PathBuf,
    /// Where the reconstruction goes: a PNG, or a file in MNIST's format
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    weights: WeightsFolder,
    #[command(flatten)]
    device: DeviceChoice,
}

impl Reconstruct {
    pub fn run(&self) -> Result<(), Failure> {
        let device = self.device.kind.open()?;
        let library = store::exported(&self.weights.folder, &[Network::Vae], &device)?;
        let (vae, config) = library.vae()?;
        let reconstruction = Reconstruction {
            vae: &vae,
            config: &config,
            device: &device,
        };
        let outcome = reconstruction.file(&self.from, &self.out)?;
        let pictures = match outcome.count {
            1 => "1 picture".into(),
            count => format!("{count} pictures"),
        };
        let resized = if outcome.resized {
            format!(", brought to {0}x{0} pixels", config.size)
        } else {
            String::new()
        };
        say!(
            "{pictures}{resized}: mean square error {:.5}, PSNR {:.2} dB",
            outcome.mse,
            outcome.psnr()
        )?;
        Ok(())
    }
}
