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
    denoiser::Denoiser,
    generation::{Generation, GenerationError, Request, Settings, SettingsError},
    image::to_pixel,
    library::{Library, Network},
    model::ModelConfig,
    native::{
        atomic,
        data::Mnist,
        train::{self, Checkpoint, CheckpointError},
    },
    weights::{Entry, Manifest, Source, WeightsError, WeightsFile},
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

/// The exported networks of a folder of weights.
///
/// # Errors
/// [`SampleError`].
pub fn exported(
    folder: &Path,
    networks: &[Network],
    device: &Device,
) -> Result<Library, SampleError> {
    let manifest = manifest(folder)?;
    let mut library = Library::new(device.clone());
    for &network in networks {
        let Exported { entry, bytes } = &Exported::listed(&manifest, folder, network)?;
        library
            .load(network, &WeightsFile { entry, bytes })
            .map_err(|e| SampleError::Weights(folder.into(), e))?;
    }
    Ok(library)
}

/// A weights file and its line in the manifest, read and not yet checked.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The line.
    pub entry: Entry,
    /// The file.
    pub bytes: Vec<u8>,
}

impl Exported {
    /// Those of a network in a folder of weights.
    ///
    /// # Errors
    /// [`SampleError::File`], [`SampleError::Weights`].
    pub fn read(folder: &Path, network: Network) -> Result<Self, SampleError> {
        Self::listed(&manifest(folder)?, folder, network)
    }

    fn listed(manifest: &Manifest, folder: &Path, network: Network) -> Result<Self, SampleError> {
        let entry = manifest
            .model(network.name())
            .map_err(|e| SampleError::Weights(folder.into(), e))?;
        let bytes = atomic::read(&folder.join(&entry.file)).map_err(SampleError::File)?;
        let entry = entry.clone();
        Ok(Self { entry, bytes })
    }
}

/// The averaged networks of training runs, before quantisation. Those that the last of them only leans on are
/// taken as exported where they have no run: it was trained beside those.
///
/// # Errors
/// [`SampleError`].
pub fn trained(
    runs: &Path,
    weights: &Path,
    networks: &[Network],
    device: &Device,
) -> Result<Library, SampleError> {
    let run = |network: &Network| runs.join(network.name());
    let (has_run, exported_only): (Vec<Network>, Vec<Network>) = networks
        .iter()
        .partition(|network| Some(*network) == networks.last() || train::is_run(&run(network)));
    let mut library = exported(weights, &exported_only, device)?;
    for network in has_run {
        let checkpoint = Checkpoint::open(&run(&network))?;
        library.load(network, &Trained(&checkpoint, network))?;
    }
    Ok(library)
}

/// The averaged network of a training run.
pub struct Trained<'a>(pub &'a Checkpoint, pub Network);

impl Source for Trained<'_> {
    type Error = CheckpointError;

    fn open<C: ModelConfig>(&self, device: &Device) -> Result<(C::Model, C), CheckpointError> {
        let Self(checkpoint, network) = self;
        let config: C = checkpoint.config(network.name())?;
        let average = checkpoint.average(config.init(device))?.to_device(device);
        Ok((average, config))
    }

    fn misfit(&self, reason: &str) -> CheckpointError {
        self.0.misfit(reason)
    }
}

/// Generates a picture for each request, each height × width × channels in [-1, 1], of the denoiser's
/// [`Denoiser::picture_shape`], with a progress bar on a terminal. `interrupted` stops it between two steps.
///
/// # Errors
/// [`SampleError`].
pub fn sample(
    denoiser: Rc<dyn Denoiser>,
    settings: &Settings,
    requests: &[Request],
    device: &Device,
    interrupted: &AtomicBool,
) -> Result<Vec<Vec<f32>>, SampleError> {
    let pixels: usize = denoiser.picture_shape().iter().product();
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
        let decoded = pollster::block_on(run.pictures())?;
        let values = decoded.unwrap_or_else(|| run.frame().x);
        pictures.extend(values.chunks(pixels).map(<[f32]>::to_vec));
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
            prompt: None,
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
