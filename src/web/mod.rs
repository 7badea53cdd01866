//! The binding that the page calls: thin, no mathematics. One bundle is built for the CPU (feature
//! `flex`) and one for WebGPU (feature `webgpu`); both have the same face.

use std::{cell::RefCell, rc::Rc, str::FromStr};

use burn::tensor::{Device, Tensor, TensorData};
use js_sys::{Error, Float32Array, Float64Array, Object, Reflect};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

use crate::{
    caption::{Phrasing, Said, Tokens, describe},
    denoiser::{Cond, Denoiser, Reading, SIGMA_MIN},
    generation::{self, Generation, Request, Settings},
    image::{DIGIT_PIXELS, DIGIT_SIZE},
    library::{Generator, Library, Network},
    model::scorer,
    rng,
    sampler::SamplerKind,
    scene::{self, Colour, Scene, Size, Slant, Strokes, Thickness},
    schedule::BetaSchedule,
    weights::{Manifest, WeightsFile},
};

#[cfg(all(feature = "flex", feature = "webgpu"))]
compile_error!("a bundle computes on one backend: choose `flex` or `webgpu`");
#[cfg(not(any(feature = "flex", feature = "webgpu")))]
compile_error!("a bundle needs a backend: choose `flex` or `webgpu`");

/// The backend of this bundle.
const BACKEND: &str = if cfg!(feature = "webgpu") {
    "webgpu"
} else {
    "cpu"
};

/// An exception whose message is the error's sentence.
fn exception(error: impl ToString) -> JsValue {
    Error::new(&error.to_string()).into()
}

/// Makes a Rust panic readable in the console.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}

/// A device with the networks that were loaded onto it.
#[wasm_bindgen]
pub struct Engine {
    library: Library,
}

/// What a bundle is.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Info {
    version: &'static str,
    backend: &'static str,
    samplers: Vec<SamplerKind>,
    max_steps: usize,
    max_guidance: f64,
    generators: Vec<GeneratorInfo>,
}

/// What a model needs, and what suits it.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct GeneratorInfo {
    name: Generator,
    weights: &'static [Network],
    defaults: Settings,
    /// The σ that its network is always told, if it is told the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    told_sigma: Option<f64>,
}

/// What `start` takes: the model, the picture and how to generate it.
#[derive(Deserialize)]
struct Start {
    #[serde(default)]
    model: Option<String>,
    #[serde(flatten)]
    request: Request,
    #[serde(flatten)]
    settings: Settings,
}

#[wasm_bindgen]
impl Engine {
    /// Opens the device. Rejects with a sentence where there is none.
    pub async fn create() -> Result<Engine, JsValue> {
        #[cfg(feature = "webgpu")]
        let device = Device::wgpu_options()
            .init_async()
            .await
            .map_err(|error| exception(format!("WebGPU cannot be used here: {error}")))?;
        #[cfg(not(feature = "webgpu"))]
        let device = Device::flex();
        Ok(Engine {
            library: Library::new(device),
        })
    }

    /// `{version, backend, samplers, maxSteps, maxGuidance, generators: [{name, weights, defaults, toldSigma}]}`.
    pub fn info() -> Result<JsValue, JsValue> {
        let info = Info {
            version: env!("CARGO_PKG_VERSION"),
            backend: BACKEND,
            samplers: SamplerKind::ALL.to_vec(),
            max_steps: generation::MAX_STEPS,
            max_guidance: generation::MAX_GUIDANCE,
            generators: Generator::ALL
                .map(|name| GeneratorInfo {
                    name,
                    weights: name.networks(),
                    defaults: name.defaults(),
                    told_sigma: name.told_sigma(),
                })
                .to_vec(),
        };
        serde_wasm_bindgen::to_value(&info).map_err(exception)
    }

    /// Checks a weights file against the manifest and puts its network on the device.
    pub fn load(&mut self, name: &str, manifest: &str, bytes: &[u8]) -> Result<(), JsValue> {
        let network = Network::from_str(name).map_err(exception)?;
        let manifest = Manifest::parse(manifest).map_err(exception)?;
        let entry = manifest.model(name).map_err(exception)?;
        self.library
            .load(network, &WeightsFile { entry, bytes })
            .map_err(exception)
    }

