//! `unnoise export`.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use clap::Args;

use super::{Failure, RunsFolder, WeightsFolder, catch_interrupts, say};
use crate::{
    denoiser::Denoiser,
    generation::Settings,
    library::{Generator, Network},
    native::{
        atomic,
        data::About,
        device::DeviceKind,
        export, onnx,
        sample::{self, Sampling},
        store,
    },
    training::Pictures,
};

/// The digits that the page's trainer learns from, beside the weights.
const DIGITS: &str = "digits.safetensors";

#[derive(Args)]
pub struct Export {
    /// What to export: unet, unet-blind, noise-level, scorer, vae, clip, text [default: all that is trained]
    #[arg(value_name = "NETWORK")]
    networks: Vec<Network>,
    #[command(flatten)]
    runs: RunsFolder,
    #[command(flatten)]
    weights: WeightsFolder,
    /// Write what is exported already as ONNX files, into --onnx=DIR [default: onnx]
    #[arg(
        long,
        value_name = "DIR",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "onnx",
        conflicts_with = "runs"
    )]
    onnx: Option<PathBuf>,
    /// Let the exported U-Net draw the digits that training in the page learns from, as many of each, into
    /// digits.safetensors beside the weights [default: 4000]
    #[arg(
        long,
        value_name = "COUNT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "4000",
        conflicts_with_all = ["runs", "onnx", "networks"],
        value_parser = clap::value_parser!(u32).range(10..=100_000)
    )]
    digits: Option<u32>,
}

impl Export {
    pub fn run(&self, interrupted: &Arc<AtomicBool>) -> Result<(), Failure> {
        match (&self.onnx, self.digits) {
            (Some(folder), _) => self.to_onnx(folder),
            (None, Some(count)) => self.draw_digits(count as usize, interrupted),
            (None, None) => self.to_weights(),
        }
    }

    fn draw_digits(&self, count: usize, interrupted: &Arc<AtomicBool>) -> Result<(), Failure> {
        let weights = &self.weights.folder;
        let device = DeviceKind::Cpu.open()?;
        let model = Generator::default();
        let library = store::exported(weights, model.networks(), &device)?;
        let about = Arc::new(About::mnist());
        let denoiser = library.denoiser(model)?;
        let [_, size, _] = denoiser.shape();
        if denoiser.classes() != about.classes || size != about.size {
            return Err(
                "training in the page learns digits as MNIST's: the exported unet draws others"
                    .into(),
            );
        }
        catch_interrupts(interrupted)?;
        let sampling = Sampling {
            denoiser,
            decoder: None,
            settings: Settings::default(),
            device: &device,
            interrupted,
        };
        let requests = sample::balanced(count, 1, &about.classes);
        let drawn = sample::as_set(&sampling.all(&requests)?, &requests, &about);
        let bytes = Pictures::pack(&drawn.images, &drawn.labels)?;
        let file = weights.join(DIGITS);
        atomic::write(&file, &bytes)?;
        say!("{}: {count} digits, {} bytes", file.display(), bytes.len())?;
        Ok(())
    }

    fn to_onnx(&self, folder: &Path) -> Result<(), Failure> {
        let weights = &self.weights.folder;
        let networks = if self.networks.is_empty() {
            let manifest = store::manifest(weights)?;
            let exported = |network: &Network| manifest.models.contains_key(network.name());
            Network::ALL
                .into_iter()
                .filter(exported)
                .collect::<Vec<_>>()
        } else {
            self.networks.clone()
        };
        if networks.is_empty() {
            return Err(format!(
                "there are no weights in {}: export some with `unnoise export`",
                weights.display()
            )
            .into());
        }
        for network in networks {
            for file in onnx::write(network, weights, folder)? {
                say!("{}", file.display())?;
            }
        }
        Ok(())
    }

    fn to_weights(&self) -> Result<(), Failure> {
        let (runs, weights) = (&self.runs.folder, &self.weights.folder);
        let trained = |network: &Network| store::is_run(&runs.join(network.name()));
        let networks = if self.networks.is_empty() {
            Network::ALL.into_iter().filter(trained).collect()
        } else {
            self.networks.clone()
        };
        if networks.is_empty() {
            return Err(format!(
                "there is no training run in {}: begin one with `unnoise train`",
                runs.display()
            )
            .into());
        }
        for network in networks {
            let entry = export::network(network, &runs.join(network.name()), weights)?;
            say!(
                "{}: {} bytes, {} parameters, {:.1} MFLOP a call",
                weights.join(&entry.file).display(),
                entry.bytes,
                entry.parameters,
                entry.mflop_per_call
            )?;
        }
        Ok(())
    }
}
