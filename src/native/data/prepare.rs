//! Sets into their folders: copied or fetched, verified, and made like MNIST.

use std::{
    borrow::Cow,
    fs::File,
    io::{self, Read, Seek},
    path::{Path, PathBuf},
};

use zip::{ZipArchive, result::ZipResult};

use super::{
    DataError,
    fetch::{download, md5},
    known::{Known, Published},
    set::{self, ABOUT, About, DataSet, FILES, verified},
};
use crate::{
    native::{
        atomic,
        idx::{self, IdxError, Problem},
    },
    weights::sha256,
};

/// The most bytes that a file in MNIST's format may have as it is served: MNIST's largest has 10 MB.
const MOST: u64 = 64 << 20;

/// The same of a zip file with many: EMNIST's has 560 MB.
const MOST_ZIPPED: u64 = 1 << 30;

/// What [`prepare`] is doing, told as it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<'a> {
    /// The file is already there and right.
    Kept(&'a str),
    /// Bytes of the file fetched so far, of so many where the server says.
    Fetched(&'a str, u64, Option<u64>),
    /// A mirror failed; the next is tried.
    Failed(&'a str),
    /// The file is one of which no sum was published: what it holds has been counted, no more.
    Counted(&'a str),
    /// The file has been written.
    Written(&'a str),
}

/// Leaves a public set's files in `to`, unpacked and verified: copied from `from` (unpacked, `.gz` or in the zip file
/// that is published), or else fetched. Files that are already right are kept and wrong ones replaced, each in one
/// piece, so a run that was cut short is simply run again.
///
/// # Errors
/// [`DataError`], with what to do.
pub fn prepare(
    known: &Known,
    to: &Path,
    from: Option<&Path>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), DataError> {
    atomic::ready(to)?;
    if let Published::Unpacked(sums) = known.published {
        if let Some((there, _)) = set::stored(to)? {
            return Err(taken(to, there.name, known.name));
        }
        for (name, sum) in FILES.into_iter().zip(sums) {
            if verified(to, name, sum, known.name).is_ok() {
                progress(Progress::Kept(name));
                continue;
            }
            let bytes = match from {
                Some(folder) => copy(folder, name, sum, known.name)?,
                None => fetch(known, name, progress, &|bytes| {
                    let bytes = plain(bytes)?;
                    match sha256(&bytes) == sum {
                        true => Ok(bytes),
                        false => Err(another("SHA-256")),
                    }
                })?,
            };
            atomic::write(&to.join(name), &bytes)?;
            progress(Progress::Written(name));
        }
        return Ok(());
    }
    free(to, known.name)?;
    let about = known.about();
    if let Some((there, sums)) = set::stored(to)?
        && there == about
        && (0..4).all(|i| verified(to, FILES[i], &sums[i], known.name).is_ok())
    {
        FILES
            .into_iter()
            .for_each(|name| progress(Progress::Kept(name)));
        return Ok(());
    }
    let files = match (known.published, from) {
        (Published::Zip { file, md5, .. }, _) => zipped(known, (file, md5), to, from, progress)?,
        (Published::Gzipped(sums), Some(folder)) => {
            gathered(|i| copy_gzipped(folder, FILES[i], sums[i], known.name, progress))?
        }
        (Published::Gzipped(sums), None) => gathered(|i| {
            let bytes = fetch(known, FILES[i], progress, &|bytes| match md5(&bytes[..])
                .is_ok_and(|sum| sum == sums[i])
            {
                true => plain(bytes),
                false => Err(another("MD5")),
            })?;
            Ok((PathBuf::from(FILES[i]), bytes))
        })?,
        (Published::Unpacked(_), _) => unreachable!("it has been copied"),
    };
    let [train, test] = parsed(known, about, files)?;
    write(to, &train, &test, progress)
}

/// Leaves a set in `to`, in place of an older one of its name.
///
/// # Errors
/// [`DataError::Taken`], [`DataError::File`].
pub fn write(
    to: &Path,
    train: &DataSet,
    test: &DataSet,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), DataError> {
    let about = &train.about;
    free(to, &about.name)?;
    let bytes = [
        train.image_bytes(),
        train.label_bytes(),
        test.image_bytes(),
        test.label_bytes(),
    ];
    let sums = bytes.each_ref().map(|bytes| sha256(bytes));
    // First of all what the files are to be: if not all of them are written, they are not taken for it.
    atomic::write(&to.join(ABOUT), &set::told(about, &sums))?;
    for ((name, sum), bytes) in FILES.into_iter().zip(&sums).zip(&bytes) {
        if verified(to, name, sum, &about.name).is_ok() {
            progress(Progress::Kept(name));
            continue;
        }
        atomic::write(&to.join(name), bytes)?;
        progress(Progress::Written(name));
    }
    Ok(())
}

/// Makes sure that no other set lies in a folder.
fn free(to: &Path, set: &str) -> Result<(), DataError> {
    let there = match set::stored(to)? {
        Some((there, _)) if there.name == set => return Ok(()),
        Some((there, _)) => there.name,
        None => {
            let is_there = |name: &&str| to.join(name).exists();
            if !FILES.iter().any(is_there) {
                return Ok(());
            }
            About::mnist().name
        }
    };
    Err(taken(to, there, set))
}

fn taken(to: &Path, there: String, set: &str) -> DataError {
    DataError::Taken {
        folder: to.into(),
        there,
        set: set.into(),
    }
}

/// Unpacked files in the order of [`FILES`], each with where it comes from.
type Gathered = [(PathBuf, Vec<u8>); 4];

fn gathered(
    mut file: impl FnMut(usize) -> Result<(PathBuf, Vec<u8>), DataError>,
) -> Result<Gathered, DataError> {
    Ok([file(0)?, file(1)?, file(2)?, file(3)?])
}

/// Both parts of a set, as many as were published, turned and counted as MNIST's are.
fn parsed(known: &Known, about: About, files: Gathered) -> Result<[DataSet; 2], DataError> {
    let about = std::sync::Arc::new(about);
    let [train_images, train_labels, test_images, test_labels] = files;
    let part = |(image_path, images): (PathBuf, Vec<u8>),
                (label_path, labels): (PathBuf, Vec<u8>),
                count: usize| {
        let at = |path: &Path, problem: Problem| IdxError {
            path: path.into(),
            problem,
        };
        let mut images = idx::parse_images(&images).map_err(|problem| at(&image_path, problem))?;
        let mut labels = idx::parse_labels(&labels).map_err(|problem| at(&label_path, problem))?;
        if images.count != count {
            return Err(DataError::Content {
                path: image_path,
                wrong: format!("holds {} pictures, not {count}", images.count),
            });
        }
        if let Published::Zip { first_label, .. } = known.published {
            upright(&mut images);
            from_zero(&mut labels, first_label, &label_path)?;
        }
        DataSet::new(images, labels, about.clone(), &image_path, &label_path)
    };
    let [train, test] = known.counts;
    Ok([
        part(train_images, train_labels, train)?,
        part(test_images, test_labels, test)?,
    ])
}

/// EMNIST's pictures lie on their side: rows are columns.
fn upright(images: &mut idx::Images) {
    let (height, width) = (images.height, images.width);
    for picture in images.pixels.chunks_exact_mut((height * width).max(1)) {
        let lying = picture.to_vec();
        for (i, pixel) in picture.iter_mut().enumerate() {
            *pixel = lying[i % height * width + i / height];
        }
    }
    (images.height, images.width) = (width, height);
}

/// Labels from 0.
fn from_zero(labels: &mut [u8], first: u8, path: &Path) -> Result<(), DataError> {
    for label in labels {
        *label = label.checked_sub(first).ok_or(DataError::Content {
            path: path.into(),
            wrong: format!("holds the label {label}, where the first is {first}"),
        })?;
    }
    Ok(())
}

fn source(folder: &Path, why: String) -> DataError {
    DataError::Source {
        folder: folder.into(),
        why,
    }
}

fn copy(folder: &Path, name: &str, sum: &str, set: &str) -> Result<Vec<u8>, DataError> {
    let why = match verified(folder, name, sum, set) {
        Ok((_, bytes)) => return Ok(bytes),
        Err(DataError::Missing { .. }) => format!("neither {name} nor {name}.gz is there"),
        Err(DataError::Checksum {
            path,
            expected,
            got,
            ..
        }) => {
            format!(
                "{} is not {set}'s: its SHA-256 sum is {got}, not {expected}",
                path.display()
            )
        }
        Err(DataError::Damaged(error)) => error.to_string(),
        Err(other) => return Err(other),
    };
    Err(source(folder, why))
}

/// A file of which the gzipped form has a published sum; where only its unpacked form is there, it has none.
fn copy_gzipped(
    folder: &Path,
    name: &str,
    sum: &str,
    set: &str,
    progress: &mut dyn FnMut(Progress),
) -> Result<(PathBuf, Vec<u8>), DataError> {
    let (plain, gzipped) = (folder.join(name), folder.join(format!("{name}.gz")));
    if gzipped.is_file() {
        let bytes = atomic::read(&gzipped)?;
        let got = md5(&bytes[..])?;
        if got != sum {
            let path = gzipped.display();
            return Err(source(
                folder,
                format!(
                    "{path} is not {set}'s: its MD5 sum is {got}, not {sum} (unpacked, it is only counted)"
                ),
            ));
        }
        return unpacked(gzipped, bytes);
    }
    if !plain.is_file() {
        return Err(source(
            folder,
            format!("neither {name} nor {name}.gz is there"),
        ));
    }
    progress(Progress::Counted(name));
    let bytes = atomic::read(&plain)?;
    Ok((plain, bytes))
}

fn unpacked(path: PathBuf, bytes: Vec<u8>) -> Result<(PathBuf, Vec<u8>), DataError> {
    match idx::unpack(bytes) {
        Ok(bytes) => Ok((path, bytes)),
        Err(problem) => Err(IdxError { path, problem }.into()),
    }
}

/// The files of a set that comes in a zip file: from that, or, where somebody has unpacked it, from what was in it.
fn zipped(
    known: &Known,
    (file, sum): (&str, &str),
    to: &Path,
    from: Option<&Path>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Gathered, DataError> {
    let names = known.names();
    let Some(from) = from else {
        // Without a name it is gone with the process, however that ends.
        let mut zip = tempfile::tempfile_in(to)?;
        first_mirror(known, file, progress, &mut |mirror, told| {
            let failed = |error: io::Error| failed(error.to_string());
            zip.set_len(0).and_then(|()| zip.rewind()).map_err(failed)?;
            download(mirror, file, MOST_ZIPPED, &mut zip, told).map_err(self::failed)?;
            zip.rewind().map_err(failed)?;
            match md5(&zip).map_err(failed)? == sum {
                true => Ok(()),
                false => Err(another("MD5")),
            }
        })?;
        return from_zip(&zip, Path::new(file), names);
    };
    let path = match from.is_file() {
        true => from.to_path_buf(),
        false => from.join(file),
    };
    if path.is_file() {
        let mut zip = File::open(&path)?;
        let got = md5(&zip)?;
        if got != sum {
            let path = path.display();
            return Err(source(
                from,
                format!("{path} is not EMNIST's: its MD5 sum is {got}, not {sum}"),
            ));
        }
        zip.rewind()?;
        return from_zip(&zip, &path, names);
    }
    gathered(|i| {
        let name = names[i];
        let folders = [from.to_path_buf(), from.join("gzip")];
        let paths = folders
            .iter()
            .flat_map(|folder| [folder.join(name), folder.join(format!("{name}.gz"))]);
        let Some(path) = paths.into_iter().find(|path| path.is_file()) else {
            return Err(source(
                from,
                format!("neither {file} nor {name} nor {name}.gz is there"),
            ));
        };
        progress(Progress::Counted(name));
        let bytes = atomic::read(&path)?;
        unpacked(path, bytes)
    })
}

/// The four files of `names`, wherever they lie in a zip file.
fn from_zip(zip: &File, path: &Path, names: [&str; 4]) -> Result<Gathered, DataError> {
    let wrong = |why: String| DataError::Content {
        path: path.into(),
        wrong: format!("cannot be unpacked: {why}"),
    };
    let mut archive = ZipArchive::new(zip).map_err(|error| wrong(error.to_string()))?;
    gathered(|i| {
        let name = format!("{}.gz", names[i]);
        let is_it = |entry: ZipResult<Cow<str>>| {
            entry.is_ok_and(|entry| entry.rsplit('/').next() == Some(&name))
        };
        let place = (0..archive.len())
            .find(|&i| archive.name_for_index(i).is_some_and(is_it))
            .ok_or_else(|| wrong(format!("it holds no {name}")))?;
        let mut bytes = Vec::new();
        let entry = archive
            .by_index(place)
            .map_err(|error| wrong(error.to_string()))?;
        entry.take(MOST_ZIPPED).read_to_end(&mut bytes)?;
        unpacked(path.join(name), bytes)
    })
}

/// What `take` makes of the file as it comes.
fn fetch(
    known: &Known,
    name: &str,
    progress: &mut dyn FnMut(Progress),
    take: &dyn Fn(Vec<u8>) -> Result<Vec<u8>, String>,
) -> Result<Vec<u8>, DataError> {
    first_mirror(known, name, progress, &mut |mirror, told| {
        let mut bytes = Vec::new();
        download(mirror, &format!("{name}.gz"), MOST, &mut bytes, told).map_err(failed)?;
        take(bytes)
    })
}

/// How much of a file has come, of so many bytes where the server says.
type Told<'a> = dyn FnMut(u64, Option<u64>) + 'a;

/// What `get` gets from the first mirror that has it; what it says of a mirror that has not follows that one's address.
fn first_mirror<T>(
    known: &Known,
    name: &str,
    progress: &mut dyn FnMut(Progress),
    get: &mut dyn FnMut(&str, &mut Told) -> Result<T, String>,
) -> Result<T, DataError> {
    let mut reasons = Vec::new();
    for mirror in known.mirrors {
        match get(mirror, &mut |come, of| {
            progress(Progress::Fetched(name, come, of));
        }) {
            Ok(got) => return Ok(got),
            Err(why) => reasons.push(format!("{mirror} {why}")),
        }
        progress(Progress::Failed(mirror));
    }
    Err(DataError::Fetch {
        name: name.into(),
        set: known.name.into(),
        why: reasons.join("; "),
    })
}

fn failed(why: String) -> String {
    format!("failed: {why}")
}

fn another(sum: &str) -> String {
    format!("served another file (its {sum} sum is wrong)")
}

fn plain(bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    idx::unpack(bytes).map_err(|problem| failed(problem.to_string()))
}
