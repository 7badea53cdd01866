//! The evaluation: the Fréchet distance, the judge and the report.
#![cfg(all(feature = "native", feature = "flex"))]

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use burn::tensor::{Device, Tensor};
use nalgebra::DMatrix;
use unnoise::denoiser::{Cond, Denoiser, Descent};
use unnoise::image::DIGIT_PIXELS;
use unnoise::model::{ModelConfig, noise_level::NoiseLevelConfig};
use unnoise::native::data::Mnist;
use unnoise::native::evaluation::frechet::{FrechetError, Gaussian};
use unnoise::native::evaluation::lenet::{Classifier, FEATURES};
use unnoise::native::evaluation::noise::{self, NoiseError, NoiseTable};
use unnoise::native::evaluation::{EvaluationError, Report, evaluate};
use unnoise::native::train::{Recipe, TrainError};
use unnoise::nn::SIGMA_DATA;
use unnoise::rng::gaussian;

/// `count` rows of `width` features that depend on one another, moved by `shift`.
fn features(seed: u64, count: usize, width: usize, shift: f64) -> Vec<f32> {
    let noise = gaussian(seed, 0, count * width);
    let mix = gaussian(seed, 1, width * width);
    let rows = noise.chunks(width).flat_map(|row| {
        (0..width)
            .map(|i| {
                let sum: f64 = (0..width).map(|j| mix[i * width + j] * row[j]).sum();
                (sum + shift * i as f64) as f32
            })
            .collect::<Vec<_>>()
    });
    rows.collect()
}

fn distance(a: &[f32], b: &[f32], width: usize) -> f64 {
    let (a, b) = (
        Gaussian::fit(a, width).unwrap(),
        Gaussian::fit(b, width).unwrap(),
    );
    a.distance(&b).unwrap()
}

/// The slow, obvious twin: sums by hand, and the root of the covariances' product as it stands, by
/// Newton's iteration (Denman & Beavers 1976).
fn twin(a: &[f32], b: &[f32], width: usize) -> f64 {
    let moments = |features: &[f32]| {
        let rows: Vec<&[f32]> = features.chunks(width).collect();
        let count = rows.len() as f64;
        let mean: Vec<f64> = (0..width)
            .map(|i| rows.iter().map(|row| f64::from(row[i])).sum::<f64>() / count)
            .collect();
        let covariance = DMatrix::from_fn(width, width, |i, j| {
            let products = rows
                .iter()
                .map(|row| (f64::from(row[i]) - mean[i]) * (f64::from(row[j]) - mean[j]));
            products.sum::<f64>() / (count - 1.0)
        });
        (mean, covariance)
    };
    let ((mean_a, a), (mean_b, b)) = (moments(a), moments(b));
    let (mut root, mut inverse) = (&a * &b, DMatrix::identity(width, width));
    for _ in 0..60 {
        let next = (&root + inverse.clone().try_inverse().unwrap()) / 2.0;
        inverse = (&inverse + root.try_inverse().unwrap()) / 2.0;
        root = next;
    }
    let means: f64 = mean_a
        .iter()
        .zip(&mean_b)
        .map(|(a, b)| (a - b) * (a - b))
        .sum();
    means + a.trace() + b.trace() - 2.0 * root.trace()
}

#[test]
fn frechet_equals_its_slow_twin() {
    for (seed, width) in [(1, 1), (2, 3), (3, 8)] {
        let (a, b) = (
            features(seed, 400, width, 0.0),
            features(seed + 10, 300, width, 0.3),
        );
        let (fast, slow) = (distance(&a, &b, width), twin(&a, &b, width));
        assert!(
            (fast - slow).abs() < 1e-6 * slow.max(1.0),
            "{width}: {fast} {slow}"
        );
        assert!(
            (fast - distance(&b, &a, width)).abs() < 1e-6 * slow.max(1.0),
            "not symmetric"
        );
    }
}

#[test]
fn frechet_has_its_known_values() {
    let a = features(4, 200, 5, 0.0);
    assert!(distance(&a, &a, 5) < 1e-9);

    // Moved, and nothing else: the square of the way.
    let way = [3.0, -1.0, 0.5, 0.0, 2.0f32];
    let moved: Vec<f32> = a
        .chunks(5)
        .flat_map(|row| (0..5).map(|i| row[i] + way[i]))
        .collect();
    let square: f32 = way.iter().map(|x| x * x).sum();
    assert!((distance(&a, &moved, 5) - f64::from(square)).abs() < 1e-4);

    // Twice as wide around the same mean: tr Σ.
    let centred: Vec<f32> = a.iter().copied().chain(a.iter().map(|x| -x)).collect();
    let wide: Vec<f32> = centred.iter().map(|x| 2.0 * x).collect();
    let trace: f64 = centred.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / 399.0;
    assert!((distance(&centred, &wide, 5) - trace).abs() < 1e-6 * trace);

    // Features that never fire make the covariance singular.
    let dead = |seed| -> Vec<f32> {
        features(seed, 50, 3, 0.0)
            .chunks(3)
            .flat_map(|row| [row[0], 0.0, row[1], 0.0])
            .collect()
    };
    let alive: Vec<f32> = dead(5).chunks(4).flat_map(|row| [row[0], row[2]]).collect();
    let alive_too: Vec<f32> = dead(6).chunks(4).flat_map(|row| [row[0], row[2]]).collect();
    assert!((distance(&dead(5), &dead(6), 4) - twin(&alive, &alive_too, 2)).abs() < 1e-6);
}

