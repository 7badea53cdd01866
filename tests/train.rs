//! Training runs that are killed, interrupted, starved of disk and given damaged files.
#![cfg(all(feature = "native", feature = "flex"))]

mod common;

use std::{
    collections::HashMap,
    env, fs,
    ops::Range,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use burn::{
    module::{Module, ModuleVisitor, Param},
    optim::GradientsParams,
    tensor::{Device, Tensor, TensorData},
};
use common::{bits, encoded, export_text, numbers, tiny};
use proptest::prelude::*;
use safetensors::SafeTensors;
use serde_json::json;
use tempfile::{TempDir, tempdir};
use unnoise::{
    denoiser::{Cond, Denoiser, Edm},
    library::{Generator, Network},
    model::unet::{Unet, UnetConfig},
    native::{
        export, picture,
        store::{self, Checkpoint, CheckpointError, Exported},
        train::{Recipe, Run, Task, TrainError, Validation, alarm::Alarm, train},
    },
    nn::ModelConfig,
    rng,
    weights::{Entry, sha256},
};

/// A small network that learns to denoise a few pictures that are formulas.
struct Tiny<'a> {
    name: &'static str,
    config: UnetConfig,
    /// Called before each step with its number.
    before: &'a dyn Fn(u64),
    /// The step whose loss is not a number.
    diverges_at: Option<u64>,
    /// The step from which on the loss is ten times as much.
    rises_at: u64,
}

const SAMPLES: usize = 40;

impl Tiny<'_> {
    fn new() -> Self {
        Self {
            name: "unet",
            config: tiny(),
            before: &|_| (),
            diverges_at: None,
            rises_at: u64::MAX,
        }
    }

    /// On some of the samples of a batch.
    fn loss_of(&self, model: &Unet, stream: u64, batch: usize, part: Range<usize>) -> Tensor<1> {
        let device = &model.devices()[0];
        let sigma: Vec<f64> = (0..batch)
            .map(|i| 0.1 * (1 + (stream as usize + i) % 20) as f64)
            .collect();
        let x0: Vec<f32> = (0..batch * 64)
            .map(|i| ((i * (1 + i / 64)) % 7) as f32 / 3.0 - 1.0)
            .collect();
        let noise = rng::gaussian(3, stream, x0.len());
        let x = x0
            .iter()
            .zip(&noise)
            .enumerate()
            .map(|(i, (x0, n))| x0 + (sigma[i / 64] * n) as f32)
            .collect();
        let tensor = |values: Vec<f32>| {
            Tensor::<4>::from_data(TensorData::new(values, [batch, 1, 8, 8]), device)
        };
        let of_part = |values| tensor(values).narrow(0, part.start, part.len());
        let cond = Cond::digits(part.clone().map(|i| (i % 3 > 0).then_some((i % 10) as u8)));
        let denoiser = Edm::new(model.clone(), self.config.clone());
        (denoiser.denoise(of_part(x), &sigma[part.clone()], &cond) - of_part(x0))
            .square()
            .mean()
    }
}

impl Task for Tiny<'_> {
    type Model = Unet;
    type Part = (u64, usize, Range<usize>);

    fn name(&self) -> &'static str {
        self.name
    }
    fn config(&self) -> serde_json::Value {
        serde_json::to_value(&self.config).unwrap()
    }
    fn init(&self, device: &Device) -> Unet {
        common::unet(&self.config, 1, device)
    }
    fn epoch_samples(&self) -> usize {
        SAMPLES
    }
    fn draw(&self, step: u64, samples: usize, parts: usize) -> Vec<Self::Part> {
        (self.before)(step);
        let share = samples / parts;
        let part = |i| (step, samples, i * share..(i + 1) * share);
        (0..parts).map(part).collect()
    }
    fn loss(&self, model: &Unet, (step, samples, part): &Self::Part) -> Tensor<1> {
        let step = *step;
        let loss = self.loss_of(model, step, *samples, part.clone());
        match step {
            step if self.diverges_at == Some(step) => loss * f32::NAN,
            step if step >= self.rises_at => loss * 10.0,
            _ => loss,
        }
    }
    fn validate(&self, model: &Unet) -> Validation {
        self.loss_of(model, u64::MAX, 8, 0..8)
            .into_scalar::<f64>()
            .into()
    }
    fn show(&self, _model: &Unet, png: &Path) -> Result<(), TrainError> {
        let failed = |error: picture::PictureError| TrainError::Show(error.to_string());
        let grid = picture::grid(&[vec![0.0; 64]], 8, 8, 1, 1, 0).map_err(failed)?;
        picture::save_png(png, &grid).map_err(failed)
    }
}

