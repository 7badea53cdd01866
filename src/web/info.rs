//! What the bundle is, can do and takes: the page says none of it a second time.

use std::collections::BTreeMap;

use serde::Serialize;
use wasm_bindgen::prelude::*;

use super::{Engine, convert::plain};
use crate::{
    caption::MAX_TOKENS,
    classes::Classes,
    denoiser::{SIGMA_LIMIT, SIGMA_MAX, SIGMA_MIN},
    generation::{Decode, MAX_GUIDANCE, MAX_RATE, MAX_STEPS, MAX_VALUE, Request, SHIFTS, Settings},
    image::DIGIT_SIZE,
    library::{Generator, Network},
    model::vae::VaeConfig,
    sampler::{Parameter, SamplerKind, Source, Tuning},
    scene::{self, Colour, Rgb, Size, Slant, Thickness},
    schedule::{BetaSchedule, Schedule, TRAIN_STEPS},
    training,
};

/// The backend of this bundle.
const BACKEND: &str = if cfg!(feature = "webgpu") {
    "webgpu"
} else {
    "cpu"
};

/// The longest text that is taken, in characters as JavaScript counts them.
const MAX_TEXT: usize = 10_000;

/// As many texts are taken at once.
pub(super) const MAX_TEXTS: usize = 256;

/// As many pictures are drawn by one run.
pub(super) const MAX_PICTURES: usize = 64;

/// The largest whole number up to which JavaScript has all.
const MAX_SEED: u64 = (1 << 53) - 1;

/// The least and the most that is taken.
type Range = [f64; 2];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Info {
    version: &'static str,
    backend: &'static str,
    samplers: [SamplerInfo; SamplerKind::ALL.len()],
    schedules: [Schedule; Schedule::ALL.len()],
    tuning: Tuning,
    training_schedules: [BetaSchedule; BetaSchedule::ALL.len()],
    training_steps: usize,
    decodes: [Decode; Decode::ALL.len()],
    defaults: Defaults,
    limits: Limits,
    sigmas: Range,
    digit: Shape,
    picture: Shape,
    latent: Shape,
    scene: Words,
    colours: BTreeMap<&'static str, Rgb>,
    generators: [GeneratorInfo; Generator::ALL.len()],
    training: TrainingInfo,
}

/// What training takes: the least and the most.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TrainingInfo {
    defaults: training::Settings,
    learning_rate: Range,
    batch: Range,
    samples: Range,
    drawings: Range,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SamplerInfo {
    name: SamplerKind,
    parameters: &'static [Parameter],
    schedule: Schedule,
    calls: usize,
    order: Option<u32>,
    sources: &'static [Source],
}

/// What a run is given where nothing is said, whatever the model.
#[derive(Serialize)]
struct Defaults {
    model: Generator,
    #[serde(flatten)]
    request: Request,
    decode: Decode,
}

#[derive(Serialize)]
struct Limits {
    digit: Range,
    seed: [u64; 2],
    steps: Range,
    guidance: Range,
    eta: Range,
    rate: Range,
    momentum: Range,
    shift: Range,
    sigma: Range,
    value: Range,
    text: usize,
    texts: usize,
    pictures: usize,
    words: usize,
}

#[derive(Serialize)]
struct Shape {
    width: usize,
    height: usize,
    channels: usize,
}

/// What a scene can say.
#[derive(Serialize)]
struct Words {
    ink: [Colour; Colour::ALL.len()],
    paper: [Colour; Colour::ALL.len()],
    thickness: [Thickness; Thickness::ALL.len()],
    slant: [Slant; Slant::ALL.len()],
    size: [Size; Size::ALL.len()],
}

/// What a model needs, and what suits it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GeneratorInfo {
    name: Generator,
    weights: &'static [Network],
    #[serde(serialize_with = "without_nulls")]
    defaults: Settings,
    takes_digit: bool,
    /// What it can be asked for, by number, where its weights have learned from MNIST; `classes` of the manifest says what
    /// else.
    classes: Classes,
    takes_prompt: bool,
    draws: &'static str,
    /// The σ that its network is always told, if it is told the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    told_sigma: Option<f64>,
}

/// What is left open is left out.
fn without_nulls<S: serde::Serializer>(
    settings: &Settings,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut value = serde_json::to_value(settings).map_err(serde::ser::Error::custom)?;
    if let Some(entries) = value.as_object_mut() {
        entries.retain(|_, value| !value.is_null());
    }
    value.serialize(serializer)
}

impl GeneratorInfo {
    fn of(name: Generator) -> Self {
        Self {
            name,
            weights: name.networks(),
            defaults: name.defaults(),
            takes_digit: name.takes_a_digit(),
            classes: match name.takes_a_digit() {
                true => Classes::digits(),
                false => Classes::numbered(0),
            },
            takes_prompt: name.takes_a_prompt(),
            draws: if name.draws_digits() {
                "digit"
            } else {
                "picture"
            },
            told_sigma: name.told_sigma(),
        }
    }
}

fn shape([channels, height, width]: [usize; 3]) -> Shape {
    Shape {
        width,
        height,
        channels,
    }
}

#[wasm_bindgen]
impl Engine {
    /// `Info` in unnoise.d.ts, but for the manifest's networks.
    pub fn info() -> Result<JsValue, JsValue> {
        let vae = VaeConfig::new();
        plain(&Info {
            version: env!("CARGO_PKG_VERSION"),
            backend: BACKEND,
            samplers: SamplerKind::ALL.map(|name| SamplerInfo {
                name,
                parameters: name.parameters(),
                schedule: name.schedule(),
                calls: name.calls(),
                order: name.order(),
                sources: name.sources(),
            }),
            schedules: Schedule::ALL,
            tuning: Tuning::default(),
            training_schedules: BetaSchedule::ALL,
            training_steps: TRAIN_STEPS,
            decodes: Decode::ALL,
            defaults: Defaults {
                model: Generator::default(),
                request: Request::default(),
                decode: Decode::default(),
            },
            limits: Limits {
                digit: [0.0, 9.0],
                seed: [0, MAX_SEED],
                steps: [1.0, MAX_STEPS as f64],
                guidance: [0.0, MAX_GUIDANCE],
                eta: [0.0, 1.0],
                rate: [0.0, MAX_RATE],
                momentum: [0.0, 1.0],
                shift: SHIFTS,
                sigma: [0.0, SIGMA_LIMIT],
                value: [-f64::from(MAX_VALUE), f64::from(MAX_VALUE)],
                text: MAX_TEXT,
                texts: MAX_TEXTS,
                pictures: MAX_PICTURES,
                words: MAX_TOKENS - 1,
            },
            sigmas: [SIGMA_MIN, SIGMA_MAX],
            digit: shape([1, DIGIT_SIZE, DIGIT_SIZE]),
            picture: shape([scene::CHANNELS, scene::SIZE, scene::SIZE]),
            latent: shape(vae.latent()),
            scene: Words {
                ink: Colour::ALL,
                paper: Colour::ALL,
                thickness: Thickness::ALL,
                slant: Slant::ALL,
                size: Size::ALL,
            },
            colours: Colour::ALL.map(|c| (c.name(), c.rgb())).into(),
            generators: Generator::ALL.map(GeneratorInfo::of),
            training: TrainingInfo {
                defaults: training::Settings::default(),
                learning_rate: [training::MIN_LEARNING_RATE, training::MAX_LEARNING_RATE],
                batch: [1.0, training::MAX_BATCH as f64],
                samples: [1.0, training::MAX_SAMPLES as f64],
                drawings: [1.0, training::MAX_DRAWINGS as f64],
            },
        })
    }
}
