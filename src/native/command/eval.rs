//! `unnoise eval`.

use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use burn::tensor::Device;
use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    DataFolder, DeviceChoice, Failure, Generate, RunsFolder, WeightsFolder, catch_interrupts,
    grid::Grid, say, say_aside,
};
use crate::{
    classes::Classes,
    generation::{Request, Settings},
    library::{Generator, Library, Network},
    native::{
        atomic::Draft,
        data::{About, DataSet, Learned, Split},
        evaluation::{
            self, Report,
            classifier::{Classifier, Reader},
            lenet::LeNet,
            noise::{self, LossTable, NoiseTable},
            pixels::{Pixels, Reference},
            resnet::ResNet,
            suite::{self, Figures, Subject},
            text::Sentences,
        },
        idx,
        output::{SAMPLE_IMAGES, SAMPLE_LABELS},
        sample::{self, Sampling},
        store,
        train::{TrainError, pictures::Drawn},
    },
};

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Eval {
    #[command(subcommand)]
    part: Option<Part>,
    /// What to measure: digits, digits-blind, digits-estimated, scorer, scorer-plain, noise-level, text, vae,
    /// clip [default: all whose weights are there]
    #[arg(value_name = "MODEL", conflicts_with = "samples")]
    subjects: Vec<Subject>,
    /// 1,000 pictures instead of 10,000; of text and of models that follow a gradient, 200 instead of 1,000
    #[arg(long)]
    quick: bool,
    /// So many pictures, of whatever is measured
    #[arg(long, conflicts_with_all = ["quick", "samples"], value_parser = clap::value_parser!(u32).range(100..=100_000))]
    count: Option<u32>,
    /// Judge the samples of this folder (made by `sample --balanced`) instead of making new ones
    #[arg(long, value_name = "DIR")]
    samples: Option<PathBuf>,
    /// Measure the unquantised weights of the training run too
    #[arg(long, conflicts_with = "samples")]
    before: bool,
    /// Write the figures into the manifest
    #[arg(long, conflicts_with_all = ["samples", "quick"])]
    record: bool,
    /// Write the figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    generate: Generate,
    #[command(flatten)]
    data: DataFolder,
    #[command(flatten)]
    runs: RunsFolder,
    #[command(flatten)]
    weights: WeightsFolder,
    #[command(flatten)]
    device: DeviceChoice,
}

#[derive(Subcommand)]
enum Part {
    /// Measure a model with every sampler, by network calls and guidance
    Grid(Grid),
}

