//! Pictures to and from PNG files, alone or many in a grid.

use std::io::{self, Cursor};
use std::path::{Path, PathBuf};

use ::image::{DynamicImage, GrayImage, ImageError, ImageFormat, ImageReader, RgbImage};
use thiserror::Error;

use super::atomic;
use crate::image::{from_pixel, to_pixel};

/// A picture as the models see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// 1 for greyscale, 3 for colour.
    pub channels: usize,
    /// `height * width * channels` values in [-1, 1], row by row, the channels of a pixel together (HWC).
    pub values: Vec<f32>,
}

/// Why a picture could not be made, read or written.
#[derive(Debug, Error)]
pub enum PictureError {
    /// The values do not fill the shape.
    #[error("a picture of {height}x{width}x{channels} needs {} values, not {got}", width * height * channels)]
    Shape {
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
        /// Values of a pixel.
        channels: usize,
        /// Values given.
        got: usize,
    },
    /// Neither greyscale nor colour.
    #[error("a picture has 1 channel or 3, not {0}")]
    Channels(usize),
    /// The grid is larger than a PNG of use.
    #[error("a picture of {0}x{1} pixels is too large; ask for fewer")]
    Large(usize, usize),
    /// The file is no PNG that can be read.
    #[error("{} cannot be read as a PNG picture: {source}", path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// The decoder's reason.
        source: ImageError,
    },
    /// The picture cannot be put into PNG.
    #[error("the picture cannot be encoded: {0}")]
    Encode(ImageError),
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] io::Error),
}

/// Lays `pictures` (each `height * width * channels` values in [-1, 1], HWC) out in rows of `columns`, with
/// `gap` grey pixels between and around them.
///
/// # Errors
/// [`PictureError`]: values that do not fill the shape, other channels than 1 or 3, a grid beyond reason.
pub fn grid(
    pictures: &[Vec<f32>],
    width: usize,
    height: usize,
    channels: usize,
    columns: usize,
    gap: usize,
) -> Result<DynamicImage, PictureError> {
    const BACKGROUND: u8 = 96;
    const LONGEST: usize = 1 << 15;

    if channels != 1 && channels != 3 {
        return Err(PictureError::Channels(channels));
    }
    let columns = columns.clamp(1, pictures.len().max(1));
    let rows = pictures.len().div_ceil(columns).max(1);
    let side = |cells: usize, size: usize| {
        cells
            .saturating_mul(size.saturating_add(gap))
            .saturating_add(gap)
    };
    let (full_width, full_height) = (side(columns, width), side(rows, height));
    if full_width.max(full_height) > LONGEST {
        return Err(PictureError::Large(full_width, full_height));
    }

    let mut bytes = vec![BACKGROUND; full_width * full_height * channels];
    for (i, picture) in pictures.iter().enumerate() {
        if picture.len() != width * height * channels {
            return Err(PictureError::Shape {
                width,
                height,
                channels,
                got: picture.len(),
            });
        }
        let (left, top) = (
            gap + i % columns * (width + gap),
            gap + i / columns * (height + gap),
        );
        for (y, row) in picture.chunks_exact((width * channels).max(1)).enumerate() {
            let start = ((top + y) * full_width + left) * channels;
            for (byte, &value) in bytes[start..].iter_mut().zip(row) {
                *byte = to_pixel(value);
            }
        }
    }

    let (w, h) = (full_width as u32, full_height as u32);
    let image = match channels {
        1 => GrayImage::from_raw(w, h, bytes).map(DynamicImage::from),
        _ => RgbImage::from_raw(w, h, bytes).map(DynamicImage::from),
    };
    image.ok_or(PictureError::Large(full_width, full_height))
}

/// Writes `image` as PNG, in one piece.
///
/// # Errors
/// [`PictureError::Encode`] (an image without pixels), [`PictureError::File`].
pub fn save_png(path: &Path, image: &DynamicImage) -> Result<(), PictureError> {
    let mut bytes = Cursor::new(Vec::new());
    image
        .write_to(&mut bytes, ImageFormat::Png)
        .map_err(PictureError::Encode)?;
    Ok(atomic::write(path, &bytes.into_inner())?)
}

/// Reads a PNG of any depth as 8-bit greyscale or colour, without its transparency.
///
/// # Errors
/// [`PictureError::File`], [`PictureError::Decode`].
pub fn read_png(path: &Path) -> Result<Picture, PictureError> {
    let image = ImageReader::with_format(Cursor::new(atomic::read(path)?), ImageFormat::Png)
        .decode()
        .map_err(|source| PictureError::Decode {
            path: path.to_path_buf(),
            source,
        })?;
    let (width, height) = (image.width() as usize, image.height() as usize);
    let (channels, bytes) = if image.color().has_color() {
        (3, image.into_rgb8().into_raw())
    } else {
        (1, image.into_luma8().into_raw())
    };
    Ok(Picture {
        width,
        height,
        channels,
        values: bytes.into_iter().map(from_pixel).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_puts_each_picture_in_its_place() {
        for channels in [1, 3] {
            let pictures: Vec<_> = [-1.0, 0.0, 1.0].map(|v| vec![v; 2 * 3 * channels]).into();
            let path = tempfile::tempdir().unwrap();
            let path = path.path().join("grid.png");
            save_png(&path, &grid(&pictures, 2, 3, channels, 2, 1).unwrap()).unwrap();
            let read = read_png(&path).unwrap();
            assert_eq!(
                (read.width, read.height, read.channels),
                (2 * 3 + 1, 2 * 4 + 1, channels)
            );
            let at = |x: usize, y: usize| to_pixel(read.values[(y * read.width + x) * channels]);
            assert_eq!([at(1, 1), at(2, 3), at(4, 1), at(1, 5)], [0, 0, 128, 255]);
            assert_eq!([at(0, 0), at(3, 1), at(5, 6)], [96, 96, 96]);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let error =
            |pictures: &[Vec<f32>], channels| grid(pictures, 2, 2, channels, 4, 1).unwrap_err();
        assert!(matches!(
            error(&[vec![0.0; 3]], 1),
            PictureError::Shape { got: 3, .. }
        ));
        assert!(matches!(error(&[], 2), PictureError::Channels(2)));
        assert!(matches!(
            grid(&[], usize::MAX, 2, 1, 1, 1),
            Err(PictureError::Large(..))
        ));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        std::fs::write(&path, b"no picture").unwrap();
        assert!(matches!(read_png(&path), Err(PictureError::Decode { .. })));
        assert!(matches!(
            read_png(&folder.path().join("b.png")),
            Err(PictureError::File(_))
        ));
    }
}
