//! `unnoise clip`.

use std::{io, path::PathBuf};

use clap::Args;

use super::{DeviceChoice, Failure, WeightsFolder, warn};
use crate::{
    library::Network,
    native::{similarity::Similarity, store},
};

#[derive(Args)]
pub struct Clip {
    /// A folder of PNG or JPEG pictures
    #[arg(long, value_name = "DIR")]
    images: PathBuf,
    /// A text on each line
    #[arg(long, value_name = "FILE")]
    texts: PathBuf,
    #[command(flatten)]
    weights: WeightsFolder,
    #[command(flatten)]
    device: DeviceChoice,
}

impl Clip {
    pub fn run(&self) -> Result<(), Failure> {
        let device = self.device.kind.open()?;
        let library = store::exported(&self.weights.folder, &[Network::Clip], &device)?;
        let (clip, tokenizer) = library.clip()?;
        let similarity = Similarity::of(&clip, &tokenizer, &self.images, &self.texts, &device)?;
        for text in &similarity.texts {
            warn(&tokenizer, text);
        }
        Ok(similarity.write_csv(io::stdout().lock())?)
    }
}
