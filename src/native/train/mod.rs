//! The training loop that every model shares: epochs, EMA, learning rate, checkpoints, what a person
//! sees while it runs.

pub mod alarm;
pub mod clip;
pub mod digits;
mod events;
mod latents;
mod log;
mod negatives;
pub mod noise_level;
pub mod pictures;
pub mod recipe;
pub mod scorer;
mod show;
pub mod text;
pub mod unet;
pub mod vae;
mod validation;

use std::{
    io::Write,
    ops::Range,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use burn::{
    module::{Module, ModuleVisitor, Param},
    optim::{GradientsAccumulator, GradientsParams},
    tensor::{Device, Tensor},
};
use indicatif::{ProgressBar, ProgressStyle};
use thiserror::Error;

use alarm::Alarm;
use log::Log;
pub use recipe::Recipe;
pub use validation::Validation;

use super::{
    atomic, chart,
    data::{DataError, DataSet, Learned},
    store::{
        self, Checkpoint, CheckpointError, EpochMetrics, Exported, Identity, Progress,
        SigmaMetrics, StepMetrics,
    },
};
use crate::{training, weights::WeightsError};

/// What is trained: a model, its loss and what it shows.
pub trait Task {
    /// The model.
    type Model: Module;
    /// What goes through the model at once.
    type Part;

    /// The model's name: also the name of its folder of runs and of its weights file.
    fn name(&self) -> &'static str;
    /// The model's configuration.
    fn config(&self) -> serde_json::Value;
    /// A model with fresh weights.
    fn init(&self, device: &Device) -> Self::Model;
    /// What it learns from, where that is a set of pictures.
    fn data(&self) -> Option<&DataSet> {
        None
    }
    /// Samples of an epoch.
    fn epoch_samples(&self) -> usize;
    /// The samples of optimiser step `step`, in so many parts of about the same size; the same for the same step, so
    /// that a resumed run continues as if it had not stopped, and the same for any number of parts. In one part, where
    /// the loss compares samples with one another.
    fn draw(&self, step: u64, samples: usize, parts: usize) -> Vec<Self::Part>;
    /// The mean loss, one number, on a part of a step's samples.
    fn loss(&self, model: &Self::Model, part: &Self::Part) -> Tensor<1>;
    /// The loss on held-out data.
    fn validate(&self, model: &Self::Model) -> Validation;
    /// Saves what the model can do now as a PNG.
    ///
    /// # Errors
    /// [`TrainError`].
    fn show(&self, model: &Self::Model, png: &Path) -> Result<(), TrainError>;
}

/// Steps whose means are a row of steps.csv.
const ROW: u64 = 10;

/// Where a run lives and how it goes.
#[derive(Clone, Debug)]
pub struct Run {
    /// Folder of the checkpoint, the curves and the pictures.
    pub folder: PathBuf,
    /// Continue from the checkpoint in the folder.
    pub resume: bool,
    /// Time between checkpoints; one is also written after each epoch.
    pub checkpoint_every: Duration,
    /// What to begin with, in place of fresh weights.
    pub pretrained: Option<Exported>,
}

/// Training that cannot begin or go on.
#[derive(Debug, Error)]
pub enum TrainError {
    /// The data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A file of the run.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The curve.
    #[error(transparent)]
    Chart(#[from] chart::ChartError),
    /// The samples.
    #[error("the samples cannot be drawn: {0}")]
    Show(String),
    /// The weights to begin with.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The weights to begin with are of another network.
    #[error(
        "{0} holds a network of another shape than this program trains: train without --pretrained"
    )]
    Shape(String),
    /// The loss or its gradient is NaN or infinite.
    #[error(
        "the loss or its gradient is not a number any more at step {0}: begin another run with a lower --learning-rate, elsewhere with --runs DIR"
    )]
    Diverged(u64),
    /// A run is there already.
    #[error("{path} holds a run already: continue it with --resume, or begin another elsewhere with --runs DIR", path = .0.display())]
    Exists(PathBuf),
    /// Ctrl-C.
    #[error("interrupted at step {0}; everything up to here is saved: continue with --resume")]
    Interrupted(u64),
}

