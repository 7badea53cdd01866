//! The device, the networks on it, and questions to them.

use std::str::FromStr;

use burn::tensor::{Device, Tensor, TensorData};
use serde::Serialize;
use serde_json::{Map, Value};
use wasm_bindgen::prelude::*;

use super::{
    MAX_PICTURES, MAX_TEXTS, Run,
    convert::{
        asked, doubles, entries, exception, floats, numbers, object, pixels, plain, sound, told,
        value_of,
    },
};
use crate::{
    caption::{Remark, Tokens},
    denoiser::{Denoiser, Gradient, Reading},
    generation::{Decode, Generation, Request, Settings},
    image::{self, DIGIT_SIZE},
    library::{Generator, Library, Network},
    model::scorer,
    scene,
    weights::{Manifest, WeightsFile},
};

/// A device with the networks that were loaded onto it.
#[wasm_bindgen]
pub struct Engine {
    library: Library,
}

/// Dispatches that go to the GPU together: more than a call of any network has.
#[cfg(feature = "webgpu")]
const TASKS: usize = 1024;

#[wasm_bindgen]
impl Engine {
    /// Opens the device. Rejects with a sentence where there is none.
    pub async fn create() -> Result<Engine, JsValue> {
        #[cfg(feature = "webgpu")]
        let device = Device::wgpu_options()
            .tasks_max(TASKS)
            .init_async()
            .await
            .map_err(|error| exception(format!("WebGPU cannot be used here: {error}")))?;
        #[cfg(not(feature = "webgpu"))]
        let device = Device::flex();
        Ok(Engine {
            library: Library::new(device),
        })
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

    /// A run of `{model, digit, prompt, negative, seed, pictures, decode}` and [`Settings`]; what is left out is
    /// as suits the model. `pictures` says of each of several what it has otherwise of digit, prompt, negative
    /// and seed. It starts from pure noise, or from `picture` with noise of amount `sigma` on it. No network call
    /// is made yet.
    pub fn start(
        &self,
        settings: JsValue,
        picture: Option<Vec<f32>>,
        sigma: Option<f64>,
    ) -> Result<Run, JsValue> {
        let Start {
            generator,
            requests,
            settings,
            decode,
        } = Start::read(entries(settings)?)?;
        for request in &requests {
            generator.check(&settings, request).map_err(exception)?;
        }
        let denoiser = self.library.denoiser(generator).map_err(exception)?;
        let decoder = self.library.decoder(generator).map_err(exception)?;
        let device = self.library.device();
        let run = Generation::new(denoiser, &settings, &requests, device)
            .map_err(exception)?
            .decoding(decoder, decode);
        match (picture, sigma) {
            (Some(picture), Some(sigma)) => run
                .starting_from(&picture, sigma)
                .map(Run::new)
                .map_err(exception),
            (None, None) => Ok(Run::new(run)),
            _ => Err(exception(
                "a picture to start from and its sigma go together",
            )),
        }
    }

    /// What f says of a picture with noise of amount `sigma`: `{probabilities, logF, gradient}`, the
    /// classes' probabilities with "no digit" last, log f of the digit asked for (none: of any) up to a
    /// constant, and its gradient with respect to every pixel.
    pub async fn score(
        &self,
        x: Vec<f32>,
        sigma: f64,
        digit: Option<u8>,
    ) -> Result<JsValue, JsValue> {
        let f = self.library.scorer().map_err(exception)?;
        let cond = asked(digit, &f.classes())?;
        let x = self.tensor(x, f.shape())?;
        let Reading {
            log_f,
            asked,
            gradient,
        } = f.read(x, &[told(sigma)?], &cond);
        let probabilities = numbers(scorer::probabilities(log_f)).await?;
        let probabilities: Vec<f64> = probabilities.into_iter().map(f64::from).collect();
        let log_f = numbers(asked).await?[0];
        object(&[
            ("probabilities", doubles(&probabilities)),
            ("logF", f64::from(log_f).into()),
            ("gradient", floats(&numbers(gradient).await?)),
        ])
    }

    /// The digit that f reads in a coloured picture, whatever its colours: `{digit, probabilities}`, the latter
    /// as in `score`; null where nothing is drawn on it, and no digit where f sees none.
    #[wasm_bindgen(js_name = readDigit)]
    pub async fn read_digit(&self, picture: Vec<f32>) -> Result<JsValue, JsValue> {
        let f = self.library.scorer().map_err(exception)?;
        if !f.classes().are_digits() || f.shape() != [1, DIGIT_SIZE, DIGIT_SIZE] {
            return Err(exception(
                "the weights of the scorer have not learned MNIST's digits: they read none in a coloured picture",
            ));
        }
        let picture = sound(picture, [scene::CHANNELS, scene::SIZE, scene::SIZE])?;
        let Some(seen) = scene::measure(&picture) else {
            return object(&[("digit", JsValue::NULL), ("probabilities", JsValue::NULL)]);
        };
        let x = self.tensor(seen.as_digit(), f.shape())?;
        let probabilities = numbers(f.probabilities(x, &[Gradient::READING_SIGMA])).await?;
        let probabilities: Vec<f64> = probabilities.into_iter().map(f64::from).collect();
        let digit = scorer::likeliest(&probabilities);
        object(&[
            ("digit", digit.map_or(JsValue::NULL, JsValue::from)),
            ("probabilities", doubles(&probabilities)),
        ])
    }

    /// The amount of noise that the predictor sees in a picture, and its gradient with respect to every
    /// pixel: `{sigma, gradient}`.
    #[wasm_bindgen(js_name = noiseLevel)]
    pub async fn noise_level(&self, x: Vec<f32>) -> Result<JsValue, JsValue> {
        let predictor = self.library.noise_level().map_err(exception)?;
        let x = self.tensor(x, predictor.shape())?;
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
        let denoiser = self.library.denoiser(generator).map_err(exception)?;
        let cond = asked(digit, &denoiser.classes())?;
        let x = self.tensor(x, denoiser.shape())?;
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

    /// Where sentences lie there, by one call: `{embeddings, readings, scale}`, the embeddings one after another, a
    /// [`TextReading`] of each, and what cosines are multiplied by before a softmax.
    #[wasm_bindgen(js_name = embedTexts)]
    pub async fn embed_texts(&self, texts: Vec<String>) -> Result<JsValue, JsValue> {
        let (clip, tokenizer) = self.library.clip().map_err(exception)?;
        if !(1..=MAX_TEXTS).contains(&texts.len()) {
            return Err(exception(format!(
                "there must be 1 to {MAX_TEXTS} texts, not {}",
                texts.len()
            )));
        }
        let tokens: Vec<Tokens> = texts.iter().map(|text| tokenizer.encode(text)).collect();
        let embeddings = clip.text().embedding(&tokens);
        let scale = numbers(clip.logit_scale()).await?[0];
        let read = |(tokens, text): (Tokens, &String)| TextReading {
            digits: tokens.digits(),
            remarks: tokenizer.remarks(text).into_iter().map(Said::of).collect(),
            words: tokens.words,
            unknown: tokens.unknown,
            cut: tokens.cut,
        };
        let readings: Vec<TextReading> = tokens.into_iter().zip(&texts).map(read).collect();
        object(&[
            ("embeddings", floats(&numbers(embeddings).await?)),
            ("readings", plain(&readings)?),
            ("scale", f64::from(scale).into()),
        ])
    }
}

/// What was taken of a text.
#[derive(Serialize)]
struct TextReading {
    /// The words that are read.
    words: Vec<String>,
    /// Those that are not known.
    unknown: Vec<String>,
    /// How many known ones came too late.
    cut: usize,
    /// The digits that are named.
    digits: Vec<u8>,
    /// What is to be said of it.
    remarks: Vec<Said>,
}

/// A remark, and its sentence without its capital and its stop.
#[derive(Serialize)]
struct Said {
    #[serde(flatten)]
    remark: Remark,
    text: String,
}

impl Said {
    fn of(remark: Remark) -> Self {
        let text = remark.to_string();
        Self { remark, text }
    }
}

impl Engine {
    /// A picture, height × width × channels, on the device, [1, channels, height, width].
    fn tensor(&self, picture: Vec<f32>, shape: [usize; 3]) -> Result<Tensor<4>, JsValue> {
        let [channels, height, width] = shape;
        // Not permuted on the device: in Burn 0.22 a fused kernel that meets such a tensor of one channel and
        // another in order reads the wrong numbers.
        let planes = image::planes(&sound(picture, shape)?, channels);
        let planes: Vec<f32> = planes.into_iter().map(|v| v as f32).collect();
        let data = TensorData::new(planes, [1, channels, height, width]);
        Ok(Tensor::from_data(data, self.library.device()))
    }
}

/// What `start` takes: the model, the pictures and how to generate them.
struct Start {
    generator: Generator,
    requests: Vec<Request>,
    settings: Settings,
    decode: Decode,
}

impl Start {
    fn read(mut entries: Map<String, Value>) -> Result<Self, JsValue> {
        let mut text = |name: &str| match entries.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(exception(format!("{name} must be a text, not {other}"))),
        };
        let generator = match text("model")? {
            Some(name) => Generator::from_str(&name).map_err(exception)?,
            None => Generator::default(),
        };
        let decode = match text("decode")? {
            Some(name) => serde_json::from_value(name.into()).map_err(exception)?,
            None => Decode::default(),
        };
        let asked: Map<_, _> = ["digit", "prompt", "negative", "seed"]
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), entries.remove(name)?)))
            .collect();
        let requests = match entries.remove("pictures") {
            None => vec![value_of(asked)?],
            Some(pictures) => {
                let pictures: Vec<Map<String, Value>> =
                    serde_json::from_value(pictures).map_err(exception)?;
                if !(1..=MAX_PICTURES).contains(&pictures.len()) {
                    return Err(exception(format!(
                        "a run has 1 to {MAX_PICTURES} pictures, not {}",
                        pictures.len()
                    )));
                }
                pictures
                    .into_iter()
                    .map(|own| value_of(asked.clone().into_iter().chain(own).collect()))
                    .collect::<Result<_, _>>()?
            }
        };
        // What is not said is as suits the model.
        let Value::Object(mut settings) =
            serde_json::to_value(generator.defaults()).map_err(exception)?
        else {
            unreachable!("settings are an object")
        };
        settings.append(&mut entries);
        Ok(Self {
            generator,
            requests,
            settings: value_of(settings)?,
            decode,
        })
    }
}