    /// A run of `{model, digit, prompt, seed, steps, sampler, schedule, guidance, eta}`; what is left out has
    /// its default. It starts from pure noise, or from `picture` with noise of amount `sigma` on it. No
    /// network call is made yet.
    pub fn start(
        &self,
        settings: JsValue,
        picture: Option<Vec<f32>>,
        sigma: Option<f64>,
    ) -> Result<Run, JsValue> {
        let start: Start = serde_wasm_bindgen::from_value(settings).map_err(exception)?;
        let generator = match &start.model {
            Some(name) => Generator::from_str(name).map_err(exception)?,
            None => Generator::default(),
        };
        let denoiser = self.library.denoiser(generator).map_err(exception)?;
        let device = self.library.device();
        let mut run = Generation::new(denoiser, &start.settings, &[start.request], device)
            .map_err(exception)?;
        run = match (picture, sigma) {
            (Some(picture), Some(sigma)) => {
                run.starting_from(&picture, sigma).map_err(exception)?
            }
            (None, None) => run,
            _ => {
                return Err(exception(
                    "a picture to start from and its sigma go together",
                ));
            }
        };
        Ok(Run {
            generation: RefCell::new(Some(run)),
        })
    }

    /// What f says of a picture with noise of amount `sigma`: `{probabilities, logF, gradient}`, the
    /// eleven probabilities with "no digit" last, log f of the digit asked for (none: of any) up to a
    /// constant, and its gradient with respect to every pixel.
    pub async fn score(
        &self,
        x: Vec<f32>,
        sigma: f64,
        digit: Option<u8>,
    ) -> Result<JsValue, JsValue> {
        let cond = asked(digit)?;
        let x = self.picture(x)?;
        let f = self.library.scorer().map_err(exception)?;
        let Reading {
            log_f,
            asked,
            gradient,
        } = f.read(x, &[told(sigma)?], &cond);
        let probabilities = numbers(scorer::probabilities(log_f)).await?;
        let probabilities: Vec<f64> = probabilities.into_iter().map(f64::from).collect();
        let log_f = numbers(asked).await?[0];
        object(&[
            (
                "probabilities",
                Float64Array::from(&probabilities[..]).into(),
            ),
            ("logF", f64::from(log_f).into()),
            ("gradient", floats(&numbers(gradient).await?)),
        ])
    }

    /// The amount of noise that the predictor sees in a picture, and its gradient with respect to every
    /// pixel: `{sigma, gradient}`.
    #[wasm_bindgen(js_name = noiseLevel)]
    pub async fn noise_level(&self, x: Vec<f32>) -> Result<JsValue, JsValue> {
        let x = self.picture(x)?;
        let predictor = self.library.noise_level().map_err(exception)?;
        let slope = predictor.slope(x);
        let sigma = slope.sigma();
        // ∇σ̂ = σ̂·∇ ln σ̂
        let gradient = slope.gradient * sigma.clone().reshape([1, 1, 1, 1]);
        object(&[
            ("sigma", f64::from(numbers(sigma).await?[0]).into()),
            ("gradient", floats(&numbers(gradient).await?)),
        ])
    }

    /// One call of a model on a picture with noise of amount `sigma`: `{denoised}`.
    pub async fn denoise(
        &self,
        model: &str,
        x: Vec<f32>,
        sigma: f64,
        digit: Option<u8>,
    ) -> Result<JsValue, JsValue> {
        let generator = Generator::from_str(model).map_err(exception)?;
        let cond = asked(digit)?;
        let x = self.picture(x)?;
        let denoiser = self.library.denoiser(generator).map_err(exception)?;
        let denoised = numbers(denoiser.denoise(x, &[told(sigma)?], &cond)).await?;
        object(&[("denoised", floats(&denoised))])
    }