/// Trains a model and returns its averaged weights.
///
/// # Errors
/// [`TrainError`]; whatever happens, the last checkpoint stands.
pub fn train<T: Task>(
    task: &T,
    recipe: &Recipe,
    run: &Run,
    device: &Device,
    interrupted: &AtomicBool,
) -> Result<T::Model, TrainError> {
    atomic::ready(&run.folder)?;
    let identity = Identity {
        model: task.name().into(),
        config: task.config(),
        training: serde_json::to_value(recipe).expect("a recipe is plain data"),
        data: task.data().map(Learned::from),
    };
    let device = device.clone().autodiff();
    device.seed(recipe.seed);
    let mut model = task.init(&device);
    // Burn draws a parameter's first numbers when it is first used: here, in the order of the fields, and not in the
    // order of the first step, which another backend or a faster kernel may change.
    let mut average = model.valid();
    let mut optimizer = training::optimizer();
    let mut progress = Progress::default();
    if run.resume {
        let checkpoint = Checkpoint::open(&run.folder)?;
        checkpoint.check(&identity)?;
        model = checkpoint.model(model)?;
        average = checkpoint.average(average)?;
        optimizer = checkpoint.optimizer(optimizer)?;
        progress = checkpoint.progress;
    } else if store::is_run(&run.folder) {
        return Err(TrainError::Exists(run.folder.clone()));
    } else if let Some(Exported { entry, bytes }) = &run.pretrained {
        if entry.config != identity.config {
            return Err(TrainError::Shape(entry.file.clone()));
        }
        model = entry.load(model, bytes)?;
        average = model.valid();
        progress.pretrained = Some(entry.training.clone());
    }

    let samples = recipe.samples();
    let epoch_steps = (task.epoch_samples() / samples).max(1) as u64;
    let steps = recipe.epochs * epoch_steps;
    let bar = progress_bar(steps, progress.step, samples);
    let save = |progress: &Progress, model: &T::Model, average: &T::Model, optimizer: &_| {
        store::save(
            &run.folder,
            &identity,
            progress,
            model.valid(),
            average.clone(),
            optimizer,
        )
    };
    let log = Log::begin(&run.folder, &identity, steps, &progress)?;
    let mut alarm = Alarm::default();
    let mut clock = Instant::now();
    let mut saved = Instant::now();
    while progress.step < steps {
        let learning_rate = recipe.learning_rate(progress.step, steps);
        let parts = task.draw(progress.step, samples, recipe.accumulate);
        let (loss, gradients) = slope(task, &model, &parts);
        let (loss, gradient_norm) = measured(loss, &gradients, &model);
        if !loss.is_finite() || !gradient_norm.is_finite() {
            return Err(TrainError::Diverged(progress.step));
        }
        model = optimizer.step(learning_rate, model, gradients);
        progress.step += 1;
        average = training::averaged(average, &model.valid(), progress.step, recipe.ema_decay);
        let seconds = clock.elapsed().as_secs_f64();
        clock = Instant::now();
        progress.seconds += seconds;
        progress.of_epoch.add(loss, gradient_norm, seconds);
        progress.of_row.add(loss, gradient_norm, seconds);
        bar.set_position(progress.step);
        bar.set_message(format!("loss {loss:.4}"));

        if progress.step.is_multiple_of(ROW) {
            let row = std::mem::take(&mut progress.of_row);
            progress.steps.push(StepMetrics {
                step: progress.step,
                loss: row.loss(),
                gradient_norm: row.gradient_norm(),
                learning_rate,
                samples_per_second: row.rate() * samples as f64,
            });
            log.steps(&progress)?;
        }
        let heard = alarm.hear(progress.step, loss, gradient_norm);
        if progress.warning.is_none() && heard.is_some() {
            progress.warning = heard;
            say(&bar, progress.warning.as_deref().unwrap_or_default());
            log.about(&progress)?;
        }
        if progress.step.is_multiple_of(epoch_steps) {
            let (epoch, step) = (progress.step / epoch_steps, progress.step);
            let validation = task.validate(&average);
            let of_epoch = std::mem::take(&mut progress.of_epoch);
            progress.metrics.push(EpochMetrics {
                epoch,
                step,
                samples: step * samples as u64,
                train_loss: of_epoch.loss(),
                validation_loss: validation.loss,
                learning_rate,
                seconds: progress.seconds,
                gradient_norm: Some(of_epoch.gradient_norm()),
                gradient_norm_max: Some(of_epoch.gradient_norm_max()),
            });
            let by_sigma = validation.by_sigma.into_iter();
            progress
                .validation
                .extend(by_sigma.map(|(sigma, loss)| SigmaMetrics {
                    epoch,
                    step,
                    sigma,
                    loss,
                }));
            // The checkpoint comes last: a run that is killed before it makes the pictures again.
            log.epoch(&progress)?;
            tell(&progress, &bar);
            let png = run.folder.join(format!("samples-{epoch:04}.png"));
            task.show(&average, &png)?;
            save(&progress, &model, &average, &optimizer)?;
            saved = Instant::now();
            clock = Instant::now();
        } else if saved.elapsed() >= run.checkpoint_every {
            save(&progress, &model, &average, &optimizer)?;
            saved = Instant::now();
            if bar.is_hidden() {
                let rate = (progress.step * samples as u64) as f64 / progress.seconds;
                say(
                    &bar,
                    &format!(
                        "step {}/{steps}  loss {loss:.4}  {rate:.0} samples/s",
                        progress.step
                    ),
                );
            }
        }
        if interrupted.load(Ordering::Relaxed) {
            save(&progress, &model, &average, &optimizer)?;
            bar.abandon();
            return Err(TrainError::Interrupted(progress.step));
        }
    }
    bar.finish();
    Ok(average)
}