impl Eval {
    pub fn run(&self, interrupted: &Arc<AtomicBool>) -> Result<(), Failure> {
        if let Some(Part::Grid(grid)) = &self.part {
            return grid.run(interrupted);
        }
        // All that is given is looked at before the judge is trained.
        let json = self.json.as_deref().map(Draft::begin).transpose()?;
        if let Some(folder) = &self.samples {
            check_samples(folder)?;
        }
        let device = self.device.kind.open()?;
        let train_set = DataSet::load(&self.data.folder, Split::Train)?;
        let test_set = DataSet::load(&self.data.folder, Split::Test)?;
        let about = &train_set.about;
        say!("{}, {} held out", Learned::from(&train_set), test_set.len())?;
        let samples = self.samples.as_deref().map(|folder| samples(folder, about));
        let samples = samples.transpose()?;
        catch_interrupts(interrupted)?;
        if let Some(samples) = samples {
            let lenet: Classifier<LeNet> =
                judge(&self.runs, &train_set, &test_set, &device, interrupted)?;
            let resnet: Classifier<ResNet> =
                judge(&self.runs, &train_set, &test_set, &device, interrupted)?;
            let reports = [
                evaluation::evaluate(&samples, &test_set, &lenet)?,
                evaluation::evaluate(&samples, &test_set, &resnet)?,
            ];
            let pixels = Reference::new(&train_set, &test_set, samples.len()).compare(&samples);
            return save(json, &json!({ "samples": told(reports, pixels)? }));
        }

        let weights = &self.weights.folder;
        let manifest = store::manifest(weights)?;
        let there = |network: &Network| manifest.models.contains_key(network.name());
        let subjects = if self.subjects.is_empty() {
            let can = |subject: &Subject| {
                subject.networks().iter().all(there)
                    && (draws_set(*subject) || about.is_of_digits())
            };
            Subject::all().filter(can).collect()
        } else {
            self.subjects.clone()
        };
        if let Some(subject) = subjects.iter().find(|subject| !draws_set(**subject))
            && !about.is_of_digits()
        {
            return Err(format!(
                "{subject} is measured by digits, as MNIST's are: {} has none",
                about.name
            )
            .into());
        }
        let generators = subjects.iter().filter_map(|subject| match subject {
            Subject::Generator(generator) => Some(*generator),
            Subject::Vae | Subject::Clip => None,
        });
        generators
            .clone()
            .try_for_each(|generator| self.settings(generator).check())?;
        let needed = |network: &Network| subjects.iter().any(|s| s.networks().contains(network));
        let networks: Vec<Network> = Network::ALL.into_iter().filter(needed).collect();
        let library = store::exported(weights, &networks, &device)?;
        for generator in generators
            .clone()
            .filter(|generator| generator.draws_digits())
        {
            fits(generator, &library, about)?;
        }
        let trained = |subject: &Subject| {
            store::trained(&self.runs.folder, weights, subject.networks(), &device)
        };
        let before: Vec<Library> = if self.before {
            subjects.iter().map(trained).collect::<Result<_, _>>()?
        } else {
            Vec::new()
        };
        let lenet = judge(&self.runs, &train_set, &test_set, &device, interrupted)?;
        let resnet = judge(&self.runs, &train_set, &test_set, &device, interrupted)?;
        let evaluation = Evaluation {
            options: self,
            device: &device,
            lenet: &lenet,
            resnet: &resnet,
            train_set: &train_set,
            test_set: &test_set,
            interrupted,
        };
        let mut figures = Figures::default();
        // What is recorded stays, whatever becomes of the rest.
        let record = |figures: &Figures| {
            let mut left_out = Vec::new();
            if self.record {
                store::change_manifest(weights, |now| left_out = figures.record(now, &manifest))?;
            }
            Ok::<_, Failure>(left_out)
        };
        for (i, &subject) in subjects.iter().enumerate() {
            if let Some(trained) = before.get(i) {
                let report = evaluation.measure(subject, "before quantisation", trained)?;
                figures.set(subject, "beforeQuantisation", report);
            }
            let report = evaluation.measure(subject, "as exported", &library)?;
            figures.set(subject, "afterQuantisation", report);
            if let Subject::Generator(generator) = subject {
                let settings = self.settings(generator);
                figures.set(subject, "settings", json!(settings));
                let sigmas = settings.table(&library.denoiser(generator)?)?;
                let calls = settings.calls_along(&sigmas);
                figures.set(subject, "networkCalls", json!(calls));
            }
            record(&figures)?;
        }

        let mut losses = Vec::new();
        for generator in generators.clone().filter(|g| g.takes_a_digit()) {
            let by_sigma = noise::losses(&*library.denoiser(generator)?, &test_set, &device)?;
            let rows: Vec<_> = noise::SIGMAS.iter().zip(&by_sigma).collect();
            figures.set(Subject::Generator(generator), "lossBySigma", json!(rows));
            losses.push((generator.name(), by_sigma));
        }
        if !losses.is_empty() {
            say!("\nLoss by sigma on the held-out pictures; 1 is as good as no network")?;
            say!("{}", LossTable(&losses))?;
        }
        let predicts = |g: Generator| g.networks().contains(&Network::NoiseLevel);
        if generators.clone().any(predicts) {
            let errors = noise::noise_errors(&*library.noise_level()?, &test_set, &device)?;
            say!("\nThe predicted amount of noise on the held-out pictures, relative errors")?;
            say!("{}", NoiseTable(&errors, about.pixels()))?;
            let subject = Subject::Generator(Generator::NoiseLevel);
            figures.set(subject, "errorBySigma", json!(errors));
        }
        for subject in record(&figures)? {
            say_aside(&format!(
                "{subject} was exported again while it was measured: its figures are not recorded"
            ));
        }
        save(json, &figures.json())
    }

