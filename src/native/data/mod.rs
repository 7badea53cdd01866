//! Pictures to learn from, and what they show: a folder of four files in MNIST's format, and `set.json`, which says what
//! they are. MNIST itself needs none.

mod fetch;
mod folder;
mod known;
mod prepare;
mod set;

use std::{io, path::PathBuf};

use thiserror::Error;

pub use folder::{Options, Own, read as read_folder};
pub use known::{Known, MNIST, NAMES, Published, known};
pub use prepare::{Progress, prepare, write};
pub use set::{About, DataSet, FILES, Files, Learned, Split};

use super::{idx::IdxError, picture::PictureError};
use crate::{classes::ClassesError, image::SIZES};

/// Why pictures could not be had.
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
    /// A file is not the one that was published, or made.
    #[error("{} is not {set}'s: its SHA-256 sum is {got}, not {expected}; run `unnoise data` to replace it", path.display())]
    Checksum {
        /// The file.
        path: PathBuf,
        /// What it should belong to.
        set: String,
        /// SHA-256 sum that it should have.
        expected: String,
        /// SHA-256 sum found.
        got: String,
    },
    /// A file of a set cannot be read, or is no IDX file.
    #[error("{0}; run `unnoise data` to replace it")]
    Damaged(IdxError),
    /// Another file cannot be read, or is no IDX file.
    #[error(transparent)]
    Idx(#[from] IdxError),
    /// What says what the files are cannot be read.
    #[error("{} does not say what is in its folder ({why}): run `unnoise data` to make it anew", path.display())]
    About {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A file is well formed but does not hold what it should, or not as many pictures as there are labels.
    #[error("{} {wrong}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        wrong: String,
    },
    /// A file to copy from is missing or wrong.
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
             or, without a network, copy {set} from elsewhere with `unnoise data --from DIR`"
    )]
    Fetch {
        /// The file.
        name: String,
        /// What it belongs to.
        set: String,
        /// What each mirror answered.
        why: String,
    },
    /// Another set lies where this one is to go.
    #[error("{} holds {there} already: name another folder for {set} with `--data DIR`", folder.display())]
    Taken {
        /// The folder.
        folder: PathBuf,
        /// What is there.
        there: String,
        /// What was to go there.
        set: String,
    },
    /// A folder that pictures cannot be taken from.
    #[error("{} {why}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Classes that cannot be.
    #[error("the classes of {} cannot be used: {error}", path.display())]
    Classes {
        /// Where they are named.
        path: PathBuf,
        /// What is wrong with them.
        error: ClassesError,
    },
    /// Pictures of a size that no network here learns.
    #[error("pictures must be {sizes} pixels wide and high, not {0}", sizes = sizes())]
    Size(usize),
    /// A picture that cannot be read.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// A file or folder that cannot be read or written.
    #[error(transparent)]
    File(#[from] io::Error),
}

/// The sizes of pictures, as they stand in a sentence.
fn sizes() -> String {
    SIZES.map(|size| size.to_string()).join(" or ")
}
