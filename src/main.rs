//! The command line: `unnoise --help`.

use std::{
    error::Error,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use clap::{Args, Parser, Subcommand};
use serde_json::json;
use unnoise::{
    denoiser::Denoiser,
    generation::{Request, Settings},
    library::{Generator, Network},
    model::{
        Cost, ModelConfig, noise_level::NoiseLevelConfig, scorer::ScorerConfig, unet::UnetConfig,
    },
    native::{
        atomic,
        data::{self, Mnist, Split},
        device::DeviceKind,
        evaluation::{
            self, Report,
            lenet::Classifier,
            noise::{self, LossTable, NoiseTable},
            suite::{self, Figures},
        },
        export, picture, sample, serve,
        train::{
            self, Recipe, Run, Task, TrainError, digits::Digits, noise_level::NoiseLevelTask,
            scorer::ScorerTask, unet::UnetTask,
        },
    },
    sampler::SamplerKind,
    schedule::Schedule,
};

/// Generates handwritten digits out of pure noise, trains the network that does it, and serves the page
/// that shows it.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fetch or copy MNIST, checksums verified
    Data {
        /// Copy the four files from this folder instead of fetching them
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
        #[command(flatten)]
        data: DataFolder,
    },
    /// Train a model
    Train(Train),
    /// Training runs → quantised weights and their manifest
    Export {
        /// What to export: unet, unet-blind, noise-level, scorer [default: all that is trained]
        #[arg(value_name = "NETWORK")]
        networks: Vec<Network>,
        #[command(flatten)]
        runs: RunsFolder,
        #[command(flatten)]
        weights: WeightsFolder,
    },
    /// Generate digits
    Sample(Sample),
    /// Measure the exported weights: the quality table
    Eval(Eval),
    /// Serve the built site on this machine
    Serve {
        /// The port; 0 takes any free one
        #[arg(long, default_value_t = 8080)]
        port: u16,
        /// The built site
        #[arg(long, value_name = "DIR", default_value = "dist")]
        site: PathBuf,
    },
}

#[derive(Args)]
struct DataFolder {
    /// MNIST's four files
    #[arg(id = "data", long, value_name = "DIR", default_value = "data")]
    folder: PathBuf,
}

#[derive(Args)]
struct RunsFolder {
    /// Training runs, a folder each
    #[arg(id = "runs", long, value_name = "DIR", default_value = "runs")]
    folder: PathBuf,
}

#[derive(Args)]
struct WeightsFolder {
    /// Exported weights
    #[arg(id = "weights", long, value_name = "DIR", default_value = "weights")]
    folder: PathBuf,
}

#[derive(Args)]
struct DeviceChoice {
    /// auto, cpu, ndarray, tch, wgpu or cuda
    #[arg(id = "device", long, value_name = "DEVICE", default_value = "auto")]
    kind: DeviceKind,
}

#[derive(Args)]
struct Train {
    /// What to train: unet, unet-blind, noise-level or scorer
    network: Network,
    #[command(flatten)]
    data: DataFolder,
    #[command(flatten)]
    runs: RunsFolder,
    #[command(flatten)]
    device: DeviceChoice,
    /// Continue from the last checkpoint
    #[arg(long)]
    resume: bool,
    /// Passes over the training digits [default: what the shipped weights had]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    epochs: Option<u64>,
    /// Digits a step
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    batch: u64,
    /// Learning rate after warm-up [default: what the shipped weights had]
    #[arg(long)]
    learning_rate: Option<f64>,
    /// Decides the initial weights and every random draw
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Seconds between checkpoints
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    checkpoint_every: u64,
}

