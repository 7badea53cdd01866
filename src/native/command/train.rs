//! `unnoise train`.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use clap::Args;

use super::{DATA, DeviceChoice, Failure, RunsFolder, WeightsFolder, catch_interrupts, say};
use crate::{
    library::{Library, Network},
    model::{
        clip::ClipConfig, noise_level::NoiseLevelConfig, scorer::ScorerConfig, unet::UnetConfig,
        vae::VaeConfig,
    },
    native::{
        device::DeviceKind,
        serve,
        store::{self, Exported},
        train::{
            self, Recipe, Run, Task,
            clip::ClipTask,
            digits::Digits,
            noise_level::NoiseLevelTask,
            pictures::Pictures,
            recipe::{MAX_BATCH, RecipeError, RecipeFile},
            scorer::ScorerTask,
            text::TextTask,
            unet::UnetTask,
            vae::VaeTask,
        },
    },
    nn::{Cost, ModelConfig},
};

#[derive(Args)]
pub struct Train {
    /// What to train: unet, unet-blind, noise-level, scorer, vae, clip or text [default: as the recipe says]
    #[arg(required_unless_present = "recipe")]
    network: Option<Network>,
    /// A file that says the network, its budget, the data and how to train; what is given beside it counts instead
    #[arg(long, value_name = "FILE")]
    recipe: Option<PathBuf>,
    /// The set to learn from, as `unnoise data` leaves it [default: as the recipe says, or data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    runs: RunsFolder,
    /// Of --pretrained, and of `text`: it learns from the latents and the words' vectors of the exported vae
    /// and clip
    #[command(flatten)]
    weights: WeightsFolder,
    #[command(flatten)]
    device: DeviceChoice,
    /// Continue from the last checkpoint; with more --epochs than before, train on
    #[arg(long)]
    resume: bool,
    /// Begin with the exported weights in place of fresh ones, to train them further
    #[arg(long, conflicts_with = "resume")]
    pretrained: bool,
    /// Passes over the training digits [default: what the shipped weights had]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    epochs: Option<u64>,
    /// Samples that go through the network at once [default: what the shipped weights had]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=MAX_BATCH as u64))]
    batch: Option<u64>,
    /// Batches whose gradients make one step, for large steps in little memory [default: 1]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=MAX_BATCH as u64))]
    accumulate: Option<u64>,
    /// Learning rate after warm-up [default: what the shipped weights had]
    #[arg(long)]
    learning_rate: Option<f64>,
    /// Decides the initial weights and every random draw [default: 0]
    #[arg(long)]
    seed: Option<u64>,
    /// Of clip: train the image encoder alone, and keep the exported text encoder, whose words the exported
    /// text model follows
    #[arg(long)]
    lock_text: bool,
    /// Seconds between checkpoints
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    checkpoint_every: u64,
    /// Show curves and samples on a page of this machine for as long as the training takes
    #[arg(long)]
    watch: bool,
    /// The page's port; 0 takes any free one
    #[arg(long, default_value_t = 0, requires = "watch")]
    port: u16,
}