/// The mean loss over the parts of a step, and its gradients.
fn slope<T: Task>(task: &T, model: &T::Model, parts: &[T::Part]) -> (Tensor<1>, GradientsParams) {
    let mut gradients = GradientsAccumulator::new();
    let losses = parts.iter().map(|part| {
        let loss = task.loss(model, part) / parts.len() as f64;
        gradients.accumulate(model, GradientsParams::from_grads(loss.backward(), model));
        loss.inner()
    });
    let loss = Tensor::cat(losses.collect(), 0).sum();
    (loss, gradients.grads())
}

/// So many parts of a step's samples, as even as can be; fewer where there are fewer samples.
pub fn shares(samples: usize, parts: usize) -> impl Iterator<Item = Range<usize>> {
    let parts = parts.min(samples).max(1);
    (0..parts).map(move |i| i * samples / parts..(i + 1) * samples / parts)
}

/// The loss, and the length of all gradients together, read from the device at once.
fn measured<M: Module>(loss: Tensor<1>, gradients: &GradientsParams, model: &M) -> (f64, f64) {
    let mut squares = Squares {
        gradients,
        sums: vec![loss],
    };
    model.visit(&mut squares);
    let numbers: Vec<f64> = Tensor::cat(squares.sums, 0)
        .into_data()
        .iter::<f64>()
        .collect();
    (numbers[0], numbers[1..].iter().sum::<f64>().sqrt())
}

struct Squares<'a> {
    gradients: &'a GradientsParams,
    sums: Vec<Tensor<1>>,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = self.gradients.get::<D>(param.id);
        self.sums.extend(gradient.map(|g| g.square().sum()));
    }
}

/// The last epoch in a line.
fn tell(progress: &Progress, bar: &ProgressBar) {
    if let Some(last) = progress.metrics.last() {
        let EpochMetrics {
            epoch,
            train_loss,
            validation_loss,
            seconds,
            ..
        } = last;
        let losses = format!("training loss {train_loss:.4}  validation loss {validation_loss:.4}");
        say(bar, &format!("epoch {epoch:>3}  {losses}  {seconds:.0} s"));
    }
}

/// A line above the progress bar. Whether anyone reads it is no reason to stop training.
fn say(bar: &ProgressBar, line: &str) {
    bar.suspend(|| {
        let _ = writeln!(std::io::stdout(), "{line}");
    });
}

fn progress_bar(steps: u64, done: u64, batch: usize) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{bar:30} {pos}/{len} steps  {msg}  {samples_per_second}  {elapsed} gone, {eta} left",
    )
    .expect("a valid template")
    .with_key(
        "samples_per_second",
        move |state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
            let _ = write!(out, "{:.0} samples/s", state.per_sec() * batch as f64);
        },
    );
    ProgressBar::new(steps)
        .with_style(style)
        .with_position(done)
}
