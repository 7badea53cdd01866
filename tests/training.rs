//! The trainer of the page, natively: what it learns, that it learns the same everywhere, and what it refuses.
#![cfg(all(feature = "native", feature = "flex"))]

mod common;

use std::{fs, path::Path};

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    optim::GradientsParams,
    tensor::{Device, Tensor, TensorData},
};
use pollster::block_on;
use safetensors::SafeTensors;
use unnoise::{
    denoiser::Gradient,
    generation::Request,
    image::{DIGIT_PIXELS, DIGIT_SIZE},
    library::Network,
    model::mlp::{Mlp, MlpConfig},
    native::store,
    nn::ModelConfig,
    rng,
    training::{self, Adam, Pictures, Settings, Trainer, TrainerError},
};

/// What the page calls the default run.
const STEPS: u64 = 600;

fn weights() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/weights"))
}

fn digits() -> Pictures {
    Pictures::unpack(&fs::read(weights().join("digits.safetensors")).unwrap()).unwrap()
}

fn trainer(settings: Settings) -> Trainer {
    Trainer::new(settings, digits(), &Device::flex()).unwrap()
}

/// The losses of so many steps.
fn run(trainer: &mut Trainer, steps: u64) -> Vec<f64> {
    let step = |_| block_on(trainer.step()).unwrap().loss;
    (0..steps).map(step).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Ten of each digit.
fn requests() -> Vec<Request> {
    let request = |i: u64| Request {
        digit: Some((i % 10) as u8),
        seed: i,
        ..Request::default()
    };
    (0..100).map(request).collect()
}

/// In how many of the pictures f, made to choose among the ten digits, sees the one that was asked for.
fn read_right(pictures: &[f32]) -> usize {
    let device = Device::flex();
    let library = store::exported(weights(), &[Network::Scorer], &device).unwrap();
    let n = pictures.len() / DIGIT_PIXELS;
    let data = TensorData::new(pictures.to_vec(), [n, 1, DIGIT_SIZE, DIGIT_SIZE]);
    let x = Tensor::<4>::from_data(data, &device);
    let f = library.scorer().unwrap();
    let read = f.probabilities(x, &vec![Gradient::READING_SIGMA; n]);
    let read: Vec<f64> = read.into_data().iter::<f64>().collect();
    let best = |row: &[f64]| (0..10).max_by(|&a, &b| row[a].total_cmp(&row[b]));
    let right = |(i, row): &(usize, &[f64])| best(row) == Some(i % 10);
    read.chunks(11).enumerate().filter(right).count()
}

#[test]
fn the_default_run_learns_to_draw_digits() {
    for tell_sigma in [true, false] {
        let mut trainer = trainer(Settings {
            tell_sigma,
            ..Settings::default()
        });
        let losses = run(&mut trainer, STEPS);
        let (first, last) = (mean(&losses[..5]), mean(&losses[losses.len() - 50..]));
        assert!(last < first / 5.0, "the loss fell from {first} to {last}");
        let right = read_right(&block_on(trainer.sample(&requests())).unwrap());
        println!("told {tell_sigma}: {first:.3} to {last:.4}, {right} of 100 read right");
        assert!(right >= 60, "{right} of 100 are read right");
    }
}

/// The browser's test holds the same numbers to its own: `tests/web/training.mjs`.
#[test]
fn the_first_losses_are_those_of_every_machine() {
    let golden = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/golden/training.json"
    ));
    let golden: Vec<f64> = serde_json::from_str(&golden.unwrap()).unwrap();
    let losses = run(&mut trainer(Settings::default()), golden.len() as u64);
    println!("{losses:?}");
    for (loss, golden) in losses.iter().zip(&golden) {
        assert!((loss - golden).abs() < 1e-3, "{losses:?}");
    }
}

#[test]
fn a_step_shows_what_it_did() {
    let mut trainer = trainer(Settings {
        batch: 3,
        ..Settings::default()
    });
    let step = block_on(trainer.step()).unwrap();
    assert_eq!((step.step, step.digits.len(), step.sigma.len()), (1, 3, 3));
    let mut error = 0.0;
    for i in 0..3 * DIGIT_PIXELS {
        let x = f64::from(step.x0[i]) + step.sigma[i / DIGIT_PIXELS] * f64::from(step.noise[i]);
        assert!((x - f64::from(step.x[i])).abs() < 1e-4);
        error += f64::from(step.denoised[i] - step.x0[i]).powi(2);
    }
    let error = error / (3 * DIGIT_PIXELS) as f64;
    assert!((error / step.loss - 1.0).abs() < 1e-4);
}

