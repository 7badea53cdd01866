//! Many pictures, a batch at a time.

use std::{
    path::{Path, PathBuf},
    rc::Rc,
};

use burn::{module::Module, tensor::Device};
use indicatif::{ProgressBar, ProgressStyle};
use thiserror::Error;

use crate::{
    denoiser::{Denoiser, Edm},
    generation::{Generation, GenerationError, Request, Settings, SettingsError},
    image::to_pixel,
    model::unet::{Unet, UnetConfig},
    native::{
        data::Mnist,
        train::{Checkpoint, CheckpointError},
    },
    weights::{Manifest, WeightsError},
};

/// Pictures generated at once; more gain nothing.
const BATCH: usize = 100;

/// Sampling that cannot begin or go on.
#[derive(Debug, Error)]
pub enum SampleError {
    /// The settings.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The run.
    #[error(transparent)]
    Generation(#[from] GenerationError),
    /// The weights.
    #[error("{folder}: {error}", folder = .0.display(), error = .1)]
    Weights(PathBuf, WeightsError),
    /// The checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A file of weights.
    #[error("{path}: {error}; train and export the weights, or name their folder with --weights DIR", path = .0.display(), error = .1)]
    Missing(PathBuf, std::io::Error),
}

/// The manifest of a folder of weights.
///
/// # Errors
/// [`SampleError::Missing`], [`SampleError::Weights`].
pub fn manifest(folder: &Path) -> Result<Manifest, SampleError> {
    let path = folder.join("manifest.json");
    let json = std::fs::read_to_string(&path).map_err(|e| SampleError::Missing(path, e))?;
    Manifest::parse(&json).map_err(|e| SampleError::Weights(folder.into(), e))
}

/// The exported U-Net of a folder of weights.
///
/// # Errors
/// [`SampleError`].
pub fn exported_unet(folder: &Path, device: &Device) -> Result<Edm, SampleError> {
    let unfit = |e| SampleError::Weights(folder.into(), e);
    let manifest = manifest(folder)?;
    let entry = manifest.model("unet").map_err(unfit)?;
    let path = folder.join(&entry.file);
    let bytes = std::fs::read(&path).map_err(|e| SampleError::Missing(path, e))?;
    let config: UnetConfig = entry.config().map_err(unfit)?;
    let unet = entry.load(config.init(device), &bytes).map_err(unfit)?;
    Ok(Edm::new(unet, config))
}

/// The averaged U-Net of a training run, before quantisation.
///
/// # Errors
/// [`SampleError::Checkpoint`].
pub fn trained_unet(run: &Path, device: &Device) -> Result<(Unet, UnetConfig, Checkpoint), SampleError> {
    let checkpoint = Checkpoint::open(run)?;
    let config: UnetConfig = checkpoint.config("unet")?;
    let unet = checkpoint.average(config.init(device))?.to_device(device);
    Ok((unet, config, checkpoint))
}

/// Generates a picture for each request, each height × width × channels in [-1, 1], with a progress bar
/// on a terminal.
///
/// # Errors
/// [`SampleError`].
pub fn sample(
    denoiser: Edm,
    settings: &Settings,
    requests: &[Request],
    device: &Device,
) -> Result<Vec<Vec<f32>>, SampleError> {
    let denoiser = Rc::new(denoiser);
    let pixels: usize = denoiser.shape().iter().product();
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} pictures, {eta} left").expect("a valid template");
    let bar = ProgressBar::new(requests.len() as u64).with_style(style);
    let mut pictures = Vec::with_capacity(requests.len());
    for batch in requests.chunks(BATCH) {
        let mut run = Generation::new(denoiser.clone(), settings, batch, device)?;
        while pollster::block_on(run.next())?.is_some() {}
        pictures.extend(run.frame().x.chunks(pixels).map(<[f32]>::to_vec));
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    Ok(pictures)
}

/// As many of each digit, in turn, each from a seed of its own.
pub fn balanced(count: usize, seed: u64) -> Vec<Request> {
    (0..count).map(|i| Request { digit: Some((i % 10) as u8), seed: seed.wrapping_add(i as u64) }).collect()
}

/// Pictures of digits in MNIST's own form, with the digits asked for as labels.
pub fn as_mnist(pictures: &[Vec<f32>], requests: &[Request]) -> Mnist {
    Mnist {
        images: pictures.iter().flatten().map(|&v| to_pixel(v)).collect(),
        labels: requests.iter().map(|r| r.digit.unwrap_or(0)).collect(),
    }
}
