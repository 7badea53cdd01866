//! The evaluation: the Fréchet distance, the judge and the report.
#![cfg(all(feature = "native", feature = "flex"))]

mod common;

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use burn::tensor::{Device, Tensor};
use nalgebra::DMatrix;
use serde_json::json;
use unnoise::classes::Classes;
use unnoise::denoiser::{Cond, Denoiser, Descent};
use unnoise::generation::Settings;
use unnoise::image::DIGIT_PIXELS;
use unnoise::library::Generator;
use unnoise::model::noise_level::NoiseLevelConfig;
use unnoise::native::data::{About, DataSet};
use unnoise::native::evaluation::classifier::{Classifier, Reader};
use unnoise::native::evaluation::frechet::{FrechetError, Gaussian};
use unnoise::native::evaluation::grid::{self, Cell, Grid, Way};
use unnoise::native::evaluation::lenet::LeNet;
use unnoise::native::evaluation::manifold::{Manifold, Overlap};
use unnoise::native::evaluation::noise::{self, NoiseError, NoiseTable};
use unnoise::native::evaluation::pixels;
use unnoise::native::evaluation::plot;
use unnoise::native::evaluation::resnet::ResNet;
use unnoise::native::evaluation::{EvaluationError, Report, Spread, evaluate};
use unnoise::native::train::{Recipe, TrainError};
use unnoise::nn::{ModelConfig, SIGMA_DATA};
use unnoise::rng::gaussian;
use unnoise::sampler::SamplerKind;
use unnoise::weights::{Manifest, sha256};

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

/// Precision, recall, density and coverage of points on a line.
fn overlap(real: &[f32], made: &[f32]) -> [f64; 4] {
    let overlap = Manifold::of(real, 1).overlap(&Manifold::of(made, 1));
    overlap.figures().map(|(_, figure)| figure)
}

#[test]
fn overlaps_have_their_known_values() {
    // Ten points a step apart: the third neighbour is 2 away in the middle and 3 at an end, the fifth 3 to 5.
    let row: Vec<f32> = (0..10).map(|i| i as f32).collect();
    let moved = |by: f32| row.iter().map(|x| x + by).collect::<Vec<f32>>();
    // Balls of 5, 4, 3, 3, 3, 3, 3, 3, 4, 5 hold 6, 6, 6, 7, 7, 7, 7, 6, 6, 6 of the same points.
    assert_eq!(overlap(&row, &row), [1.0, 1.0, 64.0 / 50.0, 1.0]);
    assert_eq!(overlap(&row, &moved(1000.0)), [0.0; 4]);

    // In the midst of it: all of that is right, and the rest is not found, but where one looks for nearness alone.
    let narrow: Vec<f32> = (0..10).map(|i| 4.5 + i as f32 / 1000.0).collect();
    assert_eq!(overlap(&row, &narrow), [1.0, 0.0, 2.0, 1.0]);
    // At an end: the balls of 0 to 3 reach there.
    let end: Vec<f32> = (0..10).map(|i| 0.5 + i as f32 / 1000.0).collect();
    assert_eq!(overlap(&row, &end), [1.0, 0.0, 4.0 / 5.0, 0.4]);
}

#[test]
fn overlaps_equal_their_slow_twin() {
    let (real, made) = (features(1, 300, 5, 0.0), features(2, 200, 5, 0.2));
    let way = |a: &[f32], b: &[f32]| -> f64 {
        let squares = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2));
        squares.sum::<f64>().sqrt()
    };
    let radius = |set: &[f32], point: &[f32], k: usize| {
        let mut ways: Vec<f64> = set.chunks(5).map(|other| way(point, other)).collect();
        ways.sort_by(f64::total_cmp);
        ways[k] // the first is the point itself
    };
    let within = |set: &[f32], k: usize, point: &[f32]| {
        let inside = |of: &&[f32]| way(of, point) <= radius(set, of, k);
        set.chunks(5).filter(inside).count()
    };
    let share = |points: &[f32], test: &dyn Fn(&[f32]) -> bool| {
        let hits = points.chunks(5).filter(|point| test(point)).count();
        hits as f64 / (points.len() / 5) as f64
    };
    let inside: usize = made.chunks(5).map(|point| within(&real, 5, point)).sum();
    let slow = [
        share(&made, &|point| within(&real, 3, point) > 0),
        share(&real, &|point| within(&made, 3, point) > 0),
        inside as f64 / (5.0 * 200.0),
        share(&real, &|point| {
            let nearest = made.chunks(5).map(|other| way(point, other));
            nearest.fold(f64::INFINITY, f64::min) <= radius(&real, point, 5)
        }),
    ];
    let fast = Manifold::of(&real, 5).overlap(&Manifold::of(&made, 5));
    for ((name, fast), slow) in fast.figures().into_iter().zip(slow) {
        assert!((fast - slow).abs() < 1e-9, "{name}: {fast}, {slow}");
        assert!(slow > 0.1, "{name} shows nothing: {slow}");
    }
}