/// 4 epochs of 10 steps.
fn recipe() -> Recipe {
    Recipe {
        epochs: 4,
        batch: 4,
        accumulate: 1,
        learning_rate: 1.234_567_890_123_456_7e-3,
        warmup: 5,
        ema_decay: 0.9,
        seed: 2,
        lock_text: false,
        budget: Default::default(),
    }
}

const STEPS: u64 = 40;

fn run(folder: &Path, resume: bool) -> Run {
    Run {
        folder: folder.into(),
        resume,
        checkpoint_every: Duration::ZERO,
        pretrained: None,
    }
}

fn go(task: &Tiny, folder: &Path, resume: bool) -> Result<Unet, TrainError> {
    train(
        task,
        &recipe(),
        &run(folder, resume),
        &Device::flex(),
        &AtomicBool::new(false),
    )
}

fn uninterrupted() -> Vec<(String, Vec<u32>)> {
    let folder = tempdir().unwrap();
    bits(go(&Tiny::new(), folder.path(), false).unwrap())
}

/// The first columns of metrics.csv: all but the time that it took.
fn metrics(folder: &Path) -> Vec<f64> {
    let csv = fs::read_to_string(folder.join("metrics.csv")).unwrap();
    let mut lines = csv.lines();
    assert_eq!(
        lines.next(),
        Some(
            "epoch,step,samples,train_loss,validation_loss,learning_rate,seconds,gradient_norm,gradient_norm_max"
        )
    );
    lines
        .flat_map(|line| line.split(',').take(6))
        .map(|number| number.parse().unwrap())
        .collect()
}

/// The rows of steps.csv: all but how fast it was.
fn steps(folder: &Path) -> Vec<[f64; 4]> {
    let mut csv = csv::Reader::from_path(folder.join("steps.csv")).unwrap();
    let columns = csv.headers().unwrap();
    assert_eq!(
        columns,
        vec![
            "step",
            "loss",
            "gradient_norm",
            "learning_rate",
            "samples_per_second"
        ]
    );
    let row = |row: csv::StringRecord| [0, 1, 2, 3].map(|i| row[i].parse().unwrap());
    csv.records().map(|record| row(record.unwrap())).collect()
}

/// The events of the one file that TensorBoard finds, their checksums compared with slow ones.
fn events(folder: &Path) -> Vec<Vec<u8>> {
    let masked = |bytes: &[u8]| -> [u8; 4] {
        let sum = !bytes.iter().fold(!0_u32, |sum, &byte| {
            (0..8).fold(sum ^ u32::from(byte), |sum, _| {
                (sum >> 1) ^ ((sum & 1) * 0x82f6_3b78)
            })
        });
        sum.rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
    };
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    let files: Vec<_> = files
        .filter(|file| file.file_name().to_string_lossy().contains("tfevents"))
        .collect();
    assert_eq!(files.len(), 1);
    let bytes = fs::read(files[0].path()).unwrap();
    let (mut rest, mut events) = (&bytes[..], Vec::new());
    while !rest.is_empty() {
        let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        assert_eq!(rest[8..12], masked(&rest[..8]));
        let event = &rest[12..12 + length];
        assert_eq!(rest[12 + length..16 + length], masked(event));
        events.push(event.to_vec());
        rest = &rest[16 + length..];
    }
    // As every file of TensorFlow's begins, by its own writer.
    assert!(bytes.starts_with(b"\x18\0\0\0\0\0\0\0\xa3\x7fK\""));
    assert!(events[0].ends_with(b"\x1a\x0dbrain.Event:2"));
    events
}

fn reached(folder: &Path) -> u64 {
    Checkpoint::open(folder).map_or(0, |checkpoint| checkpoint.progress.step)
}

const FOLDER: &str = "UNNOISE_TEST_RUN";
const FILL: &str = "UNNOISE_TEST_FILL_DISK_AT";

