//! MNIST: 60,000 handwritten digits to train on and 10,000 to test with, fetched or copied, and verified.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use md5::{Digest, Md5};
use thiserror::Error;

use crate::image::{DIGIT_PIXELS, DIGIT_SIZE};

use super::{
    atomic,
    idx::{self, IdxError, Problem},
};

/// Kinds of digit.
pub const CLASSES: usize = 10;

/// The four files by name, each with the MD5 sum of its unpacked bytes: training pictures and labels,
/// test pictures and labels.
pub type Files<'a> = [(&'a str, &'a str); 4];

/// MNIST as published.
pub const MNIST: Files<'static> = [
    (
        "train-images-idx3-ubyte",
        "6bbc9ace898e44ae57da46a324031adb",
    ),
    (
        "train-labels-idx1-ubyte",
        "a25bea736e30d166cdddb491f175f624",
    ),
    ("t10k-images-idx3-ubyte", "2646ac647ad5339dbf082846283269ea"),
    ("t10k-labels-idx1-ubyte", "27ae3e4e09519cfbb04c329615203637"),
];

/// Where MNIST is served to the public, tried in this order.
pub const MIRRORS: [&str; 2] = [
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
];

/// The most bytes that a download may have.
const MOST: u64 = 64 << 20;

/// Which half of MNIST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// 60,000 digits.
    Train,
    /// 10,000 digits, by other writers.
    Test,
}

/// Digits and what they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mnist {
    /// `len * 784` bytes, row by row, 0 the paper and 255 the ink.
    pub images: Vec<u8>,
    /// One of 0..=9 for each.
    pub labels: Vec<u8>,
}

/// Why MNIST could not be had.
#[derive(Debug, Error)]
pub enum DataError {
    /// A file is not there.
    #[error("{name} is not in {} (nor is {name}.gz): run `unnoise data`, or name its folder with `--data DIR`", folder.display())]
    Missing {
        /// The file.
        name: String,
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// A file is not the published one.
    #[error("{} is not MNIST's: its MD5 sum is {got}, not {expected}; run `unnoise data` to replace it", path.display())]
    Checksum {
        /// The file.
        path: PathBuf,
        /// MD5 sum published.
        expected: String,
        /// MD5 sum found.
        got: String,
    },
    /// A file cannot be read, or is no IDX file.
    #[error("{0}; run `unnoise data` to replace it")]
    Damaged(#[from] IdxError),
    /// A file is well formed but does not hold digits, or not as many as there are labels.
    #[error("{} {wrong}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        wrong: String,
    },
    /// A file of the folder to copy from is missing or wrong.
    #[error("cannot copy from {}: {why}", folder.display())]
    Source {
        /// The folder.
        folder: PathBuf,
        /// What is wrong, with the file's name.
        why: String,
    },
    /// No mirror served the file.
    #[error(
        "cannot fetch {name}: {why}. Check the network and run `unnoise data` again (it keeps what it has), \
             or, without a network, copy MNIST's four files from elsewhere with `unnoise data --from DIR`"
    )]
    Fetch {
        /// The file.
        name: String,
        /// What each mirror answered.
        why: String,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] io::Error),
}

