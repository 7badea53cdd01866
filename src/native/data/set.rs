//! A set of pictures in its folder: read, and every byte verified.

use std::{
    collections::BTreeMap,
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::DataError;
use crate::{
    classes::Classes,
    image::{DIGIT_SIZE, SIZES},
    native::{
        atomic,
        idx::{self, IdxError, Problem},
    },
    weights::sha256,
};

/// The four files of a set: training pictures and labels, test pictures and labels.
pub const FILES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// What says what the four files are, beside them.
pub(super) const ABOUT: &str = "set.json";

/// The SHA-256 sums of the unpacked bytes of [`FILES`].
pub type Files<'a> = [&'a str; 4];

/// Which part of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// To train on: of MNIST 60,000 digits.
    Train,
    /// Held out: of MNIST 10,000 digits, by other writers.
    Test,
}

/// What a set of pictures is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Its name: "MNIST".
    pub name: String,
    /// What its pictures show.
    pub classes: Classes,
    /// Their width and height.
    pub size: usize,
}

/// Pictures and what they show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSet {
    /// `len * about.pixels()` bytes, row by row, 0 the paper and 255 the ink.
    pub images: Vec<u8>,
    /// The class of each, by number.
    pub labels: Vec<u8>,
    /// What they are.
    pub about: Arc<About>,
}

/// What a network has learned from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learned {
    /// What the pictures are.
    pub about: About,
    /// How many there are.
    pub pictures: usize,
}

/// MNIST.
impl Default for Learned {
    fn default() -> Self {
        Self {
            about: About::mnist(),
            pictures: super::MNIST.counts[0],
        }
    }
}

impl From<&DataSet> for Learned {
    fn from(set: &DataSet) -> Self {
        Self {
            about: About::clone(&set.about),
            pictures: set.len(),
        }
    }
}

/// "MNIST, 60,000 training pictures".
impl fmt::Display for Learned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.pictures.to_string();
        let groups = digits.as_bytes().rchunks(3).rev();
        let groups: Vec<_> = groups.map(String::from_utf8_lossy).collect();
        write!(
            f,
            "{}, {} training pictures",
            self.about.name,
            groups.join(",")
        )
    }
}

/// `set.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    name: String,
    classes: Classes,
    size: usize,
    /// The SHA-256 sums of the four files.
    files: BTreeMap<String, String>,
}

impl About {
    /// That of MNIST.
    pub fn mnist() -> Self {
        Self {
            name: "MNIST".into(),
            classes: Classes::digits(),
            size: DIGIT_SIZE,
        }
    }

    /// Pixels of a picture.
    pub fn pixels(&self) -> usize {
        self.size * self.size
    }

    /// Whether its pictures could be MNIST's: digits of its size. Scenes and sentences are about those.
    pub fn is_of_digits(&self) -> bool {
        self.classes.are_digits() && self.size == DIGIT_SIZE
    }
}

impl DataSet {
    /// Reads one part from `folder`, unpacked or `.gz`, every byte verified.
    ///
    /// # Errors
    /// [`DataError`]: missing, damaged or altered files.
    pub fn load(folder: &Path, split: Split) -> Result<Self, DataError> {
        match stored(folder)? {
            Some((about, sums)) => {
                let sums = sums.each_ref().map(String::as_str);
                Self::load_files(folder, split, &sums, about)
            }
            None => Self::load_files(folder, split, &super::MNIST.sums(), About::mnist()),
        }
    }

    /// As [`DataSet::load`], of files with these sums, whatever the folder says of them.
    ///
    /// # Errors
    /// As [`DataSet::load`].
    pub fn load_files(
        folder: &Path,
        split: Split,
        sums: &Files,
        about: About,
    ) -> Result<Self, DataError> {
        let first = match split {
            Split::Train => 0,
            Split::Test => 2,
        };
        let file = |i: usize| verified(folder, FILES[i], sums[i], &about.name);
        let (image_path, images) = file(first)?;
        let images = idx::parse_images(&images).map_err(|problem| damaged(&image_path, problem))?;
        let (label_path, labels) = file(first + 1)?;
        let labels = idx::parse_labels(&labels).map_err(|problem| damaged(&label_path, problem))?;
        Self::new(images, labels, about.into(), &image_path, &label_path)
    }

    /// Reads any pair of files of MNIST's format, checked for shape alone.
    ///
    /// # Errors
    /// [`DataError`]: files that are missing or damaged, or hold other pictures than `about` says.
    pub fn read(images: &Path, labels: &Path, about: Arc<About>) -> Result<Self, DataError> {
        Self::new(
            idx::read_images(images)?,
            idx::read_labels(labels)?,
            about,
            images,
            labels,
        )
    }

