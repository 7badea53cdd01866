//! Many pictures, a batch at a time.

use std::{
    io,
    path::{Path, PathBuf},
    rc::Rc,
    sync::atomic::{AtomicBool, Ordering},
};

use burn::{module::Module, tensor::Device};
use indicatif::{ProgressBar, ProgressStyle};
use thiserror::Error;

use crate::{
    denoiser::{Denoiser, Edm},
    generation::{Generation, GenerationError, Request, Settings, SettingsError},
    image::{DIGIT_SIZE, to_pixel},
    model::unet::{Unet, UnetConfig},
    native::{
        atomic,
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
    #[error("{0}: train and export the weights, or name their folder with --weights DIR")]
    File(io::Error),
    /// Ctrl-C.
    #[error("interrupted: no picture was kept")]
    Interrupted,
}

/// The manifest of a folder of weights.
///
/// # Errors
/// [`SampleError::File`], [`SampleError::Weights`].
pub fn manifest(folder: &Path) -> Result<Manifest, SampleError> {
    let json = atomic::read(&folder.join("manifest.json")).map_err(SampleError::File)?;
    Manifest::parse(&String::from_utf8_lossy(&json))
        .map_err(|e| SampleError::Weights(folder.into(), e))
}

/// The exported U-Net of a folder of weights.
///
/// # Errors
/// [`SampleError`].
pub fn exported_unet(folder: &Path, device: &Device) -> Result<Edm, SampleError> {
    let unfit = |e| SampleError::Weights(folder.into(), e);
    let manifest = manifest(folder)?;
    let entry = manifest.model("unet").map_err(unfit)?;
    let bytes = atomic::read(&folder.join(&entry.file)).map_err(SampleError::File)?;
    let config: UnetConfig = entry.config().map_err(unfit)?;
    let unet = entry.load(config.init(device), &bytes).map_err(unfit)?;
    let denoiser = Edm::new(unet, config);
    if denoiser.shape() != [1, DIGIT_SIZE, DIGIT_SIZE] {
        let reason =
            format!("its pictures are not {DIGIT_SIZE}x{DIGIT_SIZE} pixels of one channel");
        return Err(unfit(WeightsError::Fit {
            file: entry.file.clone(),
            reason,
        }));
    }
    Ok(denoiser)
}

/// The averaged U-Net of a training run, before quantisation.
///
/// # Errors
/// [`SampleError::Checkpoint`].
pub fn trained_unet(
    run: &Path,
    device: &Device,
) -> Result<(Unet, UnetConfig, Checkpoint), SampleError> {
    let checkpoint = Checkpoint::open(run)?;
    let config: UnetConfig = checkpoint.config("unet")?;
    let unet = checkpoint.average(config.init(device))?.to_device(device);
    Ok((unet, config, checkpoint))
}

/// Generates a picture for each request, each height × width × channels in [-1, 1], with a progress bar
/// on a terminal. `interrupted` stops it between two steps.
///
/// # Errors
/// [`SampleError`].
pub fn sample(
    denoiser: Edm,
    settings: &Settings,
    requests: &[Request],
    device: &Device,
    interrupted: &AtomicBool,
) -> Result<Vec<Vec<f32>>, SampleError> {
    let denoiser = Rc::new(denoiser);
    let pixels: usize = denoiser.shape().iter().product();
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} pictures, {eta} left")
        .expect("a valid template");
    let bar = ProgressBar::new(requests.len() as u64).with_style(style);
    let mut pictures = Vec::with_capacity(requests.len());
    for batch in requests.chunks(BATCH) {
        let mut run = Generation::new(denoiser.clone(), settings, batch, device)?;
        while pollster::block_on(run.next())?.is_some() {
            if interrupted.load(Ordering::Relaxed) {
                return Err(SampleError::Interrupted);
            }
        }
        pictures.extend(run.frame().x.chunks(pixels).map(<[f32]>::to_vec));
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    Ok(pictures)
}

/// As many of each digit, in turn, each from a seed of its own.
pub fn balanced(count: usize, seed: u64) -> Vec<Request> {
    (0..count)
        .map(|i| Request {
            digit: Some((i % 10) as u8),
            seed: seed.wrapping_add(i as u64),
        })
        .collect()
}

/// Pictures of digits in MNIST's own form, with the digits asked for as labels.
pub fn as_mnist(pictures: &[Vec<f32>], requests: &[Request]) -> Mnist {
    Mnist {
        images: pictures.iter().flatten().map(|&v| to_pixel(v)).collect(),
        labels: requests.iter().map(|r| r.digit.unwrap_or(0)).collect(),
    }
}