#[test]
fn a_few_drawings_are_enough_to_draw_more_of_them() {
    // A ring and a cross, as a visitor might scribble them.
    let at = |i: usize| [i % DIGIT_SIZE, i / DIGIT_SIZE].map(|v| v as f32 - 13.5);
    let ring = |i: usize| 1.5 - (at(i)[0].hypot(at(i)[1]) - 7.0).abs();
    let cross = |i: usize| {
        let [x, y] = at(i);
        let arms = x.abs().min(y.abs());
        if x.abs().max(y.abs()) < 8.0 {
            2.0 - arms
        } else {
            0.0
        }
    };
    let ink = |v: f32| 2.0 * v.clamp(0.0, 1.0) - 1.0;
    let ring: Vec<f32> = (0..DIGIT_PIXELS).map(|i| ink(ring(i))).collect();
    let cross: Vec<f32> = (0..DIGIT_PIXELS).map(|i| ink(cross(i))).collect();
    let drawings = Pictures::drawn([ring.clone(), cross.clone()].concat()).unwrap();
    let mut trainer = Trainer::new(Settings::default(), drawings, &Device::flex()).unwrap();
    let losses = run(&mut trainer, 300);
    assert!(mean(&losses[250..]) < mean(&losses[..5]) / 5.0);
    let requests: Vec<Request> = (0..16)
        .map(|seed| Request {
            seed,
            ..Request::default()
        })
        .collect();
    let drawn = block_on(trainer.sample(&requests)).unwrap();
    // Each is nearer to one of the two than these are to each other, and both are drawn.
    let apart = |a: &[f32], b: &[f32]| -> f32 {
        let squares = a.iter().zip(b).map(|(a, b)| (a - b).powi(2));
        squares.sum::<f32>() / DIGIT_PIXELS as f32
    };
    let (mut rings, mut crosses) = (0, 0);
    for picture in drawn.chunks(DIGIT_PIXELS) {
        let (to_ring, to_cross) = (apart(picture, &ring), apart(picture, &cross));
        assert!(to_ring.min(to_cross) < apart(&ring, &cross));
        if to_ring < to_cross {
            rings += 1;
        } else {
            crosses += 1;
        }
    }
    assert!(rings > 0 && crosses > 0, "{rings} rings, {crosses} crosses");
}

#[test]
fn what_is_saved_goes_on_elsewhere() {
    let mut first = trainer(Settings {
        tell_sigma: false,
        ..Settings::default()
    });
    run(&mut first, 60);
    let drawn = block_on(first.sample(&requests()[..5])).unwrap();
    let bytes = first.save().unwrap();

    let mut other = trainer(Settings {
        seed: 9,
        ..Settings::default()
    });
    other.open(&bytes).unwrap();
    assert_eq!(other.steps(), 60);
    assert!(!other.settings().tell_sigma);
    assert_eq!(block_on(other.sample(&requests()[..5])).unwrap(), drawn);
    let before = mean(&run(&mut other, 30));
    let after = mean(&run(&mut other, 100)[70..]);
    assert!(after < before, "{before} to {after}");
    // The averaged weights follow.
    assert_ne!(block_on(other.sample(&requests()[..5])).unwrap(), drawn);
}

#[test]
fn files_that_are_none_are_refused_and_nothing_is_lost() {
    let mut trainer = trainer(Settings::default());
    run(&mut trainer, 5);
    let bytes = trainer.save().unwrap();
    let drawn = block_on(trainer.sample(&requests()[..1])).unwrap();
    let foreign = fs::read(weights().join("scorer.safetensors")).unwrap();
    let mut nan = bytes.clone();
    let last = nan.len() - 4;
    nan[last..].copy_from_slice(&f32::NAN.to_le_bytes());
    let text = |from: &str, to: &str| {
        let mut other = bytes.clone();
        let header = bytes.windows(from.len()).position(|w| w == from.as_bytes());
        let at = header.unwrap();
        other[at..at + to.len()].copy_from_slice(to.as_bytes());
        other
    };
    let files: [&[u8]; 8] = [
        b"",
        b"not a network",
        &foreign,
        &bytes[..bytes.len() / 2],
        &bytes[..200],
        &nan,
        &text("weights.class", "weights.glass"),
        &text("\"tellSigma\":\"true\"", "\"tellSigma\":\"tale\""),
    ];
    for file in files {
        let error = trainer.open(file).unwrap_err();
        assert!(matches!(error, TrainerError::File(_)), "{error}");
        assert!(error.to_string().starts_with("this is no network"));
    }
    assert_eq!(trainer.steps(), 5);
    assert_eq!(block_on(trainer.sample(&requests()[..1])).unwrap(), drawn);
    // What is saved is plain safetensors.
    assert!(SafeTensors::deserialize(&bytes).unwrap().len() > 10);
}