/// What [`prepare`] is doing, told as it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<'a> {
    /// The file is already there and right.
    Kept(&'a str),
    /// Bytes of the file fetched so far, of so many where the server says.
    Fetched(&'a str, u64, Option<u64>),
    /// A mirror failed; the next is tried.
    Failed(&'a str),
    /// The file has been verified and written.
    Written(&'a str),
}

impl Mnist {
    /// Reads one half from `folder`, unpacked or `.gz`, every byte verified.
    ///
    /// # Errors
    /// [`DataError`]: missing, damaged or altered files.
    pub fn load(folder: &Path, split: Split) -> Result<Self, DataError> {
        Self::load_files(folder, split, &MNIST)
    }

    /// As [`Mnist::load`], for files with other checksums.
    ///
    /// # Errors
    /// As [`Mnist::load`].
    pub fn load_files(folder: &Path, split: Split, files: &Files) -> Result<Self, DataError> {
        let first = match split {
            Split::Train => 0,
            Split::Test => 2,
        };
        let (image_path, images) = verified(folder, files[first])?;
        let images = idx::parse_images(&images).map_err(|problem| damaged(&image_path, problem))?;
        let (label_path, labels) = verified(folder, files[first + 1])?;
        let labels = idx::parse_labels(&labels).map_err(|problem| damaged(&label_path, problem))?;
        Self::new(images, labels, &image_path, &label_path)
    }

    /// Reads any pair of files of MNIST's format, checked for shape alone.
    ///
    /// # Errors
    /// [`DataError`]: files that are missing or damaged, or hold no digits of 28 × 28.
    pub fn read(images: &Path, labels: &Path) -> Result<Self, DataError> {
        Self::new(
            idx::read_images(images)?,
            idx::read_labels(labels)?,
            images,
            labels,
        )
    }

    /// Writes the pair of files that [`Mnist::read`] reads.
    ///
    /// # Errors
    /// As [`atomic::write`].
    pub fn write(&self, images: &Path, labels: &Path) -> io::Result<()> {
        idx::write_images(images, &self.images, DIGIT_SIZE as u32, DIGIT_SIZE as u32)?;
        idx::write_labels(labels, &self.labels)
    }

    fn new(
        images: idx::Images,
        labels: Vec<u8>,
        image_path: &Path,
        label_path: &Path,
    ) -> Result<Self, DataError> {
        let wrong = |path: &Path, wrong: String| {
            Err(DataError::Content {
                path: path.to_path_buf(),
                wrong,
            })
        };
        let idx::Images {
            count,
            height,
            width,
            pixels,
        } = images;
        if (height, width) != (DIGIT_SIZE, DIGIT_SIZE) {
            return wrong(
                image_path,
                format!("holds pictures of {height}x{width} pixels, not {DIGIT_SIZE}x{DIGIT_SIZE}"),
            );
        }
        if labels.len() != count {
            return wrong(
                label_path,
                format!("holds {} labels for {count} pictures", labels.len()),
            );
        }
        if let Some(label) = labels.iter().find(|&&label| label as usize >= CLASSES) {
            return wrong(
                label_path,
                format!("holds the label {label}, which is no digit"),
            );
        }
        Ok(Self {
            images: pixels,
            labels,
        })
    }

    /// How many digits.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The 784 pixels of digit `i`.
    pub fn image(&self, i: usize) -> &[u8] {
        &self.images[i * DIGIT_PIXELS..][..DIGIT_PIXELS]
    }

    /// The digits at `indices`, in that order.
    pub fn select(&self, indices: &[usize]) -> Self {
        Self {
            images: indices
                .iter()
                .flat_map(|&i| self.image(i))
                .copied()
                .collect(),
            labels: indices.iter().map(|&i| self.labels[i]).collect(),
        }
    }
}

/// Leaves MNIST's four files in `to`, unpacked and verified: copied from `from` (unpacked or `.gz`), or
/// else fetched. Files that are already right are kept and wrong ones replaced, each in one piece, so a
/// run that was cut short is simply run again.
///
/// # Errors
/// [`DataError`], with what to do.
pub fn prepare(
    to: &Path,
    from: Option<&Path>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), DataError> {
    prepare_files(to, from, &MNIST, &MIRRORS, progress)
}

/// As [`prepare`], for files with other checksums and other mirrors.
///
/// # Errors
/// As [`prepare`].
pub fn prepare_files(
    to: &Path,
    from: Option<&Path>,
    files: &Files,
    mirrors: &[&str],
    progress: &mut dyn FnMut(Progress),
) -> Result<(), DataError> {
    atomic::ready(to)?;
    for &(name, sum) in files {
        if verified(to, (name, sum)).is_ok() {
            progress(Progress::Kept(name));
            continue;
        }
        let bytes = match from {
            Some(folder) => copy(folder, name, sum)?,
            None => fetch(name, sum, mirrors, progress)?,
        };
        atomic::write(&to.join(name), &bytes)?;
        progress(Progress::Written(name));
    }
    Ok(())
}

/// The MD5 sum in hexadecimal, by which MNIST's files are known.
pub fn md5(bytes: &[u8]) -> String {
    Md5::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Path and unpacked bytes of a file that has the right sum.
fn verified(folder: &Path, (name, sum): (&str, &str)) -> Result<(PathBuf, Vec<u8>), DataError> {
    let path = [folder.join(name), folder.join(format!("{name}.gz"))]
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| DataError::Missing {
            name: name.into(),
            folder: folder.into(),
        })?;
    let bytes = atomic::read(&path)
        .map_err(Problem::Read)
        .and_then(idx::unpack)
        .map_err(|problem| damaged(&path, problem))?;
    let got = md5(&bytes);
    if got == sum {
        Ok((path, bytes))
    } else {
        Err(DataError::Checksum {
            path,
            expected: sum.into(),
            got,
        })
    }
}

fn copy(folder: &Path, name: &str, sum: &str) -> Result<Vec<u8>, DataError> {
    let why = match verified(folder, (name, sum)) {
        Ok((_, bytes)) => return Ok(bytes),
        Err(DataError::Missing { .. }) => format!("neither {name} nor {name}.gz is there"),
        Err(DataError::Checksum {
            path,
            expected,
            got,
        }) => {
            format!(
                "{} is not MNIST's: its MD5 sum is {got}, not {expected}",
                path.display()
            )
        }
        Err(DataError::Damaged(error)) => error.to_string(),
        Err(other) => return Err(other),
    };
    Err(DataError::Source {
        folder: folder.into(),
        why,
    })
}

fn fetch(
    name: &str,
    sum: &str,
    mirrors: &[&str],
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<u8>, DataError> {
    let mut reasons = Vec::new();
    for mirror in mirrors {
        match download(mirror, name, progress) {
            Ok(bytes) if md5(&bytes) == sum => return Ok(bytes),
            Ok(_) => reasons.push(format!(
                "{mirror} served another file (its MD5 sum is wrong)"
            )),
            Err(why) => reasons.push(format!("{mirror} failed: {why}")),
        }
        progress(Progress::Failed(mirror));
    }
    Err(DataError::Fetch {
        name: name.into(),
        why: reasons.join("; "),
    })
}

/// The unpacked bytes, or why there are none.
fn download(
    mirror: &str,
    name: &str,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<u8>, String> {
    // A mirror on this very machine is not behind the proxy that the environment may name.
    let local = mirror.starts_with("http://127.0.0.1");
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .proxy(ureq::Proxy::try_from_env().filter(|_| !local))
        .timeout_resolve(Some(Duration::from_secs(10)))
        .timeout_connect(Some(Duration::from_secs(10)))
        .timeout_recv_response(Some(Duration::from_secs(30)))
        .timeout_recv_body(Some(Duration::from_secs(600)))
        .build()
        .into();
    let mut response = agent
        .get(format!("{mirror}{name}.gz"))
        .call()
        .map_err(|error| error.to_string())?;
    let total = response.body().content_length();
    let mut body = response.body_mut().as_reader();

    let mut bytes = Vec::new();
    let mut chunk = [0; 1 << 16];
    loop {
        let read = body.read(&mut chunk).map_err(|error| error.to_string())?;
        if read == 0 {
            break;
        }
        bytes.extend_from_slice(&chunk[..read]);
        if bytes.len() as u64 > MOST {
            return Err(format!("it sent more than {MOST} bytes"));
        }
        progress(Progress::Fetched(name, bytes.len() as u64, total));
    }
    idx::unpack(bytes).map_err(|problem| problem.to_string())
}

fn damaged(path: &Path, problem: Problem) -> DataError {
    DataError::Damaged(IdxError {
        path: path.to_path_buf(),
        problem,
    })
}
