//! The gradients that generate: of log f, and of the predicted amount of noise, held to the formula by
//! finite differences, on every backend that is built in.
#![cfg(all(feature = "native", feature = "flex"))]

mod common;

use burn::tensor::{Device, Tensor, TensorData};
use unnoise::{
    denoiser::{Cond, Denoiser, Descent, FixedSigma, Gradient},
    model::{
        noise_level::{NoiseLevel, NoiseLevelConfig},
        scorer::{Scorer, ScorerConfig},
    },
    nn::ModelConfig,
    rng,
};

const SIZE: usize = 8;
const PIXELS: usize = SIZE * SIZE;

fn scorer_config() -> ScorerConfig {
    ScorerConfig::new()
        .with_size(SIZE)
        .with_channels(vec![4, 6, 8])
        .with_strides(vec![1, 2, 2])
        .with_noise_features(8)
        .with_embedding(8)
}

fn predictor_config() -> NoiseLevelConfig {
    NoiseLevelConfig::new()
        .with_size(SIZE)
        .with_channels(vec![4, 6])
        .with_strides(vec![1, 2])
}

#[allow(deprecated, reason = "a second opinion")]
fn devices() -> Vec<Device> {
    vec![
        Device::flex(),
        #[cfg(feature = "ndarray")]
        Device::ndarray(),
    ]
}

fn scorer(device: &Device) -> Gradient {
    let scorer = common::fill(scorer_config().init(&Gradient::device(device)), 3);
    Gradient::new(scorer, scorer_config())
}

fn predictor(device: &Device) -> Descent {
    let predictor = common::fill(predictor_config().init(device), 4);
    Descent::new(predictor, predictor_config())
}

fn pictures(values: Vec<f64>, device: &Device) -> Tensor<4> {
    let n = values.len() / PIXELS;
    let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
    Tensor::from_data(TensorData::new(values, [n, 1, SIZE, SIZE]), device)
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    let data = tensor.into_data().convert::<f32>();
    data.iter::<f32>().map(f64::from).collect()
}

/// Each pixel's gradient must be (f(x + h) − f(x − h)) / 2h, up to the rounding of f in f32.
fn hold_to_finite_differences(gradient: &[f64], x: &[f64], f: impl Fn(Vec<f64>) -> Vec<f64>) {
    const H: f64 = 1e-2;
    let scale = gradient.iter().fold(0.0, |max: f64, g| max.max(g.abs()));
    assert!(scale > 1e-3, "a gradient of nothing: {scale}");
    // All the pictures that differ in one pixel, as one batch.
    let moved = |by: f64| {
        let pictures = (0..PIXELS).flat_map(|pixel| {
            let mut picture = x.to_vec();
            picture[pixel] += by;
            picture
        });
        f(pictures.collect())
    };
    for (pixel, (up, down)) in moved(H).iter().zip(moved(-H)).enumerate() {
        let difference = (up - down) / (2.0 * H);
        let off = (gradient[pixel] - difference).abs();
        assert!(
            off < 1e-2 * scale,
            "pixel {pixel}: {} by automatic differentiation, {difference} by differences",
            gradient[pixel]
        );
    }
}

#[test]
fn the_gradient_of_log_f_is_the_slope_of_log_f() {
    for device in devices() {
        let f = scorer(&device);
        for (sigma, digit) in [(0.3, Some(4)), (0.3, None), (2.0, Some(9)), (2.0, None)] {
            let x: Vec<f64> = rng::gaussian(1, 0, PIXELS);
            let x: Vec<f64> = x.iter().map(|v| v * 0.5).collect();
            let read = |x: Vec<f64>| {
                let n = x.len() / PIXELS;
                let cond = Cond::digits(vec![digit; n]);
                f.read(pictures(x, &device), &vec![sigma; n], &cond)
            };
            let gradient = numbers(read(x.clone()).gradient);
            hold_to_finite_differences(&gradient, &x, |x| numbers(read(x).asked));
        }
    }
}

#[test]
fn the_gradient_of_the_noise_level_is_its_slope() {
    for device in devices() {
        let predictor = predictor(&device);
        let x: Vec<f64> = rng::gaussian(1, 0, PIXELS);
        let slope = predictor.slope(pictures(x.clone(), &device));
        let seen = numbers(slope.sigma())[0];
        let gradient = numbers(slope.gradient);
        hold_to_finite_differences(&gradient, &x, |x| {
            let sigma = numbers(predictor.sigma(pictures(x, &device)));
            sigma.iter().map(|sigma| sigma.ln()).collect()
        });
        let alone = numbers(predictor.sigma(pictures(x, &device)));
        assert!((seen - alone[0]).abs() < 1e-6);
    }
}