#[test]
fn few_points_or_one_overlap_without_a_panic() {
    assert_eq!(overlap(&[1.0], &[1.0]), [1.0, 1.0, 0.2, 1.0]);
    assert_eq!(overlap(&[1.0, 2.0], &[5.0]), [0.0; 4]);
    assert_eq!(overlap(&[1.0, 2.0], &[]), [0.0; 4]);
}

/// Pictures of one grey each, ten labels in turn.
fn greys(greys: &[u8]) -> DataSet {
    DataSet {
        images: greys
            .iter()
            .flat_map(|&grey| [grey; DIGIT_PIXELS])
            .collect(),
        labels: (0..greys.len()).map(|i| (i % 10) as u8).collect(),
        about: About::mnist().into(),
    }
}

#[test]
fn copies_and_too_much_of_a_kind_are_seen() {
    let ramp = |step: u8| -> Vec<u8> { (0..30).map(|i| 10 + i * step).collect() };
    let (train, test) = (greys(&ramp(8)), greys(&ramp(4)));
    let compared =
        |samples: &DataSet| pixels::Reference::new(&train, &test, samples.len()).compare(samples);
    let copies = compared(&train);
    assert_eq!(
        (copies.nearest.median, copies.nearest.percentile),
        (0.0, 0.0)
    );
    // Every other test digit is one of them, the others are 4 of 255 away in each of 28 × 28 pixels.
    assert!((copies.nearest_real.median - 4.0 * 28.0 / 255.0).abs() < 1e-9);
    // Twice as far apart: four times the variance.
    assert!((copies.variance.unwrap() - 4.0).abs() < 1e-9, "{copies}");
    // Among the samples of a digit, not among all.
    let same: Vec<u8> = (0..30).map(|i| 20 * (i % 10)).collect();
    assert!(compared(&greys(&same)).variance.unwrap() < 1e-9);
    assert_eq!(compared(&greys(&same[..5])).variance, None);
    let real = pixels::Reference::new(&train, &test, 30).real();
    assert_eq!(
        (real.nearest, real.variance),
        (real.nearest_real, Some(1.0))
    );
}

/// Drawings that a network tells apart at once: a bar for each digit, at its own height, with a little
/// noise.
fn bars(seed: u64, count: usize) -> DataSet {
    let noise = gaussian(seed, 0, count * DIGIT_PIXELS);
    let labels: Vec<u8> = (0..count).map(|i| (i % 10) as u8).collect();
    let images = (0..count * DIGIT_PIXELS).map(|at| {
        let (label, row) = (labels[at / DIGIT_PIXELS] as usize, at % DIGIT_PIXELS / 28);
        let ink = if row / 2 == label + 2 { 200.0 } else { 20.0 };
        (ink + 12.0 * noise[at]) as u8
    });
    DataSet {
        images: images.collect(),
        labels,
        about: About::mnist().into(),
    }
}

fn recipe() -> Recipe {
    Recipe {
        epochs: 6,
        batch: 50,
        learning_rate: 3e-3,
        warmup: 5,
        ..LeNet::recipe()
    }
}

