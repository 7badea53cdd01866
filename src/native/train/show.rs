//! What a generator can do now, as a picture.

use std::{fmt::Display, path::Path, rc::Rc};

use burn::tensor::Device;

use super::TrainError;
use crate::{
    denoiser::Denoiser,
    generation::{Generation, Request, Settings},
    native::picture,
};

/// Of each class.
const EACH: u64 = 8;

/// Saves a grid of pictures without guidance, one column a class, one row a seed.
///
/// # Errors
/// [`TrainError::Show`].
pub fn digits(denoiser: Rc<dyn Denoiser>, device: &Device, png: &Path) -> Result<(), TrainError> {
    let classes = denoiser.classes().len();
    let requests: Vec<Request> = (0..EACH)
        .flat_map(|seed| {
            (0..classes).map(move |class| Request {
                digit: u8::try_from(class).ok(),
                seed,
                ..Request::default()
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
    let (width, height, channels) = (frame.width, frame.height, frame.channels);
    let values = frame.x.chunks(width * height * channels);
    let pictures: Vec<Vec<f32>> = values.map(<[f32]>::to_vec).collect();
    picture::grid(&pictures, width, height, channels, classes, 2)
        .and_then(|grid| picture::save_png(png, &grid))
        .map_err(|e| failed(&e))
}
