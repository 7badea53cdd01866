//! `unnoise fit`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::AtomicBool},
};

use clap::Args;

use super::{DeviceChoice, Failure, WeightsFolder, catch_interrupts, say, say_aside};
use crate::{
    classes::Classes,
    denoiser::Denoiser,
    generation::{Request, Settings},
    library::{Generator, Network},
    native::{
        evaluation::text::Sentences,
        fit::{self, Fitting},
        sample::{self, SampleError, Sampling},
        store,
    },
    sampler::SamplerKind,
    weights::{self, FitTable},
};

#[derive(Args)]
pub struct Fit {
    /// What to fit a schedule to: digits (digits-estimated takes the same), digits-blind, scorer or text [default: all
    /// whose weights are there and whose own sampler adds no fresh noise]
    #[arg(value_name = "MODEL")]
    models: Vec<Generator>,
    /// For these numbers of steps
    #[arg(
        long,
        value_name = "STEPS",
        value_delimiter = ',',
        default_value = "2,3,4,5,6,8,10",
        value_parser = clap::value_parser!(u64).range(2..=50)
    )]
    steps: Vec<u64>,
    /// The sampler that walks it [default: the model's own]
    #[arg(long)]
    sampler: Option<SamplerKind>,
    /// Strength of classifier-free guidance; 1 is off [default: the model's own]
    #[arg(long)]
    guidance: Option<f64>,
    /// Pictures to fit to; as many more are held out, to measure by
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    count: u64,
    /// Decides the noise: picture i has seed + i
    #[arg(long, default_value_t = 1_000_000)]
    seed: u64,
    #[command(flatten)]
    weights: WeightsFolder,
    #[command(flatten)]
    device: DeviceChoice,
}

impl Fit {
    pub fn run(&self, interrupted: &Arc<AtomicBool>) -> Result<(), Failure> {
        let weights = &self.weights.folder;
        let measured = store::manifest(weights)?;
        let there = |network: &Network| measured.models.contains_key(network.name());
        let models = if self.models.is_empty() {
            let own = |model: &Generator| model.defaults().sampler.order().is_some();
            let can = |model: &Generator| model.networks().iter().all(there);
            let fitted = Generator::ALL
                .into_iter()
                .filter(|model| model.has_schedule());
            fitted.filter(own).filter(can).collect()
        } else {
            self.models.clone()
        };
        for &model in &models {
            self.check(model)?;
        }
        let device = self.device.kind.open()?;
        catch_interrupts(interrupted)?;
        for model in models {
            let Settings {
                sampler, guidance, ..
            } = self.settings(model);
            let library = store::exported(weights, model.networks(), &device)?;
            let denoiser = library.denoiser(model)?;
            let classes = denoiser.classes();
            let fitting = Fitting {
                sampling: Sampling {
                    denoiser,
                    decoder: library.decoder(model)?,
                    settings: self.settings(model),
                    device: &device,
                    interrupted,
                },
                requests: self.requests(model, self.seed, &classes),
                held_out: self.requests(model, self.seed.wrapping_add(self.count), &classes),
            };
            say!(
                "{model}, {sampler}, guidance {guidance}: how far {} pictures are from those of {} steps",
                self.count,
                fit::CONVERGED
            )?;
            say!("{:>5} {:>8} {:>8}", "steps", "karras", "fitted")?;
            let mut tables = BTreeMap::new();
            let fits = fitting.tables(&self.steps(), &mut |steps, table: FitTable| {
                let (karras, fitted) = (table.karras.held_out, table.fitted.held_out);
                let better = fitted < karras;
                let what = if better { "" } else { "  not kept" };
                say!("{steps:>5} {karras:>8.4} {fitted:>8.4}{what}")?;
                if better {
                    tables.insert(steps, table);
                }
                Ok(())
            });
            fits.map_err(|error| match error {
                SampleError::Interrupted => {
                    format!("interrupted: no schedule of {model} was recorded").into()
                }
                other => Failure::from(other),
            })?;
            if tables.is_empty() {
                say_aside(&format!(
                    "no schedule of {model} is recorded: none is better"
                ));
                continue;
            }
            let fit = weights::Fit {
                sampler,
                guidance,
                converged: fit::CONVERGED,
                seed: self.seed,
                count: self.count,
                tables,
            };
            let network = model.networks().last().map(|network| network.name());
            let mut recorded = false;
            store::change_manifest(weights, |now| {
                let entry = network.and_then(|name| Some((now.models.get_mut(name)?, name)));
                if let Some((entry, name)) = entry
                    && measured.models.get(name).map(|was| &was.sha256) == Some(&entry.sha256)
                {
                    entry.fit = Some(fit);
                    recorded = true;
                }
            })?;
            if !recorded {
                say_aside(&format!(
                    "{model} was exported again while it was fitted: its schedule is not recorded"
                ));
            }
        }
        Ok(())
    }

    /// Ascending, each once.
    fn steps(&self) -> BTreeSet<usize> {
        self.steps.iter().map(|&steps| steps as usize).collect()
    }

    fn settings(&self, model: Generator) -> Settings {
        let defaults = model.defaults();
        Settings {
            sampler: self.sampler.unwrap_or(defaults.sampler),
            guidance: self.guidance.unwrap_or(defaults.guidance),
            ..defaults
        }
    }

    fn check(&self, model: Generator) -> Result<(), Failure> {
        if !model.has_schedule() {
            let those = Generator::ALL
                .into_iter()
                .filter(|model| model.has_schedule());
            let those: Vec<&str> = those.map(Generator::name).collect();
            return Err(format!(
                "no schedule is fitted to the model {model}: choose from {}",
                those.join(", ")
            )
            .into());
        }
        let settings = self.settings(model);
        settings.check()?;
        if settings.sampler.order().is_none() {
            return Err(format!(
                "the sampler {} of {model} does not solve the ODE, so there is no picture to come near to: give another --sampler",
                settings.sampler
            )
            .into());
        }
        Ok(())
    }

    fn requests(&self, model: Generator, seed: u64, classes: &Classes) -> Vec<Request> {
        let count = self.count as usize;
        match model.takes_a_prompt() {
            true => Sentences::unseen(count).requests(seed),
            false => sample::balanced(count, seed, classes),
        }
    }
}
