//! A run from noise to a picture, or to several, a step at a time.

use std::{cell::RefCell, rc::Rc};

use wasm_bindgen::prelude::*;

use super::{
    convert::{exception, floats, object},
    now,
};
use crate::{
    denoiser::Denoiser,
    generation::{Decoded, Frame, Generation},
};

/// A run from noise to a picture, or to several.
#[wasm_bindgen]
pub struct Run {
    /// Taken while a step is under way.
    generation: RefCell<Option<Generation<Rc<dyn Denoiser>>>>,
}

const BUSY: &str = "the last step is still under way: await it first";

impl Run {
    pub(super) fn new(generation: Generation<Rc<dyn Denoiser>>) -> Self {
        Self {
            generation: RefCell::new(Some(generation)),
        }
    }
}

#[wasm_bindgen]
impl Run {
    /// The noise that the run starts from, or wherever it stands: no network call.
    pub fn first(&self) -> Result<JsValue, JsValue> {
        let generation = self.generation.borrow();
        let generation = generation.as_ref().ok_or_else(|| exception(BUSY))?;
        frame(&generation.frame(), 0.0)
    }

    /// Makes one step. `{step, steps, sigma, nfe, ms, count, width, height, channels, x, denoised, picture}`, or
    /// null when the run is done. `picture` is `{width, height, channels, x}`, or null unless x is a latent. Of
    /// several pictures, `count`, the numbers stand one after another.
    /// A run whose step is rejected stays where it was.
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

fn frame(frame: &Frame, ms: f64) -> Result<JsValue, JsValue> {
    let picture = match &frame.decoded {
        Some(decoded) => picture(decoded)?,
        None => JsValue::NULL,
    };
    object(&[
        ("step", (frame.step as f64).into()),
        ("steps", (frame.steps as f64).into()),
        ("sigma", frame.sigma.into()),
        ("nfe", (frame.nfe as f64).into()),
        ("ms", ms.into()),
        (
            "count",
            ((frame.x.len() / (frame.width * frame.height * frame.channels)) as f64).into(),
        ),
        ("width", (frame.width as f64).into()),
        ("height", (frame.height as f64).into()),
        ("channels", (frame.channels as f64).into()),
        ("x", floats(&frame.x)),
        (
            "denoised",
            frame.denoised.as_deref().map_or(JsValue::NULL, floats),
        ),
        ("picture", picture),
    ])
}

fn picture(decoded: &Decoded) -> Result<JsValue, JsValue> {
    object(&[
        ("width", (decoded.width as f64).into()),
        ("height", (decoded.height as f64).into()),
        ("channels", (decoded.channels as f64).into()),
        ("x", floats(&decoded.x)),
    ])
}
