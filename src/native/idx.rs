//! IDX, MNIST's own file format: a magic number, the sizes, then the bytes; big-endian, often gzipped.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flate2::bufread::GzDecoder;
use thiserror::Error;

use super::atomic::{self, Draft};

const IMAGES: u32 = 2051; // unsigned bytes, three dimensions
const LABELS: u32 = 2049; // unsigned bytes, one dimension

/// The most that a gzipped file may unpack to: MNIST's largest is 47 MB.
const MOST: u64 = 1 << 30;

/// Greyscale pictures of one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// How many.
    pub count: usize,
    /// Rows of each.
    pub height: usize,
    /// Columns of each.
    pub width: usize,
    /// `count * height * width` bytes, row by row.
    pub pixels: Vec<u8>,
}

/// What is wrong with an IDX file.
#[derive(Debug, Error)]
#[error("{}: {problem}", path.display())]
pub struct IdxError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub problem: Problem,
}

/// The ways in which bytes fail to be IDX.
#[derive(Debug, Error)]
pub enum Problem {
    /// The file could not be read.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// Its gzip wrapping is damaged or cut short.
    #[error("its gzip data is damaged or cut short ({0}); get the file again")]
    Gzip(io::Error),
    /// It unpacks to more than any such file should hold.
    #[error("it unpacks to more than {MOST} bytes, which no IDX file of digits does")]
    Huge,
    /// It does not start as IDX of this kind does.
    #[error("this is not an IDX file of {what}: its first number is {got}, not {expected}")]
    Magic {
        /// What was wanted.
        what: &'static str,
        /// The number that opens such a file.
        expected: u32,
        /// The number found.
        got: u32,
    },
    /// The header and the size disagree.
    #[error(
        "by its header it should hold {expected} bytes, but it holds {got}; get the file again"
    )]
    Length {
        /// Bytes that the header promises, itself included.
        expected: u128,
        /// Bytes there.
        got: usize,
    },
}

/// Reads a file of pictures, gzipped or plain.
///
/// # Errors
/// [`IdxError`], which names the file.
pub fn read_images(path: &Path) -> Result<Images, IdxError> {
    at(path, || parse_images(&unpack(atomic::read(path)?)?))
}

/// Reads a file of labels, gzipped or plain.
///
/// # Errors
/// [`IdxError`], which names the file.
pub fn read_labels(path: &Path) -> Result<Vec<u8>, IdxError> {
    at(path, || parse_labels(&unpack(atomic::read(path)?)?))
}

/// A file of pictures or of labels that grows.
#[derive(Debug)]
pub struct Growing {
    draft: Draft,
    count: u32,
}

impl Growing {
    /// Begins a file of pictures.
    ///
    /// # Errors
    /// As [`Draft::begin`].
    pub fn images(path: &Path, height: u32, width: u32) -> io::Result<Self> {
        Self::begin(path, &[IMAGES, 0, height, width])
    }

    /// Begins a file of labels.
    ///
    /// # Errors
    /// As [`Draft::begin`].
    pub fn labels(path: &Path) -> io::Result<Self> {
        Self::begin(path, &[LABELS, 0])
    }

    fn begin(path: &Path, numbers: &[u32]) -> io::Result<Self> {
        let draft = Draft::begin(path)?;
        (&draft).write_all(&header(numbers))?;
        Ok(Self { draft, count: 0 })
    }

    /// Adds a picture, or a label.
    ///
    /// # Errors
    /// As [`Draft::begin`].
    pub fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.count += 1;
        (&self.draft).write_all(bytes)
    }

    /// Puts the file in its place, with as many as it has.
    ///
    /// # Errors
    /// As [`Draft::keep`].
    pub fn keep(self) -> io::Result<()> {
        let mut file = &self.draft;
        file.seek(SeekFrom::Start(4))?;
        file.write_all(&self.count.to_be_bytes())?;
        self.draft.keep()
    }
}

