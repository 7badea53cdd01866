//! A network that is trained in the page, a step at a time, on the CPU.

use std::cell::RefCell;

use burn::tensor::Device;
use wasm_bindgen::prelude::*;

use super::{
    convert::{doubles, entries, exception, floats, object, plain, value_of},
    now,
};
use crate::{
    generation::Request,
    training::{self, Pictures, TrainerError},
};

/// A network in training.
#[wasm_bindgen]
pub struct Trainer {
    /// Taken while it is at work.
    trainer: RefCell<Option<training::Trainer>>,
}

const BUSY: &str = "the training is still at work: await that first";

#[wasm_bindgen]
impl Trainer {
    /// Training with [`training::Settings`] on `digits`, a file of them, or on `drawings`, values of 28 × 28 pixels one
    /// after another.
    #[wasm_bindgen(constructor)]
    pub fn new(
        settings: JsValue,
        digits: Option<Vec<u8>>,
        drawings: Option<Vec<f32>>,
    ) -> Result<Trainer, JsValue> {
        let settings = value_of(entries(settings)?)?;
        let pictures = match (digits, drawings) {
            (Some(digits), None) => Pictures::unpack(&digits),
            (None, Some(drawings)) => Pictures::drawn(drawings),
            _ => return Err(exception("it learns either from digits or from drawings")),
        };
        let trainer = pictures
            .and_then(|pictures| training::Trainer::new(settings, pictures, &Device::flex()));
        Ok(Self {
            trainer: RefCell::new(Some(trainer.map_err(exception)?)),
        })
    }

    /// The settings as they are now.
    pub fn settings(&self) -> Result<JsValue, JsValue> {
        self.with(|trainer| plain(trainer.settings()))
    }

    /// Steps made.
    pub fn steps(&self) -> Result<f64, JsValue> {
        self.with(|trainer| Ok(trainer.steps() as f64))
    }

    /// Makes one step, and those to come, at this rate and of so many pictures: `{step, loss, ms, digits, sigmas, x0, noise, x, denoised}`.
    /// Of the digits, 10 stands for any.
    pub async fn step(&self, learning_rate: f64, batch: usize) -> Result<JsValue, JsValue> {
        let started = now();
        let step = self
            .work(async |trainer| {
                trainer.set(learning_rate, batch)?;
                trainer.step().await
            })
            .await?;
        let digits = step.digits.iter().map(|digit| digit.unwrap_or(10));
        object(&[
            ("step", (step.step as f64).into()),
            ("loss", step.loss.into()),
            ("ms", (now() - started).into()),
            (
                "digits",
                doubles(&digits.map(f64::from).collect::<Vec<_>>()),
            ),
            ("sigmas", doubles(&step.sigma)),
            ("x0", floats(&step.x0)),
            ("noise", floats(&step.noise)),
            ("x", floats(&step.x)),
            ("denoised", floats(&step.denoised)),
        ])
    }

    /// Draws a picture from each seed: the digit at its place, or, where that is above 9, any. `{pictures}`, one after
    /// another.
    pub async fn sample(&self, seeds: Vec<f64>, digits: Vec<u8>) -> Result<JsValue, JsValue> {
        let request = |(&seed, &digit): (&f64, &u8)| Request {
            digit: (digit < 10).then_some(digit),
            seed: seed as u64,
            ..Request::default()
        };
        let requests: Vec<Request> = seeds.iter().zip(&digits).map(request).collect();
        let pictures = self
            .work(async |trainer| trainer.sample(&requests).await)
            .await?;
        object(&[("pictures", floats(&pictures))])
    }

    /// The network as a safetensors file.
    pub fn save(&self) -> Result<Vec<u8>, JsValue> {
        self.with(|trainer| trainer.save().map_err(exception))
    }

    /// Takes the network of such a file in the place of its own; where that is none, it stays as it was.
    pub fn open(&self, bytes: &[u8]) -> Result<(), JsValue> {
        let mut trainer = self.trainer.borrow_mut();
        let trainer = trainer.as_mut().ok_or_else(|| exception(BUSY))?;
        trainer.open(bytes).map_err(exception)
    }
}

impl Trainer {
    fn with<T>(
        &self,
        ask: impl Fn(&training::Trainer) -> Result<T, JsValue>,
    ) -> Result<T, JsValue> {
        let trainer = self.trainer.borrow();
        ask(trainer.as_ref().ok_or_else(|| exception(BUSY))?)
    }

    async fn work<T>(
        &self,
        job: impl AsyncFnOnce(&mut training::Trainer) -> Result<T, TrainerError>,
    ) -> Result<T, JsValue> {
        let taken = self.trainer.borrow_mut().take();
        let mut trainer = taken.ok_or_else(|| exception(BUSY))?;
        let done = job(&mut trainer).await;
        *self.trainer.borrow_mut() = Some(trainer);
        done.map_err(exception)
    }
}
