//! What a generator can do now, as a picture.

use std::{fmt::Display, path::Path, rc::Rc};

use burn::tensor::Device;

use super::TrainError;
use crate::{
    denoiser::Denoiser,
    generation::{Generation, Request, Settings},
    image::DIGIT_PIXELS,
    native::picture,
};

/// Of each digit.
const EACH: u64 = 8;

/// Saves a grid of digits without guidance, one column a digit, one row a seed.
///
/// # Errors
/// [`TrainError::Show`].
pub fn digits(denoiser: Rc<dyn Denoiser>, device: &Device, png: &Path) -> Result<(), TrainError> {
    let requests: Vec<Request> = (0..EACH)
        .flat_map(|seed| {
            (0..10).map(move |digit| Request {
                digit: Some(digit),
                prompt: None,
                seed,
            })
        })
        .collect();
    let settings = Settings {
        guidance: 1.0,
        ..Settings::default()
    };
    let failed = |error: &dyn Display| TrainError::Show(error.to_string());
    let mut run =
        Generation::new(denoiser, &settings, &requests, device).map_err(|e| failed(&e))?;
    while pollster::block_on(run.next())
        .map_err(|e| failed(&e))?
        .is_some()
    {}
    let frame = run.frame();
    let pictures: Vec<Vec<f32>> = frame.x.chunks(DIGIT_PIXELS).map(<[f32]>::to_vec).collect();
    picture::grid(&pictures, frame.width, frame.height, frame.channels, 10, 2)
        .and_then(|grid| picture::save_png(png, &grid))
        .map_err(|e| failed(&e))
}