fn classifier<N: Reader>(folder: &Path, recipe: &Recipe) -> Result<Classifier<N>, TrainError> {
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
    let _alone = common::alone();
    let folder = tempfile::tempdir().unwrap();
    let judge = classifier::<LeNet>(folder.path(), &recipe()).unwrap();
    let test = bars(2, 100);
    let accuracy = judge.accuracy(&test).unwrap();
    assert!(accuracy > 0.95, "{accuracy}");

    // The second time it is only loaded.
    let checkpoint = folder.path().join("checkpoint.safetensors");
    let before = fs::metadata(&checkpoint).unwrap().modified().unwrap();
    let again = classifier::<LeNet>(folder.path(), &recipe()).unwrap();
    assert_eq!(
        fs::metadata(&checkpoint).unwrap().modified().unwrap(),
        before
    );
    let reading = judge.read(&test.images).unwrap();
    assert_eq!(again.read(&test.images).unwrap(), reading);
    assert_eq!(reading.features.len(), 100 * LeNet::FEATURES);

    // Real pictures are as far from the test set as real pictures are; the wrong ones farther.
    let report = evaluate(&bars(3, 200), &test, &judge).unwrap();
    assert_eq!(report.count, 200);
    assert!((report.classifier_accuracy - accuracy).abs() < 1e-9);
    assert!(
        report.accuracy.unwrap() > 0.95 && report.ratio.low > 0.2 && report.ratio.high < 5.0,
        "{report}"
    );
    let grey = DataSet {
        images: vec![128; 200 * DIGIT_PIXELS],
        labels: bars(3, 200).labels,
        about: About::mnist().into(),
    };
    let worse = evaluate(&grey, &test, &judge).unwrap();
    assert!(worse.frechet.low > 5.0 * report.frechet.high, "{worse}");
    assert!(
        (worse.accuracy.unwrap() - 0.1).abs() < 1e-9,
        "one answer for all: {worse}"
    );
    assert_eq!(
        worse.frechet_real, report.frechet_real,
        "halved the same way each time"
    );

    // Grey is no real picture, and no real picture is near it.
    assert_eq!(
        (worse.overlap.precision, worse.overlap.coverage),
        (0.0, 0.0)
    );
    assert!(
        report.overlap.recall > 0.5 && report.overlap_real.recall > 0.5,
        "{report}"
    );
    assert_eq!(worse.overlap_real, report.overlap_real);
    assert!(report.worst().unwrap().1 <= report.accuracy.unwrap());

    // Labels are those asked for: turned by one, none is seen.
    let mut shifted = bars(3, 200);
    shifted.labels.rotate_left(1);
    assert!(evaluate(&shifted, &test, &judge).unwrap().accuracy.unwrap() < 0.05);

    // Half the digits: no figure for the others.
    let few = bars(3, 200).select(&(0..200).filter(|i| i % 10 < 5).collect::<Vec<_>>());
    let report = evaluate(&few, &test, &judge).unwrap();
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
        evaluate(&none, &test, &judge),
        Err(EvaluationError::Empty)
    ));
    let error = evaluate(&few.select(&[0]), &test, &judge)
        .unwrap_err()
        .to_string();
    assert!(error.contains("at least 2"), "{error}");
}

/// Another kind of network, by the same measure.
#[test]
fn a_residual_network_judges_too() {
    let _alone = common::alone();
    let folder = tempfile::tempdir().unwrap();
    let judge = classifier::<ResNet>(folder.path(), &recipe()).unwrap();
    let test = bars(2, 100);
    let reading = judge.read(&test.images).unwrap();
    assert_eq!(reading.features.len(), 100 * ResNet::FEATURES);
    let report = evaluate(&bars(3, 200), &test, &judge).unwrap();
    assert_eq!(report.judge, "resnet");
    // The bars differ in their height alone, which a mean over the pixels hardly sees; a guess is right in a tenth.
    assert!(report.classifier_accuracy > 0.5, "{report}");
    assert!(report.accuracy.unwrap() > 0.5, "{report}");
}