impl Train {
    pub fn run(&self, interrupted: &Arc<AtomicBool>) -> Result<(), Failure> {
        let file = self.recipe.as_deref().map(RecipeFile::read).transpose()?;
        let file = file.unwrap_or_default();
        let network = self.network.or(file.network);
        let network =
            network.ok_or("say what to train: a network, or a --recipe that names one")?;
        let recipe = self.recipe(network, &file);
        if self.lock_text && network != Network::Clip {
            return Err(format!("--lock-text is for clip: {network} has no text encoder").into());
        }
        recipe.check()?;
        if recipe.accumulate > 1 && network == Network::Clip {
            return Err(RecipeError::Compares(network).into());
        }
        let folder = self.data.as_deref().or(file.data.as_deref());
        let folder = folder.unwrap_or(Path::new(DATA));
        let run = Run {
            folder: self.runs.folder.join(network.name()),
            resume: self.resume,
            checkpoint_every: Duration::from_secs(self.checkpoint_every),
            pretrained: self
                .pretrained
                .then(|| Exported::read(&self.weights.folder, network))
                .transpose()?,
        };
        catch_interrupts(interrupted)?;
        if self.watch {
            let address = serve::watch(&run.folder, self.port)?;
            say!("to be watched at http://{address}/")?;
        }
        let digits = || Digits::load(folder, recipe.seed);
        let pictures = || -> Result<Pictures, Failure> {
            let digits = digits()?;
            let about = digits.about();
            if !about.is_of_digits() {
                return Err(format!(
                    "{network} learns from scenes with digits in them, as MNIST's are: {} has none",
                    about.name
                )
                .into());
            }
            Ok(Pictures::of(digits))
        };
        let exported = |networks: &[Network]| -> Result<Library, Failure> {
            let device = self.device.kind.open()?;
            Ok(store::exported(&self.weights.folder, networks, &device)?)
        };
        let job = Job {
            recipe: &recipe,
            run: &run,
            device: self.device.kind,
            interrupted,
        };
        match network {
            Network::Unet | Network::UnetBlind => {
                let digits = digits()?;
                let about = digits.about();
                let mut config = UnetConfig::new()
                    .with_size(about.size)
                    .with_classes(about.classes.len());
                if network == Network::UnetBlind {
                    config = config.with_noise_features(0);
                }
                let config = recipe.configured(network, &config)?;
                job.go(config.cost(), &UnetTask::new(network, config, digits))?;
            }
            Network::NoiseLevel => {
                let digits = digits()?;
                let config = NoiseLevelConfig::new().with_size(digits.about().size);
                let config = recipe.configured(network, &config)?;
                job.go(config.cost(), &NoiseLevelTask::new(config, digits))?;
            }
            Network::Scorer => {
                let digits = digits()?;
                let about = digits.about();
                let config = ScorerConfig::new()
                    .with_size(about.size)
                    .with_classes(about.classes.len());
                let config = recipe.configured(network, &config)?;
                job.go(config.cost(), &ScorerTask::new(config, digits))?;
            }
            Network::Vae => {
                let config = recipe.configured(network, &VaeConfig::new())?;
                job.go(config.cost(), &VaeTask::new(config, pictures()?))?;
            }
            Network::Clip if !recipe.lock_text => {
                let config = recipe.configured(network, &ClipConfig::new())?;
                job.go(config.cost(), &ClipTask::new(config, pictures()?))?;
            }
            Network::Clip | Network::Text if !recipe.budget.is_empty() => {
                return Err(format!(
                    "{network} is built as the exported networks that it works with: leave out the budget"
                )
                .into());
            }
            Network::Clip => {
                let library = exported(&[Network::Clip])?;
                let (clip, config) = (library.clip()?.0, library.clip_config()?);
                let task = ClipTask::locked(clip, config, pictures()?);
                job.go(task.network().cost(), &task)?;
            }
            Network::Text => {
                let library = exported(&[Network::Vae, Network::Clip])?;
                let task = TextTask::new(&library, pictures()?)?;
                job.go(task.network().cost(), &task)?;
            }
        }
        say!(
            "trained: see {}, then run `unnoise export {network}`",
            run.folder.display()
        )?;
        Ok(())
    }

    /// What the command line says counts, then what the file says, then what is usual.
    fn recipe(&self, network: Network, file: &RecipeFile) -> Recipe {
        let recipe = Recipe::with(network, file);
        Recipe {
            epochs: self.epochs.unwrap_or(recipe.epochs),
            batch: self.batch.map_or(recipe.batch, |batch| batch as usize),
            accumulate: self.accumulate.map_or(recipe.accumulate, |n| n as usize),
            learning_rate: self.learning_rate.unwrap_or(recipe.learning_rate),
            seed: self.seed.unwrap_or(recipe.seed),
            lock_text: self.lock_text,
            ..recipe
        }
    }
}

/// A training, all but what is trained.
struct Job<'a> {
    recipe: &'a Recipe,
    run: &'a Run,
    device: DeviceKind,
    interrupted: &'a AtomicBool,
}

impl Job<'_> {
    fn go<T: Task>(&self, cost: Cost, task: &T) -> Result<(), Failure> {
        say!(
            "{}: {} parameters, {:.1} MFLOP a call",
            task.name(),
            cost.parameters,
            cost.mflop()
        )?;
        let device = self.device.open()?;
        train::train(task, self.recipe, self.run, &device, self.interrupted)?;
        Ok(())
    }
}