    /// Writes the pair of files that [`DataSet::read`] reads.
    ///
    /// # Errors
    /// As [`atomic::write`].
    pub fn write(&self, images: &Path, labels: &Path) -> io::Result<()> {
        atomic::write(images, &self.image_bytes())?;
        atomic::write(labels, &self.label_bytes())
    }

    pub(super) fn image_bytes(&self) -> Vec<u8> {
        let size = self.about.size as u32;
        idx::image_bytes(&self.images, size, size)
    }

    pub(super) fn label_bytes(&self) -> Vec<u8> {
        idx::label_bytes(&self.labels)
    }

    pub(super) fn new(
        images: idx::Images,
        labels: Vec<u8>,
        about: Arc<About>,
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
        let size = about.size;
        if (height, width) != (size, size) {
            return wrong(
                image_path,
                format!("holds pictures of {height}x{width} pixels, not {size}x{size}"),
            );
        }
        if labels.len() != count {
            return wrong(
                label_path,
                format!("holds {} labels for {count} pictures", labels.len()),
            );
        }
        let outside = |&&label: &&u8| usize::from(label) >= about.classes.len();
        if let Some(label) = labels.iter().find(outside) {
            return wrong(
                label_path,
                format!("holds the label {label}: {}", about.classes),
            );
        }
        Ok(Self {
            images: pixels,
            labels,
            about,
        })
    }

    /// How many pictures.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The pixels of picture `i`.
    pub fn image(&self, i: usize) -> &[u8] {
        let pixels = self.about.pixels();
        &self.images[i * pixels..][..pixels]
    }

    /// The pictures at `indices`, in that order.
    pub fn select(&self, indices: &[usize]) -> Self {
        Self {
            images: indices
                .iter()
                .flat_map(|&i| self.image(i))
                .copied()
                .collect(),
            labels: indices.iter().map(|&i| self.labels[i]).collect(),
            about: self.about.clone(),
        }
    }
}

/// What a folder says of its files, and their sums; none where it says nothing.
pub(super) fn stored(folder: &Path) -> Result<Option<(About, [String; 4])>, DataError> {
    let path = folder.join(ABOUT);
    let wrong = |why: String| DataError::About {
        path: path.clone(),
        why,
    };
    let bytes = match atomic::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let Stored {
        name,
        classes,
        size,
        mut files,
    } = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    if !SIZES.contains(&size) {
        return Err(wrong(DataError::Size(size).to_string()));
    }
    // It becomes part of the names of files.
    let plain = |c: char| c.is_alphanumeric() || c == '-';
    if name.is_empty() || !name.chars().all(plain) {
        return Err(wrong("its name must be of letters, digits and -".into()));
    }
    let mut sums: [String; 4] = Default::default();
    for (sum, name) in sums.iter_mut().zip(FILES) {
        *sum = files
            .remove(name)
            .ok_or_else(|| wrong(format!("it has no sum of {name}")))?;
    }
    let about = About {
        name,
        classes,
        size,
    };
    Ok(Some((about, sums)))
}

/// The bytes of `set.json`.
pub(super) fn told(about: &About, sums: &[String; 4]) -> Vec<u8> {
    let About {
        name,
        classes,
        size,
    } = about.clone();
    let files = FILES.map(String::from).into_iter().zip(sums.clone());
    let stored = Stored {
        name,
        classes,
        size,
        files: files.collect(),
    };
    let mut json = serde_json::to_vec_pretty(&stored).expect("plain data");
    json.push(b'\n');
    json
}

/// Path and unpacked bytes of a file that has the right sum, the plain one or the gzipped one.
pub(super) fn verified(
    folder: &Path,
    name: &str,
    sum: &str,
    set: &str,
) -> Result<(PathBuf, Vec<u8>), DataError> {
    let mut wrong = None;
    for path in [folder.join(name), folder.join(format!("{name}.gz"))] {
        if !path.is_file() {
            continue;
        }
        let bytes = atomic::read(&path)
            .map_err(Problem::Read)
            .and_then(idx::unpack);
        let error = match bytes {
            Err(problem) => damaged(&path, problem),
            Ok(bytes) => match sha256(&bytes) {
                got if got == sum => return Ok((path, bytes)),
                got => DataError::Checksum {
                    path,
                    set: set.into(),
                    expected: sum.into(),
                    got,
                },
            },
        };
        wrong.get_or_insert(error);
    }
    Err(wrong.unwrap_or_else(|| DataError::Missing {
        name: name.into(),
        folder: folder.into(),
    }))
}

fn damaged(path: &Path, problem: Problem) -> DataError {
    DataError::Damaged(IdxError {
        path: path.to_path_buf(),
        problem,
    })
}