#[test]
fn features_without_a_distance_are_refused() {
    assert_eq!(Gaussian::fit(&[1.0, 2.0], 2), Err(FrechetError::TooFew(1)));
    assert_eq!(Gaussian::fit(&[], 2), Err(FrechetError::TooFew(0)));
    assert_eq!(
        Gaussian::fit(&[1.0, f32::NAN], 1),
        Err(FrechetError::NotFinite)
    );
    let (a, b) = (
        Gaussian::fit(&[1.0, 2.0], 1).unwrap(),
        Gaussian::fit(&[1.0; 4], 2).unwrap(),
    );
    assert_eq!(a.distance(&b), Err(FrechetError::Width(1, 2)));
}

/// Drawings that a network tells apart at once: a bar for each digit, at its own height, with a little
/// noise.
fn bars(seed: u64, count: usize) -> Mnist {
    let noise = gaussian(seed, 0, count * DIGIT_PIXELS);
    let labels: Vec<u8> = (0..count).map(|i| (i % 10) as u8).collect();
    let images = (0..count * DIGIT_PIXELS).map(|at| {
        let (label, row) = (labels[at / DIGIT_PIXELS] as usize, at % DIGIT_PIXELS / 28);
        let ink = if row / 2 == label + 2 { 200.0 } else { 20.0 };
        (ink + 12.0 * noise[at]) as u8
    });
    Mnist {
        images: images.collect(),
        labels,
    }
}

fn recipe() -> Recipe {
    Recipe {
        epochs: 6,
        batch: 50,
        learning_rate: 3e-3,
        warmup: 5,
        ..Classifier::recipe()
    }
}

fn classifier(folder: &Path, recipe: &Recipe) -> Result<Classifier, TrainError> {
    let (train, test) = (bars(1, 1000), bars(2, 100));
    Classifier::load_or_train(
        folder,
        recipe,
        &train,
        &test,
        &Device::flex(),
        &AtomicBool::new(false),
    )
}

#[test]
fn lenet_learns_is_kept_and_judges() {
    let folder = tempfile::tempdir().unwrap();
    let judge = classifier(folder.path(), &recipe()).unwrap();
    let (train, test) = (bars(1, 1000), bars(2, 100));
    let accuracy = judge.accuracy(&test).unwrap();
    assert!(accuracy > 0.95, "{accuracy}");

    // The second time it is only loaded.
    let checkpoint = folder.path().join("checkpoint.safetensors");
    let before = fs::metadata(&checkpoint).unwrap().modified().unwrap();
    let again = classifier(folder.path(), &recipe()).unwrap();
    assert_eq!(
        fs::metadata(&checkpoint).unwrap().modified().unwrap(),
        before
    );
    let reading = judge.read(&test.images).unwrap();
    assert_eq!(again.read(&test.images).unwrap(), reading);
    assert_eq!(reading.features.len(), 100 * FEATURES);

    // Real pictures are as far from the test set as real pictures are; the wrong ones farther.
    let report = evaluate(&bars(3, 200), &train, &test, &judge).unwrap();
    assert_eq!(report.count, 200);
    assert!((report.classifier_accuracy - accuracy).abs() < 1e-9);
    assert!(
        report.accuracy.unwrap() > 0.95 && report.ratio > 0.2 && report.ratio < 5.0,
        "{report}"
    );
    let grey = Mnist {
        images: vec![128; 200 * DIGIT_PIXELS],
        labels: bars(3, 200).labels,
    };
    let worse = evaluate(&grey, &train, &test, &judge).unwrap();
    assert!(worse.frechet > 5.0 * report.frechet, "{worse}");
    assert!(
        (worse.accuracy.unwrap() - 0.1).abs() < 1e-9,
        "one answer for all: {worse}"
    );
    assert!(
        (worse.frechet_real - report.frechet_real).abs() < 1e-12,
        "drawn the same way each time"
    );

    // Labels are those asked for: turned by one, none is seen.
    let mut shifted = bars(3, 200);
    shifted.labels.rotate_left(1);
    assert!(
        evaluate(&shifted, &train, &test, &judge)
            .unwrap()
            .accuracy
            .unwrap()
            < 0.05
    );

    // Half the digits: no figure for the others.
    let few = bars(3, 200).select(&(0..200).filter(|i| i % 10 < 5).collect::<Vec<_>>());
    let report = evaluate(&few, &train, &test, &judge).unwrap();
    assert!(report.per_class[..5].iter().all(Option::is_some));
    assert!(report.per_class[5..].iter().all(Option::is_none));
    let json = serde_json::to_string(&report).unwrap();
    assert!(
        json.contains("\"frechetReal\"") && json.contains("null"),
        "{json}"
    );
    // JSON may lose the last bit of a number, which no table shows.
    let kept = serde_json::from_str::<Report>(&json).unwrap();
    assert_eq!(kept.to_string(), report.to_string());

    // Nothing, or one: a sentence.
    let none = few.select(&[]);
    assert!(matches!(
        evaluate(&none, &train, &test, &judge),
        Err(EvaluationError::Empty)
    ));
    let error = evaluate(&few.select(&[0]), &train, &test, &judge)
        .unwrap_err()
        .to_string();
    assert!(error.contains("at least 2"), "{error}");
}

