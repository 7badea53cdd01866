//! The binding as JavaScript sees it, in a real browser: `./build.sh test` runs this on the CPU bundle's features.

#![cfg(all(target_arch = "wasm32", feature = "web", feature = "flex"))]

use std::collections::BTreeMap;

use burn::tensor::Device;
use js_sys::{Array, Error, Float32Array, Function, JSON, Reflect};
use unnoise::{
    model::unet::{Unet, UnetConfig},
    web::{Engine, Run},
    weights::{self, Entry, Manifest, Quantisation},
};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// A network of a few thousand weights: what is tested here is the binding.
fn config() -> UnetConfig {
    UnetConfig::new()
        .with_size(8)
        .with_channels(vec![4, 8])
        .with_blocks(vec![1, 1])
        .with_heads(1)
        .with_noise_features(4)
        .with_embedding(8)
}

/// A manifest with one model, and the model's file.
fn exported() -> (Manifest, Vec<u8>) {
    let config = config();
    let device = Device::flex();
    device.seed(1);
    let unet: Unet = config.init(&device);
    let bytes = weights::encode(unet, "unet.safetensors").expect("fresh weights are finite");
    let entry = Entry {
        file: "unet.safetensors".into(),
        bytes: bytes.len() as u64,
        sha256: weights::sha256(&bytes),
        config: serde_json::to_value(&config).expect("a configuration is plain data"),
        quantisation: Quantisation::default(),
        parameters: 0,
        mflop_per_call: 0.0,
        training: serde_json::Value::Null,
        quality: serde_json::Value::Null,
    };
    let models = BTreeMap::from([("unet".to_string(), entry)]);
    (
        Manifest {
            version: weights::VERSION,
            models,
        },
        bytes,
    )
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
        .start(settings(json))
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
        .filter_map(|s| s.as_string())
        .collect();
    assert_eq!(samplers, ["ddpm", "ddim", "euler", "heun", "dpmpp-2m"]);
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
        [8.0, 8.0, 1.0]
    );
    assert!(get(&first, "denoised").is_null());
    assert_eq!(values(&first, "x").len(), 64);

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
    let defaults = get(
        &Engine::info().expect("information is plain data"),
        "defaults",
    );
    let first = start(&engine, "{\"seed\": 1}")
        .first()
        .expect("nothing is under way");
    assert_eq!(number(&first, "steps"), number(&defaults, "steps"));
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
        (r#"{"seed": 1, "sampler": "magic"}"#, "magic"),
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
                .start(settings(json))
                .err()
                .unwrap_or_else(|| panic!("{json} was taken")),
        );
        assert!(
            !message.is_empty() && message.contains(part),
            "{json}: {message}"
        );
    }
}

#[wasm_bindgen_test]
async fn an_engine_without_weights_says_so() {
    let engine = Engine::create().await.expect("the CPU is always there");
    let message = sentence(
        engine
            .start(settings(r#"{"seed": 1}"#))
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
