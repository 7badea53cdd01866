//! What needs no network: scenes, pictures painted and measured, noise and schedules.

use js_sys::Float32Array;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

use super::{
    Engine,
    convert::{doubles, entries, exception, floats, object, plain, sound, value_of},
};
use crate::{
    caption::{Phrasing, Said, describe},
    image::{DIGIT_PIXELS, DIGIT_SIZE},
    rng,
    scene::{self, Colour, Scene, Size, Slant, Strokes, Thickness},
    schedule::BetaSchedule,
};

#[wasm_bindgen]
impl Engine {
    /// A scene of a digit and a sentence about it, both at random: `{scene, caption}`.
    pub fn scene(digit: u8, seed: f64) -> Result<JsValue, JsValue> {
        let mut random = ChaCha8Rng::seed_from_u64(seed as u64);
        let scene = Scene::random(digit.min(9), &mut random);
        let said = Said::random(&scene, &mut random);
        let caption = describe(&scene, said, Phrasing::Trained, &mut random);
        object(&[
            ("scene", plain(&Attributes::of(&scene))?),
            ("caption", caption.into()),
        ])
    }

    /// A digit, 28 × 28, written anew in colour as a scene says: `{picture}`. Nothing to write is an error.
    pub fn paint(x: Vec<f32>, scene: JsValue, seed: f64) -> Result<JsValue, JsValue> {
        let wanted: Attributes = value_of(entries(scene)?)?;
        let x = sound(x, [1, DIGIT_SIZE, DIGIT_SIZE])?;
        // A generated digit goes a little beyond paper and ink, and strokes are where ink is at its half.
        let ink: Vec<f32> = x
            .iter()
            .map(|v| ((v + 1.0) / 2.0).clamp(0.0, 1.0))
            .collect();
        let strokes = Strokes::of(&ink, DIGIT_SIZE).ok_or_else(|| {
            exception("there is no ink in the picture, so there is nothing to paint")
        })?;
        let mut random = ChaCha8Rng::seed_from_u64(seed as u64);
        let picture = wanted.scene(&mut random).paint(&strokes);
        object(&[("picture", floats(&picture))])
    }

    /// What is seen in a coloured picture: `{ink, paper, thickness, slant, size}`; null where nothing is
    /// drawn on it.
    pub fn measure(picture: Vec<f32>) -> Result<JsValue, JsValue> {
        let picture = sound(picture, [scene::CHANNELS, scene::SIZE, scene::SIZE])?;
        let seen = scene::measure(&picture).map(|seen| Seen {
            ink: seen.ink(),
            paper: seen.paper(),
            thickness: seen.thickness(),
            slant: seen.slant(),
            size: seen.size(),
        });
        plain(&seen)
    }

    /// The crate's Gaussian noise for a digit: what a run with this seed adds, its start with stream 0.
    pub fn noise(seed: f64, stream: f64) -> Float32Array {
        let noise = rng::gaussian(seed as u64, stream as u64, DIGIT_PIXELS);
        let noise: Vec<f32> = noise.iter().map(|&v| v as f32).collect();
        Float32Array::from(&noise[..])
    }

    /// The tables of "linear" or "cosine" over t = 1 to 1000: `{beta, alphaBar, sigma}`.
    pub fn schedule(name: &str) -> Result<JsValue, JsValue> {
        let known = serde_json::from_value::<BetaSchedule>(name.into());
        let schedule = known.map_err(|_| {
            exception(format!(
                "there is no schedule {name:?} over t: choose linear or cosine"
            ))
        })?;
        object(&[
            ("beta", doubles(&schedule.beta())),
            ("alphaBar", doubles(&schedule.alpha_bar())),
            ("sigma", doubles(&schedule.sigma())),
        ])
    }
}

/// A scene as the page knows it: its names without its numbers.
#[derive(Serialize, Deserialize)]
struct Attributes {
    digit: u8,
    #[serde(flatten)]
    seen: Seen,
}

/// What can be seen in a picture of any digit.
#[derive(Serialize, Deserialize)]
struct Seen {
    ink: Colour,
    paper: Colour,
    thickness: Thickness,
    slant: Slant,
    size: Size,
}

impl Attributes {
    fn of(scene: &Scene) -> Self {
        let &Scene {
            digit,
            ink,
            paper,
            thickness,
            slant,
            size,
            ..
        } = scene;
        Self {
            digit,
            seen: Seen {
                ink,
                paper,
                thickness,
                slant,
                size,
            },
        }
    }

    fn scene(self, random: &mut ChaCha8Rng) -> Scene {
        let Self { digit, seen } = self;
        let colours = [seen.ink, seen.paper];
        Scene::of(
            digit,
            colours,
            seen.thickness,
            seen.slant,
            seen.size,
            random,
        )
    }
}