/// Not a test of its own: the process that others kill. It trains slowly in the folder of the environment
/// and saves every step.
#[test]
fn child() {
    let Some(folder) = env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    let fill_at: Option<u64> = env::var(FILL).ok().and_then(|step| step.parse().ok());
    let before = |step| {
        thread::sleep(Duration::from_millis(15));
        if fill_at == Some(step) {
            // Fails for want of space, and leaves none.
            let _ = fs::write(folder.join("filler"), vec![0; 64 << 20]);
        }
    };
    let task = Tiny {
        before: &before,
        ..Tiny::new()
    };
    let resume = reached(&folder) > 0;
    if let Err(error) = go(&task, &folder, resume) {
        println!("error: {error}");
    }
    println!("reached: {}", reached(&folder));
}

fn child_command(folder: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "child", "--nocapture"])
        .env(FOLDER, folder);
    command
}

#[test]
fn a_run_that_is_killed_resumes_and_ends_as_if_it_had_not_been() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    let mut last = 0;
    for more in [3, 9, 7] {
        let mut child = child_command(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_until("the run gets on", &mut child, || {
            reached(folder) >= last + more
        });
        child.kill().unwrap();
        child.wait().unwrap();
        let now = reached(folder);
        assert!(now >= last + more && now < STEPS, "killed at {now}");
        last = now;
    }
    let killed = bits(go(&Tiny::new(), folder, true).unwrap());
    assert!(killed == uninterrupted(), "the weights differ");

    let straight = tempdir().unwrap();
    go(&Tiny::new(), straight.path(), false).unwrap();
    assert_eq!(
        [steps(folder).len(), steps(straight.path()).len()],
        [4, 4],
        "a row for ten steps"
    );
    let rows = |folder: &Path| [metrics(folder), steps(folder).concat()].concat();
    // What TensorBoard is told of a run does not hang on how often that was begun: its head, rows and epochs.
    assert_eq!(events(folder).len(), 1 + 4 + 4);
    let (metrics, straight) = (rows(folder), rows(straight.path()));
    assert_eq!((metrics.len(), straight.len()), (4 * 10, 4 * 10));
    // A mean loss passes through JSON, which may lose its last bit.
    let apart = metrics
        .iter()
        .zip(&straight)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max);
    assert!(apart < 1e-12, "{metrics:?} {straight:?}");
    for name in [
        "loss.png",
        "samples-0001.png",
        "samples-0002.png",
        "samples-0003.png",
        "samples-0004.png",
    ] {
        assert!(picture::read(&folder.join(name)).is_ok(), "{name}");
    }
}

/// Whatever moment a run is killed at, resuming it once or more changes nothing.
#[test]
fn an_interrupted_run_saves_itself_and_resumes() {
    let expected = uninterrupted();
    for stops in [vec![0], vec![9, 10, 39], vec![4, 5, 6, 27]] {
        let folder = tempdir().unwrap();
        for (i, &stop) in stops.iter().enumerate() {
            let interrupted = AtomicBool::new(false);
            let before = |step| interrupted.store(step == stop, Ordering::Relaxed);
            let task = Tiny {
                before: &before,
                ..Tiny::new()
            };
            // So long that only the interruption saves.
            let run = Run {
                checkpoint_every: Duration::from_secs(3600),
                ..run(folder.path(), i > 0)
            };
            let error = train(&task, &recipe(), &run, &Device::flex(), &interrupted).unwrap_err();
            assert!(
                matches!(error, TrainError::Interrupted(step) if step == stop + 1),
                "{error}"
            );
            assert!(
                error.to_string().ends_with("continue with --resume"),
                "{error}"
            );
            assert_eq!(reached(folder.path()), stop + 1);
        }
        assert!(
            bits(go(&Tiny::new(), folder.path(), true).unwrap()) == expected,
            "{stops:?}"
        );
    }
}

#[test]
fn a_finished_run_resumes_to_its_weights() {
    let folder = tempdir().unwrap();
    let first = bits(go(&Tiny::new(), folder.path(), false).unwrap());
    assert!(bits(go(&Tiny::new(), folder.path(), true).unwrap()) == first);
}

#[test]
fn a_finished_run_goes_on_for_more_epochs() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    go(&Tiny::new(), folder, false).unwrap();
    let first = Checkpoint::open(folder).unwrap().progress;
    let longer = Recipe {
        epochs: recipe().epochs + 2,
        ..recipe()
    };
    let never = AtomicBool::new(false);
    train(
        &Tiny::new(),
        &longer,
        &run(folder, true),
        &Device::flex(),
        &never,
    )
    .unwrap();
    let last = Checkpoint::open(folder).unwrap().progress;
    let before = first.metrics.len();
    assert_eq!(last.metrics[..before], first.metrics);
    assert_eq!(last.metrics.len(), before + 2);
    assert_eq!(last.step, STEPS / recipe().epochs * longer.epochs);
    // It had fallen to nothing; the longer run is only this far along its fall.
    assert!(last.metrics[before].learning_rate > 10.0 * first.metrics[before - 1].learning_rate);
}