    /// What the autoencoder makes of a coloured picture: `{latent, deviation}`, the mean and the standard
    /// deviation of each number of the latent.
    pub async fn encode(&self, picture: Vec<f32>) -> Result<JsValue, JsValue> {
        let (vae, config) = self.library.vae().map_err(exception)?;
        let posterior = vae.encode(self.tensor(picture, config.picture())?);
        let deviation = (posterior.log_variance / 2.0).exp();
        object(&[
            ("latent", floats(&pixels(posterior.mean).await?)),
            ("deviation", floats(&pixels(deviation).await?)),
        ])
    }

    /// The coloured picture that a latent stands for: `{picture}`.
    pub async fn decode(&self, latent: Vec<f32>) -> Result<JsValue, JsValue> {
        let (vae, config) = self.library.vae().map_err(exception)?;
        let picture = vae.decode(self.tensor(latent, config.latent())?);
        object(&[("picture", floats(&pixels(picture).await?))])
    }

    /// Where a coloured picture lies in the space that it shares with sentences: `{embedding}`, of length 1.
    #[wasm_bindgen(js_name = embedPicture)]
    pub async fn embed_picture(&self, picture: Vec<f32>) -> Result<JsValue, JsValue> {
        let (clip, _) = self.library.clip().map_err(exception)?;
        let picture = self.tensor(picture, [scene::CHANNELS, scene::SIZE, scene::SIZE])?;
        object(&[("embedding", floats(&numbers(clip.image(picture)).await?))])
    }

    /// Where a sentence lies there: `{embedding, unknown, cut, scale}`, the words that are not known, how
    /// many known ones came too late, and what cosines are multiplied by before a softmax.
    #[wasm_bindgen(js_name = embedText)]
    pub async fn embed_text(&self, text: &str) -> Result<JsValue, JsValue> {
        let (clip, tokenizer) = self.library.clip().map_err(exception)?;
        let tokens = tokenizer.encode(text);
        let encoded = clip.text().forward(std::slice::from_ref(&tokens));
        let scale = numbers(clip.logit_scale()).await?[0];
        let Tokens { unknown, cut, .. } = tokens;
        object(&[
            ("embedding", floats(&numbers(encoded.embedding).await?)),
            (
                "unknown",
                serde_wasm_bindgen::to_value(&unknown).map_err(exception)?,
            ),
            ("cut", (cut as f64).into()),
            ("scale", f64::from(scale).into()),
        ])
    }

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
        let wanted: Attributes = serde_wasm_bindgen::from_value(scene).map_err(exception)?;
        let x = finite(x, [1, DIGIT_SIZE, DIGIT_SIZE])?;
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
        let picture = finite(picture, [scene::CHANNELS, scene::SIZE, scene::SIZE])?;
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
        let schedule = match name {
            "linear" => BetaSchedule::Linear,
            "cosine" => BetaSchedule::Cosine,
            _ => {
                return Err(exception(format!(
                    "there is no schedule \"{name}\" over t: choose linear or cosine"
                )));
            }
        };
        let table = |values: Vec<f64>| Float64Array::from(&values[..]).into();
        object(&[
            ("beta", table(schedule.beta())),
            ("alphaBar", table(schedule.alpha_bar())),
            ("sigma", table(schedule.sigma())),
        ])
    }
}

impl Engine {
    /// A digit on the device, [1, 1, 28, 28].
    fn picture(&self, x: Vec<f32>) -> Result<Tensor<4>, JsValue> {
        self.tensor(x, [1, DIGIT_SIZE, DIGIT_SIZE])
    }

