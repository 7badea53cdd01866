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
    picture::{self, PictureError},
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
    #[error("{} holds no PNG pictures", .0.display())]
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
    /// For each text what became of its words.
    pub tokens: Vec<Tokens>,
    /// A row for each picture, a column for each text.
    pub cosines: Vec<Vec<f32>>,
}

/// The lines of a file; the last one may end without a line break.
///
/// # Errors
/// The operating system's.
pub fn lines(file: &Path) -> io::Result<Vec<String>> {
    let bytes = atomic::read(file)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.lines().map(str::to_owned).collect())
}

impl Similarity {
    /// Compares the PNG pictures of `folder`, brought to the network's size, with the lines of `texts`.
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
        let lines = lines(texts)?;
        if lines.is_empty() {
            return Err(SimilarityError::NoTexts(texts.into()));
        }
        let paths = pngs(folder)?;
        if paths.is_empty() {
            return Err(SimilarityError::NoPictures(folder.into()));
        }
        let tokens: Vec<Tokens> = lines.iter().map(|text| tokenizer.encode(text)).collect();
        let texts = clip.text().forward(&tokens).embedding.transpose();
        let mut cosines = Vec::with_capacity(paths.len());
        for path in &paths {
            let picture = picture::read_png(path)?;
            let image = picture::grid(
                &[picture.values],
                picture.width,
                picture.height,
                picture.channels,
                1,
                0,
            )?;
            let fitted = image.resize_exact(SIZE as u32, SIZE as u32, FilterType::CatmullRom);
            let pixels = fitted.into_rgb8().into_raw();
            let values: Vec<f32> = pixels.into_iter().map(from_pixel).collect();
            let data = TensorData::new(values, [1, SIZE, SIZE, CHANNELS]);
            let x = Tensor::<4>::from_data(data, device).permute([0, 3, 1, 2]);
            let row = clip.image(x).matmul(texts.clone());
            cosines.push(row.try_into_vec_as::<f32>().map_err(|e| failed(&e))?);
        }
        let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into());
        Ok(Self {
            pictures: paths.iter().filter_map(name).collect(),
            texts: lines,
            tokens,
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

/// The PNG files of a folder, in the order of the alphabet.
fn pngs(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let named = |error: io::Error| {
        io::Error::new(
            error.kind(),
            format!("{} cannot be read: {error}", folder.display()),
        )
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(named)? {
        let path = entry.map_err(named)?.path();
        if path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("png"))
        {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
