//! A run from noise to a picture: what it promises, with small networks whose weights are a formula.
#![cfg(all(feature = "native", feature = "flex"))]

mod common;

use std::{cell::Cell, path::Path, rc::Rc};

use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};
use common::{edm, tiny};
use proptest::prelude::*;
use unnoise::{
    classes::Classes,
    denoiser::{Cond, Decoder, Denoiser, Edm, Guidance, Strength},
    generation::{
        Decode, Frame, Generation, GenerationError, MAX_GUIDANCE, MAX_RATE, MAX_STEPS, Negative,
        Request, Settings, SettingsError,
    },
    image::DIGIT_SIZE,
    library::{Generator, Network},
    native::{picture, store},
    nn::ModelConfig,
    nn::SIGMA_DATA,
    rng,
    sampler::SamplerKind,
    schedule::{Fitted, Schedule},
};

/// What sums taken in another order may change in a picture of these small networks on one backend.
const ORDER: f32 = 1e-4;

fn settings(sampler: SamplerKind) -> Settings {
    Settings {
        steps: 6,
        sampler,
        guidance: 2.0,
        eta: (sampler == SamplerKind::Ddim).then_some(0.5),
        ..Settings::default()
    }
}

/// All frames of a run, the first included.
fn frames<D: Denoiser>(
    denoiser: D,
    settings: &Settings,
    requests: &[Request],
    device: &Device,
) -> Vec<Frame> {
    let mut run = Generation::new(denoiser, settings, requests, device).unwrap();
    let mut frames = vec![run.frame()];
    while let Some(frame) = pollster::block_on(run.next()).unwrap() {
        frames.push(frame);
    }
    assert_eq!(frames.last(), Some(&run.frame()));
    frames
}

/// Tables for a few steps.
fn fitted() -> Fitted {
    let many = vec![18.0, 9.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1];
    let tables = [(2, vec![9.0, 0.5]), (8, many)];
    Fitted::new(tables.into(), (0.02, 20.0)).unwrap()
}

fn digit(digit: u8, seed: u64) -> Request {
    Request {
        digit: Some(digit),
        seed,
        ..Request::default()
    }
}

/// Any digit.
fn any_digit(seed: u64) -> Request {
    Request {
        seed,
        ..Request::default()
    }
}

fn furthest(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max)
}

/// Passes calls on and counts the pictures in them.
struct Counted {
    inner: Edm,
    pictures: Rc<Cell<usize>>,
}

impl Denoiser for Counted {
    fn denoise(&self, x: Tensor<4>, sigma: &[f64], cond: &Cond) -> Tensor<4> {
        assert!(sigma.iter().all(|&s| s > 0.0), "no call at sigma 0");
        assert_eq!((x.dims()[0], cond.0.len()), (sigma.len(), sigma.len()));
        self.pictures.set(self.pictures.get() + sigma.len());
        self.inner.denoise(x, sigma, cond)
    }
    fn shape(&self) -> [usize; 3] {
        self.inner.shape()
    }
    fn sigma_range(&self) -> (f64, f64) {
        self.inner.sigma_range()
    }
}

#[test]
fn the_same_seed_gives_the_same_frames_to_the_bit() {
    let device = Device::flex();
    for sampler in SamplerKind::ALL {
        let run = |seed| {
            frames(
                edm(&tiny(), 1, &device),
                &settings(sampler),
                &[digit(3, seed)],
                &device,
            )
        };
        assert_eq!(run(7), run(7), "{sampler}");
        assert_ne!(run(7), run(8), "{sampler}");
    }
}

#[test]
fn digit_guidance_and_eta_each_change_the_picture() {
    let device = Device::flex();
    let denoiser = Rc::new(edm(&tiny(), 1, &device));
    let last = |settings: Settings, request| {
        frames(denoiser.clone(), &settings, &[request], &device)
            .pop()
            .unwrap()
            .x
    };
    let plain = last(settings(SamplerKind::Ddim), digit(3, 7));
    assert_ne!(plain, last(settings(SamplerKind::Ddim), digit(4, 7)));
    assert_ne!(plain, last(settings(SamplerKind::Ddim), any_digit(7)));
    assert_ne!(
        plain,
        last(
            Settings {
                guidance: 1.0,
                ..settings(SamplerKind::Ddim)
            },
            digit(3, 7)
        )
    );
    assert_ne!(
        plain,
        last(
            Settings {
                eta: None,
                ..settings(SamplerKind::Ddim)
            },
            digit(3, 7)
        )
    );
    let karras = Some(Schedule::Karras);
    assert_ne!(
        plain,
        last(
            Settings {
                schedule: karras,
                ..settings(SamplerKind::Ddim)
            },
            digit(3, 7)
        )
    );
}