/// The loss falls, and the averaged weights are an average: neither the first weights nor the last.
#[test]
fn training_learns() {
    let folder = tempdir().unwrap();
    let average = go(&Tiny::new(), folder.path(), false).unwrap();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    let losses: Vec<f64> = checkpoint
        .progress
        .metrics
        .iter()
        .map(|m| m.validation_loss)
        .collect();
    assert!(losses[3] < 0.9 * losses[0], "{losses:?}");
    let device = Device::flex();
    let last = bits(checkpoint.model(tiny().init(&device)).unwrap());
    let stored = bits(checkpoint.average(tiny().init(&device)).unwrap());
    assert!(stored == bits(average));
    assert!(stored != last && stored != bits(Tiny::new().init(&device)));
}

#[test]
fn a_run_is_not_overwritten_nor_resumed_as_another() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    let sentence = |error: TrainError| error.to_string();
    let none = sentence(go(&Tiny::new(), folder, true).unwrap_err());
    assert!(
        none.contains("there is no training run in") && none.contains("unnoise train"),
        "{none}"
    );

    go(&Tiny::new(), folder, false).unwrap();
    let exists = sentence(go(&Tiny::new(), folder, false).unwrap_err());
    assert!(
        exists.contains("holds a run already: continue it with --resume"),
        "{exists}"
    );

    let other = Tiny {
        config: tiny().with_embedding(24),
        ..Tiny::new()
    };
    let error = sentence(go(&other, folder, true).unwrap_err());
    assert!(
        error.contains("belongs to a run with other settings (its model is"),
        "{error}"
    );
    for recipe in [
        Recipe {
            learning_rate: 1e-3,
            ..recipe()
        },
        Recipe {
            epochs: 3,
            ..recipe()
        },
        Recipe {
            batch: 8,
            ..recipe()
        },
        Recipe {
            seed: 3,
            ..recipe()
        },
        Recipe {
            lock_text: true,
            ..recipe()
        },
    ] {
        let interrupted = AtomicBool::new(false);
        let error = train(
            &Tiny::new(),
            &recipe,
            &run(folder, true),
            &Device::flex(),
            &interrupted,
        )
        .unwrap_err();
        assert!(
            matches!(error, TrainError::Checkpoint(CheckpointError::Other(..))),
            "{error}"
        );
        assert!(error.to_string().contains("it was started with"), "{error}");
    }
}

/// The run goes on from the weights of a file, and its own file says how those were trained.
#[test]
fn a_run_may_begin_with_exported_weights() {
    let device = Device::flex();
    let (mut entry, bytes) = encoded("unet", &tiny(), 7, &device);
    entry.training = json!({ "steps": 5 });
    let begin = |entry: &Entry, bytes: &[u8], folder: &Path| {
        let run = Run {
            pretrained: Some(Exported {
                entry: entry.clone(),
                bytes: bytes.to_vec(),
            }),
            ..run(folder, false)
        };
        let once = AtomicBool::new(true);
        train(&Tiny::new(), &recipe(), &run, &device, &once).unwrap_err()
    };
    let folder = tempdir().unwrap();
    let error = begin(&entry, &bytes, folder.path());
    assert!(matches!(error, TrainError::Interrupted(1)), "{error}");

    // Adam's first step moves no weight further than the learning rate of the first step of warm-up.
    let far = |a: Unet, b: Unet| {
        let both = numbers(a).into_iter().zip(numbers(b));
        both.flat_map(|((_, _, a), (_, _, b))| a.into_iter().zip(b).map(|(a, b)| (a - b).abs()))
            .fold(0.0, f32::max)
    };
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    let exported = entry.load(tiny().init(&device), &bytes).unwrap();
    let trained = checkpoint.model(tiny().init(&device)).unwrap();
    assert!(far(trained.clone(), exported) < 1e-3);
    assert!(far(trained, Tiny::new().init(&device)) > 0.1);

    go(&Tiny::new(), folder.path(), true).unwrap();
    let out = tempdir().unwrap();
    let exported = export::network(Network::Unet, folder.path(), out.path()).unwrap();
    assert_eq!(exported.training["steps"], STEPS);
    assert_eq!(exported.training["pretrained"], entry.training);

    let elsewhere = tempdir().unwrap();
    let (other, other_bytes) = encoded("unet", &tiny().with_embedding(24), 7, &device);
    let error = begin(&other, &other_bytes, elsewhere.path());
    assert!(matches!(error, TrainError::Shape(..)), "{error}");
    let error = begin(&entry, &bytes[1..], elsewhere.path());
    assert!(matches!(error, TrainError::Weights(..)), "{error}");
    assert_eq!(reached(elsewhere.path()), 0);
}