    /// How a generator is measured: guidance stays as it is where there is none to set.
    fn settings(&self, generator: Generator) -> Settings {
        let defaults = generator.defaults();
        let guidance = defaults.guidance;
        let settings = self.generate.settings(defaults);
        match generator.is_guided() {
            true => settings,
            false => Settings {
                guidance,
                ..settings
            },
        }
    }
}

/// Steps that a judge takes at least, however few pictures there are.
const LEAST_STEPS: u64 = 200;

/// What is drawn like the pictures of a set; the rest draws scenes with digits in them, or sees such.
fn draws_set(subject: Subject) -> bool {
    matches!(subject, Subject::Generator(generator) if generator.draws_digits())
}

/// Makes sure that what a generator draws can be compared with the pictures of a set.
pub(super) fn fits(generator: Generator, library: &Library, about: &About) -> Result<(), Failure> {
    let denoiser = library.denoiser(generator)?;
    let classes = denoiser.classes();
    let same = !generator.takes_a_digit() || classes == about.classes;
    if same && denoiser.shape() == [1, about.size, about.size] {
        return Ok(());
    }
    Err(format!(
        "the weights of {generator} have not learned from {}: {} there, {} here",
        about.name,
        kind(&about.classes, about.size),
        kind(&classes, denoiser.shape()[1])
    )
    .into())
}

/// "3 classes (circle, cross, triangle) of 28x28 pixels".
fn kind(classes: &Classes, size: usize) -> String {
    let names = classes.names().join(", ");
    format!(
        "{} classes ({names}) of {size}x{size} pixels",
        classes.len()
    )
}

/// A network that reads digits, trained first where that has not been done.
pub(super) fn judge<N: Reader>(
    runs: &RunsFolder,
    train_set: &DataSet,
    test_set: &DataSet,
    device: &Device,
    interrupted: &AtomicBool,
) -> Result<Classifier<N>, Failure> {
    // Those of other sets stand beside that of MNIST.
    let set = &train_set.about.name;
    let folder = runs.folder.join(match *set == About::mnist().name {
        true => N::NAME.into(),
        false => format!("{}-{set}", N::NAME),
    });
    if !store::is_run(&folder) {
        say_aside(&format!(
            "the judge {} is trained first, once; it is kept in {}",
            N::NAME,
            folder.display()
        ));
    }
    let classifier = Classifier::load_or_train(
        &folder,
        &N::recipe().lasting(LEAST_STEPS, train_set.len()),
        train_set,
        test_set,
        device,
        interrupted,
    );
    classifier.map_err(|error| match error {
        TrainError::Interrupted(_) => {
            "interrupted: run the same command again, the judge's training goes on where it was"
                .into()
        }
        other => Failure::from(other),
    })
}

/// Makes sure that a folder holds samples that can be read.
fn check_samples(folder: &Path) -> Result<(), Failure> {
    if !folder.join(SAMPLE_IMAGES).exists() {
        return Err(format!(
            "{} holds no samples (no {SAMPLE_IMAGES}): make some with `unnoise sample --balanced 10000 --out DIR`",
            folder.display()
        )
        .into());
    }
    idx::read_images(&folder.join(SAMPLE_IMAGES))?;
    idx::read_labels(&folder.join(SAMPLE_LABELS))?;
    Ok(())
}

/// The samples of a folder.
fn samples(folder: &Path, about: &Arc<About>) -> Result<DataSet, Failure> {
    let (images, labels) = (folder.join(SAMPLE_IMAGES), folder.join(SAMPLE_LABELS));
    Ok(DataSet::read(&images, &labels, about.clone())?)
}

/// What measuring needs, whatever is measured.
struct Evaluation<'a> {
    options: &'a Eval,
    device: &'a Device,
    lenet: &'a Classifier<LeNet>,
    resnet: &'a Classifier<ResNet>,
    train_set: &'a DataSet,
    test_set: &'a DataSet,
    interrupted: &'a AtomicBool,
}