#[derive(Args)]
struct Generate {
    /// Steps from noise to picture
    #[arg(long)]
    steps: Option<usize>,
    /// ddpm, ddim, euler, heun or dpmpp-2m
    #[arg(long)]
    sampler: Option<SamplerKind>,
    /// How sigma is spaced: karras, linear or cosine [default: the sampler's customary way]
    #[arg(long)]
    schedule: Option<Schedule>,
    /// Strength of classifier-free guidance; 1 is off
    #[arg(long)]
    guidance: Option<f64>,
    /// Fresh noise in a DDIM step, 0 to 1
    #[arg(long)]
    eta: Option<f64>,
    /// Decides the noise: picture i has seed + i
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

impl Generate {
    fn settings(&self, defaults: Settings) -> Settings {
        Settings {
            steps: self.steps.unwrap_or(defaults.steps),
            sampler: self.sampler.unwrap_or(defaults.sampler),
            schedule: self.schedule.or(defaults.schedule),
            guidance: self.guidance.unwrap_or(defaults.guidance),
            eta: self.eta.unwrap_or(defaults.eta),
        }
    }
}

#[derive(Args)]
struct Sample {
    /// What generates: digits, digits-blind, digits-estimated, scorer, scorer-plain or noise-level
    #[arg(long, default_value_t)]
    model: Generator,
    /// The digit, 0 to 9 [default: any]
    #[arg(long, conflicts_with = "balanced", value_parser = clap::value_parser!(u8).range(0..=9))]
    digit: Option<u8>,
    /// Pictures
    #[arg(long, default_value_t = 1, conflicts_with = "balanced", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: u32,
    /// As many of each digit, this many in all; --out is then a folder of two files in MNIST's format
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    balanced: Option<u32>,
    /// The PNG to write, or the folder
    #[arg(long, value_name = "FILE|DIR")]
    out: PathBuf,
    #[command(flatten)]
    generate: Generate,
    #[command(flatten)]
    weights: WeightsFolder,
    #[command(flatten)]
    device: DeviceChoice,
}

#[derive(Args)]
struct Eval {
    /// What to measure: digits, digits-blind, digits-estimated, scorer, scorer-plain, noise-level
    /// [default: all whose weights are there]
    #[arg(value_name = "MODEL", conflicts_with = "samples")]
    models: Vec<Generator>,
    /// 1,000 pictures instead of 10,000; of models that follow a gradient, 200 instead of 1,000
    #[arg(long)]
    quick: bool,
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

type Failure = Box<dyn Error>;

/// As `println!`, but a closed pipe or a full disk is an error, not a panic.
macro_rules! say {
    ($($line:tt)*) => {
        writeln!(std::io::stdout(), $($line)*)
    };
}

/// The exit status after Ctrl-C, by custom.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let interrupted = Arc::new(AtomicBool::new(false));
    match run(Cli::parse().command, &interrupted) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "unnoise: {error}");
            ExitCode::from(if interrupted.load(Ordering::Relaxed) {
                INTERRUPTED
            } else {
                1
            })
        }
    }
}

fn run(command: Command, interrupted: &Arc<AtomicBool>) -> Result<(), Failure> {
    match command {
        Command::Data { from, data } => fetch(&data.folder, from.as_deref()),
        Command::Train(options) => train(&options, interrupted),
        Command::Export {
            networks,
            runs,
            weights,
        } => export(&networks, &runs.folder, &weights.folder),
        Command::Sample(options) => generate(&options, interrupted),
        Command::Eval(options) => evaluate(&options, interrupted),
        Command::Serve { port, site } => Ok(serve::serve(&site, port)?),
    }
}

fn fetch(folder: &Path, from: Option<&Path>) -> Result<(), Failure> {
    // Nothing needs saving: each file is written in one piece.
    ctrlc::set_handler(|| {
        let _ = writeln!(
            std::io::stderr(),
            "\nunnoise: interrupted: run `unnoise data` again, it keeps what it has"
        );
        std::process::exit(INTERRUPTED.into());
    })?;
    // A line that nobody reads is no reason to stop.
    data::prepare(folder, from, &mut |progress| {
        let _ = match progress {
            data::Progress::Kept(name) => say!("{name}: already there, checksum right"),
            data::Progress::Fetched(name, bytes, total) => {
                let of = total.map_or(String::new(), |total| format!(" of {total}"));
                let mut out = std::io::stdout();
                write!(out, "\r{name}: {bytes}{of} bytes ").and_then(|()| out.flush())
            }
            data::Progress::Failed(why) => say!("\n{why}"),
            data::Progress::Written(name) => say!("\r{name}: written, checksum right      "),
        };
    })?;
    Ok(())
}

/// From here on Ctrl-C sets a flag, so that the run can save itself; a second one ends the process.
fn catch_interrupts(interrupted: &Arc<AtomicBool>) -> Result<(), Failure> {
    let flag = interrupted.clone();
    Ok(ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED.into());
        }
    })?)
}

