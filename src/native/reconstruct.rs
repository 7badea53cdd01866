//! Pictures through the autoencoder and back.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use image::{DynamicImage, imageops::FilterType};
use thiserror::Error;

use super::{
    idx::{self, IdxError},
    picture::{self, Picture, PictureError},
};
use crate::{
    image::{from_pixel, to_pixel},
    model::vae::{Vae, VaeConfig},
};

/// Pictures put through the network at once.
const BATCH: usize = 64;

/// A reconstruction that cannot be made.
#[derive(Debug, Error)]
pub enum ReconstructError {
    /// The picture, read or written.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// A file of many pictures.
    #[error(transparent)]
    Idx(#[from] IdxError),
    /// The output.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// The device failed.
    #[error("the device failed ({0}): try `--device cpu`")]
    Device(String),
}

/// What was put through, and how it came out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Pictures.
    pub count: usize,
    /// Whether they had to be brought to the network's size.
    pub resized: bool,
    /// Mean square error of a value in [-1, 1], at the network's size.
    pub mse: f64,
}

impl Outcome {
    /// 10·log₁₀(2² / mse), in decibels.
    pub fn psnr(&self) -> f64 {
        10.0 * (4.0 / self.mse).log10()
    }
}

/// An autoencoder and where it computes.
pub struct Reconstruction<'a> {
    /// The network.
    pub vae: &'a Vae,
    /// Its configuration.
    pub config: &'a VaeConfig,
    /// Its device.
    pub device: &'a Device,
}

impl Reconstruction<'_> {
    /// A PNG → a PNG of the network's size; a file of pictures in MNIST's format → one of as many, of the
    /// same size.
    ///
    /// # Errors
    /// [`ReconstructError`].
    pub fn file(&self, from: &Path, to: &Path) -> Result<Outcome, ReconstructError> {
        let png = from
            .extension()
            .is_some_and(|name| name.eq_ignore_ascii_case("png"));
        if png {
            self.png(from, to)
        } else {
            self.idx(from, to)
        }
    }

    fn png(&self, from: &Path, to: &Path) -> Result<Outcome, ReconstructError> {
        let original = picture::read_png(from)?;
        let (fitted, resized) = self.fit(&original)?;
        let decoded = self.through(std::slice::from_ref(&fitted))?.swap_remove(0);
        let [channels, height, width] = self.config.picture();
        picture::save_png(
            to,
            &picture::grid(
                std::slice::from_ref(&decoded),
                width,
                height,
                channels,
                1,
                0,
            )?,
        )?;
        Ok(Outcome {
            count: 1,
            resized,
            mse: mean_square(&[fitted], &[decoded]),
        })
    }

    fn idx(&self, from: &Path, to: &Path) -> Result<Outcome, ReconstructError> {
        let images = idx::read_images(from)?;
        let (height, width) = (images.height, images.width);
        let size = (height * width).max(1);
        let mut resized = false;
        let mut fitted = Vec::with_capacity(images.count);
        for pixels in images.pixels.chunks(size) {
            let (picture, was_resized) = self.fit(&Picture {
                width,
                height,
                channels: 1,
                values: pixels.iter().map(|&p| from_pixel(p)).collect(),
            })?;
            resized |= was_resized;
            fitted.push(picture);
        }
        let decoded = self.through(&fitted)?;
        let [channels, h, w] = self.config.picture();
        let mut pixels = Vec::with_capacity(images.pixels.len());
        for values in &decoded {
            let image = picture::grid(std::slice::from_ref(values), w, h, channels, 1, 0)?;
            pixels.extend(resize(&image, width, height).into_luma8().into_raw());
        }
        idx::write_images(to, &pixels, height as u32, width as u32)?;
        Ok(Outcome {
            count: fitted.len(),
            resized,
            mse: mean_square(&fitted, &decoded),
        })
    }

    /// A picture as the network takes it, and whether its size had to change.
    fn fit(&self, original: &Picture) -> Result<(Vec<f32>, bool), PictureError> {
        let [_, height, width] = self.config.picture();
        let Picture {
            width: w,
            height: h,
            channels,
            values,
        } = original;
        let image = picture::grid(std::slice::from_ref(values), *w, *h, *channels, 1, 0)?;
        let fitted = resize(&image, width, height).into_rgb8().into_raw();
        let values = fitted.into_iter().map(from_pixel).collect();
        Ok((values, (*w, *h) != (width, height)))
    }

    /// Pictures, each height × width × channels, encoded and decoded.
    fn through(&self, pictures: &[Vec<f32>]) -> Result<Vec<Vec<f32>>, ReconstructError> {
        let [channels, height, width] = self.config.picture();
        let mut decoded = Vec::with_capacity(pictures.len());
        for batch in pictures.chunks(BATCH) {
            let data = TensorData::new(batch.concat(), [batch.len(), height, width, channels]);
            let x = Tensor::<4>::from_data(data, self.device).permute([0, 3, 1, 2]);
            let out = self.vae.decode(self.vae.encode(x).mean);
            let values = out
                .permute([0, 2, 3, 1])
                .try_into_vec_as::<f32>()
                .map_err(|error| ReconstructError::Device(error.to_string()))?;
            decoded.extend(
                values
                    .chunks(channels * height * width)
                    .map(<[f32]>::to_vec),
            );
        }
        Ok(decoded)
    }
}

fn resize(image: &DynamicImage, width: usize, height: usize) -> DynamicImage {
    image.resize_exact(width as u32, height as u32, FilterType::CatmullRom)
}

/// Of what can be seen: values are rounded to 8 bits.
fn mean_square(a: &[Vec<f32>], b: &[Vec<f32>]) -> f64 {
    let seen = |v: f32| f64::from(from_pixel(to_pixel(v)));
    let pairs = a.iter().flatten().zip(b.iter().flatten());
    let sum: f64 = pairs.map(|(&a, &b)| (seen(a) - seen(b)).powi(2)).sum();
    sum / a.iter().map(Vec::len).sum::<usize>().max(1) as f64
}
