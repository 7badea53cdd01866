//! What each network is trained to do, on a few pictures that are formulas: the losses fall, and mean what
//! they say.
#![cfg(all(feature = "native", feature = "flex"))]

mod common;

use std::{sync::atomic::AtomicBool, time::Duration};

use burn::tensor::Device;
use serde_json::json;
use tempfile::tempdir;
use unnoise::{
    image::{DIGIT_PIXELS, DIGIT_SIZE},
    library::{Library, Network},
    model::{
        clip::{Clip, ClipConfig},
        noise_level::NoiseLevelConfig,
        scorer::ScorerConfig,
        unet::UnetConfig,
        vae::VaeConfig,
    },
    native::{
        data::{About, DataSet},
        train::{
            Recipe, Run, Task,
            clip::ClipTask,
            digits::{Digits, VALIDATION_SIGMAS},
            noise_level::NoiseLevelTask,
            pictures::Pictures,
            scorer::ScorerTask,
            text::TextTask,
            train,
            unet::UnetTask,
            vae::VaeTask,
        },
    },
    nn::ModelConfig,
    weights::Source,
};

/// Pictures that a network is validated on.
const VALIDATION: u32 = 16;

/// Bars of ink, each "digit" at a height of its own.
fn bars(count: usize) -> DataSet {
    let labels: Vec<u8> = (0..count).map(|i| (i % 10) as u8).collect();
    let ink = |label: u8, i: usize| {
        let (y, x) = (i / DIGIT_SIZE, i % DIGIT_SIZE);
        (6..22).contains(&x)
            && (4 + 2 * usize::from(label)..7 + 2 * usize::from(label)).contains(&y)
    };
    let images = labels
        .iter()
        .flat_map(|&label| (0..DIGIT_PIXELS).map(move |i| if ink(label, i) { 255 } else { 0 }))
        .collect();
    DataSet {
        images,
        labels,
        about: About::mnist().into(),
    }
}

/// Coloured pictures of such bars.
fn pictures() -> Pictures {
    Pictures::of(digits())
}

fn digits() -> Digits {
    Digits::new(1, bars(80), bars(VALIDATION as usize))
}

/// The mean of the losses of a step's parts.
fn mean_loss<T: Task>(task: &T, model: &T::Model, step: u64, samples: usize, parts: usize) -> f64 {
    let parts = task.draw(step, samples, parts);
    let losses = parts.iter().map(|part| task.loss(model, part));
    losses.map(|loss| loss.into_scalar::<f64>()).sum::<f64>() / parts.len() as f64
}

/// The validation loss before and after a short training.
fn losses<T: Task>(task: &T, epochs: u64) -> (f64, f64) {
    let before = task.validate(&task.init(&Device::flex())).loss;
    (before, task.validate(&trained(task, epochs)).loss)
}

/// What a short training makes, and leaves in its folder.
fn trained<T: Task>(task: &T, epochs: u64) -> T::Model {
    let device = Device::flex();
    let folder = tempdir().unwrap();
    let recipe = Recipe {
        epochs,
        batch: 8,
        accumulate: 1,
        learning_rate: 5e-3,
        warmup: 5,
        ema_decay: 0.9,
        seed: common::SEED,
        lock_text: false,
        budget: Default::default(),
    };
    let run = Run {
        folder: folder.path().join("run"),
        resume: false,
        checkpoint_every: Duration::from_secs(60),
        pretrained: None,
    };
    let trained = train(task, &recipe, &run, &device, &AtomicBool::new(false)).unwrap();
    for file in [
        "metrics.csv",
        "steps.csv",
        "validation.csv",
        "loss.png",
        &format!("samples-{epochs:04}.png"),
    ] {
        assert!(run.folder.join(file).exists(), "{file}");
    }
    trained
}

#[test]
fn the_scorer_learns_to_denoise_by_its_gradient() {
    let _alone = common::alone();
    let config = ScorerConfig::new()
        .with_channels(vec![4, 8])
        .with_strides(vec![2, 2])
        .with_noise_features(8)
        .with_embedding(8);
    let (before, after) = losses(&ScorerTask::new(config, digits()), 40);
    assert!(after < 0.8 * before, "{before}, then {after}");
}

