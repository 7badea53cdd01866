//! The command line: `unnoise --help`.

use std::{
    error::Error,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use burn::tensor::Device;
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde_json::json;
use unnoise::{
    denoiser::Edm,
    generation::{Request, Settings},
    model::unet::UnetConfig,
    native::{
        atomic,
        data::{self, Mnist, Split},
        device::DeviceKind,
        evaluation::{self, Report, lenet::Classifier},
        export, picture, sample, serve,
        train::{self, Recipe, Run, TrainError, unet::UnetTask},
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
        /// What to export; all that is trained, if nothing is named
        #[arg(value_enum)]
        models: Vec<Model>,
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

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Model {
    /// The U-Net that denoises digits
    Unet,
}

impl Model {
    fn name(self) -> &'static str {
        match self {
            Self::Unet => "unet",
        }
    }
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
    /// What to train
    #[arg(value_enum)]
    model: Model,
    #[command(flatten)]
    data: DataFolder,
    #[command(flatten)]
    runs: RunsFolder,
    #[command(flatten)]
    device: DeviceChoice,
    /// Continue from the last checkpoint
    #[arg(long)]
    resume: bool,
    /// Passes over the training digits
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    epochs: u64,
    /// Digits a step
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    batch: u64,
    /// Learning rate after warm-up
    #[arg(long, default_value_t = 3e-3)]
    learning_rate: f64,
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
    /// 1,000 pictures instead of 10,000
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
            models,
            runs,
            weights,
        } => export(&models, &runs.folder, &weights.folder),
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
    if !(options.learning_rate > 0.0 && options.learning_rate <= 1.0) {
        return Err(format!(
            "--learning-rate must be above 0 and at most 1, not {}",
            options.learning_rate
        )
        .into());
    }
    let recipe = Recipe {
        epochs: options.epochs,
        batch: options.batch as usize,
        learning_rate: options.learning_rate,
        warmup: 300,
        ema_decay: 0.9995,
        seed: options.seed,
    };
    let run = Run {
        folder: options.runs.folder.join(options.model.name()),
        resume: options.resume,
        checkpoint_every: Duration::from_secs(options.checkpoint_every),
    };
    catch_interrupts(interrupted)?;
    match options.model {
        Model::Unet => {
            let config = UnetConfig::new();
            let cost = config.cost();
            say!(
                "unet: {} parameters, {:.1} MFLOP a call",
                cost.parameters,
                cost.mflop()
            )?;
            let task = UnetTask::new(config, &options.data.folder, recipe.seed)?;
            train::train(
                &task,
                &recipe,
                &run,
                &options.device.kind.open()?,
                interrupted,
            )?;
        }
    }
    say!(
        "trained: see {}, then run `unnoise export {}`",
        run.folder.display(),
        options.model.name()
    )?;
    Ok(())
}

fn export(models: &[Model], runs: &Path, weights: &Path) -> Result<(), Failure> {
    let models = if models.is_empty() {
        Model::value_variants()
    } else {
        models
    };
    for model in models {
        let entry = match model {
            Model::Unet => export::unet(&runs.join(model.name()), weights)?,
        };
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
    let settings = options.generate.settings(Settings::default());
    settings.check()?;
    let device = options.device.kind.open()?;
    let unet = sample::exported_unet(&options.weights.folder, &device)?;
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
        let pictures = sample::sample(unet, &settings, &requests, &device, interrupted)?;
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
    let pictures = sample::sample(unet, &settings, &requests, &device, interrupted)?;
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

/// What `eval` measures unless told otherwise: 20 network calls a picture.
fn eval_settings() -> Settings {
    Settings {
        steps: 10,
        ..Settings::default()
    }
}

fn evaluate(options: &Eval, interrupted: &Arc<AtomicBool>) -> Result<(), Failure> {
    let device = options.device.kind.open()?;
    let train_set = Mnist::load(&options.data.folder, Split::Train)?;
    let test_set = Mnist::load(&options.data.folder, Split::Test)?;
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

    let settings = options.generate.settings(eval_settings());
    settings.check()?;
    let requests = sample::balanced(
        if options.quick { 1_000 } else { 10_000 },
        options.generate.seed,
    );
    let measure = |title: &str, unet: Edm, device: &Device| -> Result<Report, Failure> {
        say!(
            "\n{title}: {} steps of {}, guidance {}, {} network calls a picture",
            settings.steps,
            settings.sampler,
            settings.guidance,
            settings.calls()
        )?;
        let pictures = sample::sample(unet, &settings, &requests, device, interrupted)?;
        let report = judge(&sample::as_mnist(&pictures, &requests))?;
        say!("{report}")?;
        Ok(report)
    };
    let mut figures = json!({ "settings": settings, "networkCalls": settings.calls() });
    if options.before {
        let (unet, config, _) = sample::trained_unet(&options.runs.folder.join("unet"), &device)?;
        figures["beforeQuantisation"] = json!(measure(
            "before quantisation",
            Edm::new(unet, config),
            &device
        )?);
    }
    let exported = sample::exported_unet(&options.weights.folder, &device)?;
    figures["afterQuantisation"] = json!(measure("as exported", exported, &device)?);
    if options.record {
        let mut manifest = sample::manifest(&options.weights.folder)?;
        if let Some(entry) = manifest.models.get_mut("unet") {
            entry.quality = figures.clone();
        }
        export::write_manifest(&options.weights.folder, &manifest)?;
    }
    save_json(options.json.as_deref(), &json!({ "unet": figures }))
}

fn save_json(path: Option<&Path>, figures: &serde_json::Value) -> Result<(), Failure> {
    if let Some(path) = path {
        atomic::write(path, serde_json::to_string_pretty(figures)?.as_bytes())?;
    }
    Ok(())
}