#[test]
fn a_batch_gives_the_pictures_of_single_runs() {
    let device = Device::flex();
    let denoiser = Rc::new(edm(&tiny(), 2, &device));
    let requests = [digit(0, 5), any_digit(5), digit(9, u64::MAX)];
    for sampler in [SamplerKind::Ddpm, SamplerKind::Heun, SamplerKind::Dpmpp2m] {
        let settings = settings(sampler);
        let batch = frames(denoiser.clone(), &settings, &requests, &device);
        let pixels = batch[0].x.len() / requests.len();
        for (i, request) in requests.iter().enumerate() {
            let single = frames(
                denoiser.clone(),
                &settings,
                std::slice::from_ref(request),
                &device,
            );
            assert_eq!(batch.len(), single.len());
            for (batch, single) in batch.iter().zip(&single) {
                // Alone, a picture of any digit needs no second answer.
                let twice = if request.digit.is_some() { 1 } else { 2 };
                assert_eq!(
                    (batch.step, batch.nfe, batch.sigma),
                    (single.step, twice * single.nfe, single.sigma)
                );
                let apart = furthest(&batch.x[i * pixels..][..pixels], &single.x);
                assert!(
                    apart <= ORDER * (1.0 + batch.sigma as f32),
                    "{sampler}, step {}: {apart}",
                    batch.step
                );
            }
        }
    }
}

#[test]
fn frames_tell_where_the_run_stands() {
    let device = Device::flex();
    let schedules = Schedule::ALL.map(Some).into_iter().chain([None]).cycle();
    for (sampler, schedule) in SamplerKind::ALL.into_iter().zip(schedules) {
        let settings = Settings {
            schedule,
            ..settings(sampler)
        };
        let denoiser = edm(&tiny(), 1, &device).with_schedule(Some(fitted()));
        let sigmas = settings.table(&denoiser).unwrap();
        let calls = settings.calls_along(&settings.table(&denoiser).unwrap());
        let frames = frames(denoiser, &settings, &[digit(3, 7)], &device);
        assert_eq!(frames.len(), settings.steps + 1);
        for (i, frame) in frames.iter().enumerate() {
            assert_eq!(
                (frame.step, frame.steps, frame.sigma),
                (i, settings.steps, sigmas[i])
            );
            assert_eq!(
                (frame.channels, frame.height, frame.width, frame.x.len()),
                (1, 8, 8, 64)
            );
            assert_eq!(frame.denoised.as_ref().map(Vec::len), (i > 0).then_some(64));
        }
        assert!(
            frames
                .windows(2)
                .all(|two| two[0].sigma > two[1].sigma && two[0].nfe < two[1].nfe)
        );
        let noise: Vec<f32> = rng::gaussian(7, 0, 64)
            .iter()
            .map(|v| (v * sigmas[0]) as f32)
            .collect();
        assert_eq!(frames[0].x, noise);
        let last = frames.last().unwrap();
        assert_eq!((last.sigma, last.nfe), (0.0, calls), "{sampler}");
        // A step to 0 goes all the way to the estimate.
        assert_eq!(Some(&last.x), last.denoised.as_ref(), "{sampler}");
    }
}

#[test]
fn guidance_off_costs_one_call_and_otherwise_two() {
    let device = Device::flex();
    for sampler in SamplerKind::ALL {
        for (guidance, times) in [(1.0, 1), (1.5, 2), (0.0, 1)] {
            for count in [1, 3] {
                let pictures = Rc::new(Cell::new(0));
                let denoiser = Counted {
                    inner: edm(&tiny(), 1, &device),
                    pictures: pictures.clone(),
                };
                let settings = Settings {
                    guidance,
                    ..settings(sampler)
                };
                let calls = settings.calls_along(&settings.table(&denoiser).unwrap());
                let frames = frames(denoiser, &settings, &vec![digit(3, 7); count], &device);
                let nfe = frames.last().unwrap().nfe;
                let asks = if sampler == SamplerKind::Heun { 11 } else { 6 };
                assert_eq!(nfe, asks * times, "{sampler} {guidance}");
                assert_eq!(nfe, calls);
                assert_eq!(pictures.get(), nfe * count, "{sampler} {guidance}");
            }
        }
    }
}

/// Where nothing is asked for, there is nothing to insist on.
#[test]
fn guidance_without_a_wish_costs_one_call() {
    let device = Device::flex();
    let last = |guidance, requests: &[Request]| {
        let pictures = Rc::new(Cell::new(0));
        let denoiser = Counted {
            inner: edm(&tiny(), 1, &device),
            pictures: pictures.clone(),
        };
        let settings = Settings {
            guidance,
            ..settings(SamplerKind::Euler)
        };
        let last = frames(denoiser, &settings, requests, &device)
            .pop()
            .unwrap();
        (last, pictures.get())
    };
    let (guided, calls) = last(3.0, &[any_digit(7)]);
    assert_eq!((guided.nfe, calls), (6, 6));
    assert_eq!(guided.x, last(1.0, &[any_digit(7)]).0.x);
    let (mixed, calls) = last(3.0, &[any_digit(7), digit(3, 8)]);
    assert_eq!((mixed.nfe, calls), (12, 24));
    assert!(furthest(&mixed.x[..64], &guided.x) <= ORDER);
}

