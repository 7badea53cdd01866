//! The binding as JavaScript sees it, in a real browser: `./build.sh test` runs this on the CPU bundle's features.

#![cfg(all(target_arch = "wasm32", feature = "web", feature = "flex"))]

use std::collections::BTreeMap;

use burn::tensor::Device;
use js_sys::{Array, Error, Float32Array, Float64Array, Function, JSON, Reflect};
use unnoise::{
    classes::Classes,
    model::{
        clip::ClipConfig, noise_level::NoiseLevelConfig, scorer::ScorerConfig, unet::UnetConfig,
        vae::VaeConfig,
    },
    nn::ModelConfig,
    sampler::SamplerKind,
    web::{Engine, Run},
    weights::{self, Entry, Manifest, Quantisation},
};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// Networks of a few thousand weights: what is tested here is the binding.
fn config() -> UnetConfig {
    UnetConfig::new()
        .with_size(28)
        .with_channels(vec![4, 8])
        .with_blocks(vec![1, 1])
        .with_heads(1)
        .with_noise_features(4)
        .with_embedding(8)
}

/// A manifest with one model, and the model's file.
fn exported() -> (Manifest, Vec<u8>) {
    export("unet", &config())
}

fn export<C: ModelConfig>(name: &str, config: &C) -> (Manifest, Vec<u8>) {
    let device = Device::flex();
    device.seed(1);
    let file = format!("{name}.safetensors");
    let bytes = weights::encode(config.init(&device), &file).expect("fresh weights are finite");
    let entry = Entry {
        file,
        bytes: bytes.len() as u64,
        sha256: weights::sha256(&bytes),
        config: serde_json::to_value(config).expect("a configuration is plain data"),
        quantisation: Quantisation::default(),
        parameters: 0,
        mflop_per_call: 0.0,
        training: serde_json::Value::Null,
        quality: serde_json::Value::Null,
        classes: None,
        fit: None,
    };
    let models = BTreeMap::from([(name.to_string(), entry)]);
    (
        Manifest {
            version: weights::VERSION,
            models,
        },
        bytes,
    )
}

/// An engine with the scorer and the noise-level predictor, both tiny.
async fn with_gradients() -> Engine {
    let mut engine = Engine::create().await.expect("the CPU is always there");
    let scorer = ScorerConfig::new()
        .with_channels(vec![4, 8])
        .with_strides(vec![2, 2])
        .with_noise_features(4)
        .with_embedding(8);
    let predictor = NoiseLevelConfig::new()
        .with_channels(vec![4, 8])
        .with_strides(vec![2, 2]);
    let (manifest, bytes) = export("scorer", &scorer);
    engine
        .load("scorer", &json(&manifest), &bytes)
        .expect("the weights are right");
    let (manifest, bytes) = export("noise-level", &predictor);
    engine
        .load("noise-level", &json(&manifest), &bytes)
        .expect("the weights are right");
    engine
}

fn json(manifest: &Manifest) -> String {
    serde_json::to_string(manifest).expect("a manifest is plain data")
}

/// The sentence of an exception.
fn sentence(error: JsValue) -> String {
    error
        .dyn_into::<Error>()
        .expect("exceptions are errors")
        .message()
        .into()
}

async fn loaded() -> Engine {
    let mut engine = Engine::create().await.expect("the CPU is always there");
    let (manifest, bytes) = exported();
    engine
        .load("unet", &json(&manifest), &bytes)
        .expect("the weights are right");
    engine
}

fn settings(json: &str) -> JsValue {
    JSON::parse(json).expect("the test's settings are JSON")
}

fn start(engine: &Engine, json: &str) -> Run {
    engine
        .start(settings(json), None, None)
        .expect("the settings are right")
}

fn get(object: &JsValue, key: &str) -> JsValue {
    Reflect::get(object, &key.into()).expect("frames are objects")
}

fn number(object: &JsValue, key: &str) -> f64 {
    get(object, key).as_f64().unwrap_or(f64::NAN)
}

fn values(frame: &JsValue, key: &str) -> Vec<f32> {
    get(frame, key)
        .dyn_into::<Float32Array>()
        .expect("pictures are Float32Arrays")
        .to_vec()
}

