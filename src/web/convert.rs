//! JavaScript's values ↔ the crate's.

use burn::tensor::Tensor;
use js_sys::{Array, Error, Float32Array, Float64Array, Object, Reflect};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use wasm_bindgen::prelude::*;

use crate::{
    classes::Classes,
    denoiser::{Cond, SIGMA_LIMIT, SIGMA_MIN},
    generation::{GenerationError, MAX_VALUE},
};

/// An exception whose message is the error's sentence.
pub(super) fn exception(error: impl ToString) -> JsValue {
    Error::new(&error.to_string()).into()
}

/// What JSON would make of a value: otherwise flattened fields become a Map, and nothing becomes undefined.
pub(super) fn plain(value: &impl Serialize) -> Result<JsValue, JsValue> {
    let json = serde_wasm_bindgen::Serializer::json_compatible();
    value.serialize(&json).map_err(exception)
}

/// The entries of an object, but for those that say nothing: undefined, or null.
pub(super) fn entries(object: JsValue) -> Result<Map<String, Value>, JsValue> {
    if !object.is_object() || Array::is_array(&object) {
        return Err(exception("the settings must be an object"));
    }
    let mut entries: Map<String, Value> =
        serde_wasm_bindgen::from_value(object).map_err(exception)?;
    entries.retain(|_, value| !value.is_null());
    Ok(entries)
}

/// A value of entries. What it does not know is an error: flattened fields would be passed over.
pub(super) fn value_of<T: DeserializeOwned>(entries: Map<String, Value>) -> Result<T, JsValue> {
    serde_json::from_value(Value::Object(entries)).map_err(exception)
}

/// The values of a picture or latent of this shape, if that is what they are.
pub(super) fn sound(values: Vec<f32>, shape: [usize; 3]) -> Result<Vec<f32>, JsValue> {
    let len: usize = shape.iter().product();
    // The comparison is false for NaN too.
    if values.len() == len && values.iter().all(|v| v.abs() <= MAX_VALUE) {
        return Ok(values);
    }
    Err(exception(format!(
        "the picture must have {len} numbers from -{MAX_VALUE} to {MAX_VALUE}"
    )))
}

/// The digit, or other class, that is asked about; none for any.
pub(super) fn asked(digit: Option<u8>, classes: &Classes) -> Result<Cond, JsValue> {
    match digit {
        Some(digit) if usize::from(digit) >= classes.len() => {
            Err(exception(format!("{classes}, not {digit}")))
        }
        digit => Ok(Cond::digits([digit])),
    }
}

/// The σ that a network is told: no network has learned what less than the least means.
pub(super) fn told(sigma: f64) -> Result<f64, JsValue> {
    if (0.0..=SIGMA_LIMIT).contains(&sigma) {
        Ok(sigma.max(SIGMA_MIN))
    } else {
        Err(exception(format!(
            "sigma must be 0 to {SIGMA_LIMIT}, not {sigma}"
        )))
    }
}

/// One picture, [1, channels, height, width], as height × width × channels.
pub(super) async fn pixels(picture: Tensor<4>) -> Result<Vec<f32>, JsValue> {
    numbers(picture.permute([0, 2, 3, 1])).await
}

/// A tensor's values, without blocking while the device computes.
pub(super) async fn numbers<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, JsValue> {
    let data = tensor
        .into_data_async()
        .await
        .map_err(|error| exception(GenerationError::Device(error.to_string())))?;
    Ok(data.convert::<f32>().iter::<f32>().collect())
}

/// An array of JavaScript's own: it does not lie in the memory of the bundle.
pub(super) fn floats(values: &[f32]) -> JsValue {
    Float32Array::from(values).into()
}

/// The same, of numbers with twice the digits.
pub(super) fn doubles(values: &[f64]) -> JsValue {
    Float64Array::from(values).into()
}

pub(super) fn object(entries: &[(&str, JsValue)]) -> Result<JsValue, JsValue> {
    let object = Object::new();
    for (key, value) in entries {
        Reflect::set(&object, &(*key).into(), value)?;
    }
    Ok(object.into())
}