/// Guidance makes one batch of both calls; the slow twin makes the calls one after the other.
#[test]
fn guidance_is_its_formula() {
    let device = Device::flex();
    let denoiser = edm(&tiny(), 3, &device);
    let cond = Cond::digits([Some(2), Some(7), None]);
    let x = |()| {
        let values: Vec<f32> = rng::gaussian(1, 0, 3 * 64)
            .iter()
            .map(|v| (3.0 * v) as f32)
            .collect();
        Tensor::<4>::from_data(TensorData::new(values, [3, 1, 8, 8]), &device)
    };
    let vec = |tensor: Tensor<4>| tensor.into_data().iter::<f32>().collect::<Vec<f32>>();
    let sigma = [3.0, 0.5, 40.0];
    let (with, without) = (
        vec(denoiser.denoise(x(()), &sigma, &cond)),
        vec(denoiser.denoise(x(()), &sigma, &Cond::null(3))),
    );
    assert!(
        furthest(&with[..128], &without[..128]) > 0.05,
        "the digit must matter"
    );
    assert!(
        furthest(&with[128..], &without[128..]) <= ORDER,
        "any digit is any digit"
    );
    let denoiser = Rc::new(denoiser);
    for g in [0.0, 1.0, 1.5, 8.0] {
        let strength = Strength {
            guidance: g,
            interval: None,
        };
        let guided = vec(Guidance::new(denoiser.clone(), strength).denoise(x(()), &sigma, &cond));
        let twin: Vec<f32> = with
            .iter()
            .zip(&without)
            .map(|(c, u)| u + g as f32 * (c - u))
            .collect();
        assert!(
            furthest(&guided, &twin) <= ORDER * (1.0 + g as f32),
            "g = {g}: {}",
            furthest(&guided, &twin)
        );
    }
}

/// In its interval guidance is as without one, elsewhere it is off and costs no second call.
#[test]
fn guidance_may_be_left_to_an_interval() {
    let device = Device::flex();
    let denoiser = Rc::new(edm(&tiny(), 3, &device));
    let cond = Cond::digits([Some(2), Some(7), Some(4)]);
    let sigma = [0.3, 2.0, 9.0];
    let answer = |interval, guidance| {
        let values: Vec<f32> = rng::gaussian(1, 0, 3 * 64)
            .iter()
            .map(|v| *v as f32)
            .collect();
        let x = Tensor::<4>::from_data(TensorData::new(values, [3, 1, 8, 8]), &device);
        let guidance = Guidance::new(denoiser.clone(), Strength { guidance, interval });
        let calls = sigma.map(|sigma| guidance.calls(&cond, sigma));
        let answer = guidance.denoise(x, &sigma, &cond).into_data();
        (answer.iter::<f32>().collect::<Vec<_>>(), calls)
    };
    let (plain, _) = answer(None, 1.0);
    for g in [0.0, 4.0] {
        let (guided, _) = answer(None, g);
        let twice = if g == 0.0 { 1 } else { 2 };
        for (interval, guides) in [
            ([0.3, 2.0], [false, true, false]),
            ([0.0, 1000.0], [true; 3]),
            ([10.0, 20.0], [false; 3]),
        ] {
            let (mixed, calls) = answer(Some(interval), g);
            for (i, guides) in guides.into_iter().enumerate() {
                let picture = |values: &[f32]| values[64 * i..][..64].to_vec();
                let expected = picture(if guides { &guided } else { &plain });
                assert!(
                    furthest(&picture(&mixed), &expected) <= 10.0 * ORDER,
                    "{g} {interval:?} {i}"
                );
                assert_eq!(calls[i], if guides { twice } else { 1 });
            }
        }
    }

    // A run counts as much, in Heun's second calls too.
    for sampler in [SamplerKind::Euler, SamplerKind::Heun] {
        let pictures = Rc::new(Cell::new(0));
        let denoiser = Counted {
            inner: edm(&tiny(), 1, &device),
            pictures: pictures.clone(),
        };
        let settings = Settings {
            guidance_interval: Some([0.1, 3.0]),
            ..settings(sampler)
        };
        let everywhere = Settings {
            guidance_interval: None,
            ..settings.clone()
        };
        let everywhere = everywhere.calls_along(&everywhere.table(&denoiser).unwrap());
        let calls = settings.calls_along(&settings.table(&denoiser).unwrap());
        let nfe = frames(denoiser, &settings, &[digit(3, 7)], &device)
            .pop()
            .unwrap()
            .nfe;
        assert_eq!((nfe, nfe), (calls, pictures.get()), "{sampler}");
        assert!(nfe < everywhere);
    }
}