/// All frames after the first.
async fn play(run: &Run) -> Vec<JsValue> {
    let mut frames = Vec::new();
    loop {
        let frame = run.step().await.expect("the CPU goes on");
        if frame.is_null() {
            return frames;
        }
        frames.push(frame);
    }
}

#[wasm_bindgen_test]
fn says_what_it_is() {
    let info = Engine::info().expect("information is plain data");
    assert_eq!(get(&info, "backend").as_string().as_deref(), Some("cpu"));
    assert_eq!(
        get(&info, "version").as_string().as_deref(),
        Some(env!("CARGO_PKG_VERSION"))
    );
    let samplers: Vec<_> = get(&info, "samplers")
        .unchecked_into::<Array>()
        .iter()
        .filter_map(|s| get(&s, "name").as_string())
        .collect();
    let known = SamplerKind::ALL.map(|kind| kind.name().to_owned());
    assert_eq!(samplers, known);
}

#[wasm_bindgen_test]
async fn runs_from_noise_to_the_end_and_then_gives_null() {
    let engine = loaded().await;
    let run = start(
        &engine,
        r#"{"model": "digits", "digit": 3, "seed": 7, "steps": 4, "sampler": "heun", "guidance": 2}"#,
    );
    let first = run.first().expect("nothing is under way");
    assert_eq!(
        [
            number(&first, "step"),
            number(&first, "steps"),
            number(&first, "nfe")
        ],
        [0.0, 4.0, 0.0]
    );
    assert_eq!(
        ["width", "height", "channels"].map(|key| number(&first, key)),
        [28.0, 28.0, 1.0]
    );
    assert!(get(&first, "denoised").is_null());
    assert_eq!(values(&first, "x").len(), 784);

    let frames = play(&run).await;
    assert_eq!(
        frames
            .iter()
            .map(|frame| number(frame, "step"))
            .collect::<Vec<_>>(),
        [1.0, 2.0, 3.0, 4.0]
    );
    assert_eq!(
        frames
            .iter()
            .map(|frame| number(frame, "nfe"))
            .collect::<Vec<_>>(),
        [4.0, 8.0, 12.0, 14.0]
    );
    assert!(frames.iter().all(|frame| number(frame, "ms") >= 0.0));
    let last = &frames[3];
    assert_eq!(number(last, "sigma"), 0.0);
    assert!(
        values(last, "x")
            .iter()
            .chain(&values(last, "denoised"))
            .all(|v| v.is_finite())
    );
    assert!(run.step().await.expect("the end is no error").is_null());
}

#[wasm_bindgen_test]
async fn the_same_seed_gives_the_same_frames() {
    let engine = loaded().await;
    let settings = r#"{"digit": null, "seed": 9007199254740991, "steps": 3, "sampler": "ddpm"}"#;
    let [one, other] = [
        play(&start(&engine, settings)).await,
        play(&start(&engine, settings)).await,
    ];
    for (a, b) in one.iter().zip(&other) {
        assert_eq!(values(a, "x"), values(b, "x"));
    }
}

#[wasm_bindgen_test]
async fn defaults_fill_what_is_left_out() {
    let engine = loaded().await;
    let info = Engine::info().expect("information is plain data");
    let generators: Array = get(&info, "generators").unchecked_into();
    assert_eq!(
        get(&generators.get(0), "name").as_string().as_deref(),
        Some("digits")
    );
    let classes: Array = get(&generators.get(0), "classes").unchecked_into();
    let name = classes.get(3).as_string();
    assert_eq!((classes.length(), name.as_deref()), (10, Some("3")));
    let last: Array = get(&generators.get(generators.length() - 1), "classes").unchecked_into();
    assert_eq!(last.length(), 0);
    let defaults = get(&generators.get(0), "defaults");
    let first = start(&engine, "{\"seed\": 1}")
        .first()
        .expect("nothing is under way");
    assert_eq!(number(&first, "steps"), number(&defaults, "steps"));
}

