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
use clap::{Args, Parser, Subcommand};
use serde_json::json;
use unnoise::{
    caption::{MAX_TOKENS, Tokens},
    generation::{Request, Settings, SettingsError},
    library::{Generator, Library, Network},
    model::{
        Cost, ModelConfig, clip::ClipConfig, noise_level::NoiseLevelConfig, scorer::ScorerConfig,
        unet::UnetConfig, vae::VaeConfig,
    },
    native::{
        atomic,
        data::{self, Mnist, Split},
        device::DeviceKind,
        evaluation::{
            self,
            lenet::Classifier,
            noise::{self, LossTable, NoiseTable},
            suite::{self, Figures, Subject},
            text::Sentences,
        },
        export, picture,
        reconstruct::Reconstruction,
        sample::{self, Exported},
        serve,
        similarity::{self, Similarity},
        train::{
            self, Recipe, Run, Task, TrainError,
            clip::ClipTask,
            digits::Digits,
            noise_level::NoiseLevelTask,
            pictures::{Drawn, Pictures},
            scorer::ScorerTask,
            text::TextTask,
            unet::UnetTask,
            vae::VaeTask,
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
    /// Generate digits, or pictures from sentences
    Sample(Sample),
    /// Put pictures through the autoencoder
    Reconstruct {
        /// A PNG picture, or a file of pictures in MNIST's format
        #[arg(value_name = "PNG|IDX")]
        from: PathBuf,
        /// Where the reconstruction goes, in the same format
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        weights: WeightsFolder,
        #[command(flatten)]
        device: DeviceChoice,
    },
    /// Compare pictures with texts: a matrix of cosines as CSV
    Clip {
        /// A folder of PNG pictures
        #[arg(long, value_name = "DIR")]
        images: PathBuf,
        /// A text on each line
        #[arg(long, value_name = "FILE")]
        texts: PathBuf,
        #[command(flatten)]
        weights: WeightsFolder,
        #[command(flatten)]
        device: DeviceChoice,
    },
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
    /// What to train: unet, unet-blind, noise-level, scorer, vae, clip or text
    network: Network,
    #[command(flatten)]
    data: DataFolder,
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
    /// Samples a step [default: what the shipped weights had]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    batch: Option<u64>,
    /// Learning rate after warm-up [default: what the shipped weights had]
    #[arg(long)]
    learning_rate: Option<f64>,
    /// Decides the initial weights and every random draw
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Of clip: train the image encoder alone, and keep the exported text encoder, whose words the exported
    /// text model follows
    #[arg(long)]
    lock_text: bool,
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
    /// How sigma is spaced: karras, linear or cosine [default: the model's own, or else the sampler's customary way]
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
    /// What generates: digits, digits-blind, digits-estimated, scorer, scorer-plain, noise-level or text
    /// [default: digits, or text where there is a prompt]
    #[arg(long)]
    model: Option<Generator>,
    /// The digit, 0 to 9 [default: any]
    #[arg(long, conflicts_with_all = ["balanced", "prompt", "prompts"], value_parser = clap::value_parser!(u8).range(0..=9))]
    digit: Option<u8>,
    /// What the picture is to show, in words, by the model text
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["balanced", "prompts"])]
    prompt: Option<String>,
    /// A picture for each line of this file; --out is then a folder of 000000.png and so on
    #[arg(long, value_name = "FILE", conflicts_with_all = ["balanced", "count"])]
    prompts: Option<PathBuf>,
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
    /// What to measure: digits, digits-blind, digits-estimated, scorer, scorer-plain, noise-level, text, vae,
    /// clip [default: all whose weights are there]
    #[arg(value_name = "MODEL", conflicts_with = "samples")]
    subjects: Vec<Subject>,
    /// 1,000 pictures instead of 10,000; of text and of models that follow a gradient, 200 instead of 1,000
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
        Command::Reconstruct {
            from,
            out,
            weights,
            device,
        } => reconstruct(&from, &out, &weights.folder, device.kind),
        Command::Clip {
            images,
            texts,
            weights,
            device,
        } => compare(&images, &texts, &weights.folder, device.kind),
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
        batch: options.batch.map_or(usual.batch, |batch| batch as usize),
        learning_rate: options.learning_rate.unwrap_or(usual.learning_rate),
        seed: options.seed,
        lock_text: options.lock_text,
        ..usual
    };
    if options.lock_text && network != Network::Clip {
        return Err(format!("--lock-text is for clip: {network} has no text encoder").into());
    }
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
        pretrained: options
            .pretrained
            .then(|| Exported::read(&options.weights.folder, network))
            .transpose()?,
    };
    catch_interrupts(interrupted)?;
    let digits = || Digits::load(&options.data.folder, recipe.seed);
    let pictures = || Pictures::load(&options.data.folder, recipe.seed);
    let exported = |networks: &[Network]| -> Result<Library, Failure> {
        let device = options.device.kind.open()?;
        Ok(sample::exported(
            &options.weights.folder,
            networks,
            &device,
        )?)
    };
    let job = Job {
        recipe: &recipe,
        run: &run,
        device: options.device.kind,
        interrupted,
    };
    match network {
        Network::Unet => {
            let config = UnetConfig::new();
            job.go(config.cost(), &UnetTask::new(network, config, digits()?))?;
        }
        Network::UnetBlind => {
            let config = UnetConfig::new().with_noise_features(0);
            job.go(config.cost(), &UnetTask::new(network, config, digits()?))?;
        }
        Network::NoiseLevel => {
            let config = NoiseLevelConfig::new();
            job.go(config.cost(), &NoiseLevelTask::new(config, digits()?))?;
        }
        Network::Scorer => {
            let config = ScorerConfig::new();
            job.go(config.cost(), &ScorerTask::new(config, digits()?))?;
        }
        Network::Vae => {
            let config = VaeConfig::new();
            job.go(config.cost(), &VaeTask::new(config, pictures()?))?;
        }
        Network::Clip => {
            let task = if recipe.lock_text {
                let library = exported(&[Network::Clip])?;
                ClipTask::locked(library.clip()?.0, library.clip_config()?, pictures()?)
            } else {
                ClipTask::new(ClipConfig::new(), pictures()?)
            };
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
    let asked_in_words = options.prompt.is_some() || options.prompts.is_some();
    let model = match options.model {
        Some(model) if asked_in_words && model != Generator::Text => {
            return Err(format!(
                "the model {model} knows no words: leave out --model, or give text"
            )
            .into());
        }
        Some(model) => model,
        None if asked_in_words => Generator::Text,
        None => Generator::default(),
    };
    if options.balanced.is_some() && !model.draws_digits() {
        return Err(format!("--balanced makes digits in MNIST's format, which the model {model} does not draw: use --prompts").into());
    }
    let settings = options.generate.settings(model.defaults());
    settings.check()?;
    let seed = options.generate.seed;
    let numbered = |i: u64| seed.wrapping_add(i);
    let requests: Vec<Request> = if let Some(count) = options.balanced {
        sample::balanced(count as usize, seed)
    } else if let Some(file) = &options.prompts {
        let lines = similarity::lines(file)?;
        let request = |(i, line): (usize, &String)| Request {
            digit: None,
            prompt: Some(line.clone()),
            seed: numbered(i as u64),
        };
        lines.iter().enumerate().map(request).collect()
    } else {
        let request = |i| Request {
            digit: options.digit,
            prompt: options.prompt.clone(),
            seed: numbered(i),
        };
        (0..u64::from(options.count)).map(request).collect()
    };
    if requests.is_empty() {
        return Err("there is no line in the file of prompts: write a prompt on each".into());
    }

    let device = options.device.kind.open()?;
    let weights = &options.weights.folder;
    let library = sample::exported(weights, model.networks(), &device)?;
    let denoiser = library.denoiser(model)?;
    if model == Generator::Text {
        let (_, tokenizer) = library.clip()?;
        let mut prompts: Vec<&str> = requests
            .iter()
            .filter_map(|r| r.prompt.as_deref())
            .collect();
        prompts.dedup();
        for prompt in prompts {
            warn(&tokenizer.encode(prompt));
        }
    }
    let [channels, height, width] = denoiser.picture_shape();
    // The folder must be writable before minutes are spent on pictures.
    let many = options.balanced.is_some() || options.prompts.is_some();
    atomic::ready(match options.out.parent() {
        _ if many => &options.out,
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    })?;
    catch_interrupts(interrupted)?;
    let pictures = sample::sample(denoiser, &settings, &requests, &device, interrupted)?;
    if options.balanced.is_some() {
        sample::as_mnist(&pictures, &requests).write(
            &options.out.join(SAMPLE_IMAGES),
            &options.out.join(SAMPLE_LABELS),
        )?;
    } else if options.prompts.is_some() {
        for (i, picture) in pictures.into_iter().enumerate() {
            let image = picture::grid(&[picture], width, height, channels, 1, 0)?;
            picture::save_png(&options.out.join(format!("{i:06}.png")), &image)?;
        }
    } else {
        let columns = (pictures.len() as f64).sqrt().ceil() as usize;
        let image = picture::grid(&pictures, width, height, channels, columns, 2)?;
        picture::save_png(&options.out, &image)?;
    }
    Ok(())
}

/// Says which words of a prompt mean nothing to the model: they must not be left out in silence.
fn warn(tokens: &Tokens) {
    let line = |text: String| {
        let _ = writeln!(std::io::stderr(), "unnoise: {text}");
    };
    if !tokens.unknown.is_empty() {
        line(format!(
            "left out, as not known: {}",
            tokens.unknown.join(", ")
        ));
    }
    if tokens.cut > 0 {
        line(format!(
            "left out, as a prompt may have {} words: the last {} of one",
            MAX_TOKENS - 1,
            tokens.cut
        ));
    }
}

fn reconstruct(from: &Path, out: &Path, weights: &Path, device: DeviceKind) -> Result<(), Failure> {
    let device = device.open()?;
    let library = sample::exported(weights, &[Network::Vae], &device)?;
    let (vae, config) = library.vae()?;
    let reconstruction = Reconstruction {
        vae: &vae,
        config: &config,
        device: &device,
    };
    let outcome = reconstruction.file(from, out)?;
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

fn compare(images: &Path, texts: &Path, weights: &Path, device: DeviceKind) -> Result<(), Failure> {
    let device = device.open()?;
    let library = sample::exported(weights, &[Network::Clip], &device)?;
    let (clip, tokenizer) = library.clip()?;
    let similarity = Similarity::of(&clip, &tokenizer, images, texts, &device)?;
    similarity.tokens.iter().for_each(warn);
    Ok(similarity.write_csv(std::io::stdout().lock())?)
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

    if let Some(folder) = &options.samples {
        let samples = Mnist::read(&folder.join(SAMPLE_IMAGES), &folder.join(SAMPLE_LABELS))?;
        let report = evaluation::evaluate(&samples, &train_set, &test_set, &classifier)?;
        say!("{report}")?;
        return save_json(options.json.as_deref(), &json!({ "samples": report }));
    }

    let mut manifest = sample::manifest(weights)?;
    let there = |network: &Network| manifest.models.contains_key(network.name());
    let subjects = if options.subjects.is_empty() {
        let can = |subject: &Subject| subject.networks().iter().all(there);
        Subject::all().filter(can).collect()
    } else {
        options.subjects.clone()
    };
    let evaluation = Evaluation {
        options,
        device: &device,
        classifier: &classifier,
        train_set: &train_set,
        test_set: &test_set,
        interrupted,
    };
    let needed = |network: &Network| subjects.iter().any(|s| s.networks().contains(network));
    let networks: Vec<Network> = Network::ALL.into_iter().filter(needed).collect();
    let library = sample::exported(weights, &networks, &device)?;
    let mut figures = Figures::default();
    for &subject in &subjects {
        if options.before {
            let networks = subject.networks();
            let trained = sample::trained(&options.runs.folder, weights, networks, &device)?;
            let report = evaluation.measure(subject, "before quantisation", &trained)?;
            figures.set(subject, "beforeQuantisation", report);
        }
        let report = evaluation.measure(subject, "as exported", &library)?;
        figures.set(subject, "afterQuantisation", report);
        if let Subject::Generator(generator) = subject {
            let settings = evaluation.settings(generator)?;
            figures.set(subject, "settings", json!(settings));
            figures.set(subject, "networkCalls", json!(settings.calls()));
        }
    }

    let generators = subjects.iter().filter_map(|subject| match subject {
        Subject::Generator(generator) => Some(*generator),
        Subject::Vae | Subject::Clip => None,
    });
    let mut losses = Vec::new();
    for generator in generators.clone().filter(|g| g.takes_a_digit()) {
        let by_sigma = noise::losses(&*library.denoiser(generator)?, &test_set, &device)?;
        let rows: Vec<_> = noise::SIGMAS.iter().zip(&by_sigma).collect();
        figures.set(Subject::Generator(generator), "lossBySigma", json!(rows));
        losses.push((generator.name(), by_sigma));
    }
    if !losses.is_empty() {
        say!("\nLoss by sigma on the test digits; 1 is as good as no network")?;
        say!("{}", LossTable(&losses))?;
    }
    let predicts = |g: Generator| g.networks().contains(&Network::NoiseLevel);
    if generators.clone().any(predicts) {
        let errors = noise::noise_errors(&*library.noise_level()?, &test_set, &device)?;
        say!("\nThe predicted amount of noise on the test digits, relative errors")?;
        say!("{}", NoiseTable(&errors))?;
        let subject = Subject::Generator(Generator::NoiseLevel);
        figures.set(subject, "errorBySigma", json!(errors));
    }
    if options.record {
        figures.record(&mut manifest);
        export::write_manifest(weights, &manifest)?;
    }
    save_json(options.json.as_deref(), &figures.json())
}

/// What measuring needs, whatever is measured.
struct Evaluation<'a> {
    options: &'a Eval,
    device: &'a Device,
    classifier: &'a Classifier,
    train_set: &'a Mnist,
    test_set: &'a Mnist,
    interrupted: &'a AtomicBool,
}

impl Evaluation<'_> {
    fn settings(&self, generator: Generator) -> Result<Settings, SettingsError> {
        let settings = self.options.generate.settings(suite::settings(generator));
        settings.check()?;
        Ok(settings)
    }

    /// Measures with the networks of a library, prints the report and returns it as JSON.
    fn measure(
        &self,
        subject: Subject,
        title: &str,
        library: &Library,
    ) -> Result<serde_json::Value, Failure> {
        let count = suite::count(subject, self.options.quick);
        let pictures = || Drawn::of_test_digits(self.test_set, count);
        match subject {
            Subject::Generator(Generator::Text) => self.text(title, library, count),
            Subject::Generator(generator) => self.digits(generator, title, library, count),
            Subject::Vae => {
                say!("\nvae, {title}")?;
                let (vae, _) = library.vae()?;
                let report =
                    evaluation::vae::evaluate(&vae, &pictures(), self.classifier, self.device)?;
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
        let requests = sample::balanced(count, self.options.generate.seed);
        let pictures = self.pictures(generator, title, library, &requests)?;
        let samples = sample::as_mnist(&pictures, &requests);
        let mut report =
            evaluation::evaluate(&samples, self.train_set, self.test_set, self.classifier)?;
        if !generator.takes_a_digit() {
            report = report.unasked();
        }
        say!("{report}")?;
        Ok(json!(report))
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
            let report = evaluation::text::evaluate(&sentences, &pictures, self.classifier)?;
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
        let settings = self.settings(generator)?;
        say!(
            "\n{generator}, {title}: {} steps of {}, guidance {}, {} network calls a picture",
            settings.steps,
            settings.sampler,
            settings.guidance,
            settings.calls()
        )?;
        let denoiser = library.denoiser(generator)?;
        Ok(sample::sample(
            denoiser,
            &settings,
            requests,
            self.device,
            self.interrupted,
        )?)
    }
}

fn save_json(path: Option<&Path>, figures: &serde_json::Value) -> Result<(), Failure> {
    if let Some(path) = path {
        atomic::write(path, serde_json::to_string_pretty(figures)?.as_bytes())?;
    }
    Ok(())
}