#[test]
fn a_damaged_lenet_is_trained_again() {
    let folder = tempfile::tempdir().unwrap();
    let short = Recipe {
        epochs: 1,
        ..recipe()
    };
    classifier(folder.path(), &short).unwrap();
    let checkpoint = folder.path().join("checkpoint.safetensors");
    let bytes = fs::read(&checkpoint).unwrap();
    for damaged in [&bytes[..bytes.len() / 2], b"no such thing", b""] {
        fs::write(&checkpoint, damaged).unwrap();
        classifier(folder.path(), &short).unwrap();
        assert!(fs::metadata(&checkpoint).unwrap().len() > 1000);
    }
    // By another recipe: trained anew, too.
    classifier(folder.path(), &Recipe { epochs: 2, ..short }).unwrap();
}

#[test]
fn the_table_names_every_figure() {
    let report = Report {
        count: 10_000,
        accuracy: Some(0.987),
        per_class: std::array::from_fn(|i| (i != 4).then_some(0.9 + i as f64 / 100.0)),
        frechet: 4.5678,
        frechet_real: 0.6311,
        ratio: 7.238,
        classifier_accuracy: 0.9941,
    };
    let table = report.to_string();
    for figure in [
        "10000", "98.70 %", "90.0", "-", "99.0", "4.568", "0.631", "7.24", "99.41 %",
    ] {
        assert!(table.contains(figure), "{figure}\n{table}");
    }
}

/// Answers with what it is given: all the noise is left.
struct Nothing;

impl Denoiser for Nothing {
    fn denoise(&self, x: Tensor<4>, _sigma: &[f64], _cond: &Cond) -> Tensor<4> {
        x
    }

    fn shape(&self) -> [usize; 3] {
        [1, 28, 28]
    }

    fn sigma_range(&self) -> (f64, f64) {
        (0.02, 20.0)
    }
}

#[test]
fn the_loss_of_a_denoiser_that_does_nothing_is_its_noise() {
    let digits = Mnist {
        images: (0..40 * 784).map(|i| (i % 256) as u8).collect(),
        labels: vec![3; 40],
    };
    let losses = noise::losses(&Nothing, &digits, &Device::flex()).unwrap();
    for (sigma, loss) in noise::SIGMAS.iter().zip(&losses) {
        let expected = (sigma * sigma + SIGMA_DATA * SIGMA_DATA) / (SIGMA_DATA * SIGMA_DATA);
        assert!(
            (loss / expected - 1.0).abs() < 0.03,
            "{sigma}: {loss}, {expected}"
        );
    }
    let table = noise::LossTable(&[("nothing", losses)]).to_string();
    assert_eq!(table.lines().count(), noise::SIGMAS.len() + 2);
    assert!(table.lines().next().unwrap().contains("nothing"));
}

#[test]
fn the_noise_table_shows_bias_and_spread() {
    let config = NoiseLevelConfig::new()
        .with_channels(vec![4])
        .with_strides(vec![2]);
    let device = Device::flex();
    let predictor = Descent::new(config.init(&device), config);
    let digits = Mnist {
        images: vec![0; 5 * 784],
        labels: vec![1; 5],
    };
    let errors = noise::noise_errors(&predictor, &digits, &device).unwrap();
    for error in &errors {
        assert!(error.rms >= error.bias.abs(), "{error:?}");
    }
    let row = NoiseError {
        sigma: 0.5,
        bias: -0.012,
        rms: 0.034,
    };
    let table = NoiseTable(&[row]).to_string();
    assert!(
        table.contains("-1.2 %") && table.contains("3.4 %"),
        "{table}"
    );
    assert!(table.contains("2.5 %"), "{table}");
}
