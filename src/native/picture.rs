//! Pictures from PNG and JPEG files, and to PNG files, alone or many on a sheet.

use std::io::{self, Cursor, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use ::image::{
    DynamicImage, GrayImage, ImageDecoder, ImageError, ImageFormat, ImageReader, RgbImage,
};
use png::StreamWriter;
use thiserror::Error;

use super::atomic::{self, Draft};
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
    /// A name by which a PNG would be taken for something else.
    #[error("{} would not be what its name says: unnoise writes PNG pictures, so name it {}", .0.display(), .0.with_extension("png").display())]
    Extension(PathBuf),
    /// The file is no picture that can be read.
    #[error("{} cannot be read as a PNG or JPEG picture: {source}", path.display())]
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

/// Pictures side by side: how many, of which shape, and where each stands.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    count: usize,
    shape: [usize; 3],
    columns: usize,
    gap: usize,
    /// Width and height of the whole.
    size: [u32; 2],
}

impl Layout {
    /// `count` pictures of [channels, height, width] in rows of `columns`, with `gap` grey pixels between and around
    /// them.
    ///
    /// # Errors
    /// [`PictureError::Channels`], [`PictureError::Large`].
    pub fn new(
        count: usize,
        shape: [usize; 3],
        columns: usize,
        gap: usize,
    ) -> Result<Self, PictureError> {
        const LONGEST: usize = 1 << 15;
        let [channels, height, width] = shape;
        if channels != 1 && channels != 3 {
            return Err(PictureError::Channels(channels));
        }
        let columns = columns.clamp(1, count.max(1));
        let rows = count.div_ceil(columns).max(1);
        let side = |cells: usize, size: usize| {
            cells
                .saturating_mul(size.saturating_add(gap))
                .saturating_add(gap)
        };
        let (full_width, full_height) = (side(columns, width), side(rows, height));
        if full_width.max(full_height) > LONGEST {
            return Err(PictureError::Large(full_width, full_height));
        }
        Ok(Self {
            count,
            shape,
            columns,
            gap,
            size: [full_width as u32, full_height as u32],
        })
    }
}

/// Lays pictures out as they come and writes the bytes of whole rows on; it holds no more than a row.
pub struct Sheet<W> {
    layout: Layout,
    to: W,
    drawn: usize,
    /// The row that is being filled, with the gap below it.
    row: Vec<u8>,
}

impl<W: Write> Sheet<W> {
    const BACKGROUND: u8 = 96;

    /// # Errors
    /// [`PictureError::File`].
    pub fn new(layout: Layout, mut to: W) -> Result<Self, PictureError> {
        let [channels, height, _] = layout.shape;
        let line = layout.size[0] as usize * channels;
        to.write_all(&vec![Self::BACKGROUND; line * layout.gap])?;
        Ok(Self {
            layout,
            to,
            drawn: 0,
            row: vec![Self::BACKGROUND; line * (height + layout.gap)],
        })
    }

    /// Puts the next picture in its place: values in [-1, 1], HWC.
    ///
    /// # Errors
    /// [`PictureError::Shape`], [`PictureError::File`].
    pub fn add(&mut self, picture: &[f32]) -> Result<(), PictureError> {
        let Layout {
            shape: [channels, height, width],
            columns,
            gap,
            size,
            ..
        } = self.layout;
        if picture.len() != width * height * channels {
            return Err(PictureError::Shape {
                width,
                height,
                channels,
                got: picture.len(),
            });
        }
        let left = gap + self.drawn % columns * (width + gap);
        for (y, line) in picture.chunks_exact((width * channels).max(1)).enumerate() {
            let start = (y * size[0] as usize + left) * channels;
            for (byte, &value) in self.row[start..].iter_mut().zip(line) {
                *byte = to_pixel(value);
            }
        }
        self.drawn += 1;
        if self.drawn.is_multiple_of(columns) {
            self.write_row()?;
        }
        Ok(())
    }

    /// Writes what is left, background where a picture is missing, and returns what was written to.
    ///
    /// # Errors
    /// [`PictureError::File`].
    pub fn finish(mut self) -> Result<W, PictureError> {
        let Layout { count, columns, .. } = self.layout;
        let rows = count.div_ceil(columns).max(1);
        for _ in self.drawn / columns..rows {
            self.write_row()?;
        }
        Ok(self.to)
    }

    fn write_row(&mut self) -> Result<(), PictureError> {
        self.to.write_all(&self.row)?;
        self.row.fill(Self::BACKGROUND);
        Ok(())
    }
}