#[test]
fn the_predictor_learns_the_amount_of_noise() {
    let _alone = common::alone();
    let config = NoiseLevelConfig::new()
        .with_channels(vec![8, 8])
        .with_strides(vec![2, 2]);
    let (before, after) = losses(&NoiseLevelTask::new(config, digits()), 6);
    assert!(after < 0.5 * before, "{before}, then {after}");
}

#[test]
fn both_u_nets_learn_to_denoise() {
    let _alone = common::alone();
    let config = UnetConfig::new()
        .with_channels(vec![8, 8, 8])
        .with_noise_features(8)
        .with_embedding(16);
    for (network, features) in [(Network::Unet, 8), (Network::UnetBlind, 0)] {
        let config = config.clone().with_noise_features(features);
        let task = UnetTask::new(network, config, digits());
        let (before, after) = losses(&task, 8);
        assert!(after < 0.8 * before, "{network}: {before}, then {after}");
        // Two pictures at each amount of noise.
        let validation = task.validate(&task.init(&Device::flex()));
        let (sigmas, losses): (Vec<f64>, Vec<f64>) = validation.by_sigma.into_iter().unzip();
        assert_eq!(sigmas, VALIDATION_SIGMAS);
        let mean = losses.iter().sum::<f64>() / losses.len() as f64;
        assert!((mean - validation.loss).abs() < 1e-9 * mean, "{losses:?}");
        // A fresh network answers with what it was given, or nearly.
        assert!(losses[0] < losses[7], "{losses:?}");
    }
}

fn tiny_vae() -> VaeConfig {
    VaeConfig::new()
        .with_channels(vec![8, 8, 8])
        .with_encoder_blocks(vec![0, 0, 0])
        .with_decoder_blocks(vec![0, 0, 0])
}

fn tiny_clip() -> ClipConfig {
    ClipConfig::new()
        .with_text_width(16)
        .with_text_layers(1)
        .with_channels(vec![8, 8, 8])
        .with_blocks(vec![0, 0, 0])
        .with_embedding(16)
}

#[test]
fn the_autoencoder_learns_to_give_back() {
    let _alone = common::alone();
    let (before, after) = losses(&VaeTask::new(tiny_vae(), pictures()), 8);
    assert!(after < 0.5 * before, "{before}, then {after}");
}

/// It begins by being sure of what is wrong, and soon knows that it knows nothing: all sentences are as likely. To do
/// better than that takes seeing.
#[test]
fn clip_learns_which_sentence_belongs() {
    let _alone = common::alone();
    let (_, after) = losses(&ClipTask::new(tiny_clip(), pictures()), 60);
    let chance = f64::from(VALIDATION).ln();
    assert!(after < chance - 0.02, "{after} of {chance}");
}

/// What follows the words of a text encoder must find them as they were.
#[test]
fn a_locked_text_encoder_stays_as_it_is() {
    let _alone = common::alone();
    let device = Device::flex();
    let library = library();
    let (clip, tokenizer) = library.clip().unwrap();
    let task = ClipTask::locked(clip.clone(), library.clip_config().unwrap(), pictures());
    let tokens = [tokenizer.encode("a bold red three on white paper")];
    let read = |clip: &Clip| -> Vec<f32> {
        let text = clip.text();
        let both = [
            text.tokens(&tokens).into_data(),
            text.embedding(&tokens).into_data(),
        ];
        both.iter().flat_map(|data| data.iter::<f32>()).collect()
    };
    let fresh = task.init(&device);
    let (before, after) = (task.validate(&fresh).loss, trained(&task, 2));
    assert!(task.validate(&after).loss < before);
    assert_eq!(read(&clip), read(&after));

    // Nor does it read otherwise while the image encoder learns from it: its dropout would move vectors by 0.2.
    let training = task.init(&device.autodiff());
    let apart = |(a, b): (f32, f32)| (a - b).abs();
    let both = read(&clip).into_iter().zip(read(&training));
    assert!(both.map(apart).fold(0.0, f32::max) < 1e-5);
}