/// A negative stands where uncond stands, for each picture by itself.
#[test]
fn a_negative_takes_the_place_of_the_null_condition() {
    let device = Device::flex();
    let denoiser = Rc::new(edm(&tiny(), 3, &device));
    let sigma = [1.0; 3];
    let values: Vec<f32> = rng::gaussian(1, 0, 3 * 64)
        .iter()
        .map(|v| *v as f32)
        .collect();
    let x = || Tensor::<4>::from_data(TensorData::new(values.clone(), [3, 1, 8, 8]), &device);
    let vec = |tensor: Tensor<4>| tensor.into_data().iter::<f32>().collect::<Vec<f32>>();
    let (cond, away) = (
        Cond::digits([Some(2), None, Some(4)]),
        Cond::digits([Some(7), Some(7), None]),
    );
    let strength = Strength {
        guidance: 3.0,
        interval: None,
    };
    let guidance = Guidance::new(denoiser.clone(), strength).away_from(away.clone());
    let guided = vec(guidance.denoise(x(), &sigma, &cond));
    let [with, without] = [&cond, &away].map(|cond| vec(denoiser.denoise(x(), &sigma, cond)));
    let twin: Vec<f32> = with
        .iter()
        .zip(&without)
        .map(|(c, u)| u + 3.0 * (c - u))
        .collect();
    assert!(furthest(&guided, &twin) <= 10.0 * ORDER);

    // Not a 7, whatever else: that is another picture than any, and costs a second call.
    let request = |negative| Request {
        negative,
        ..any_digit(7)
    };
    let settings = settings(SamplerKind::Euler);
    let last = |negative| {
        let frames = frames(denoiser.clone(), &settings, &[request(negative)], &device);
        let last = frames.last().unwrap();
        (last.x.clone(), last.nfe)
    };
    let (any, once) = last(None);
    let (not_seven, twice) = last(Some(Negative::Digit(7)));
    assert_eq!(twice, 2 * once);
    assert_ne!(any, not_seven);
    assert_eq!(last(Some(Negative::Prompt("  ".into()))), (any, once));
}

