//! Pictures beside texts, by CLIP.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use burn::tensor::{Device, Tensor, TensorData};
use image::imageops::FilterType;
use thiserror::Error;

use super::{
    atomic,
    picture::{self, Picture, PictureError},
    text,
};
use crate::{
    caption::{Tokenizer, Tokens},
    image::from_pixel,
    model::clip::Clip,
    scene::{CHANNELS, SIZE},
};

/// Pictures and texts that cannot be compared.
#[derive(Debug, Error)]
pub enum SimilarityError {
    /// A picture.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The folder or the texts.
    #[error(transparent)]
    File(#[from] io::Error),
    /// Nothing to compare.
    #[error("{} holds no PNG or JPEG pictures", .0.display())]
    NoPictures(PathBuf),
    /// Nothing to compare with.
    #[error("{} holds no texts: write one on each line", .0.display())]
    NoTexts(PathBuf),
    /// The device failed.
    #[error("the device failed ({0}): try `--device cpu`")]
    Device(String),
}

/// The cosines of every picture of a folder with every line of a file.
#[derive(Clone, Debug)]
pub struct Similarity {
    /// The pictures' file names, in the order of the alphabet.
    pub pictures: Vec<String>,
    /// The texts.
    pub texts: Vec<String>,
    /// A row for each picture, a column for each text.
    pub cosines: Vec<Vec<f32>>,
}

impl Similarity {
    /// Compares the pictures of `folder`, brought to the network's size, with the lines of `texts`.
    ///
    /// # Errors
    /// [`SimilarityError`].
    pub fn of(
        clip: &Clip,
        tokenizer: &Tokenizer,
        folder: &Path,
        texts: &Path,
        device: &Device,
    ) -> Result<Self, SimilarityError> {
        let failed = |error: &dyn std::fmt::Display| SimilarityError::Device(error.to_string());
        let lines = text::lines(texts)?;
        if lines.is_empty() {
            return Err(SimilarityError::NoTexts(texts.into()));
        }
        let pictures = pictures(folder)?;
        if pictures.is_empty() {
            return Err(SimilarityError::NoPictures(folder.into()));
        }
        let tokens: Vec<Tokens> = lines.iter().map(|text| tokenizer.encode(text)).collect();
        let texts = clip.text().embedding(&tokens).transpose();
        let mut cosines = Vec::with_capacity(pictures.len());
        for (_, pixels) in &pictures {
            let values: Vec<f32> = pixels.iter().map(|&p| from_pixel(p)).collect();
            let data = TensorData::new(values, [1, SIZE, SIZE, CHANNELS]);
            let x = Tensor::<4>::from_data(data, device).permute([0, 3, 1, 2]);
            let row = clip.image(x).matmul(texts.clone());
            cosines.push(row.try_into_vec_as::<f32>().map_err(|e| failed(&e))?);
        }
        Ok(Self {
            pictures: pictures.into_iter().map(|(name, _)| name).collect(),
            texts: lines,
            cosines,
        })
    }

    /// A header with the texts, then a row for each picture.
    ///
    /// # Errors
    /// The operating system's.
    pub fn write_csv(&self, to: impl io::Write) -> io::Result<()> {
        let mut csv = csv::Writer::from_writer(to);
        let header = ["picture"]
            .into_iter()
            .chain(self.texts.iter().map(String::as_str));
        csv.write_record(header)?;
        for (name, row) in self.pictures.iter().zip(&self.cosines) {
            let cosines = row.iter().map(|cosine| format!("{cosine:.4}"));
            csv.write_record([name.clone()].into_iter().chain(cosines))?;
        }
        csv.flush()
    }
}

/// The pictures of a folder in the order of the alphabet, as names and as height × width × channels bytes of the
/// network's size. Whatever is no picture by its first bytes, or hidden, is not meant: a folder collects such files.
fn pictures(folder: &Path) -> Result<Vec<(String, Vec<u8>)>, SimilarityError> {
    let named = |error: io::Error| {
        io::Error::new(
            error.kind(),
            format!("{} cannot be read: {error}", folder.display()),
        )
    };
    let mut pictures = Vec::new();
    for entry in fs::read_dir(folder).map_err(named)? {
        let path = entry.map_err(named)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') || !path.is_file() {
            continue;
        }
        let bytes = atomic::read(&path)?;
        if !picture::is_picture(&bytes) {
            continue;
        }
        let Picture {
            width,
            height,
            channels,
            values,
        } = picture::decode(&path, bytes)?;
        let image = picture::grid(&[values], width, height, channels, 1, 0)?;
        let fitted = image.resize_exact(SIZE as u32, SIZE as u32, FilterType::CatmullRom);
        pictures.push((name.into_owned(), fitted.into_rgb8().into_raw()));
    }
    pictures.sort();
    Ok(pictures)
}
