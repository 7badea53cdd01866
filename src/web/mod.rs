//! The binding that the page calls: thin, no mathematics. One bundle is built for the CPU (feature
//! `flex`) and one for WebGPU (feature `webgpu`); both have the same face.

use std::{cell::RefCell, rc::Rc};

use burn::tensor::Device;
use js_sys::{Error, Float32Array};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

use crate::{
    denoiser::{Denoiser, Edm},
    generation::{self, Generation, Request, Settings},
    model::unet::UnetConfig,
    sampler::SamplerKind,
    weights::Manifest,
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

/// A device with the models that were loaded onto it.
#[wasm_bindgen]
pub struct Engine {
    device: Device,
    digits: Option<Rc<Edm>>,
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
    defaults: Settings,
}

/// What `start` takes: the model, the picture and how to generate it.
#[derive(Deserialize)]
struct Start {
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
            device,
            digits: None,
        })
    }

    /// `{version, backend, samplers, maxSteps, maxGuidance, defaults}`.
    pub fn info() -> Result<JsValue, JsValue> {
        let info = Info {
            version: env!("CARGO_PKG_VERSION"),
            backend: BACKEND,
            samplers: SamplerKind::ALL.to_vec(),
            max_steps: generation::MAX_STEPS,
            max_guidance: generation::MAX_GUIDANCE,
            defaults: Settings::default(),
        };
        serde_wasm_bindgen::to_value(&info).map_err(exception)
    }

    /// Checks a weights file against the manifest and puts its model on the device.
    pub fn load(&mut self, name: &str, manifest: &str, bytes: &[u8]) -> Result<(), JsValue> {
        let manifest = Manifest::parse(manifest).map_err(exception)?;
        let entry = manifest.model(name).map_err(exception)?;
        match name {
            "unet" => {
                let config: UnetConfig = entry.config().map_err(exception)?;
                let unet = entry
                    .load(config.init(&self.device), bytes)
                    .map_err(exception)?;
                self.digits = Some(Rc::new(Edm::new(unet, config)));
                Ok(())
            }
            _ => Err(exception(format!("this program knows no model \"{name}\""))),
        }
    }

    /// A run of `{model, digit, seed, steps, sampler, schedule, guidance, eta}`; what is left out has
    /// its default. No network call is made yet.
    pub fn start(&self, settings: JsValue) -> Result<Run, JsValue> {
        let start: Start = serde_wasm_bindgen::from_value(settings).map_err(exception)?;
        let denoiser = match start.model.as_deref() {
            None | Some("digits") => self.digits.clone(),
            Some(other) => {
                return Err(exception(format!(
                    "there is no model \"{other}\": choose digits"
                )));
            }
        };
        let denoiser = denoiser
            .ok_or_else(|| exception("the weights of the model \"digits\" are not loaded yet"))?;
        let run = Generation::new(
            denoiser as Rc<dyn Denoiser>,
            &start.settings,
            &[start.request],
            &self.device,
        )
        .map_err(exception)?;
        Ok(Run {
            generation: RefCell::new(Some(run)),
        })
    }
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
            0.0,
        )
    }

    /// Makes one step. `{step, steps, sigma, nfe, ms, width, height, channels, x, denoised}`, or null
    /// when the run is done.
    pub async fn step(&self) -> Result<JsValue, JsValue> {
        let mut generation = self
            .generation
            .borrow_mut()
            .take()
            .ok_or_else(|| exception(BUSY))?;
        let started = now();
        let next = generation.next().await;
        let ms = now() - started;
        *self.generation.borrow_mut() = Some(generation);
        match next.map_err(exception)? {
            Some(next) => frame(&next, ms),
            None => Ok(JsValue::NULL),
        }
    }
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance)]
    fn now() -> f64;
}

fn frame(frame: &generation::Frame, ms: f64) -> Result<JsValue, JsValue> {
    let object = js_sys::Object::new();
    let set =
        |key: &str, value: JsValue| js_sys::Reflect::set(&object, &key.into(), &value).map(|_| ());
    let array = |values: &[f32]| JsValue::from(Float32Array::from(values));
    set("step", (frame.step as f64).into())?;
    set("steps", (frame.steps as f64).into())?;
    set("sigma", frame.sigma.into())?;
    set("nfe", (frame.nfe as f64).into())?;
    set("ms", ms.into())?;
    set("width", (frame.width as f64).into())?;
    set("height", (frame.height as f64).into())?;
    set("channels", (frame.channels as f64).into())?;
    set("x", array(&frame.x))?;
    set(
        "denoised",
        frame.denoised.as_deref().map_or(JsValue::NULL, array),
    )?;
    Ok(object.into())
}