fn train(options: &Train, interrupted: &Arc<AtomicBool>) -> Result<(), Failure> {
    let network = options.network;
    let usual = Recipe::of(network);
    let recipe = Recipe {
        epochs: options.epochs.unwrap_or(usual.epochs),
        batch: options.batch as usize,
        learning_rate: options.learning_rate.unwrap_or(usual.learning_rate),
        seed: options.seed,
        ..usual
    };
    if !(recipe.learning_rate > 0.0 && recipe.learning_rate <= 1.0) {
        return Err(format!(
            "--learning-rate must be above 0 and at most 1, not {}",
            recipe.learning_rate
        )
        .into());
    }
    let run = Run {
        folder: options.runs.folder.join(network.name()),
        resume: options.resume,
        checkpoint_every: Duration::from_secs(options.checkpoint_every),
    };
    catch_interrupts(interrupted)?;
    let digits = Digits::load(&options.data.folder, recipe.seed)?;
    let job = Job {
        recipe: &recipe,
        run: &run,
        device: options.device.kind,
        interrupted,
    };
    match network {
        Network::Unet => {
            let config = UnetConfig::new();
            job.go(config.cost(), &UnetTask::new(network, config, digits))?;
        }
        Network::UnetBlind => {
            let config = UnetConfig::new().with_noise_features(0);
            job.go(config.cost(), &UnetTask::new(network, config, digits))?;
        }
        Network::NoiseLevel => {
            let config = NoiseLevelConfig::new();
            job.go(config.cost(), &NoiseLevelTask::new(config, digits))?;
        }
        Network::Scorer => {
            let config = ScorerConfig::new();
            job.go(config.cost(), &ScorerTask::new(config, digits))?;
        }
    }
    say!(
        "trained: see {}, then run `unnoise export {network}`",
        run.folder.display()
    )?;
    Ok(())
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

fn export(networks: &[Network], runs: &Path, weights: &Path) -> Result<(), Failure> {
    let trained = |network: &Network| train::is_run(&runs.join(network.name()));
    let networks = if networks.is_empty() {
        Network::ALL.into_iter().filter(trained).collect()
    } else {
        networks.to_vec()
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

fn generate(options: &Sample, interrupted: &Arc<AtomicBool>) -> Result<(), Failure> {
    let settings = options.generate.settings(options.model.defaults());
    settings.check()?;
    let device = options.device.kind.open()?;
    let weights = &options.weights.folder;
    let library = sample::exported(weights, options.model.networks(), &device)?;
    let denoiser = library.denoiser(options.model)?;
    let seed = options.generate.seed;
    // The folder must be writable before minutes are spent on pictures.
    atomic::ready(match options.out.parent() {
        _ if options.balanced.is_some() => &options.out,
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    })?;
    catch_interrupts(interrupted)?;
    if let Some(count) = options.balanced {
        let requests = sample::balanced(count as usize, seed);
        let pictures = sample::sample(denoiser, &settings, &requests, &device, interrupted)?;
        sample::as_mnist(&pictures, &requests).write(
            &options.out.join(SAMPLE_IMAGES),
            &options.out.join(SAMPLE_LABELS),
        )?;
        return Ok(());
    }
    let requests: Vec<Request> = (0..u64::from(options.count))
        .map(|i| Request {
            digit: options.digit,
            seed: seed.wrapping_add(i),
        })
        .collect();
    let pictures = sample::sample(denoiser, &settings, &requests, &device, interrupted)?;
    let columns = (pictures.len() as f64).sqrt().ceil() as usize;
    let size = unnoise::image::DIGIT_SIZE;
    picture::save_png(
        &options.out,
        &picture::grid(&pictures, size, size, 1, columns, 2)?,
    )?;
    Ok(())
}

const SAMPLE_IMAGES: &str = "samples-images-idx3-ubyte";
const SAMPLE_LABELS: &str = "samples-labels-idx1-ubyte";

fn evaluate(options: &Eval, interrupted: &Arc<AtomicBool>) -> Result<(), Failure> {
    let device = options.device.kind.open()?;
    let train_set = Mnist::load(&options.data.folder, Split::Train)?;
    let test_set = Mnist::load(&options.data.folder, Split::Test)?;
    let weights = &options.weights.folder;
    catch_interrupts(interrupted)?;
    let classifier = Classifier::load_or_train(
        &options.runs.folder.join("lenet"),
        &Classifier::recipe(),
        &train_set,
        &test_set,
        &device,
        interrupted,
    )
    .map_err(|error| match error {
        TrainError::Interrupted(_) => {
            "interrupted: run the same command again, the judge's training goes on where it was"
                .into()
        }
        other => Failure::from(other),
    })?;
    let judge = |samples: &Mnist| evaluation::evaluate(samples, &train_set, &test_set, &classifier);

    if let Some(folder) = &options.samples {
        let samples = Mnist::read(&folder.join(SAMPLE_IMAGES), &folder.join(SAMPLE_LABELS))?;
        let report = judge(&samples)?;
        say!("{report}")?;
        return save_json(options.json.as_deref(), &json!({ "samples": report }));
    }

    let mut manifest = sample::manifest(weights)?;
    let there = |network: &Network| manifest.models.contains_key(network.name());
    let exported: Vec<Network> = Network::ALL.into_iter().filter(there).collect();
    let generators = if options.models.is_empty() {
        let can = |generator: &Generator| generator.networks().iter().all(&there);
        Generator::ALL.into_iter().filter(can).collect()
    } else {
        options.models.clone()
    };
    let library = sample::exported(weights, &exported, &device)?;
    let mut figures = Figures::default();

    for &generator in &generators {
        let settings = options.generate.settings(suite::settings(generator));
        settings.check()?;
        let requests = sample::balanced(
            suite::count(generator, options.quick),
            options.generate.seed,
        );
        let measure = |title: &str, denoiser: Rc<dyn Denoiser>| -> Result<Report, Failure> {
            say!(
                "\n{generator}, {title}: {} steps of {}, guidance {}, {} network calls a picture",
                settings.steps,
                settings.sampler,
                settings.guidance,
                settings.calls()
            )?;
            let pictures = sample::sample(denoiser, &settings, &requests, &device, interrupted)?;
            let mut report = judge(&sample::as_mnist(&pictures, &requests))?;
            if !generator.takes_a_digit() {
                report = report.unasked();
            }
            say!("{report}")?;
            Ok(report)
        };
        figures.set(generator, "settings", json!(settings));
        figures.set(generator, "networkCalls", json!(settings.calls()));
        if options.before {
            let trained = sample::trained(&options.runs.folder, generator.networks(), &device)?;
            let report = measure("before quantisation", trained.denoiser(generator)?)?;
            figures.set(generator, "beforeQuantisation", json!(report));
        }
        let report = measure("as exported", library.denoiser(generator)?)?;
        figures.set(generator, "afterQuantisation", json!(report));
    }

    let mut losses = Vec::new();
    for &generator in generators.iter().filter(|g| g.takes_a_digit()) {
        let by_sigma = noise::losses(&*library.denoiser(generator)?, &test_set, &device)?;
        let rows: Vec<_> = noise::SIGMAS.iter().zip(&by_sigma).collect();
        figures.set(generator, "lossBySigma", json!(rows));
        losses.push((generator.name(), by_sigma));
    }
    if !losses.is_empty() {
        say!("\nLoss by sigma on the test digits; 1 is as good as no network")?;
        say!("{}", LossTable(&losses))?;
    }
    let predicts = |g: &Generator| g.networks().contains(&Network::NoiseLevel);
    if generators.iter().any(predicts) {
        let errors = noise::noise_errors(&*library.noise_level()?, &test_set, &device)?;
        say!("\nThe predicted amount of noise on the test digits, relative errors")?;
        say!("{}", NoiseTable(&errors))?;
        figures.set(Generator::NoiseLevel, "errorBySigma", json!(errors));
    }
    if options.record {
        figures.record(&mut manifest);
        export::write_manifest(weights, &manifest)?;
    }
    save_json(options.json.as_deref(), &figures.json())
}

fn save_json(path: Option<&Path>, figures: &serde_json::Value) -> Result<(), Failure> {
    if let Some(path) = path {
        atomic::write(path, serde_json::to_string_pretty(figures)?.as_bytes())?;
    }
    Ok(())
}
