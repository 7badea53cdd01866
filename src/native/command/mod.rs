//! The command line: `unnoise --help`. A file for each command: its options, and what it does with them.

mod clip;
mod data;
mod eval;
mod export;
mod fit;
mod grid;
mod import;
mod reconstruct;
mod sample;
mod serve;
mod train;

use std::{
    error::Error,
    fmt::Display,
    io::Write,
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use clap::{Args, Parser, Subcommand};

use super::device::DeviceKind;
use crate::{
    caption::Tokenizer, generation::Settings, sampler::SamplerKind, schedule::Schedule,
    weights::Entry,
};

/// Generates handwritten digits out of pure noise, trains the network that does it, and serves the page
/// that shows it.
#[derive(Parser)]
#[command(version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fetch or copy MNIST or another set, checksums verified, or take pictures of your own
    Data(data::Data),
    /// Train a model
    Train(train::Train),
    /// Training runs → quantised weights and their manifest
    Export(export::Export),
    /// A PyTorch state dict → quantised weights and their manifest
    Import(import::Import),
    /// Fit a schedule for few steps to the exported weights
    Fit(fit::Fit),
    /// Generate digits, or pictures from sentences
    Sample(sample::Sample),
    /// Put pictures through the autoencoder
    Reconstruct(reconstruct::Reconstruct),
    /// Compare pictures with texts: a matrix of cosines as CSV
    Clip(clip::Clip),
    /// Measure the exported weights: the quality table
    Eval(eval::Eval),
    /// Serve the built site on this machine
    Serve(serve::Serve),
}

/// A sentence for a person: what was wrong, and what to do.
pub type Failure = Box<dyn Error>;

/// The exit status after Ctrl-C, by custom.
pub const INTERRUPTED: u8 = 130;

impl Cli {
    /// Does what was asked for. `interrupted` is set by Ctrl-C.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn run(self, interrupted: &Arc<AtomicBool>) -> Result<(), Failure> {
        match self.command {
            Command::Data(options) => options.run(),
            Command::Train(options) => options.run(interrupted),
            Command::Export(options) => options.run(interrupted),
            Command::Import(options) => options.run(),
            Command::Fit(options) => options.run(interrupted),
            Command::Sample(options) => options.run(interrupted),
            Command::Reconstruct(options) => options.run(),
            Command::Clip(options) => options.run(),
            Command::Eval(options) => options.run(interrupted),
            Command::Serve(options) => options.run(),
        }
    }
}

/// The folder of the data where none is named.
const DATA: &str = "data";

#[derive(Args)]
struct DataFolder {
    /// The four files of MNIST, or of another set, as `unnoise data` leaves them
    #[arg(id = "data", long, value_name = "DIR", default_value = DATA)]
    folder: PathBuf,
}

/// The folder of training runs where none is named.
const RUNS: &str = "runs";

#[derive(Args)]
struct RunsFolder {
    /// Training runs, a folder each
    #[arg(id = "runs", long, value_name = "DIR", default_value = RUNS)]
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
struct Generate {
    /// Steps from noise to picture
    #[arg(long)]
    steps: Option<usize>,
    /// ddpm, ddim, euler, euler-ancestral, heun, lms, dpmpp-2m, dpmpp-2m-sde, dpmpp-3m, unipc, flow,
    /// gradient-descent, momentum or adam
    #[arg(long)]
    sampler: Option<SamplerKind>,
    /// How sigma is spaced: karras, linear, cosine, exponential, flow or fitted [default: the model's own, or else the sampler's customary way]
    #[arg(long)]
    schedule: Option<Schedule>,
    /// Strength of classifier-free guidance; 1 is off
    #[arg(long)]
    guidance: Option<f64>,
    /// Guide only where sigma is above LOW and at most HIGH
    #[arg(long, num_args = 2, value_names = ["LOW", "HIGH"])]
    guidance_interval: Option<Vec<f64>>,
    /// Fresh noise in a DDIM step, 0 to 1
    #[arg(long)]
    eta: Option<f64>,
    /// c in "subtract c times the noise", 0 to 2, of gradient-descent, momentum and adam
    #[arg(long)]
    rate: Option<f64>,
    /// The share of the way of the step before that is gone once more, 0 to 1, of momentum and adam
    #[arg(long)]
    momentum: Option<f64>,
    /// How much more of the schedule flow lies where there is much noise, 0.01 to 100; 1 is none
    #[arg(long)]
    shift: Option<f64>,
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
            guidance_interval: match self.guidance_interval.as_deref() {
                Some(&[low, high]) => Some([low, high]),
                _ => defaults.guidance_interval,
            },
            eta: self.eta.or(defaults.eta),
            rate: self.rate.or(defaults.rate),
            momentum: self.momentum.or(defaults.momentum),
            shift: self.shift.or(defaults.shift),
        }
    }
}

/// As `println!`, but a closed pipe or a full disk is an error, not a panic.
macro_rules! say {
    ($($line:tt)*) => {{
        use std::io::Write as _;
        writeln!(std::io::stdout(), $($line)*)
    }};
}
use say;

/// Says what was put into a folder of weights.
fn say_kept(folder: &Path, entry: &Entry) -> Result<(), Failure> {
    say!(
        "{}: {} bytes, {} parameters, {:.1} MFLOP a call",
        folder.join(&entry.file).display(),
        entry.bytes,
        entry.parameters,
        entry.mflop_per_call
    )?;
    Ok(())
}

/// From here on Ctrl-C sets a flag, so that the run can save itself; a second one ends the process.
fn catch_interrupts(interrupted: &Arc<AtomicBool>) -> Result<(), Failure> {
    let flag = interrupted.clone();
    Ok(ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            process::exit(INTERRUPTED.into());
        }
    })?)
}

/// Says what of a text is not read as its writer may think: it must not be passed over in silence.
fn warn(tokenizer: &Tokenizer, text: &str) {
    for remark in tokenizer.remarks(text) {
        say_aside(&remark);
    }
}

/// A line that is none of the output.
fn say_aside(line: &dyn Display) {
    let _ = writeln!(std::io::stderr(), "unnoise: {line}");
}
