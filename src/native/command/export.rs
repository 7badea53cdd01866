//! `unnoise export`.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use clap::Args;

use super::{Failure, RUNS, WeightsFolder, catch_interrupts, say, say_kept};
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
        store, torch,
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
    /// Training runs, a folder each [default: runs]
    #[arg(long, value_name = "DIR")]
    runs: Option<PathBuf>,
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
    /// Write what is exported already, all but clip, as PyTorch's state dicts of float32, into --float=DIR; with --runs
    /// the training runs, before quantisation [default: float]
    #[arg(
        long,
        value_name = "DIR",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "float",
        conflicts_with = "onnx"
    )]
    float: Option<PathBuf>,
    /// Let the exported U-Net draw the digits that training in the page learns from, as many of each, into
    /// digits.safetensors beside the weights [default: 4000]
    #[arg(
        long,
        value_name = "COUNT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "4000",
        conflicts_with_all = ["runs", "onnx", "float", "networks"],
        value_parser = clap::value_parser!(u32).range(10..=100_000)
    )]
    digits: Option<u32>,
}

impl Export {
    pub fn run(&self, interrupted: &Arc<AtomicBool>) -> Result<(), Failure> {
        match (&self.onnx, &self.float, self.digits) {
            (Some(folder), ..) => self.to_onnx(folder),
            (_, Some(folder), _) => self.to_float(folder),
            (.., Some(count)) => self.draw_digits(count as usize, interrupted),
            _ => self.to_weights(),
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
        for network in self.exported(|_| true)? {
            for file in onnx::write(network, weights, folder)? {
                say!("{}", file.display())?;
            }
        }
        Ok(())
    }

    fn to_float(&self, folder: &Path) -> Result<(), Failure> {
        let networks = match &self.runs {
            Some(runs) => self.trained(runs, torch::has_state_dict)?,
            None => self.exported(torch::has_state_dict)?,
        };
        for network in networks {
            let file = match &self.runs {
                Some(runs) => torch::write_trained(network, &runs.join(network.name()), folder),
                None => torch::write_exported(network, &self.weights.folder, folder),
            }?;
            say!("{}", file.display())?;
        }
        Ok(())
    }

    fn to_weights(&self) -> Result<(), Failure> {
        let runs = self.runs.as_deref().unwrap_or(Path::new(RUNS));
        let weights = &self.weights.folder;
        for network in self.trained(runs, |_| true)? {
            let entry = export::network(network, &runs.join(network.name()), weights)?;
            say_kept(weights, &entry)?;
        }
        Ok(())
    }

    /// Those that are named, or else all that are exported and that `suit`.
    fn exported(&self, suit: impl Fn(Network) -> bool) -> Result<Vec<Network>, Failure> {
        if !self.networks.is_empty() {
            return Ok(self.networks.clone());
        }
        let folder = &self.weights.folder;
        let manifest = store::manifest(folder)?;
        let exported =
            |network: &Network| manifest.models.contains_key(network.name()) && suit(*network);
        let networks: Vec<Network> = Network::ALL.into_iter().filter(exported).collect();
        if networks.is_empty() {
            let folder = folder.display();
            return Err(format!(
                "there are no weights in {folder}: export some with `unnoise export`"
            )
            .into());
        }
        Ok(networks)
    }

    /// Those that are named, or else all that have a training run in `runs` and that `suit`.
    fn trained(
        &self,
        runs: &Path,
        suit: impl Fn(Network) -> bool,
    ) -> Result<Vec<Network>, Failure> {
        if !self.networks.is_empty() {
            return Ok(self.networks.clone());
        }
        let trained =
            |network: &Network| store::is_run(&runs.join(network.name())) && suit(*network);
        let networks: Vec<Network> = Network::ALL.into_iter().filter(trained).collect();
        if networks.is_empty() {
            let runs = runs.display();
            return Err(format!(
                "there is no training run in {runs}: begin one with `unnoise train`"
            )
            .into());
        }
        Ok(networks)
    }
}