/// A file of `pixels`, a whole number of `height * width` pictures.
pub fn image_bytes(pixels: &[u8], height: u32, width: u32) -> Vec<u8> {
    let size = (height as usize * width as usize).max(1);
    debug_assert_eq!(pixels.len() % size, 0, "whole pictures only");
    let count = (pixels.len() / size) as u32;
    [&header(&[IMAGES, count, height, width]), pixels].concat()
}

/// A file of `labels`.
pub fn label_bytes(labels: &[u8]) -> Vec<u8> {
    [&header(&[LABELS, labels.len() as u32]), labels].concat()
}

/// `bytes` without their gzip wrapping, if they have one. What follows the last stream is left alone, as gzip
/// does: a tape or a disk pads a file.
///
/// # Errors
/// [`Problem::Gzip`], [`Problem::Huge`].
pub fn unpack(bytes: Vec<u8>) -> Result<Vec<u8>, Problem> {
    const MAGIC: &[u8] = &[0x1f, 0x8b];
    if !bytes.starts_with(MAGIC) {
        return Ok(bytes);
    }
    let mut unpacked = Vec::new();
    let mut rest = &bytes[..];
    while rest.starts_with(MAGIC) {
        let mut stream = GzDecoder::new(rest);
        let most = MOST + 1 - unpacked.len() as u64;
        (&mut stream)
            .take(most)
            .read_to_end(&mut unpacked)
            .map_err(Problem::Gzip)?;
        if unpacked.len() as u64 > MOST {
            return Err(Problem::Huge);
        }
        rest = stream.into_inner();
    }
    Ok(unpacked)
}

/// Pictures from an unpacked file's bytes.
///
/// # Errors
/// [`Problem::Magic`], [`Problem::Length`].
pub fn parse_images(bytes: &[u8]) -> Result<Images, Problem> {
    let ([count, height, width], pixels) = parse("pictures", IMAGES, bytes)?;
    Ok(Images {
        count,
        height,
        width,
        pixels: pixels.to_vec(),
    })
}

/// Labels from an unpacked file's bytes.
///
/// # Errors
/// [`Problem::Magic`], [`Problem::Length`].
pub fn parse_labels(bytes: &[u8]) -> Result<Vec<u8>, Problem> {
    let ([_], labels) = parse("labels", LABELS, bytes)?;
    Ok(labels.to_vec())
}

/// The `N` sizes and the body. Nothing is allocated before the header is known to tell the truth.
fn parse<'a, const N: usize>(
    what: &'static str,
    magic: u32,
    bytes: &'a [u8],
) -> Result<([usize; N], &'a [u8]), Problem> {
    let number = |i: usize| {
        let four = bytes.get(4 * i..4 * i + 4)?;
        Some(u32::from_be_bytes(four.try_into().ok()?))
    };
    let start = 4 * (N + 1);
    let too_short = || Problem::Length {
        expected: start as u128,
        got: bytes.len(),
    };

    let got = number(0).ok_or_else(too_short)?;
    if got != magic {
        return Err(Problem::Magic {
            what,
            expected: magic,
            got,
        });
    }
    let mut sizes = [0; N];
    let mut expected = 1u128;
    for (i, size) in sizes.iter_mut().enumerate() {
        let value = number(i + 1).ok_or_else(too_short)?;
        *size = value as usize;
        expected *= u128::from(value); // at most 2^96
    }
    expected += start as u128;
    if expected != bytes.len() as u128 {
        return Err(Problem::Length {
            expected,
            got: bytes.len(),
        });
    }
    Ok((sizes, &bytes[start..]))
}

fn header(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_be_bytes()).collect()
}

fn at<T>(path: &Path, read: impl FnOnce() -> Result<T, Problem>) -> Result<T, IdxError> {
    read().map_err(|problem| IdxError {
        path: path.to_path_buf(),
        problem,
    })
}