#[test]
fn settings_out_of_range_are_refused() {
    for learning_rate in [0.0, -1.0, 2.0, f64::NAN] {
        let settings = Settings {
            learning_rate,
            ..Settings::default()
        };
        assert!(Trainer::new(settings, digits(), &Device::flex()).is_err());
    }
    let mut trainer = trainer(Settings::default());
    for batch in [0, 257] {
        assert_eq!(trainer.set(0.01, batch), Err(TrainerError::Batch(batch)));
    }
    assert_eq!(trainer.settings(), &Settings::default());
    assert!(block_on(trainer.sample(&[])).is_err());
    let eleven = Request {
        digit: Some(11),
        ..Request::default()
    };
    assert!(block_on(trainer.sample(&[eleven])).is_err());
}

#[test]
fn a_rate_that_is_too_high_ends_in_a_sentence_or_is_survived() {
    let mut trainer = trainer(Settings {
        learning_rate: 1.0,
        batch: 4,
        ..Settings::default()
    });
    for _ in 0..30 {
        if let Err(error) = block_on(trainer.step()) {
            assert!(matches!(error, TrainerError::Diverged(_)), "{error}");
        }
    }
}

// --- the network's gradient ---

fn small() -> MlpConfig {
    MlpConfig::new()
        .with_pixels(6)
        .with_width(8)
        .with_blocks(1)
        .with_noise_features(4)
        .with_embedding(5)
        .with_classes(2)
}

fn some<const D: usize>(stream: u64, dims: [usize; D], device: &Device) -> Tensor<D> {
    let draws = rng::gaussian(5, stream, dims.iter().product());
    let values: Vec<f32> = draws.into_iter().map(|v| v as f32).collect();
    Tensor::from_data(TensorData::new(values, dims), device)
}

fn loss(network: &Mlp) -> Tensor<1> {
    let device = &network.devices()[0];
    let answer = network.forward(
        some(100, [3, 6], device),
        some(101, [3], device),
        some(102, [3, 3], device),
    );
    (answer - some(103, [3, 6], device)).square().sum()
}

/// Moves one of the parameters along a direction of its own.
struct Move {
    which: usize,
    by: f64,
    at: usize,
}

impl ModuleMapper for Move {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let here = self.at == self.which;
        self.at += 1;
        let (stream, by) = (self.at as u64, self.by);
        param.map(|tensor| match here {
            true => tensor.clone() + some(stream, tensor.dims(), &tensor.device()) * by,
            false => tensor,
        })
    }
}

/// The gradient along each parameter's direction.
struct Along {
    gradients: GradientsParams,
    slopes: Vec<f64>,
}

impl ModuleVisitor for Along {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = self.gradients.get::<D>(param.id).unwrap();
        let direction = some(
            self.slopes.len() as u64 + 1,
            gradient.dims(),
            &gradient.device(),
        );
        self.slopes
            .push((gradient * direction).sum().into_scalar::<f64>());
    }
}

#[test]
fn the_gradient_is_that_of_finite_differences() {
    let plain: Mlp = common::fill(small().init(&Device::flex()), 6);
    let network: Mlp = common::fill(small().init(&Device::flex().autodiff()), 6);
    let gradients = GradientsParams::from_grads(loss(&network).backward(), &network);
    let mut along = Along {
        gradients,
        slopes: Vec::new(),
    };
    network.visit(&mut along);
    assert!(along.slopes.len() > 10);
    for (which, slope) in along.slopes.into_iter().enumerate() {
        let at = |by: f64| {
            let moved = plain.clone().map(&mut Move { which, by, at: 0 });
            loss(&moved).into_scalar::<f64>()
        };
        let h = 1e-2;
        let difference = (at(h) - at(-h)) / (2.0 * h);
        let close = (difference - slope).abs() < 0.02 * (1.0 + slope.abs());
        assert!(close, "parameter {which}: {slope}, not {difference}");
    }
}

#[test]
fn adam_is_that_of_burn() {
    let device = Device::flex().autodiff();
    let start: Mlp = common::fill(small().init(&device), 6);
    let (mut ours, mut burns) = (start.clone(), start);
    let (mut adam, mut optimizer) = (Adam::default(), training::optimizer());
    let gradients = |network: &Mlp| GradientsParams::from_grads(loss(network).backward(), network);
    for _ in 0..5 {
        let gradient = gradients(&ours);
        ours = adam.step(0.01, ours, gradient);
        let gradient = gradients(&burns);
        burns = optimizer.step(0.01, burns, gradient);
    }
    let [ours, burns] =
        [ours, burns].map(|network| unnoise::weights::named(network.valid()).unwrap());
    for (name, weight) in &ours {
        let pairs = weight.values.iter().zip(&burns[name].values);
        let apart = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < 1e-5, "{name}: {apart}");
    }
}
