//! Where sampled pictures go: each as soon as it is made, and readable whenever sampling stops.

use std::path::{Path, PathBuf};

use super::{
    atomic,
    idx::Growing,
    picture::{self, Layout, PictureError, PngSheet},
};
use crate::{generation::Request, image::to_pixel};

/// The pictures of [`Output::mnist`].
pub const SAMPLE_IMAGES: &str = "samples-images-idx3-ubyte";

/// Their labels.
pub const SAMPLE_LABELS: &str = "samples-labels-idx1-ubyte";

/// A sheet, a folder of pictures, or a pair of files in MNIST's format.
pub struct Output {
    path: PathBuf,
    to: To,
    made: usize,
}

enum To {
    Sheet(Box<PngSheet>),
    Folder([usize; 3]),
    Mnist { images: Growing, labels: Growing },
}

impl Output {
    /// All `count` pictures of [channels, height, width] on one sheet, about as wide as high.
    ///
    /// # Errors
    /// [`PictureError`]: a sheet beyond reason, or a file that cannot be written.
    pub fn sheet(path: &Path, count: usize, shape: [usize; 3]) -> Result<Self, PictureError> {
        let columns = (count as f64).sqrt().ceil() as usize;
        let layout = Layout::new(count, shape, columns, 2)?;
        Ok(Self::new(
            path,
            To::Sheet(Box::new(PngSheet::begin(path, layout)?)),
        ))
    }

    /// 000000.png and so on in a folder.
    ///
    /// # Errors
    /// [`PictureError::File`].
    pub fn folder(path: &Path, shape: [usize; 3]) -> Result<Self, PictureError> {
        atomic::ready(path)?;
        Ok(Self::new(path, To::Folder(shape)))
    }

    /// [`SAMPLE_IMAGES`] and [`SAMPLE_LABELS`] in a folder, the labels being the digits, or classes, asked for.
    ///
    /// # Errors
    /// [`PictureError::File`].
    pub fn mnist(path: &Path, size: usize) -> Result<Self, PictureError> {
        let size = size as u32;
        let to = To::Mnist {
            images: Growing::images(&path.join(SAMPLE_IMAGES), size, size)?,
            labels: Growing::labels(&path.join(SAMPLE_LABELS))?,
        };
        Ok(Self::new(path, to))
    }

    fn new(path: &Path, to: To) -> Self {
        Self {
            path: path.into(),
            to,
            made: 0,
        }
    }

    /// Takes the next picture, values in [-1, 1], HWC.
    ///
    /// # Errors
    /// [`PictureError`].
    pub fn add(&mut self, request: &Request, values: &[f32]) -> Result<(), PictureError> {
        match &mut self.to {
            To::Sheet(sheet) => sheet.add(values)?,
            To::Folder([channels, height, width]) => {
                let image = picture::grid(&[values.to_vec()], *width, *height, *channels, 1, 0)?;
                picture::save_png(&self.path.join(format!("{:06}.png", self.made)), &image)?;
            }
            To::Mnist { images, labels } => {
                let pixels: Vec<u8> = values.iter().map(|&v| to_pixel(v)).collect();
                images.add(&pixels)?;
                labels.add(&[request.digit.unwrap_or(0)])?;
            }
        }
        self.made += 1;
        Ok(())
    }

    /// How many pictures it has taken.
    pub fn made(&self) -> usize {
        self.made
    }

    /// Leaves the pictures to be read, however many there are.
    ///
    /// # Errors
    /// [`PictureError::File`].
    pub fn keep(self) -> Result<(), PictureError> {
        match self.to {
            To::Sheet(sheet) => sheet.keep(),
            To::Folder(_) => Ok(()),
            To::Mnist { images, labels } => {
                images.keep()?;
                Ok(labels.keep()?)
            }
        }
    }
}