/// Whoever trains text alone has the exported vae and clip, and no run of theirs.
#[test]
fn what_a_trained_network_leans_on_may_be_exported_only() {
    let (runs, weights) = (tempdir().unwrap(), tempdir().unwrap());
    let device = Device::flex();
    export_text(weights.path(), &device);
    let text = Tiny {
        name: "text",
        ..Tiny::new()
    };
    go(&text, &runs.path().join("text"), false).unwrap();
    let trained = |generator: Generator| {
        store::trained(runs.path(), weights.path(), generator.networks(), &device)
    };
    let library = trained(Generator::Text).expect("all three are there");
    assert!(library.vae().is_ok() && library.clip().is_ok());
    let error = trained(Generator::Digits).err().expect("it has no run");
    let error = error.to_string();
    assert!(error.contains("there is no training run in"), "{error}");
}

#[test]
fn a_loss_that_is_not_a_number_is_told_and_the_last_checkpoint_stands() {
    let folder = tempdir().unwrap();
    let task = Tiny {
        diverges_at: Some(17),
        ..Tiny::new()
    };
    let error = go(&task, folder.path(), false).unwrap_err();
    assert!(matches!(error, TrainError::Diverged(17)), "{error}");
    assert!(
        error.to_string().contains("lower --learning-rate"),
        "{error}"
    );
    assert_eq!(reached(folder.path()), 17);
}

/// The curve of a larger batch, in the memory of a smaller one.
#[test]
fn accumulated_gradients_are_those_of_the_larger_batch() {
    let curve = |batch: usize, accumulate: usize| {
        let folder = tempdir().unwrap();
        let recipe = Recipe {
            batch,
            accumulate,
            ..recipe()
        };
        let run = run(folder.path(), false);
        train(
            &Tiny::new(),
            &recipe,
            &run,
            &Device::flex(),
            &AtomicBool::new(false),
        )
        .unwrap();
        [metrics(folder.path()), steps(folder.path()).concat()].concat()
    };
    let (whole, parts) = (curve(8, 1), curve(2, 4));
    assert_eq!((whole.len(), parts.len()), (4 * 6 + 2 * 4, 4 * 6 + 2 * 4));
    for (whole, part) in whole.iter().zip(&parts) {
        assert!((whole / part - 1.0).abs() < 1e-3, "{whole}, not {part}");
    }
}

/// Once, and so that it can still be read when nobody looked.
#[test]
fn a_loss_that_rises_is_warned_of() {
    let folder = tempdir().unwrap();
    let task = Tiny {
        rises_at: 150,
        ..Tiny::new()
    };
    let long = Recipe {
        epochs: 20,
        ..recipe()
    };
    let run = Run {
        checkpoint_every: Duration::from_secs(3600),
        ..run(folder.path(), false)
    };
    train(&task, &long, &run, &Device::flex(), &AtomicBool::new(false)).unwrap();
    let progress = Checkpoint::open(folder.path()).unwrap().progress;
    let warning = progress.warning.unwrap();
    let step = warning.strip_prefix("warning: at step ").unwrap();
    let step: u64 = step.split(' ').next().unwrap().parse().unwrap();
    assert!((151..200).contains(&step), "{warning}");
    assert!(warning.contains("lower --learning-rate"), "{warning}");
    let about = fs::read_to_string(folder.path().join("run.json")).unwrap();
    let about: serde_json::Value = serde_json::from_str(&about).unwrap();
    assert_eq!(about["warning"], json!(warning));
    assert_eq!(
        (&about["steps"], &about["recipe"]["epochs"]),
        (&json!(200), &json!(20))
    );

    let calm = tempdir().unwrap();
    go(&Tiny::new(), calm.path(), false).unwrap();
    let progress = Checkpoint::open(calm.path()).unwrap().progress;
    assert_eq!(progress.warning, None);
}

