//! Many pictures, a batch at a time.

use std::{
    io,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use burn::tensor::Device;
use indicatif::{ProgressBar, ProgressStyle};
use thiserror::Error;

use super::{
    data::{About, DataSet},
    picture::PictureError,
};
use crate::{
    classes::Classes,
    denoiser::{Decoder, Denoiser},
    generation::{Decode, Generation, GenerationError, Request, Settings, SettingsError},
    image::to_pixel,
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
    /// A picture that cannot be kept.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// What came of it cannot be said.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Ctrl-C.
    #[error("interrupted: no picture was kept")]
    Interrupted,
}

/// Takes a picture, height × width × channels, and what was asked for.
pub type Keep<'a> = dyn FnMut(&Request, &[f32]) -> Result<(), PictureError> + 'a;

/// What draws, and how.
pub struct Sampling<'a> {
    /// What draws.
    pub denoiser: Rc<dyn Denoiser>,
    /// What makes pictures of it, if it draws latents.
    pub decoder: Option<Rc<dyn Decoder>>,
    /// The settings.
    pub settings: Settings,
    /// Where it computes.
    pub device: &'a Device,
    /// Stops it between two steps.
    pub interrupted: &'a AtomicBool,
}

impl Sampling<'_> {
    /// Channels, height and width of a picture.
    pub fn shape(&self) -> [usize; 3] {
        match &self.decoder {
            Some(decoder) => decoder.shape(),
            None => self.denoiser.shape(),
        }
    }

    /// Generates a picture for each request, height × width × channels in [-1, 1], and hands it to `keep` as soon as
    /// it is made, with a progress bar on a terminal.
    ///
    /// # Errors
    /// [`SampleError`].
    pub fn each(&self, requests: &[Request], keep: &mut Keep) -> Result<(), SampleError> {
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} pictures, {eta} left")
            .expect("a valid template");
        let bar = ProgressBar::new(requests.len() as u64).with_style(style);
        self.each_counted(requests, keep, &|made| bar.inc(made as u64))?;
        bar.finish_and_clear();
        Ok(())
    }

    /// The same for a bar of the caller's: `count` is told how many more pictures are made.
    ///
    /// # Errors
    /// [`SampleError`].
    pub fn each_counted(
        &self,
        requests: &[Request],
        keep: &mut Keep,
        count: &dyn Fn(usize),
    ) -> Result<(), SampleError> {
        for batch in requests.chunks(BATCH) {
            let run = Generation::new(self.denoiser.clone(), &self.settings, batch, self.device)?;
            let mut run = run.decoding(self.decoder.clone(), Decode::Last);
            while pollster::block_on(run.next())?.is_some() {
                if self.interrupted.load(Ordering::Relaxed) {
                    return Err(SampleError::Interrupted);
                }
            }
            let last = run.frame();
            let values = last.decoded.map_or(last.x, |decoded| decoded.x);
            let pixels = values.len() / batch.len();
            for (request, picture) in batch.iter().zip(values.chunks(pixels)) {
                keep(request, picture)?;
            }
            count(batch.len());
        }
        Ok(())
    }

    /// The pictures of [`Sampling::each`] together.
    ///
    /// # Errors
    /// [`SampleError`].
    pub fn all(&self, requests: &[Request]) -> Result<Vec<Vec<f32>>, SampleError> {
        let mut pictures = Vec::with_capacity(requests.len());
        self.each(requests, &mut |_, picture| {
            pictures.push(picture.to_vec());
            Ok(())
        })?;
        Ok(pictures)
    }
}

/// As many of each digit, or other class, in turn, each from a seed of its own.
pub fn balanced(count: usize, seed: u64, classes: &Classes) -> Vec<Request> {
    let classes = classes.len().max(1);
    (0..count)
        .map(|i| Request {
            digit: u8::try_from(i % classes).ok(),
            seed: seed.wrapping_add(i as u64),
            ..Request::default()
        })
        .collect()
}

/// Pictures as a set of such, with the classes asked for as labels.
pub fn as_set(pictures: &[Vec<f32>], requests: &[Request], about: &Arc<About>) -> DataSet {
    DataSet {
        images: pictures.iter().flatten().map(|&v| to_pixel(v)).collect(),
        labels: requests.iter().map(|r| r.digit.unwrap_or(0)).collect(),
        about: about.clone(),
    }
}