fn library() -> Library {
    let mut library = Library::new(Device::flex());
    library
        .load(Network::Vae, &Fresh(json!(tiny_vae())))
        .unwrap();
    library
        .load(Network::Clip, &Fresh(json!(tiny_clip())))
        .unwrap();
    library
}

#[test]
fn text_to_picture_learns_to_denoise_latents() {
    let _alone = common::alone();
    let (before, after) = losses(&TextTask::new(&library(), pictures()).unwrap(), 14);
    assert!(after < 0.8 * before, "{before}, then {after}");
}

/// Latents are kept, and a resumed run has none: it must see what it would have seen.
#[test]
fn kept_latents_are_those_that_would_be_made() {
    let _alone = common::alone();
    let device = Device::flex();
    let library = library();
    let task = || TextTask::new(&library, pictures()).unwrap();
    let (resumed, task) = (task(), task());
    let model = task.init(&device);
    // 80 digits: ten steps for a pass, and after six passes the first pictures come again.
    let losses: Vec<f64> = (0..70)
        .map(|step| mean_loss(&task, &model, step, 8, 1))
        .collect();
    for step in [69, 51, 65] {
        let loss = mean_loss(&resumed, &model, step, 8, 1);
        assert!((loss - losses[step as usize]).abs() < 1e-4, "step {step}");
    }
}

/// Networks with fresh weights.
struct Fresh(serde_json::Value);

impl Source for Fresh {
    type Error = String;

    fn open<C: ModelConfig>(&self, device: &Device) -> Result<(C::Model, C), String> {
        let config: C = serde_json::from_value(self.0.clone()).map_err(|e| e.to_string())?;
        Ok((config.init(device), config))
    }

    fn misfit(&self, reason: &str) -> String {
        reason.into()
    }
}

/// A resumed run must see what it would have seen: the same step has the same loss, another one has not.
#[test]
fn a_step_has_the_same_draws_each_time() {
    let _alone = common::alone();
    let device = Device::flex();
    let config = ScorerConfig::new()
        .with_channels(vec![8])
        .with_strides(vec![2]);
    let task = ScorerTask::new(config, digits());
    let model = task.init(&device);
    let loss = |step| mean_loss(&task, &model, step, 16, 1);
    assert_eq!(loss(3), loss(3));
    assert_ne!(loss(3), loss(4));
}

#[test]
fn every_network_has_a_recipe() {
    let _alone = common::alone();
    for network in Network::ALL {
        let Recipe {
            epochs,
            learning_rate,
            ..
        } = Recipe::of(network);
        assert!(epochs > 0 && learning_rate > 0.0);
    }
}

/// What a step learns from does not hang on how it is taken apart.
#[test]
fn parts_make_the_whole() {
    fn whole<T: Task>(task: &T, parts: usize) {
        let model = task.init(&Device::flex());
        assert_eq!(task.draw(2, 24, 3).len(), parts, "{}", task.name());
        let [once, apart] = [1, 3].map(|parts| mean_loss(task, &model, 2, 24, parts));
        assert!((once / apart - 1.0).abs() < 1e-5, "{once}, not {apart}");
    }
    let _alone = common::alone();
    let unet = UnetConfig::new().with_channels(vec![8, 8, 8]);
    whole(&UnetTask::new(Network::Unet, unet, digits()), 3);
    let scorer = ScorerConfig::new()
        .with_channels(vec![8])
        .with_strides(vec![2]);
    whole(&ScorerTask::new(scorer, digits()), 3);
    let noise_level = NoiseLevelConfig::new()
        .with_channels(vec![8])
        .with_strides(vec![2]);
    whole(&NoiseLevelTask::new(noise_level, digits()), 3);
    whole(&VaeTask::new(tiny_vae(), pictures()), 3);
    whole(&TextTask::new(&library(), pictures()).unwrap(), 3);
    // Which compares all with one another.
    whole(&ClipTask::new(tiny_clip(), pictures()), 1);
}