#[test]
fn what_rises_is_told_from_what_is_only_noisy() {
    let noise = rng::gaussian(1, 0, 2000);
    let heard = |loss: &dyn Fn(usize) -> f64, norm: &dyn Fn(usize) -> f64| {
        let mut alarm = Alarm::default();
        (0..2000).find_map(|i| alarm.hear(i as u64 + 1, loss(i), norm(i)))
    };
    // As noisy as the loss of batches of one, falling to a tenth.
    let steady = |i: usize| (0.1 + (-(i as f64) / 300.0).exp()) * noise[i].exp();
    assert_eq!(heard(&steady, &steady), None);
    let rises = |i: usize| steady(i) * ((i as f64 - 1000.0).max(0.0) / 50.0).exp();
    let said = heard(&rises, &steady).unwrap();
    assert!(said.contains("the loss has risen from 0."), "{said}");
    let explodes = |i: usize| steady(i) * ((i as f64 - 1000.0).max(0.0) / 5.0).exp();
    let said = heard(&steady, &explodes).unwrap();
    assert!(said.contains("the gradient has grown from"), "{said}");
    // What begins high is no alarm.
    let falls = |i: usize| 1e3 * (-(i as f64) / 20.0).exp() + steady(i);
    assert_eq!(heard(&falls, &falls), None);
}

/// The length of the gradient is that of all its numbers in a row.
#[test]
fn the_length_of_the_gradient_is_recorded() {
    struct Numbers(GradientsParams, Vec<f64>);
    impl ModuleVisitor for Numbers {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient = self.0.get::<D>(param.id).unwrap();
            self.1.extend(gradient.into_data().iter::<f64>());
        }
    }
    let folder = tempdir().unwrap();
    let whole = Recipe {
        epochs: 1,
        batch: SAMPLES,
        ..recipe()
    };
    let never = AtomicBool::new(false);
    let device = Device::flex();
    train(
        &Tiny::new(),
        &whole,
        &run(folder.path(), false),
        &device,
        &never,
    )
    .unwrap();
    let progress = Checkpoint::open(folder.path()).unwrap().progress;
    let epoch = &progress.metrics[0];

    let model = Tiny::new().init(&device.autodiff());
    let part = Tiny::new().draw(0, SAMPLES, 1).remove(0);
    let gradients = Tiny::new().loss(&model, &part).backward();
    let mut numbers = Numbers(GradientsParams::from_grads(gradients, &model), Vec::new());
    model.visit(&mut numbers);
    let norm = numbers.1.iter().map(|n| n * n).sum::<f64>().sqrt();
    for recorded in [epoch.gradient_norm, epoch.gradient_norm_max] {
        assert!((recorded.unwrap() / norm - 1.0).abs() < 1e-4, "{norm}");
    }
}

/// As a program wrote it that knew of no gradients' lengths.
#[test]
fn an_older_checkpoint_resumes() {
    let folder = tempdir().unwrap();
    let stop = AtomicBool::new(false);
    let before = |step| stop.store(step == 13, Ordering::Relaxed);
    let task = Tiny {
        before: &before,
        ..Tiny::new()
    };
    let run = run(folder.path(), false);
    train(&task, &recipe(), &run, &Device::flex(), &stop).unwrap_err();
    let path = folder.path().join("checkpoint.safetensors");
    altered(&path, |metadata| {
        let mut progress: serde_json::Value = serde_json::from_str(&metadata["progress"]).unwrap();
        let fields = progress.as_object_mut().unwrap();
        for new in ["of_epoch", "of_row", "steps", "validation"] {
            fields.remove(new).unwrap();
        }
        fields.insert("epoch_loss".into(), json!(1.5));
        let epoch = fields["metrics"][0].as_object_mut().unwrap();
        for new in ["gradient_norm", "gradient_norm_max"] {
            epoch.remove(new).unwrap();
        }
        metadata.insert("progress".into(), progress.to_string());
    });
    assert!(bits(go(&Tiny::new(), folder.path(), true).unwrap()) == uninterrupted());
    let progress = Checkpoint::open(folder.path()).unwrap().progress;
    assert_eq!(progress.metrics[0].gradient_norm, None);
    assert!(progress.metrics[1].gradient_norm > Some(0.0));
    assert_eq!(steps(folder.path()).len(), 3);
}