#[test]
fn the_written_out_gradient_is_the_automatic_one() {
    for device in devices() {
        let network: Scorer = common::fill(scorer_config().init(&device), 3);
        let denoiser = scorer(&device);
        let digits = vec![Some(0), Some(7), None, None];
        let sigma = [0.05, 0.5, 1.0, 8.0];
        let x = pictures(rng::gaussian(5, 0, sigma.len() * PIXELS), &device);
        let column = Tensor::<1>::from_floats(sigma.map(|s| s as f32), &device);

        let score = network.score(x.clone(), column, &digits);
        let cond = Cond::digits(digits);
        let automatic = numbers(denoiser.denoise(x.clone(), &sigma, &cond));
        for (one, other) in numbers(score.denoised).iter().zip(automatic) {
            assert!((one - other).abs() < 1e-4, "{one} and {other}");
        }
        let reading = denoiser.read(x, &sigma, &cond);
        for (one, other) in numbers(score.log_f).iter().zip(numbers(reading.log_f)) {
            assert!((one - other).abs() < 1e-3 * one.abs().max(1.0));
        }
    }
}

#[test]
fn any_digit_is_the_sum_of_the_digits() {
    let device = Device::flex();
    let f = scorer(&device);
    let x = pictures(rng::gaussian(2, 0, PIXELS), &device);
    let reading = f.read(x, &[0.7], &Cond::null(1));
    let classes = numbers(reading.log_f);
    let sum: f64 = classes[..10].iter().map(|l| l.exp()).sum();
    assert!((numbers(reading.asked)[0] - sum.ln()).abs() < 1e-4);
}

#[test]
fn a_batch_is_read_picture_by_picture() {
    let device = Device::flex();
    let f = scorer(&device);
    let x = rng::gaussian(6, 0, 2 * PIXELS);
    let (one, two) = (x[..PIXELS].to_vec(), x[PIXELS..].to_vec());
    let cond = |digits: &[Option<u8>]| Cond::digits(digits.to_vec());
    let both = f.denoise(pictures(x, &device), &[0.4, 3.0], &cond(&[Some(1), None]));
    let first = f.denoise(pictures(one, &device), &[0.4], &cond(&[Some(1)]));
    let second = f.denoise(pictures(two, &device), &[3.0], &cond(&[None]));
    let apart = [numbers(first), numbers(second)].concat();
    for (together, apart) in numbers(both).iter().zip(apart) {
        assert!((together - apart).abs() < 1e-4);
    }
}

#[test]
fn without_annealing_f_is_told_the_same_noise_in_every_step() {
    let device = Device::flex();
    let f = std::rc::Rc::new(scorer(&device));
    let plain = FixedSigma::new(f.clone(), 0.5, 1.0);
    assert_eq!(plain.sigma_range(), (f.sigma_range().0, 1.0));
    let x = || pictures(rng::gaussian(2, 0, PIXELS), &device);
    let cond = Cond::null(1);
    let told = |sigma| numbers(plain.denoise(x(), &[sigma], &cond));
    assert_eq!(told(1.0), told(0.1));
    assert_eq!(told(1.0), numbers(f.denoise(x(), &[0.5], &cond)));
}

#[test]
fn the_written_out_slope_of_the_noise_level_is_the_automatic_one() {
    for device in devices() {
        let x = || pictures(rng::gaussian(5, 0, 3 * PIXELS), &device);
        let written = predictor(&device).slope(x());

        let network: NoiseLevel = predictor_config().init(&device.clone().autodiff());
        let network = common::fill(network, 4);
        let input = Tensor::from_inner(x()).require_grad();
        let log_sigma = network.log_sigma(input.clone());
        let gradient = input.grad(&log_sigma.clone().sum().backward()).unwrap();
        let automatic = numbers(gradient);
        let steepest = automatic.iter().fold(0.0, |max: f64, g| max.max(g.abs()));
        assert!(steepest > 1e-4, "a slope of nothing: {steepest}");
        for (one, other) in numbers(written.gradient).iter().zip(automatic) {
            assert!((one - other).abs() < 1e-3 * steepest, "{one} and {other}");
        }
        let same = numbers(written.log_sigma).into_iter();
        for (one, other) in same.zip(numbers(log_sigma.inner())) {
            assert!((one - other).abs() < 1e-5);
        }
    }
}

#[test]
fn the_descent_follows_half_the_squared_distance() {
    let device = Device::flex();
    let predictor = predictor(&device);
    let x = rng::gaussian(1, 0, PIXELS);
    let picture = || pictures(x.clone(), &device);
    let slope = predictor.slope(picture());
    let square = numbers(slope.sigma())[0].powi(2);
    let gradient = numbers(slope.gradient);
    let denoised = numbers(predictor.denoise(picture(), &[9.0], &Cond::null(1)));
    for ((x, g), d) in x.iter().zip(gradient).zip(denoised) {
        assert!((x - PIXELS as f64 * square * g - d).abs() < 1e-4);
    }
}

/// Blank pictures have no noise, no rms and no slope: they must not give what is no number.
#[test]
fn a_picture_of_zeros_has_answers_too() {
    let device = Device::flex();
    let zeros = || pictures(vec![0.0; PIXELS], &device);
    let cond = Cond::null(1);
    let predicted = numbers(predictor(&device).denoise(zeros(), &[1.0], &cond));
    let scored = numbers(scorer(&device).denoise(zeros(), &[1.0], &cond));
    assert!(predicted.iter().chain(&scored).all(|v| v.is_finite()));
}