impl Evaluation<'_> {
    /// Measures with the networks of a library, prints the report and returns it as JSON.
    fn measure(
        &self,
        subject: Subject,
        title: &str,
        library: &Library,
    ) -> Result<serde_json::Value, Failure> {
        let usual = suite::count(subject, self.options.quick);
        let count = self.options.count.map_or(usual, |count| count as usize);
        let pictures = || Drawn::of_test_digits(self.test_set, count);
        match subject {
            Subject::Generator(Generator::Text) => self.text(title, library, count),
            Subject::Generator(generator) => self.digits(generator, title, library, count),
            Subject::Vae => {
                say!("\nvae, {title}")?;
                let (vae, _) = library.vae()?;
                let report = evaluation::vae::evaluate(&vae, &pictures(), self.lenet, self.device)?;
                say!("{report}")?;
                Ok(json!(report))
            }
            Subject::Clip => {
                say!("\nclip, {title}")?;
                let (clip, tokenizer) = library.clip()?;
                let report =
                    evaluation::clip::evaluate(&clip, &tokenizer, &pictures(), self.device)?;
                say!("{report}")?;
                Ok(json!(report))
            }
        }
    }

    fn digits(
        &self,
        generator: Generator,
        title: &str,
        library: &Library,
        count: usize,
    ) -> Result<serde_json::Value, Failure> {
        let about = &self.train_set.about;
        let requests = sample::balanced(count, self.options.generate.seed, &about.classes);
        let pictures = self.pictures(generator, title, library, &requests)?;
        let samples = sample::as_set(&pictures, &requests, about);
        let mut reports = [
            evaluation::evaluate(&samples, self.test_set, self.lenet)?,
            evaluation::evaluate(&samples, self.test_set, self.resnet)?,
        ];
        let reference = Reference::new(self.train_set, self.test_set, count);
        let mut pixels = reference.compare(&samples);
        if !generator.takes_a_digit() {
            reports = reports.map(Report::unasked);
            pixels.variance = None;
        }
        told(reports, pixels)
    }

    fn text(
        &self,
        title: &str,
        library: &Library,
        count: usize,
    ) -> Result<serde_json::Value, Failure> {
        let kinds = [
            (
                "unseen",
                "sentences never used in training",
                Sentences::unseen(count),
            ),
            (
                "heldOut",
                "digits in inks never seen together in training",
                Sentences::held_out(count),
            ),
        ];
        let mut reports = serde_json::Map::new();
        for (name, what, sentences) in kinds {
            let requests = sentences.requests(self.options.generate.seed);
            let title = format!("{title}, {what}");
            let pictures = self.pictures(Generator::Text, &title, library, &requests)?;
            let report = evaluation::text::evaluate(&sentences, &pictures, self.lenet)?;
            say!("{report}")?;
            reports.insert(name.into(), json!(report));
        }
        Ok(reports.into())
    }

    fn pictures(
        &self,
        generator: Generator,
        title: &str,
        library: &Library,
        requests: &[Request],
    ) -> Result<Vec<Vec<f32>>, Failure> {
        let settings = self.options.settings(generator);
        let denoiser = library.denoiser(generator)?;
        say!(
            "\n{generator}, {title}: {} steps of {}, guidance {}, {} network calls a picture",
            settings.steps,
            settings.sampler,
            settings.guidance,
            settings.calls_along(&settings.table(&denoiser)?)
        )?;
        let sampling = Sampling {
            denoiser,
            decoder: library.decoder(generator)?,
            settings,
            device: self.device,
            interrupted: self.interrupted,
        };
        Ok(sampling.all(requests)?)
    }
}

/// Prints what the judges and the pixels say and returns it as JSON, by judge.
fn told(reports: [Report; 2], pixels: Pixels) -> Result<serde_json::Value, Failure> {
    let mut by_judge = serde_json::Map::new();
    for report in reports {
        say!("{report}")?;
        by_judge.insert(report.judge.clone(), json!(report));
    }
    say!("{pixels}")?;
    by_judge.insert("pixels".into(), json!(pixels));
    Ok(by_judge.into())
}

fn save(json: Option<Draft>, figures: &serde_json::Value) -> Result<(), Failure> {
    if let Some(draft) = json {
        (&draft).write_all(serde_json::to_string_pretty(figures)?.as_bytes())?;
        draft.keep()?;
    }
    Ok(())
}