/// Changes what a checkpoint says of itself, and its checksum with it.
fn altered(path: &Path, change: impl FnOnce(&mut HashMap<String, String>)) {
    let bytes = fs::read(path).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let mut metadata = header.metadata().clone().unwrap();
    change(&mut metadata);
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let parts = ["model", "average", "optimizer"].map(|name| tensors.tensor(name).unwrap().data());
    let text = ["identity", "progress"].map(|key| metadata[key].as_bytes());
    let all: Vec<_> = text.into_iter().chain(parts).collect();
    metadata.insert("sha256".into(), sha256(&all.concat()));
    let file = safetensors::serialize(tensors.tensors(), Some(metadata));
    fs::write(path, file.unwrap()).unwrap();
}

/// A folder with a checkpoint after the first step, and its bytes.
fn saved() -> (TempDir, PathBuf, Vec<u8>) {
    let folder = tempdir().unwrap();
    let interrupted = AtomicBool::new(true);
    train(
        &Tiny::new(),
        &recipe(),
        &run(folder.path(), false),
        &Device::flex(),
        &interrupted,
    )
    .unwrap_err();
    let path = folder.path().join("checkpoint.safetensors");
    let bytes = fs::read(&path).unwrap();
    (folder, path, bytes)
}

#[test]
fn a_damaged_checkpoint_is_told() {
    let (folder, path, bytes) = saved();
    for damaged in [
        &[][..],
        b"nonsense",
        &[0xff; 64],
        &bytes[..100],
        &bytes[..bytes.len() / 2],
        &bytes[..bytes.len() - 1],
    ] {
        fs::write(&path, damaged).unwrap();
        let error = go(&Tiny::new(), folder.path(), true).unwrap_err();
        assert!(
            matches!(error, TrainError::Checkpoint(CheckpointError::Format(..))),
            "{error}"
        );
        let sentence = error.to_string();
        assert!(
            sentence.contains("is no checkpoint of this program ("),
            "{sentence}"
        );
        assert!(
            sentence.ends_with("delete it and train without --resume"),
            "{sentence}"
        );
    }
}

#[test]
fn a_checkpoint_whose_model_cannot_be_built_is_told() {
    let (folder, path, _) = saved();
    // As a program would have written it whose heads need not divide.
    altered(&path, |metadata| {
        let identity = metadata["identity"].replace(r#""heads":4"#, r#""heads":0"#);
        assert_ne!(identity, metadata["identity"]);
        metadata.insert("identity".into(), identity);
    });
    let error = Checkpoint::open(folder.path())
        .unwrap()
        .config::<UnetConfig>("unet")
        .unwrap_err();
    assert!(error.to_string().contains("heads must divide"), "{error}");
    let error = Checkpoint::open(folder.path())
        .unwrap()
        .config::<UnetConfig>("vae")
        .unwrap_err();
    assert!(error.to_string().contains("it trains unet"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// Bytes changed anywhere: a sentence, or else nothing was changed that matters.
    #[test]
    fn any_damage_to_a_checkpoint_is_read_or_told(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        early in any::<bool>(),
    ) {
        thread_local! {
            static SAVED: (TempDir, PathBuf, Vec<u8>) = saved();
        }
        let read = |folder: &Path| {
            let device = Device::flex();
            let checkpoint = Checkpoint::open(folder)?;
            checkpoint.optimizer(burn::optim::AdamConfig::new().init())?;
            let (model, average) =
                (checkpoint.model(tiny().init(&device))?, checkpoint.average(tiny().init(&device))?);
            Ok::<_, CheckpointError>((bits(model), bits(average)))
        };
        let (undamaged, outcome) = SAVED.with(|(folder, path, bytes)| {
            fs::write(path, bytes).unwrap();
            let undamaged = read(folder.path()).unwrap();
            let mut bytes = bytes.clone();
            let end = if early { 4096 } else { bytes.len() };
            for (index, byte) in changes {
                bytes[index.index(end)] = byte;
            }
            fs::write(path, bytes).unwrap();
            (undamaged, read(folder.path()))
        });
        match outcome {
            Ok(read) => prop_assert!(read == undamaged),
            Err(error) => prop_assert!(matches!(error, CheckpointError::Format(..)), "{error}"),
        }
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_told_before_training() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "in the way").unwrap();
    let steps = std::cell::Cell::new(0);
    let before = |_| steps.set(steps.get() + 1);
    let task = Tiny {
        before: &before,
        ..Tiny::new()
    };
    let error = go(&task, &file.join("unet"), false).unwrap_err();
    assert!(matches!(error, TrainError::Io(_)), "{error}");
    assert!(error.to_string().contains("choose another path"), "{error}");
    assert_eq!(steps.get(), 0);
    assert_eq!(fs::read(&file).unwrap(), b"in the way");
}

/// In a file system of its own, of 4 MB, that is full in the middle of the run.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_the_last_checkpoint_stands() {
    let folder = tempdir().unwrap();
    let Some(output) = on_a_small_disk(folder.path(), child_command(folder.path()).env(FILL, "25"))
    else {
        eprintln!("skipped: this machine lets nobody mount a small disk to fill");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.contains("error: cannot write") && said.contains("the disk is full"),
        "{said}"
    );
    assert!(said.contains("reached: 25"), "{said}");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
}

/// Runs `command` where `folder` is a disk of 4 MB; none where this user cannot mount one.
#[cfg(target_os = "linux")]
fn on_a_small_disk(folder: &Path, command: &Command) -> Option<Output> {
    let mount = r#"mount -t tmpfs -o size=4m none "$0" && echo mounted && exec "$@""#;
    // As root, or as root of a user namespace.
    ["-m", "-rm"].iter().find_map(|&namespace| {
        let mut shell = Command::new("unshare");
        shell
            .args([namespace, "sh", "-c", mount])
            .arg(folder)
            .arg(command.get_program());
        shell.args(command.get_args());
        shell.envs(
            command
                .get_envs()
                .filter_map(|(key, value)| Some((key, value?))),
        );
        let output = shell.output().ok()?;
        String::from_utf8_lossy(&output.stdout)
            .contains("mounted")
            .then_some(output)
    })
}

/// Waits, but not for ever, and not for a process that has ended.
fn wait_until(what: &str, child: &mut Child, done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        if let Some(status) = child.try_wait().unwrap() {
            panic!("the process ended ({status}) before {what}");
        }
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "waited a minute until {what}"
        );
        thread::sleep(Duration::from_millis(5));
    }
}