/// Weights that have learned from another set know its classes, and its size.
#[wasm_bindgen_test]
async fn other_classes_are_asked_for_by_number() {
    let (mut manifest, bytes) = export("unet", &config().with_size(32).with_classes(3));
    let shapes = Classes::new(["circle", "cross", "triangle"]).expect("names");
    let entry = manifest.models.get_mut("unet").expect("it was put there");
    entry.classes = Some(shapes);
    let mut engine = Engine::create().await.expect("the CPU is always there");
    engine
        .load("unet", &json(&manifest), &bytes)
        .expect("the weights are right");
    let frames = play(&start(&engine, r#"{"seed": 1, "digit": 2, "steps": 1}"#)).await;
    assert_eq!(number(&frames[0], "width"), 32.0);
    let settings = settings(r#"{"seed": 1, "digit": 3}"#);
    let refused = engine.start(settings, None, None).err().map(sentence);
    let says = "the class must be 0 to 2 (circle, cross, triangle), not 3";
    assert_eq!(refused.as_deref(), Some(says));
    let x = vec![0.0; 32 * 32];
    assert!(
        engine
            .denoise("digits", x.clone(), 0.5, Some(2))
            .await
            .is_ok()
    );
    let refused = engine.denoise("digits", x, 0.5, Some(3)).await;
    assert_eq!(refused.err().map(sentence).as_deref(), Some(says));
}

#[wasm_bindgen_test]
async fn wrong_settings_get_a_sentence() {
    let engine = loaded().await;
    for (json, part) in [
        (
            r#"{"seed": 1, "steps": 0}"#,
            "steps must be 1 to 1000, not 0",
        ),
        (
            r#"{"seed": 1, "digit": 10}"#,
            "the digit must be 0 to 9, not 10",
        ),
        (
            r#"{"seed": 1, "guidance": -1}"#,
            "guidance must be 0 to 20, not -1",
        ),
        (r#"{"seed": 1, "eta": 1.5}"#, "eta must be 0 to 1, not 1.5"),
        (
            r#"{"seed": 1, "eta": 0.5}"#,
            "eta is for ddim: the sampler dpmpp-2m has none",
        ),
        (
            r#"{"seed": 1, "prompt": "a three"}"#,
            "the model digits knows no words",
        ),
        (
            r#"{"seed": 1, "schedule": "fitted"}"#,
            "no schedule has been fitted to this model",
        ),
        (r#"{"seed": 1, "sampler": "magic"}"#, "magic"),
        (r#"{"seed": 1, "schedule": "exp"}"#, "exp"),
        (r#"{"seed": 1, "stepz": 5}"#, "unknown field `stepz`"),
        (r#"{"seed": 1, "decode": "first"}"#, "first"),
        (
            r#"{"seed": 1, "model": "cats"}"#,
            "there is no model \"cats\"",
        ),
        (r#"{"seed": -1}"#, ""),
        (r#"{"seed": 1, "steps": "many"}"#, ""),
        ("[]", ""),
        ("null", ""),
    ] {
        let message = sentence(
            engine
                .start(settings(json), None, None)
                .err()
                .unwrap_or_else(|| panic!("{json} was taken")),
        );
        assert!(
            !message.is_empty() && message.contains(part),
            "{json}: {message}"
        );
    }
}

/// What is undefined is not said: JavaScript leaves settings out that way.
#[wasm_bindgen_test]
async fn settings_that_are_undefined_have_their_defaults() {
    let engine = loaded().await;
    let open = settings(r#"{"seed": 1, "digit": null}"#);
    for name in ["steps", "sampler", "schedule", "prompt", "model"] {
        Reflect::set(&open, &name.into(), &JsValue::UNDEFINED).expect("an object");
    }
    let run = engine.start(open, None, None).expect("nothing is wrong");
    let first = run.first().expect("nothing is under way");
    let info = Engine::info().expect("information is plain data");
    let generators: Array = get(&info, "generators").unchecked_into();
    let defaults = get(&generators.get(0), "defaults");
    assert_eq!(number(&first, "steps"), number(&defaults, "steps"));
}

#[wasm_bindgen_test]
async fn an_engine_without_weights_says_so() {
    let engine = Engine::create().await.expect("the CPU is always there");
    let message = sentence(
        engine
            .start(settings(r#"{"seed": 1}"#), None, None)
            .err()
            .expect("there are no weights"),
    );
    assert!(message.contains("not loaded"), "{message}");
}

#[wasm_bindgen_test]
async fn damaged_weights_get_a_sentence_and_leave_the_engine_as_it_was() {
    let mut engine = loaded().await;
    let (manifest, bytes) = exported();
    let with = |change: &dyn Fn(&mut Entry)| {
        let mut manifest = manifest.clone();
        manifest.models.values_mut().for_each(change);
        json(&manifest)
    };
    let good = json(&manifest);
    let mut altered = bytes.clone();
    altered[bytes.len() / 2] ^= 1;
    let noise = vec![0xA5; bytes.len()];
    let of_noise = with(&|entry| entry.sha256 = weights::sha256(&noise));
    let cases: &[(&str, &str, &str, &[u8], &str)] = &[
        (
            "cut short",
            "unet",
            &good,
            &bytes[..bytes.len() / 2],
            "is incomplete",
        ),
        ("empty", "unet", &good, &[], "is incomplete: 0 bytes"),
        ("altered", "unet", &good, &altered, "was altered"),
        (
            "no safetensors",
            "unet",
            &of_noise,
            &noise,
            "does not fit its model",
        ),
        (
            "another network",
            "unet",
            &with(&|entry| entry.config["embedding"] = 16.into()),
            &bytes,
            "does not fit its model",
        ),
        (
            "an impossible network",
            "unet",
            &with(&|entry| entry.config["size"] = 0.into()),
            &bytes,
            "does not fit its model",
        ),
        (
            "no configuration",
            "unet",
            &with(&|entry| entry.config = serde_json::Value::Null),
            &bytes,
            "does not fit its model",
        ),
        (
            "another quantisation",
            "unet",
            &with(&|entry| entry.quantisation.scheme = "int3".into()),
            &bytes,
            "int3",
        ),
        (
            "no JSON",
            "unet",
            "<!doctype html>",
            &bytes,
            "manifest.json cannot be read",
        ),
        (
            "another version",
            "unet",
            r#"{"version": 99}"#,
            &bytes,
            "has version 99",
        ),
        (
            "no such model",
            "unet",
            r#"{"version": 1, "models": {}}"#,
            &bytes,
            "has no model \"unet\"",
        ),
        ("a model of another program", "cats", &good, &bytes, "cats"),
    ];
    for (case, name, manifest, bytes, part) in cases {
        let error = engine
            .load(name, manifest, bytes)
            .err()
            .unwrap_or_else(|| panic!("{case}: it was loaded"));
        let message = sentence(error);
        assert!(message.contains(part), "{case}: {message}");
    }
    assert_eq!(
        play(&start(&engine, r#"{"seed": 1, "steps": 2}"#))
            .await
            .len(),
        2
    );
}

#[wasm_bindgen_test]
async fn frames_hold_their_own_arrays() {
    let engine = loaded().await;
    let run = start(&engine, r#"{"seed": 1, "steps": 2}"#);
    let first = run.first().expect("nothing is under way");
    let before = values(&first, "x");
    play(&run).await;
    assert_eq!(values(&first, "x"), before);
    // A copy crosses from the worker to the page.
    let clone: Function = get(&js_sys::global(), "structuredClone").unchecked_into();
    assert!(clone.call1(&JsValue::NULL, &first).is_ok());
}

fn table(object: &JsValue, key: &str) -> Vec<f64> {
    get(object, key)
        .dyn_into::<Float64Array>()
        .expect("tables are Float64Arrays")
        .to_vec()
}

#[wasm_bindgen_test]
async fn f_reads_a_picture() {
    let engine = with_gradients().await;
    let x = Engine::noise(3.0, 0.0).to_vec();
    let ask = |x, digit| engine.score(x, 0.5, digit);
    let reading = ask(x.clone(), Some(4)).await.expect("a picture");
    let probabilities = table(&reading, "probabilities");
    assert_eq!(probabilities.len(), 11);
    assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-5);

    // The gradient is the slope of log f, here at the steepest pixel.
    let gradient = values(&reading, "gradient");
    let steepest = (0..784)
        .max_by(|&a, &b| gradient[a].abs().total_cmp(&gradient[b].abs()))
        .expect("784 pixels");
    let moved = |by: f32| {
        let mut x = x.clone();
        x[steepest] += by;
        ask(x, Some(4))
    };
    let up = number(&moved(0.05).await.expect("a picture"), "logF");
    let down = number(&moved(-0.05).await.expect("a picture"), "logF");
    let slope = (up - down) / 0.1;
    let promised = f64::from(gradient[steepest]);
    assert!(
        (slope - promised).abs() < 0.05 * promised.abs(),
        "{slope} measured, {promised} promised"
    );
    // log f of any digit is at least that of one.
    let any = ask(x, None).await.expect("a picture");
    assert!(number(&any, "logF") >= number(&reading, "logF"));
}

#[wasm_bindgen_test]
async fn the_noise_level_is_seen_and_has_a_slope() {
    let engine = with_gradients().await;
    let x = Engine::noise(3.0, 0.0).to_vec();
    let seen = engine.noise_level(x).await.expect("a picture");
    assert!(number(&seen, "sigma") > 0.0);
    assert!(values(&seen, "gradient").iter().any(|&g| g != 0.0));
}

#[wasm_bindgen_test]
async fn one_call_of_a_model_is_a_step_of_its_run() {
    let engine = with_gradients().await;
    let run = start(
        &engine,
        r#"{"model": "scorer", "digit": 2, "seed": 5, "steps": 1, "sampler": "euler", "guidance": 1}"#,
    );
    let first = run.first().expect("nothing is under way");
    let x = values(&first, "x");
    let sigma = number(&first, "sigma");
    let frames = play(&run).await;
    let called = engine
        .denoise("scorer", x, sigma, Some(2))
        .await
        .expect("a picture");
    assert_eq!(values(&called, "denoised"), values(&frames[0], "denoised"));
}

#[wasm_bindgen_test]
async fn a_run_starts_from_a_picture() {
    let engine = with_gradients().await;
    let picture: Vec<f32> = (0..784).map(|i| i as f32 / 392.0 - 1.0).collect();
    let settings = || settings(r#"{"model": "noise-level", "seed": 5, "steps": 2, "guidance": 1}"#);
    let run = engine
        .start(settings(), Some(picture.clone()), Some(0.5))
        .expect("the settings are right");
    let first = run.first().expect("nothing is under way");
    let noise = Engine::noise(5.0, 0.0).to_vec();
    for (x, (x0, noise)) in values(&first, "x").iter().zip(picture.iter().zip(noise)) {
        assert!((x - (x0 + 0.5 * noise)).abs() < 1e-5);
    }
    for (picture, sigma) in [
        (Some(vec![1e20; 784]), Some(0.5)),
        (Some(picture.clone()), None),
        (None, Some(0.5)),
        (Some(picture.clone()), Some(-1.0)),
        (Some(vec![0.0; 3]), Some(0.5)),
    ] {
        let error = engine.start(settings(), picture, sigma).err();
        assert!(!sentence(error.expect("no such start")).is_empty());
    }
}

#[wasm_bindgen_test]
async fn wrong_questions_get_a_sentence() {
    let engine = with_gradients().await;
    let blank = || vec![-1.0; 784];
    let refused = |result: Result<JsValue, JsValue>, part: &str| {
        let message = sentence(result.expect_err("a wrong question"));
        assert!(message.contains(part), "{message}");
    };
    refused(
        engine.score(vec![0.0; 3], 0.5, None).await,
        "784 numbers from -10000 to 10000",
    );
    refused(
        engine.score(vec![f32::NAN; 784], 0.5, None).await,
        "784 numbers from -10000 to 10000",
    );
    refused(engine.score(blank(), f64::NAN, None).await, "sigma must be");
    refused(engine.score(blank(), -1.0, None).await, "sigma must be");
    refused(engine.score(blank(), 1e20, None).await, "sigma must be");
    let huge = engine.denoise("scorer", vec![1e38; 784], 0.5, None).await;
    refused(huge, "784 numbers from");
    refused(engine.score(blank(), 0.5, Some(10)).await, "0 to 9, not 10");
    refused(
        engine.noise_level(Vec::new()).await,
        "784 numbers from -10000 to 10000",
    );
    refused(
        engine.denoise("cats", blank(), 0.5, None).await,
        "no model \"cats\"",
    );
    refused(
        engine.denoise("digits", blank(), 0.5, None).await,
        "not loaded",
    );
    refused(Engine::schedule("karras"), "choose linear or cosine");
    assert!(engine.score(blank(), 0.0, None).await.is_ok());
}

#[wasm_bindgen_test]
fn the_schedules_have_a_thousand_rows() {
    for name in ["linear", "cosine"] {
        let schedule = Engine::schedule(name).expect("a schedule");
        let [beta, alpha_bar, sigma] =
            ["beta", "alphaBar", "sigma"].map(|key| table(&schedule, key));
        assert_eq!([beta.len(), alpha_bar.len(), sigma.len()], [1000; 3]);
        assert!((alpha_bar[0] - (1.0 - beta[0])).abs() < 1e-12);
        assert!((sigma[500].powi(2) - (1.0 - alpha_bar[500]) / alpha_bar[500]).abs() < 1e-9);
    }
}

/// Everything from sentence to picture, tiny.
async fn with_words() -> Engine {
    let mut engine = Engine::create().await.expect("the CPU is always there");
    let vae = VaeConfig::new()
        .with_channels(vec![4, 4, 4])
        .with_encoder_blocks(vec![0, 0, 0])
        .with_decoder_blocks(vec![0, 0, 0]);
    let clip = ClipConfig::new()
        .with_text_width(8)
        .with_text_layers(1)
        .with_heads(2)
        .with_channels(vec![4, 4])
        .with_blocks(vec![0, 0])
        .with_embedding(6);
    let text = config()
        .with_size(8)
        .with_picture_channels(4)
        .with_classes(0)
        .with_context(Some(8));
    let files = [
        ("vae", export("vae", &vae)),
        ("clip", export("clip", &clip)),
        ("text", export("text", &text)),
    ];
    for (name, (manifest, bytes)) in files {
        engine
            .load(name, &json(&manifest), &bytes)
            .expect("the weights are right");
    }
    engine
}

const SCENE: &str = r#"{"digit": 1, "ink": "red", "paper": "white", "thickness": "bold", "slant": "upright", "size": "large"}"#;

/// A stroke down the middle of a digit's picture.
fn stroke() -> Vec<f32> {
    let ink = |i: usize| (4..24).contains(&(i / 28)) && (13..15).contains(&(i % 28));
    (0..784).map(|i| if ink(i) { 1.0 } else { -1.0 }).collect()
}

fn painted() -> Vec<f32> {
    painted_from(stroke())
}

fn painted_from(x: Vec<f32>) -> Vec<f32> {
    let painted = Engine::paint(x, JSON::parse(SCENE).unwrap(), 3.0).unwrap();
    values(&painted, "picture")
}

/// A sketch keeps what is brighter than ink as ink, and a generated digit is painted as its sketch is.
#[wasm_bindgen_test]
fn what_is_brighter_than_ink_is_ink() {
    let bright = |(i, v): (usize, f32)| if v > 0.0 && i % 28 == 13 { 3.0 } else { v };
    let beyond = stroke().into_iter().enumerate().map(bright).collect();
    assert_eq!(painted_from(beyond), painted());
}

#[wasm_bindgen_test]
fn a_digit_is_painted_and_measured() {
    let picture = painted();
    assert_eq!(picture.len(), 64 * 64 * 3);
    let seen = Engine::measure(picture).unwrap();
    for (name, value) in [
        ("ink", "red"),
        ("paper", "white"),
        ("thickness", "bold"),
        ("slant", "upright"),
        ("size", "large"),
    ] {
        assert_eq!(get(&seen, name).as_string().as_deref(), Some(value));
    }
    assert!(Engine::measure(vec![0.5; 64 * 64 * 3]).unwrap().is_null());
    let blank = Engine::paint(vec![-1.0; 784], JSON::parse(SCENE).unwrap(), 3.0);
    assert!(sentence(blank.unwrap_err()).contains("no ink"));
    let nonsense = JSON::parse(r#"{"digit": 1}"#).unwrap();
    assert!(Engine::paint(stroke(), nonsense, 3.0).is_err());
    assert!(sentence(Engine::measure(vec![0.0; 3]).unwrap_err()).contains("12288"));
}

#[wasm_bindgen_test]
fn a_scene_has_a_sentence() {
    let made = Engine::scene(3, 9.0).unwrap();
    let scene = get(&made, "scene");
    assert_eq!(number(&scene, "digit"), 3.0);
    assert!(get(&scene, "ink").as_string().is_some());
    assert!(!get(&made, "caption").as_string().unwrap().is_empty());
    let again = Engine::scene(3, 9.0).unwrap();
    assert_eq!(get(&made, "caption"), get(&again, "caption"));
}

#[wasm_bindgen_test]
async fn pictures_become_latents_and_pictures_again() {
    let engine = with_words().await;
    let coded = engine.encode(painted()).await.unwrap();
    let latent = values(&coded, "latent");
    assert_eq!(
        (latent.len(), values(&coded, "deviation").len()),
        (256, 256)
    );
    let decoded = engine.decode(latent).await.unwrap();
    assert_eq!(values(&decoded, "picture").len(), 64 * 64 * 3);
    assert!(engine.decode(vec![0.0; 255]).await.is_err());
    assert!(engine.encode(vec![f32::NAN; 64 * 64 * 3]).await.is_err());
}

#[wasm_bindgen_test]
async fn pictures_and_sentences_lie_in_one_space() {
    let engine = with_words().await;
    let length = |v: Vec<f32>| v.iter().map(|v| v * v).sum::<f32>().sqrt();
    let picture = engine.embed_picture(painted()).await.unwrap();
    assert!((length(values(&picture, "embedding")) - 1.0).abs() < 1e-4);
    let texts = ["a red drei 🦀 <b>one</b>", &"red ".repeat(2_500)].map(String::from);
    let read = engine.embed_texts(texts.to_vec()).await.unwrap();
    let embeddings = values(&read, "embeddings");
    let width = embeddings.len() / 2;
    for (text, embedding) in texts.into_iter().zip(embeddings.chunks(width)) {
        assert!((length(embedding.to_vec()) - 1.0).abs() < 1e-4);
        let alone = engine.embed_texts(vec![text]).await.unwrap();
        let alone = values(&alone, "embeddings");
        let apart = alone.iter().zip(embedding).map(|(a, b)| (a - b).abs());
        assert!(apart.fold(0.0, f32::max) < 1e-5);
    }
    assert!(number(&read, "scale") > 0.0);
    let readings = Array::from(&get(&read, "readings"));
    let (first, long) = (readings.get(0), readings.get(1));
    let unknown: Vec<String> = Array::from(&get(&first, "unknown"))
        .iter()
        .filter_map(|word| word.as_string())
        .collect();
    assert_eq!(unknown, ["drei", "🦀", "b"]);
    let words = Array::from(&get(&first, "words")).join(" ");
    assert_eq!(words, "a red one");
    assert_eq!(number(&long, "cut"), 2_500.0 - 23.0);
    assert!(engine.embed_texts(vec![]).await.is_err());
    assert!(engine.embed_texts(vec![String::new(); 257]).await.is_err());
}

#[wasm_bindgen_test]
async fn a_sentence_becomes_a_picture() {
    let engine = with_words().await;
    let run = start(
        &engine,
        r#"{"model": "text", "prompt": "a red one", "seed": 5, "steps": 2}"#,
    );
    let first = run.first().unwrap();
    assert!(get(&first, "picture").is_null());
    let frames = play(&run).await;
    let last = frames.last().unwrap();
    assert_eq!(
        (number(last, "width"), number(last, "channels")),
        (8.0, 4.0)
    );
    let picture = values(&get(last, "picture"), "x");
    let decoded = engine.decode(values(last, "denoised")).await.unwrap();
    assert_eq!(picture, values(&decoded, "picture"));
}