#[test]
fn a_damaged_lenet_is_trained_again() {
    let _alone = common::alone();
    let folder = tempfile::tempdir().unwrap();
    let short = Recipe {
        epochs: 1,
        ..recipe()
    };
    classifier::<LeNet>(folder.path(), &short).unwrap();
    let checkpoint = folder.path().join("checkpoint.safetensors");
    let bytes = fs::read(&checkpoint).unwrap();
    for damaged in [&bytes[..bytes.len() / 2], b"no such thing", b""] {
        fs::write(&checkpoint, damaged).unwrap();
        classifier::<LeNet>(folder.path(), &short).unwrap();
        assert!(fs::metadata(&checkpoint).unwrap().len() > 1000);
    }
    // By another recipe: trained anew, too.
    classifier::<LeNet>(folder.path(), &Recipe { epochs: 2, ..short }).unwrap();
}

#[test]
fn the_table_names_every_figure() {
    let report = Report {
        judge: "lenet".into(),
        count: 10_000,
        accuracy: Some(0.987),
        per_class: (0..10)
            .map(|i| (i != 4).then_some(0.9 + f64::from(i) / 100.0))
            .collect(),
        classes: Classes::digits(),
        frechet: Spread::of(&[4.5678, 4.0, 5.1356]),
        frechet_real: Spread::of(&[0.6311]),
        ratio: Spread::of(&[7.238]),
        overlap: Overlap {
            precision: 0.811,
            recall: 0.822,
            density: 1.033,
            coverage: 0.844,
        },
        overlap_real: Overlap {
            precision: 0.855,
            ..Overlap::default()
        },
        classifier_accuracy: 0.9941,
    };
    let table = report.to_string();
    for figure in [
        "10000",
        "98.70 %",
        "90.0",
        "-",
        "99.0",
        "4.568",
        "(4.000 to 5.136)",
        "0.631",
        "7.238",
        "99.41 %",
        "worst: the 0, 90.0 %",
        "0.811  (real 0.855)",
        "0.822",
        "1.033",
        "0.844",
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
    let digits = DataSet {
        images: (0..40 * 784).map(|i| (i % 256) as u8).collect(),
        labels: vec![3; 40],
        about: About::mnist().into(),
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
    let digits = DataSet {
        images: vec![0; 5 * 784],
        labels: vec![1; 5],
        about: About::mnist().into(),
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
    let table = NoiseTable(&[row], 784).to_string();
    assert!(
        table.contains("-1.2 %") && table.contains("3.4 %"),
        "{table}"
    );
    assert!(table.contains("2.5 %"), "{table}");
}

/// A grid of one cell, as another run may have left it.
fn grid_of_one() -> Grid {
    let judged = json!({
        "accuracy": 0.99, "worst": 0.95, "frechet": 3.0, "times": 1.5, "timesRange": [1.25, 2.0],
        "precision": 0.75, "recall": 0.5, "density": 1.125, "coverage": 0.875,
    });
    let figures = json!({
        "lenet": judged, "resnet": judged, "nearest": { "median": 4.5, "percentile": 1.5 }, "variance": 0.9,
    });
    let way = json!({ "sampler": "heun", "schedule": "karras", "steps": 5, "guidance": 1.0 });
    let mut cell = way.clone();
    cell["calls"] = 9.into();
    cell.as_object_mut()
        .unwrap()
        .extend(figures.as_object().unwrap().clone());
    let grid = json!({
        "model": "digits", "weights": { "unet": "abc" }, "count": 100, "seed": 0,
        "recommended": way, "real": figures, "cells": [cell],
    });
    serde_json::from_value(grid).unwrap()
}

#[test]
fn a_grid_measures_every_sampler_with_nearly_as_many_calls_as_are_wanted() {
    for generator in [Generator::Digits, Generator::Scorer] {
        let range = (0.01, 20.0);
        let ways = grid::ways(generator, range, false);
        let calls = |way: &Settings| way.calls(range.0, range.1);
        for (i, way) in ways.iter().enumerate() {
            way.check().unwrap();
            assert!(!ways[..i].contains(way), "{way:?}");
        }
        let guided = generator.defaults().guidance;
        for sampler in SamplerKind::ALL {
            for wanted in [5, 10, 20, 50] {
                for guidance in [1.0, guided] {
                    let near = |way: &&Settings| {
                        (way.sampler, way.guidance) == (sampler, guidance)
                            && calls(way).abs_diff(wanted) <= 2
                    };
                    assert!(
                        ways.iter().any(|way| near(&way)),
                        "{sampler} {wanted} {guidance}"
                    );
                }
            }
        }
        let recommended = Way::of(&generator.defaults());
        let curve = ways.iter().map(Way::of).filter(|&way| {
            let guidance = recommended.guidance;
            Way { guidance, ..way } == recommended
        });
        assert!(curve.count() >= 9);
        let quick = grid::ways(generator, range, true);
        assert!(quick.len() < ways.len() / 3 && quick.iter().all(|way| ways.contains(way)));
    }
}

#[test]
fn a_grid_goes_on_where_it_was_unless_what_is_measured_has_changed() {
    let before = grid_of_one();
    let json = before.json();
    assert_eq!(json.lines().count(), 3, "a line for each cell: {json}");
    assert_eq!(serde_json::from_str::<Grid>(&json).unwrap(), before);
    let way = before.cells[0].way;
    let resumed = |change: fn(&mut Grid)| {
        let mut grid = grid_of_one();
        grid.cells.clear();
        change(&mut grid);
        let empty = grid.json();
        assert_eq!(serde_json::from_str::<Grid>(&empty).unwrap(), grid);
        (
            grid.resume(before.clone()),
            grid.cell(way).map(|cell: &Cell| cell.calls),
        )
    };
    assert_eq!(resumed(|_| {}), (true, Some(9)));
    assert_eq!(resumed(|grid| grid.recommended.steps = 7), (true, Some(9)));
    let other: [fn(&mut Grid); 4] = [
        |grid| grid.weights = [("unet".to_string(), "abd".to_string())].into(),
        |grid| grid.count = 200,
        |grid| grid.seed = 1,
        |grid| grid.real.lenet.frechet = 2.0,
    ];
    for change in other {
        assert_eq!(resumed(change), (false, None));
    }
}

#[test]
fn a_grid_is_named_beside_the_weights_that_were_measured_and_no_others() {
    let manifest = |sha256: &str, quality: serde_json::Value| -> Manifest {
        let entry = json!({
            "file": "unet.safetensors", "bytes": 1, "sha256": sha256, "config": {}, "parameters": 1,
            "quantisation": { "scheme": "int8-block", "block": 32 }, "mflop_per_call": 1.0,
            "training": {}, "quality": quality,
        });
        Manifest::parse(&json!({ "version": 1, "models": { "unet": entry } }).to_string()).unwrap()
    };
    let grid = grid_of_one();
    let json = grid.json();
    for (before, kept) in [
        (json!(null), json!(null)),
        (json!({ "digits": 7 }), json!(null)),
        (
            json!({ "digits": { "networkCalls": 20 }, "other": 1 }),
            json!(20),
        ),
    ] {
        let mut manifest = manifest("abc", before);
        assert!(grid.record(&mut manifest, "grid-digits.json", &json));
        let quality = &manifest.models["unet"].quality["digits"];
        assert_eq!(quality["networkCalls"], kept);
        assert_eq!(quality["grid"]["file"], "grid-digits.json");
        assert_eq!(quality["grid"]["bytes"], json.len());
        assert_eq!(quality["grid"]["sha256"], sha256(json.as_bytes()));
    }
    let mut others = manifest("abd", json!(null));
    assert!(!grid.record(&mut others, "grid-digits.json", &json));
    assert_eq!(others, manifest("abd", json!(null)));
    assert!(!grid.record(&mut Manifest::default(), "grid-digits.json", &json));
}

#[test]
fn a_grid_is_drawn_however_little_of_it_there_is() {
    let mut grid = grid_of_one();
    let svg = plot::svg(&grid).unwrap();
    assert!(
        svg.starts_with("<svg") && svg.contains("heun") && !svg.contains("adam"),
        "{svg}"
    );
    assert!(!svg.contains("NaN") && !svg.contains("inf"));
    grid.cells.clear();
    plot::svg(&grid).unwrap();
    grid.cells = grid_of_one().cells;
    grid.cells[0].figures.lenet.accuracy = 1.0; // no error has no logarithm
    plot::svg(&grid).unwrap();
}