/// MNIST where a developer or a build machine has it; the tests of the program itself need the real one.
#[cfg(unix)]
fn mnist() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = ["data", "../shared/data/mnist"]
        .map(|folder| here.join(folder))
        .into_iter()
        .find(|folder| {
            let name = "train-images-idx3-ubyte";
            folder.join(name).exists() || folder.join(format!("{name}.gz")).exists()
        });
    if found.is_none() {
        eprintln!("skipped: no MNIST (run `unnoise data` to have this tested too)");
    }
    found
}

/// The program itself on the real data: Ctrl-C, kill, resume, export, sample.
#[cfg(unix)]
#[test]
fn the_program_survives_ctrl_c_and_kill() {
    let Some(data) = mnist() else { return };
    let runs = tempdir().unwrap();
    let folder = runs.path().join("unet");
    let unnoise = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_unnoise"));
        command
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    };
    let training = |resume: &[&str]| {
        let mut command = unnoise(&["train", "unet", "--batch", "4", "--checkpoint-every", "0"]);
        command
            .args(resume)
            .arg("--data")
            .arg(&data)
            .arg("--runs")
            .arg(runs.path());
        command.spawn().unwrap()
    };

    let mut child = training(&[]);
    wait_until("the first checkpoint", &mut child, || reached(&folder) >= 1);
    assert!(
        Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(
        said.contains("unnoise: interrupted at step") && said.contains("continue with --resume"),
        "{said}"
    );
    let first = reached(&folder);

    let refused = training(&[]).wait_with_output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("holds a run already"));

    let mut child = training(&["--resume"]);
    wait_until("a later checkpoint", &mut child, || {
        reached(&folder) > first
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(reached(&folder) > first);

    let weights = runs.path().join("weights");
    let exported = unnoise(&["export", "unet"])
        .arg("--runs")
        .arg(runs.path())
        .arg("--weights")
        .arg(&weights)
        .output();
    assert!(exported.unwrap().status.success());
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(weights.join("manifest.json")).unwrap()).unwrap();
    let entry = &manifest["models"]["unet"];
    assert_eq!(entry["training"]["steps"], json!(reached(&folder)));
    assert_eq!(
        entry["bytes"],
        json!(
            fs::metadata(weights.join("unet.safetensors"))
                .unwrap()
                .len()
        )
    );
    let png = runs.path().join("one.png");
    let sampled = unnoise(&["sample", "--steps", "2"])
        .arg("--weights")
        .arg(&weights)
        .arg("--out")
        .arg(&png)
        .output();
    assert!(sampled.unwrap().status.success());
    assert!(picture::read(&png).is_ok());
}
