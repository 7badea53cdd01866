//! Pictures through the autoencoder and back.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use image::{DynamicImage, ImageFormat, imageops::FilterType};
use thiserror::Error;

use super::{
    atomic,
    idx::{self, Growing, IdxError, Images, Problem},
    picture::{self, Layout, Picture, PictureError, PngSheet, mean_square, psnr},
};
use crate::{
    image::from_pixel,
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
    /// The input or the output.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// Neither a picture nor many.
    #[error("{} is neither a PNG or JPEG picture nor a file of pictures in MNIST's format", .0.display())]
    Kind(PathBuf),
    /// No pictures, or pictures without pixels.
    #[error("{} holds no pictures", .0.display())]
    Empty(PathBuf),
    /// A name that says another format than the input has.
    #[error("{} would not be what its name says: a file of pictures in MNIST's format becomes another one, so leave out the extension", .0.display())]
    Format(PathBuf),
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
    /// [`mean_square`] at the network's size.
    pub mse: f64,
}

impl Outcome {
    /// As [`psnr`].
    pub fn psnr(&self) -> f64 {
        psnr(self.mse)
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
    /// A picture → a PNG of the network's size; a file of pictures in MNIST's format → one of as many, of the
    /// same size. Which it is, its first bytes say.
    ///
    /// # Errors
    /// [`ReconstructError`].
    pub fn file(&self, from: &Path, to: &Path) -> Result<Outcome, ReconstructError> {
        let bytes = atomic::read(from)?;
        if picture::is_picture(&bytes) {
            return self.picture(&picture::decode(from, bytes)?, to);
        }
        let images = idx::unpack(bytes).and_then(|bytes| idx::parse_images(&bytes));
        match images {
            Ok(images) if images.pixels.is_empty() => Err(ReconstructError::Empty(from.into())),
            Ok(images) => self.idx(&images, to),
            // What is too short for a header is no such file either.
            Err(Problem::Magic { .. } | Problem::Length { got: ..16, .. }) => {
                Err(ReconstructError::Kind(from.into()))
            }
            Err(problem) => Err(IdxError {
                path: from.into(),
                problem,
            }
            .into()),
        }
    }

    fn picture(&self, original: &Picture, to: &Path) -> Result<Outcome, ReconstructError> {
        let layout = Layout::new(1, self.config.picture(), 1, 0)?;
        let mut sheet = PngSheet::begin(to, layout)?;
        let (fitted, resized) = self.fit(original)?;
        let decoded = self.through(std::slice::from_ref(&fitted))?.swap_remove(0);
        sheet.add(&decoded)?;
        sheet.keep()?;
        Ok(Outcome {
            count: 1,
            resized,
            mse: mean_square(&fitted, &decoded),
        })
    }

    fn idx(&self, images: &Images, to: &Path) -> Result<Outcome, ReconstructError> {
        if ImageFormat::from_path(to).is_ok() {
            return Err(ReconstructError::Format(to.into()));
        }
        let (height, width) = (images.height, images.width);
        let mut out = Growing::images(to, height as u32, width as u32)?;
        let mut resized = false;
        let mut fitted = Vec::with_capacity(images.count);
        for pixels in images.pixels.chunks(height * width) {
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
        for values in &decoded {
            let image = picture::grid(std::slice::from_ref(values), w, h, channels, 1, 0)?;
            out.add(&resize(&image, width, height).into_luma8().into_raw())?;
        }
        out.keep()?;
        Ok(Outcome {
            count: fitted.len(),
            resized,
            mse: mean_square(fitted.iter().flatten(), decoded.iter().flatten()),
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