/// Lays `pictures` (each `height * width * channels` values in [-1, 1], HWC) out as [`Layout`] says.
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
    let layout = Layout::new(pictures.len(), [channels, height, width], columns, gap)?;
    let mut sheet = Sheet::new(layout, Vec::new())?;
    pictures.iter().try_for_each(|picture| sheet.add(picture))?;
    let bytes = sheet.finish()?;
    let [w, h] = layout.size;
    let image = match channels {
        1 => GrayImage::from_raw(w, h, bytes).map(DynamicImage::from),
        _ => RgbImage::from_raw(w, h, bytes).map(DynamicImage::from),
    };
    image.ok_or(PictureError::Large(w as usize, h as usize))
}

/// A sheet of pictures on its way into a PNG file.
pub struct PngSheet {
    sheet: Sheet<StreamWriter<'static, Shared>>,
    draft: Rc<Draft>,
}

/// The file, for the encoder, which gives back nothing that it is given.
struct Shared(Rc<Draft>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self.0).flush()
    }
}

impl PngSheet {
    /// Begins the file.
    ///
    /// # Errors
    /// [`PictureError::Extension`], [`PictureError::File`].
    pub fn begin(path: &Path, layout: Layout) -> Result<Self, PictureError> {
        check_png(path)?;
        let draft = Rc::new(Draft::begin(path)?);
        let [width, height] = layout.size;
        let mut encoder = png::Encoder::new(Shared(draft.clone()), width, height);
        encoder.set_color(match layout.shape {
            [1, ..] => png::ColorType::Grayscale,
            _ => png::ColorType::Rgb,
        });
        let stream = encoder
            .write_header()
            .and_then(png::Writer::into_stream_writer)
            .map_err(io::Error::from)?;
        let sheet = Sheet::new(layout, stream)?;
        Ok(Self { sheet, draft })
    }

    /// As [`Sheet::add`].
    ///
    /// # Errors
    /// As [`Sheet::add`].
    pub fn add(&mut self, picture: &[f32]) -> Result<(), PictureError> {
        self.sheet.add(picture)
    }

    /// Puts the file in its place, whole, however many pictures it has.
    ///
    /// # Errors
    /// [`PictureError::File`].
    pub fn keep(self) -> Result<(), PictureError> {
        let stream = self.sheet.finish()?;
        stream.finish().map_err(io::Error::from)?;
        let draft = Rc::into_inner(self.draft).expect("nobody else writes any more");
        Ok(draft.keep()?)
    }
}

/// Makes sure that a PNG by this name would not be taken for another kind of picture.
///
/// # Errors
/// [`PictureError::Extension`].
pub fn check_png(path: &Path) -> Result<(), PictureError> {
    match ImageFormat::from_path(path) {
        Ok(ImageFormat::Png) | Err(_) => Ok(()),
        Ok(_) => Err(PictureError::Extension(path.into())),
    }
}

/// What a file is, by its first bytes.
pub fn is_picture(bytes: &[u8]) -> bool {
    let format = ::image::guess_format(bytes);
    matches!(format, Ok(ImageFormat::Png | ImageFormat::Jpeg))
}

/// Writes `image` as PNG, in one piece.
///
/// # Errors
/// [`PictureError::Extension`], [`PictureError::Encode`] (an image without pixels), [`PictureError::File`].
pub fn save_png(path: &Path, image: &DynamicImage) -> Result<(), PictureError> {
    check_png(path)?;
    let mut bytes = Cursor::new(Vec::new());
    image
        .write_to(&mut bytes, ImageFormat::Png)
        .map_err(PictureError::Encode)?;
    Ok(atomic::write(path, &bytes.into_inner())?)
}

/// Reads a PNG or JPEG file as [`decode`] does.
///
/// # Errors
/// [`PictureError::File`], [`PictureError::Decode`].
pub fn read(path: &Path) -> Result<Picture, PictureError> {
    decode(path, atomic::read(path)?)
}

/// A picture from the bytes of a PNG or JPEG file, of any depth, as 8-bit greyscale or colour: turned as its camera
/// says, and on white where it is transparent, as browsers show it; greyscale too, though MNIST's paper is black.
///
/// # Errors
/// [`PictureError::Decode`], which names `path`.
pub fn decode(path: &Path, bytes: Vec<u8>) -> Result<Picture, PictureError> {
    let decode = || -> Result<DynamicImage, ImageError> {
        let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
        let mut decoder = reader.into_decoder()?;
        let orientation = decoder.orientation()?;
        let mut image = DynamicImage::from_decoder(decoder)?;
        image.apply_orientation(orientation);
        Ok(image)
    };
    let image = decode().map_err(|source| PictureError::Decode {
        path: path.to_path_buf(),
        source,
    })?;
    let (width, height) = (image.width() as usize, image.height() as usize);
    let (channels, bytes) = match (image.color().has_color(), image.color().has_alpha()) {
        (true, false) => (3, image.into_rgb8().into_raw()),
        (false, false) => (1, image.into_luma8().into_raw()),
        (true, true) => (3, on_white(&image.into_rgba8().into_raw(), 4)),
        (false, true) => (1, on_white(&image.into_luma_alpha8().into_raw(), 2)),
    };
    Ok(Picture {
        width,
        height,
        channels,
        values: bytes.into_iter().map(from_pixel).collect(),
    })
}