    /// A picture, height × width × channels, on the device, [1, channels, height, width].
    fn tensor(&self, picture: Vec<f32>, shape: [usize; 3]) -> Result<Tensor<4>, JsValue> {
        let [channels, height, width] = shape;
        let data = TensorData::new(finite(picture, shape)?, [1, height, width, channels]);
        let tensor: Tensor<4> = Tensor::from_data(data, self.library.device());
        Ok(tensor.permute([0, 3, 1, 2]))
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

/// What JSON would make of a value: otherwise flattened fields become a Map, and nothing becomes undefined.
fn plain(value: &impl Serialize) -> Result<JsValue, JsValue> {
    let json = serde_wasm_bindgen::Serializer::json_compatible();
    value.serialize(&json).map_err(exception)
}

/// The values of a picture of this shape, if that is what they are.
fn finite(values: Vec<f32>, shape: [usize; 3]) -> Result<Vec<f32>, JsValue> {
    let len: usize = shape.iter().product();
    if values.len() == len && values.iter().all(|v| v.is_finite()) {
        return Ok(values);
    }
    Err(exception(format!(
        "the picture must have {len} finite numbers"
    )))
}

/// One picture, [1, channels, height, width], as height × width × channels.
async fn pixels(picture: Tensor<4>) -> Result<Vec<f32>, JsValue> {
    numbers(picture.permute([0, 2, 3, 1])).await
}

fn asked(digit: Option<u8>) -> Result<Cond, JsValue> {
    match digit {
        Some(digit) if digit > 9 => {
            Err(exception(format!("the digit must be 0 to 9, not {digit}")))
        }
        digit => Ok(Cond::digits([digit])),
    }
}

/// The σ that a network is told: no network has learned what less than the least means.
fn told(sigma: f64) -> Result<f64, JsValue> {
    if sigma.is_finite() && sigma >= 0.0 {
        Ok(sigma.max(SIGMA_MIN))
    } else {
        Err(exception(format!("sigma must be at least 0, not {sigma}")))
    }
}

/// A tensor's values, without blocking while the device computes.
async fn numbers<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, JsValue> {
    let data = tensor
        .into_data_async()
        .await
        .map_err(|error| exception(generation::GenerationError::Device(error.to_string())))?;
    Ok(data.convert::<f32>().iter::<f32>().collect())
}

fn floats(values: &[f32]) -> JsValue {
    Float32Array::from(values).into()
}

fn object(entries: &[(&str, JsValue)]) -> Result<JsValue, JsValue> {
    let object = Object::new();
    for (key, value) in entries {
        Reflect::set(&object, &(*key).into(), value)?;
    }
    Ok(object.into())
}

/// A run from noise to a picture.
#[wasm_bindgen]
pub struct Run {
    /// Taken while a step is under way.
    generation: RefCell<Option<Generation<Rc<dyn Denoiser>>>>,
}

const BUSY: &str = "the last step is still under way: await it first";

#[wasm_bindgen]
impl Run {
    /// The noise that the run starts from, or wherever it stands: no network call.
    pub fn first(&self) -> Result<JsValue, JsValue> {
        let generation = self.generation.borrow();
        frame(
            &generation.as_ref().ok_or_else(|| exception(BUSY))?.frame(),
            None,
            0.0,
        )
    }

    /// Makes one step. `{step, steps, sigma, nfe, ms, width, height, channels, x, denoised, picture}`, or
    /// null when the run is done. `picture` is null unless x is a latent.
    pub async fn step(&self) -> Result<JsValue, JsValue> {
        let mut generation = self
            .generation
            .borrow_mut()
            .take()
            .ok_or_else(|| exception(BUSY))?;
        let started = now();
        let next = generation.next().await;
        let picture = match next {
            Ok(Some(_)) => generation.pictures().await,
            _ => Ok(None),
        };
        let ms = now() - started;
        *self.generation.borrow_mut() = Some(generation);
        let (next, picture) = (next.map_err(exception)?, picture.map_err(exception)?);
        match next {
            Some(next) => frame(&next, picture.as_deref(), ms),
            None => Ok(JsValue::NULL),
        }
    }
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance)]
    fn now() -> f64;
}

fn frame(frame: &generation::Frame, picture: Option<&[f32]>, ms: f64) -> Result<JsValue, JsValue> {
    object(&[
        ("step", (frame.step as f64).into()),
        ("steps", (frame.steps as f64).into()),
        ("sigma", frame.sigma.into()),
        ("nfe", (frame.nfe as f64).into()),
        ("ms", ms.into()),
        ("width", (frame.width as f64).into()),
        ("height", (frame.height as f64).into()),
        ("channels", (frame.channels as f64).into()),
        ("x", floats(&frame.x)),
        (
            "denoised",
            frame.denoised.as_deref().map_or(JsValue::NULL, floats),
        ),
        ("picture", picture.map_or(JsValue::NULL, floats)),
    ])
}
