//! The public sets: what they hold, where they are served, and how what is served is known to be the published thing.

use super::{
    Files,
    set::{About, FILES},
};
use crate::{classes::Classes, image::DIGIT_SIZE};

/// A public set of pictures of 28 × 28 pixels.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Its name: "Fashion-MNIST".
    pub name: &'a str,
    /// The names of its classes.
    pub classes: &'a [&'a str],
    /// Where it is served to the public, tried in this order.
    pub mirrors: &'a [&'a str],
    /// Pictures to train on, and held out.
    pub counts: [usize; 2],
    /// What is served.
    pub published: Published<'a>,
}

/// What is served of a set, and the sums that were published of it.
#[derive(Clone, Copy, Debug)]
pub enum Published<'a> {
    /// [`FILES`], gzipped, by the SHA-256 sums of the unpacked bytes: of files that once had the published sums.
    Unpacked(Files<'a>),
    /// [`FILES`], by the MD5 sums of the gzipped bytes.
    Gzipped(Files<'a>),
    /// A zip file that holds the four, gzipped, among others.
    Zip {
        /// Its name.
        file: &'a str,
        /// Its MD5 sum.
        md5: &'a str,
        /// The four, without .gz, by their names in it.
        entries: Files<'a>,
        /// The label of the first class; and its pictures lie on their side.
        first_label: u8,
    },
}

/// 0 to 9.
const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// MNIST: handwritten digits (LeCun, Cortes & Burges 1998).
pub const MNIST: Known = Known {
    name: "MNIST",
    classes: &DIGITS,
    mirrors: &[
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ],
    counts: [60_000, 10_000],
    published: Published::Unpacked([
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ]),
};

/// Fashion-MNIST: things to wear (Xiao, Rasul & Vollgraf 2017, <https://arxiv.org/abs/1708.07747>).
const FASHION: Known = Known {
    name: "Fashion-MNIST",
    classes: &[
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ],
    mirrors: &[
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ],
    counts: [60_000, 10_000],
    published: Published::Gzipped([
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ]),
};

/// Kuzushiji-MNIST: cursive Japanese characters (Clanuwat et al. 2018, <https://arxiv.org/abs/1812.01718>).
const KMNIST: Known = Known {
    name: "Kuzushiji-MNIST",
    classes: &["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"],
    mirrors: &[
        "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
    ],
    counts: [60_000, 10_000],
    published: Published::Gzipped([
        "bdb82020997e1d708af4cf47b453dcf7",
        "e144d726b3acfaa3e44228e80efcd344",
        "5c965bf0a639b31b8f53240b1b52f4d7",
        "7320c461ea6c1c855c0b718fb2a4b134",
    ]),
};

/// EMNIST: handwritten letters and more digits (Cohen et al. 2017, <https://arxiv.org/abs/1702.05373>), all in one file.
const EMNIST: &str = "gzip.zip";
const EMNIST_MD5: &str = "58c8d27c78d21e728a6bc7b3cc06412e";
const EMNIST_MIRRORS: [&str; 1] = ["https://biometrics.nist.gov/cs_links/EMNIST/"];

const EMNIST_DIGITS: Known = Known {
    name: "EMNIST-digits",
    classes: &DIGITS,
    mirrors: &EMNIST_MIRRORS,
    counts: [240_000, 40_000],
    published: Published::Zip {
        file: EMNIST,
        md5: EMNIST_MD5,
        entries: [
            "emnist-digits-train-images-idx3-ubyte",
            "emnist-digits-train-labels-idx1-ubyte",
            "emnist-digits-test-images-idx3-ubyte",
            "emnist-digits-test-labels-idx1-ubyte",
        ],
        first_label: 0,
    },
};

const EMNIST_LETTERS: Known = Known {
    name: "EMNIST-letters",
    classes: &[
        "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r",
        "s", "t", "u", "v", "w", "x", "y", "z",
    ],
    mirrors: &EMNIST_MIRRORS,
    counts: [124_800, 20_800],
    published: Published::Zip {
        file: EMNIST,
        md5: EMNIST_MD5,
        entries: [
            "emnist-letters-train-images-idx3-ubyte",
            "emnist-letters-train-labels-idx1-ubyte",
            "emnist-letters-test-images-idx3-ubyte",
            "emnist-letters-test-labels-idx1-ubyte",
        ],
        first_label: 1,
    },
};

const ALL: [(&str, Known); 5] = [
    ("mnist", MNIST),
    ("fashion", FASHION),
    ("kmnist", KMNIST),
    ("emnist-digits", EMNIST_DIGITS),
    ("emnist-letters", EMNIST_LETTERS),
];

/// The names by which public sets are asked for.
pub const NAMES: [&str; ALL.len()] = [ALL[0].0, ALL[1].0, ALL[2].0, ALL[3].0, ALL[4].0];

/// The public set that is asked for by this name.
pub fn known(name: &str) -> Option<Known<'static>> {
    let found = ALL.into_iter().find(|(other, _)| *other == name);
    found.map(|(_, known)| known)
}

impl Known<'_> {
    /// What it is.
    pub fn about(&self) -> About {
        About {
            name: self.name.into(),
            classes: Classes::new(self.classes.iter().copied())
                .expect("names that can be asked for"),
            size: DIGIT_SIZE,
        }
    }
}

impl<'a> Known<'a> {
    /// The sums of its unpacked files, where those are published; else nothing that any file has.
    pub(super) fn sums(&self) -> Files<'a> {
        match self.published {
            Published::Unpacked(sums) => sums,
            Published::Gzipped(_) | Published::Zip { .. } => [""; 4],
        }
    }

    /// Its four files, as they are named where they come from.
    pub(super) fn names(&self) -> Files<'a> {
        match self.published {
            Published::Unpacked(_) | Published::Gzipped(_) => FILES,
            Published::Zip { entries, .. } => entries,
        }
    }
}