/// Pixels of `samples` bytes, the last of them opacity, as pixels without it.
fn on_white(bytes: &[u8], samples: usize) -> Vec<u8> {
    let pixels = bytes.chunks_exact(samples);
    pixels
        .flat_map(|pixel| {
            let opacity = f32::from(pixel[samples - 1]) / 255.0;
            let colours = &pixel[..samples - 1];
            let on_white = move |&v: &u8| (255.0 - opacity * (255.0 - f32::from(v))).round() as u8;
            colours.iter().map(on_white)
        })
        .collect()
}

/// The mean square error of what can be seen, values rounded to 8 bits, of pictures with values in [-1, 1].
pub fn mean_square<'a>(
    a: impl IntoIterator<Item = &'a f32>,
    b: impl IntoIterator<Item = &'a f32>,
) -> f64 {
    let seen = |v: f32| f64::from(from_pixel(to_pixel(v)));
    let pairs = a.into_iter().zip(b);
    let (sum, n) = pairs.fold((0.0, 0), |(sum, n), (&a, &b)| {
        (sum + (seen(a) - seen(b)).powi(2), n + 1)
    });
    sum / f64::from(n.max(1))
}

/// 10·log₁₀(2² / mse), in decibels: values span 2.
pub fn psnr(mse: f64) -> f64 {
    10.0 * (4.0 / mse).log10()
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
            let read = read(&path).unwrap();
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
    fn what_is_transparent_is_white() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let pixels = vec![255, 0, 0, 0, 255, 0, 0, 255, 0, 0, 0, 51];
        let image = ::image::RgbaImage::from_raw(3, 1, pixels).unwrap();
        image.save(&path).unwrap();
        let seen = |picture: Picture| picture.values.into_iter().map(to_pixel).collect::<Vec<_>>();
        assert_eq!(
            seen(read(&path).unwrap()),
            [255, 255, 255, 255, 0, 0, 204, 204, 204]
        );
        let grey = ::image::GrayAlphaImage::from_raw(2, 1, vec![0, 0, 7, 255]).unwrap();
        grey.save(&path).unwrap();
        let grey = read(&path).unwrap();
        assert_eq!((grey.channels, seen(grey)), (1, vec![255, 7]));
    }

    #[test]
    fn a_jpeg_is_read_and_none_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jpg");
        ::image::RgbImage::from_pixel(9, 7, ::image::Rgb([200, 100, 50]))
            .save(&path)
            .unwrap();
        let picture = read(&path).unwrap();
        assert_eq!((picture.width, picture.height, picture.channels), (9, 7, 3));
        assert!((picture.values[0] - from_pixel(200)).abs() < 0.05);

        let image = grid(&[picture.values], 9, 7, 3, 1, 0).unwrap();
        for name in ["b.jpg", "b.JPEG", "b.gif", "b.webp", "b.tiff", "b.bmp"] {
            let error = save_png(&folder.path().join(name), &image).unwrap_err();
            assert!(matches!(error, PictureError::Extension(_)), "{name}");
            assert!(error.to_string().ends_with("b.png"), "{error}");
        }
        for name in ["b.png", "b.PNG", "b", "b.picture"] {
            save_png(&folder.path().join(name), &image).unwrap();
        }
    }

    /// A sheet that is ended early is a whole picture, the missing ones grey.
    #[test]
    fn a_sheet_can_be_ended_early() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let pictures: Vec<_> = [-1.0, 0.0, 1.0].map(|v| vec![v; 2 * 3]).into();
        for made in 0..=3 {
            let layout = Layout::new(3, [1, 3, 2], 2, 1).unwrap();
            let mut sheet = PngSheet::begin(&path, layout).unwrap();
            pictures[..made].iter().for_each(|p| sheet.add(p).unwrap());
            assert_eq!(
                folder.path().read_dir().unwrap().count(),
                1 + usize::from(made > 0)
            );
            sheet.keep().unwrap();
            let read = read(&path).unwrap();
            assert_eq!((read.width, read.height), (7, 9));
            let at = |x: usize, y: usize| to_pixel(read.values[y * read.width + x]);
            let mut expected = [0, 128, 255];
            expected[made..].fill(96);
            assert_eq!([at(1, 1), at(4, 1), at(1, 5)], expected);
        }
        drop(PngSheet::begin(&path, Layout::new(3, [1, 3, 2], 2, 1).unwrap()).unwrap());
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
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
        assert!(matches!(read(&path), Err(PictureError::Decode { .. })));
        assert!(matches!(
            read(&folder.path().join("b.png")),
            Err(PictureError::File(_))
        ));
    }
}