#[test]
fn a_negative_is_read_as_a_digit_or_a_text() {
    let read = |json: &str| {
        let request = serde_json::from_str::<Request>(json).map_err(|e| e.to_string());
        request.map(|request| request.negative)
    };
    assert_eq!(read(r#"{"negative":7}"#), Ok(Some(Negative::Digit(7))));
    let words = Negative::Prompt("blue paper".into());
    assert_eq!(read(r#"{"negative":"blue paper"}"#), Ok(Some(words)));
    assert_eq!(read(r#"{"negative":null}"#), Ok(None));
    let wrong = read(r#"{"negative":700}"#).unwrap_err();
    assert!(
        wrong.contains("the negative must be a digit or a text"),
        "{wrong}"
    );
}

/// A fresh network answers 0, so that only the preconditioning is left: D = c_skip·x.
#[test]
fn a_fresh_network_leaves_the_preconditioning_alone() {
    let device = Device::flex();
    let config = tiny();
    let denoiser = Edm::new(config.init(&device), config);
    let sigma = [0.02, 0.6, 80.0];
    let x: Vec<f32> = rng::gaussian(2, 0, 3 * 64)
        .iter()
        .map(|&v| v as f32)
        .collect();
    let input = Tensor::<4>::from_data(TensorData::new(x.clone(), [3, 1, 8, 8]), &device);
    let cond = Cond::digits([Some(0), None, Some(9)]);
    let denoised: Vec<f32> = denoiser
        .denoise(input, &sigma, &cond)
        .into_data()
        .iter::<f32>()
        .collect();
    let expected: Vec<f32> = x
        .iter()
        .zip(sigma.iter().flat_map(|s| [s; 64]))
        .map(|(x, s)| x * (SIGMA_DATA / (s * s + SIGMA_DATA * SIGMA_DATA).sqrt()).powi(2) as f32)
        .collect();
    for (denoised, expected) in denoised.iter().zip(expected) {
        let off = (denoised - expected).abs();
        assert!(off <= 1e-6 * expected.abs(), "{denoised} is not {expected}");
    }
}

#[test]
fn a_fitted_schedule_is_for_whole_runs_of_a_model_that_has_it() {
    let device = Device::flex();
    let settings = Settings {
        steps: 2,
        schedule: Some(Schedule::Fitted),
        ..Settings::default()
    };
    let plain = edm(&tiny(), 1, &device);
    let error = Generation::new(plain, &settings, &[digit(3, 7)], &device).err();
    assert_eq!(error, Some(SettingsError::NotFitted));

    let has_it = Rc::new(edm(&tiny(), 1, &device).with_schedule(Some(fitted())));
    let walked = frames(has_it.clone(), &settings, &[digit(3, 7)], &device);
    let sigmas: Vec<f64> = walked.iter().map(|frame| frame.sigma).collect();
    assert_eq!(sigmas, [9.0, 0.5, 0.0]);
    for steps in [1, 9] {
        let settings = Settings {
            steps,
            ..settings.clone()
        };
        let error = Generation::new(has_it.clone(), &settings, &[digit(3, 7)], &device).err();
        assert_eq!(
            error.unwrap().to_string(),
            format!("the schedule fitted is for 2 to 8 steps, not {steps}")
        );
    }

    let run = Generation::new(has_it, &settings, &[digit(3, 7)], &device).unwrap();
    let error = run.starting_from(&[0.0; 64], 1.0).err();
    assert_eq!(
        error.unwrap().to_string(),
        "the schedule fitted leads from pure noise: choose another one to start from a picture"
    );
}

/// Though they are in range: in silence nothing is passed over.
#[test]
fn settings_that_mean_nothing_are_told() {
    for (settings, sentence) in [
        (
            Settings {
                eta: Some(0.0),
                ..Settings::default()
            },
            "eta is for ddim: the sampler dpmpp-2m has none",
        ),
        (
            Settings {
                rate: Some(0.6),
                ..settings(SamplerKind::Euler)
            },
            "rate is for gradient-descent, momentum, adam: the sampler euler has none",
        ),
        (
            Settings {
                momentum: Some(0.2),
                ..settings(SamplerKind::GradientDescent)
            },
            "momentum is for momentum, adam: the sampler gradient-descent has none",
        ),
        (
            Settings {
                shift: Some(1.0),
                ..settings(SamplerKind::Heun)
            },
            "shift is for the schedule flow: the schedule karras has none",
        ),
        (
            Settings {
                shift: Some(3.0),
                schedule: Some(Schedule::Karras),
                ..settings(SamplerKind::Flow)
            },
            "shift is for the schedule flow: the schedule karras has none",
        ),
    ] {
        assert_eq!(settings.check().unwrap_err().to_string(), sentence);
    }
    let shifted = Settings {
        shift: Some(3.0),
        schedule: Some(Schedule::Flow),
        ..settings(SamplerKind::Heun)
    };
    assert_eq!(shifted.check(), Ok(()));
}

#[test]
fn settings_out_of_range_are_told() {
    let device = Device::flex();
    let denoiser = Rc::new(edm(&tiny(), 1, &device));
    let refused = |change: &dyn Fn(&mut Settings), requests: &[Request]| {
        let mut settings = Settings::default();
        change(&mut settings);
        match Generation::new(denoiser.clone(), &settings, requests, &device) {
            Ok(_) => panic!("accepted {settings:?} {requests:?}"),
            Err(error) => (error.to_string(), error),
        }
    };
    let one = [digit(3, 7)];
    assert_eq!(
        refused(&|s| s.steps = 0, &one).0,
        "steps must be 1 to 1000, not 0"
    );
    assert_eq!(
        refused(&|s| s.steps = MAX_STEPS + 1, &one).1,
        SettingsError::Steps(1001)
    );
    assert_eq!(
        refused(&|s| s.guidance = -0.1, &one).0,
        "guidance must be 0 to 20, not -0.1"
    );
    assert_eq!(
        refused(&|s| s.guidance = MAX_GUIDANCE + 1.0, &one).1,
        SettingsError::Guidance(21.0)
    );
    assert_eq!(
        refused(&|s| s.guidance = f64::NAN, &one).0,
        "guidance must be 0 to 20, not NaN"
    );
    assert_eq!(
        refused(&|s| s.eta = Some(1.5), &one).0,
        "eta must be 0 to 1, not 1.5"
    );
    assert_eq!(
        refused(&|s| s.eta = Some(f64::INFINITY), &one).1,
        SettingsError::Eta(f64::INFINITY)
    );
    assert_eq!(
        refused(&|s| s.rate = Some(MAX_RATE + 1.0), &one).0,
        "rate must be 0 to 2, not 3"
    );
    assert_eq!(
        refused(&|s| s.momentum = Some(f64::NAN), &one).0,
        "momentum must be 0 to 1, not NaN"
    );
    assert_eq!(
        refused(&|s| s.shift = Some(0.0), &one).0,
        "shift must be 0.01 to 100, not 0"
    );
    for [low, high] in [
        [2.0, 1.0],
        [1.0, 1.0],
        [-1.0, 1.0],
        [0.0, 1e4],
        [f64::NAN, 1.0],
    ] {
        assert_eq!(
            refused(&|s| s.guidance_interval = Some([low, high]), &one).0,
            format!(
                "the guidance interval must be two noise levels from 0 to 1000, the lower one \
                 first, not {low} and {high}"
            )
        );
    }
    let negative = |wanted: Option<u8>, negative| Request {
        digit: wanted,
        negative: Some(negative),
        ..Request::default()
    };
    assert_eq!(
        refused(&|_| (), &[negative(None, Negative::Digit(10))]).1,
        SettingsError::Digit(10, Classes::digits())
    );
    assert_eq!(
        refused(&|_| (), &[negative(Some(4), Negative::Digit(4))]).0,
        "the digit 4 cannot be both asked for and the negative"
    );
    assert_eq!(
        refused(&|s| s.guidance = 1.0, &[negative(None, Negative::Digit(4))]).0,
        "a negative is what guidance leads away from: guidance must be above 1, not 1"
    );
    assert_eq!(
        refused(&|_| (), &[digit(3, 7), digit(10, 7)]).0,
        "the digit must be 0 to 9, not 10"
    );
    assert_eq!(refused(&|_| (), &[]).0, "no picture was asked for");
}

#[test]
fn settings_are_read_from_json() {
    let read = |json: &str| serde_json::from_str::<Settings>(json).map_err(|e| e.to_string());
    assert_eq!(read("{}"), Ok(Settings::default()));
    let all = r#"{"steps":5,"sampler":"dpmpp-2m","schedule":"linear","guidance":3,
        "guidanceInterval":[0.3,5],"eta":0.25,"rate":1.5,"momentum":0.5,"shift":3}"#;
    let expected = Settings {
        steps: 5,
        sampler: SamplerKind::Dpmpp2m,
        schedule: Some(Schedule::Linear),
        guidance: 3.0,
        guidance_interval: Some([0.3, 5.0]),
        eta: Some(0.25),
        rate: Some(1.5),
        momentum: Some(0.5),
        shift: Some(3.0),
    };
    assert_eq!(read(all), Ok(expected));
    for wrong in [
        r#"{"step":5}"#,
        r#"{"steps":-1}"#,
        r#"{"sampler":"best"}"#,
        r#"{"guidance":"much"}"#,
        r#"{"guidanceInterval":[1]}"#,
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

/// Answers as the network does, until call number `at`, which gives a NaN once.
struct Failing {
    inner: Edm,
    calls: Cell<usize>,
    at: usize,
}

impl Denoiser for Failing {
    fn denoise(&self, x: Tensor<4>, sigma: &[f64], cond: &Cond) -> Tensor<4> {
        self.calls.set(self.calls.get() + 1);
        let denoised = self.inner.denoise(x, sigma, cond);
        if self.calls.get() == self.at {
            denoised * f32::NAN
        } else {
            denoised
        }
    }
    fn shape(&self) -> [usize; 3] {
        self.inner.shape()
    }
    fn sigma_range(&self) -> (f64, f64) {
        self.inner.sigma_range()
    }
}

#[test]
fn a_step_that_fails_is_told_and_can_be_made_again() {
    let device = Device::flex();
    let settings = Settings {
        guidance: 1.0,
        ..settings(SamplerKind::Heun)
    };
    let undisturbed = frames(edm(&tiny(), 1, &device), &settings, &[digit(3, 7)], &device);
    // Call 6 is the second one of step 3.
    let failing = Failing {
        inner: edm(&tiny(), 1, &device),
        calls: Cell::new(0),
        at: 6,
    };
    let mut run = Generation::new(failing, &settings, &[digit(3, 7)], &device).unwrap();
    for frame in &undisturbed[1..=2] {
        assert_eq!(
            pollster::block_on(run.next()).unwrap().as_ref(),
            Some(frame)
        );
    }
    let error = pollster::block_on(run.next()).unwrap_err();
    assert_eq!(error, GenerationError::NotFinite { step: 3 });
    assert!(
        error
            .to_string()
            .contains("the weights or the device are faulty"),
        "{error}"
    );
    assert_eq!(
        run.frame(),
        undisturbed[2],
        "a run that failed stays where it was"
    );
    assert_eq!(
        pollster::block_on(run.next()).unwrap().as_ref(),
        Some(&undisturbed[3])
    );
}

#[test]
fn weights_that_are_not_numbers_are_told() {
    let device = Device::flex();
    let config = tiny();
    let mut ruined = Ruin;
    let unet = common::unet(&config, 1, &device).map(&mut ruined);
    let mut run = Generation::new(
        Edm::new(unet, config),
        &Settings::default(),
        &[digit(3, 7)],
        &device,
    )
    .unwrap();
    assert_eq!(
        pollster::block_on(run.next()),
        Err(GenerationError::NotFinite { step: 1 })
    );
}

/// Makes every weight NaN.
struct Ruin;

impl burn::module::ModuleMapper for Ruin {
    fn map_float<const D: usize>(
        &mut self,
        param: burn::module::Param<Tensor<D>>,
    ) -> burn::module::Param<Tensor<D>> {
        param.map(|tensor| tensor * f32::NAN)
    }
}

/// The finished picture of a network that is a formula, in thousandths, from the first run of this test.
/// It changes when the noise, a schedule, a sampler, the preconditioning, a layer or guidance does.
#[test]
fn golden() {
    const TOLERANCE: f32 = 2e-3;
    let device = Device::flex();
    for (sampler, golden) in GOLDEN {
        let frames = frames(
            edm(&tiny(), 1, &device),
            &settings(sampler),
            &[digit(3, 7)],
            &device,
        );
        let picture = &frames.last().unwrap().x;
        let thousandths: Vec<i16> = picture
            .iter()
            .map(|v| (v * 1000.0).round() as i16)
            .collect();
        let golden: Vec<f32> = golden.iter().map(|&v| f32::from(v) / 1000.0).collect();
        let apart = furthest(picture, &golden);
        assert!(
            apart <= TOLERANCE,
            "{sampler} is {apart} away; it made {thousandths:?}"
        );
    }
}

/// A run may start from a picture: its noise is the seed's, its table begins at the σ asked for, and what
/// is no picture, or no σ, is refused.
#[test]
fn a_run_starts_from_a_picture_with_noise_on_it() {
    let device = Device::flex();
    let picture: Vec<f32> = (0..64).map(|i| i as f32 / 32.0 - 1.0).collect();
    let start = |settings: &Settings, requests: &[Request], picture: &[f32], sigma: f64| {
        Generation::new(edm(&tiny(), 1, &device), settings, requests, &device)
            .unwrap()
            .starting_from(picture, sigma)
    };
    // One that is fitted leads from pure noise.
    for schedule in Schedule::ALL.into_iter().filter(|s| *s != Schedule::Fitted) {
        let settings = Settings {
            schedule: Some(schedule),
            ..settings(SamplerKind::Euler)
        };
        let requests = [digit(3, 7), digit(4, 8)];
        let mut run = start(&settings, &requests, &picture, 0.7).unwrap();
        let first = run.frame();
        assert!(
            first.sigma <= 0.7 && first.sigma > 0.65,
            "{schedule}: {}",
            first.sigma
        );
        for (i, seed) in [7, 8].into_iter().enumerate() {
            let noise = rng::gaussian(seed, 0, 64);
            for (pixel, noise) in noise.iter().enumerate() {
                let expected = picture[pixel] + (first.sigma * noise) as f32;
                assert!((first.x[64 * i + pixel] - expected).abs() < 1e-6);
            }
        }
        let mut steps = 0;
        while let Some(frame) = pollster::block_on(run.next()).unwrap() {
            steps = frame.step;
        }
        assert_eq!((steps, run.frame().sigma), (settings.steps, 0.0));
    }
    let refused = |picture: &[f32], sigma| {
        start(&Settings::default(), &[digit(3, 7)], picture, sigma)
            .err()
            .map(|error| error.to_string())
    };
    for sigma in [0.0, -1.0, 1e9, f64::NAN] {
        assert!(refused(&picture, sigma).unwrap().contains("sigma must be"));
    }
    assert!(
        refused(&picture[1..], 0.7)
            .unwrap()
            .contains("numbers from -10000 to 10000")
    );
    assert!(
        refused(&[f32::NAN; 64], 0.7)
            .unwrap()
            .contains("numbers from -10000 to 10000")
    );
}

/// The digit of the shipped weights with which the page opens, as a picture that a person can look at:
/// `unnoise sample --digit 3 --seed 7 --steps 20 --device cpu --out tests/golden/digit-3-seed-7.png`, whose frame
/// is 2 pixels wide.
#[test]
fn the_shipped_weights_draw_the_stored_digit() {
    const FRAME: usize = 2;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let stored = picture::read(&root.join("tests/golden/digit-3-seed-7.png")).unwrap();
    let inner = FRAME..stored.height - FRAME;
    let golden: Vec<f32> = inner
        .flat_map(|y| {
            stored.values[y * stored.width..][..stored.width][FRAME..][..DIGIT_SIZE].to_vec()
        })
        .collect();

    let device = Device::flex();
    let library = store::exported(&root.join("weights"), &[Network::Unet], &device).unwrap();
    let unet = library.denoiser(Generator::Digits).unwrap();
    let settings = Settings {
        steps: 20,
        ..Settings::default()
    };
    let frames = frames(unet, &settings, &[digit(3, 7)], &device);
    let made: Vec<f32> = frames
        .last()
        .unwrap()
        .x
        .iter()
        .map(|v| v.clamp(-1.0, 1.0))
        .collect();
    // A stored pixel is rounded to half a grey level.
    let apart = furthest(&made, &golden);
    assert!(
        apart <= unnoise::generation::PARITY_TOLERANCE + 1.0 / 255.0,
        "{apart} away"
    );
}

const GOLDEN: [(SamplerKind, [i16; 64]); 2] = [
    (
        SamplerKind::Ddpm,
        [
            -4, 320, 940, -92, 370, 354, 103, 75, 510, 729, 1057, -472, 69, 281, 17, 265, 1091,
            1449, -246, -474, -81, 256, -37, 557, 212, 1228, 664, -994, -402, 253, 125, -32, -12,
            480, 702, 538, 177, -173, -120, 856, 609, 446, 702, -137, 302, 93, -117, -184, -676,
            445, -125, 135, 128, 33, -134, 237, -229, -570, -272, -25, 93, -50, -84, 602,
        ],
    ),
    (
        SamplerKind::Dpmpp2m,
        [
            201, 629, 694, -707, 238, 580, -780, 908, -59, 2663, 69, -1568, -168, 660, -693, -489,
            -199, 896, 65, -1670, -276, 909, -771, -1300, -439, 1336, 1123, -1744, -823, 1577, 218,
            -639, 158, 344, 305, -184, 92, -223, 75, 308, -288, 1778, 686, -332, -306, 332, 276,
            -425, 17, 240, 317, -1263, -423, 1125, -690, 1138, 171, 318, -136, -902, -641, 682,
            277, -258,
        ],
    ),
];

/// The invariant of the crate: the same seed gives the same digit on every backend.
#[cfg(feature = "ndarray")]
#[test]
#[allow(deprecated, reason = "ndarray is kept as a second opinion")]
fn flex_and_ndarray_agree() {
    let picture = |sampler, device: &Device| {
        let requests = [digit(3, 7), any_digit(8)];
        frames(
            edm(&tiny(), 1, device),
            &settings(sampler),
            &requests,
            device,
        )
        .pop()
        .unwrap()
        .x
    };
    for sampler in SamplerKind::ALL {
        let apart = furthest(
            &picture(sampler, &Device::flex()),
            &picture(sampler, &Device::ndarray()),
        );
        assert!(
            apart <= unnoise::generation::PARITY_TOLERANCE,
            "{sampler}: {apart}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Settings either name what is wrong with them or make a run whose first frame is finite.
    #[test]
    fn any_settings_make_a_run_or_a_sentence(
        steps in prop_oneof![0usize..40, Just(1000), Just(usize::MAX)],
        guidance in any::<f64>(),
        [eta, rate, momentum, shift] in any::<[Option<f64>; 4]>(),
        guidance_interval in prop::option::of(any::<[f64; 2]>()),
        seed in any::<u64>(),
        sampler in prop::sample::select(SamplerKind::ALL.to_vec()),
        schedule in prop::option::of(prop::sample::select(Schedule::ALL.to_vec())),
        digit in prop::option::of(any::<u8>()),
    ) {
        let device = Device::flex();
        let config = tiny();
        let settings = Settings {
            steps, sampler, schedule, guidance, guidance_interval, eta, rate, momentum, shift,
        };
        let request = Request { digit, seed, ..Request::default() };
        let denoiser = Edm::new(config.init(&device), config);
        match Generation::new(denoiser, &settings, &[request], &device) {
            Ok(run) => prop_assert!(run.frame().x.iter().all(|v| v.is_finite())),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}

/// Twice as large, and not a number once.
struct Doubling {
    calls: Cell<usize>,
    fails_at: usize,
}

impl Decoder for Doubling {
    fn decode(&self, z: Tensor<4>) -> Tensor<4> {
        self.calls.set(self.calls.get() + 1);
        let failed = self.calls.get() == self.fails_at;
        z * if failed { f32::NAN } else { 2.0 }
    }
    fn shape(&self) -> [usize; 3] {
        [1, 8, 8]
    }
}

#[test]
fn a_picture_that_cannot_be_decoded_is_told_and_the_step_can_be_made_again() {
    let device = Device::flex();
    let settings = settings(SamplerKind::Dpmpp2m);
    let run = |fails_at, when| {
        let denoiser = edm(&tiny(), 1, &device);
        let decoder = Doubling {
            calls: Cell::new(0),
            fails_at,
        };
        Generation::new(denoiser, &settings, &[digit(3, 7)], &device)
            .unwrap()
            .decoding(Some(Rc::new(decoder)), when)
    };
    let all = |mut run: Generation<Edm>| {
        let mut frames = Vec::new();
        loop {
            match pollster::block_on(run.next()) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => return frames,
                Err(error) => {
                    assert_eq!(error, GenerationError::NotFinite { step: 3 });
                    assert_eq!(Some(&run.frame()), frames.last());
                }
            }
        }
    };
    let undisturbed = all(run(0, Decode::Every));
    assert_eq!(undisturbed.len(), 6);
    for frame in &undisturbed {
        let denoised = frame.denoised.as_ref().unwrap();
        let doubled: Vec<f32> = denoised.iter().map(|v| 2.0 * v).collect();
        assert_eq!(frame.decoded.as_ref().unwrap().x, doubled);
    }
    assert_eq!(all(run(3, Decode::Every)), undisturbed);

    let decoded = |when| {
        let frames = all(run(0, when)).into_iter();
        frames.map(|f| f.decoded.is_some()).collect::<Vec<_>>()
    };
    assert_eq!(
        decoded(Decode::Last),
        [false, false, false, false, false, true]
    );
    assert_eq!(decoded(Decode::Never), [false; 6]);
}
