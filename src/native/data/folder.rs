//! A folder of one's own: a folder of pictures for each class, or files in MNIST's format.

use std::{
    cmp::Ordering,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use ::image::{GrayImage, imageops};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::{
    DataError,
    set::{About, DataSet, FILES},
    sizes,
};
use crate::{
    classes::{Classes, ClassesError, MAX_CLASSES},
    image::{DIGIT_SIZE, SIZES, to_pixel},
    native::{
        atomic, idx,
        picture::{self, Picture},
    },
};

/// The folders of pictures to train on, and of those held out, where both are there.
const SPLITS: [&str; 2] = ["train", "test"];

/// The names of the classes beside files in MNIST's format, a line each.
const NAMES: &str = "classes.txt";

/// Of the pictures of a class one in so many is held out.
const HELD_OUT: usize = 10;

/// How a folder is read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Width and height that pictures are made to have; none: [`DIGIT_SIZE`]. Files in MNIST's format keep theirs.
    pub size: Option<usize>,
    /// Swap dark and light: here ink is light on dark paper, as in MNIST.
    pub invert: bool,
    /// Decides which pictures are held out.
    pub seed: u64,
}

/// What a folder holds.
#[derive(Debug)]
pub struct Own {
    /// To train on.
    pub train: DataSet,
    /// Held out.
    pub test: DataSet,
    /// Whether most pictures are light at their edges, as if they were ink on paper and not inverted.
    pub light_edges: bool,
}

/// Reads a folder: `train` and `test` with a folder of pictures for each class in both, or such folders, of which a
/// tenth is held out; or four files in MNIST's names and format, and perhaps `classes.txt`.
///
/// # Errors
/// [`DataError`], which names what is wrong.
pub fn read(folder: &Path, options: Options) -> Result<Own, DataError> {
    let size = options.size.unwrap_or(DIGIT_SIZE);
    if !SIZES.contains(&size) {
        return Err(DataError::Size(size));
    }
    let [mut train, mut test] = if file(folder, FILES[0]).is_file() {
        if options.size.is_some() {
            return Err(wrong(
                folder,
                "holds files in MNIST's format, which keep their size: leave out --size".into(),
            ));
        }
        files(folder)?
    } else {
        pictures(folder, size, options.seed)?
    };
    if options.invert {
        for part in [&mut train, &mut test] {
            part.images
                .iter_mut()
                .for_each(|pixel| *pixel = 255 - *pixel);
        }
    }
    let light = (0..train.len()).filter(|&i| is_light_at_its_edges(&train, i));
    Ok(Own {
        light_edges: 2 * light.count() > train.len(),
        train,
        test,
    })
}

fn wrong(folder: &Path, why: String) -> DataError {
    DataError::Folder {
        folder: folder.into(),
        why,
    }
}

/// A file by its name, or with .gz behind it where only that is there.
fn file(folder: &Path, name: &str) -> PathBuf {
    let plain = folder.join(name);
    match plain.is_file() {
        true => plain,
        false => folder.join(format!("{name}.gz")),
    }
}

/// Four files in MNIST's format.
fn files(folder: &Path) -> Result<[DataSet; 2], DataError> {
    let paths = FILES.map(|name| file(folder, name));
    let images = [idx::read_images(&paths[0])?, idx::read_images(&paths[2])?];
    let labels = [idx::read_labels(&paths[1])?, idx::read_labels(&paths[3])?];
    for (part, path) in images.iter().zip([&paths[0], &paths[2]]) {
        if part.height != part.width || !SIZES.contains(&part.width) {
            let (height, width) = (part.height, part.width);
            return Err(DataError::Content {
                path: path.clone(),
                wrong: format!(
                    "holds pictures of {height}x{width} pixels, which must be squares of {}",
                    sizes()
                ),
            });
        }
        if part.count == 0 {
            return Err(DataError::Content {
                path: path.clone(),
                wrong: "holds no picture".into(),
            });
        }
    }
    let names = folder.join(NAMES);
    let (named_by, classes) = if names.is_file() {
        let text = String::from_utf8_lossy(&atomic::read(&names)?).into_owned();
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        (names, Classes::new(lines))
    } else {
        let last = labels.iter().flatten().max().copied().unwrap_or(0);
        let count = usize::from(last) + 1;
        let numbers = (0..count).map(|i| i.to_string());
        (paths[1].clone(), Classes::new(numbers))
    };
    let classes = classes.map_err(|error| DataError::Classes {
        path: named_by,
        error,
    })?;
    let about = about(folder, classes, images[0].width)?;
    let [train_images, test_images] = images;
    let [train_labels, test_labels] = labels;
    Ok([
        DataSet::new(
            train_images,
            train_labels,
            about.clone(),
            &paths[0],
            &paths[1],
        )?,
        DataSet::new(test_images, test_labels, about, &paths[2], &paths[3])?,
    ])
}

/// The set's name is that of its folder.
fn about(folder: &Path, classes: Classes, size: usize) -> Result<Arc<About>, DataError> {
    let whole = fs::canonicalize(folder)?;
    let name = whole.file_name().unwrap_or(whole.as_os_str());
    // As it must be in `set.json`.
    let plain = |c: char| if c.is_alphanumeric() { c } else { '-' };
    Ok(Arc::new(About {
        name: name.to_string_lossy().chars().map(plain).collect(),
        classes,
        size,
    }))
}

/// A folder of pictures for each class.
fn pictures(folder: &Path, size: usize, seed: u64) -> Result<[DataSet; 2], DataError> {
    let folders = |folder: &Path| -> Result<Vec<PathBuf>, DataError> {
        let inside = visible(folder)?;
        Ok(inside.into_iter().filter(|path| path.is_dir()).collect())
    };
    let splits = SPLITS.map(|name| folder.join(name));
    let split = splits.iter().all(|path| path.is_dir());
    let classes = folders(if split { &splits[0] } else { folder })?;
    if classes.is_empty() {
        return Err(wrong(
            folder,
            format!(
                "holds neither a folder of pictures for each class nor files in MNIST's format ({} and so on)",
                FILES[0]
            ),
        ));
    }
    let names: Vec<String> = classes.iter().map(|path| name(path)).collect();
    let named = Classes::new(names.clone()).map_err(|error| match error {
        ClassesError::Count(count) => wrong(
            folder,
            format!("holds {count} classes, and at most {MAX_CLASSES} can be learned"),
        ),
        error => DataError::Classes {
            path: folder.into(),
            error,
        },
    });
    let about = about(folder, named?, size)?;
    let mut parts = [Vec::new(), Vec::new()];
    if split {
        let others: Vec<String> = folders(&splits[1])?.iter().map(|path| name(path)).collect();
        if others != names {
            let lone =
                |a: &[String], b: &[String]| a.iter().find(|name| !b.contains(name)).cloned();
            let lone = lone(&names, &others).or_else(|| lone(&others, &names));
            return Err(wrong(
                folder,
                format!(
                    "has the class {} in one of {} and {} alone",
                    lone.unwrap_or_default(),
                    SPLITS[0],
                    SPLITS[1]
                ),
            ));
        }
        for (part, root) in parts.iter_mut().zip(&splits) {
            for (label, name) in names.iter().enumerate() {
                let of_class = class(&root.join(name), 1)?;
                part.extend(of_class.into_iter().map(|path| (path, label as u8)));
            }
        }
    } else {
        for (label, folder) in classes.iter().enumerate() {
            let mut of_class = class(folder, 2)?;
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            random.set_stream(label as u64);
            of_class.shuffle(&mut random);
            let held_out = (of_class.len() / HELD_OUT).max(1);
            let kept = of_class.split_off(held_out);
            for (part, paths) in parts.iter_mut().zip([kept, of_class]) {
                part.extend(paths.into_iter().map(|path| (path, label as u8)));
            }
        }
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(MAX_CLASSES as u64);
    let mut part = |mut files: Vec<(PathBuf, u8)>| -> Result<DataSet, DataError> {
        // Whoever looks at the first few is to see all classes.
        files.shuffle(&mut random);
        let mut images = Vec::with_capacity(files.len() * about.pixels());
        for (path, _) in &files {
            images.extend(fitted(&read_picture(path)?, size));
        }
        Ok(DataSet {
            images,
            labels: files.iter().map(|(_, label)| *label).collect(),
            about: about.clone(),
        })
    };
    let [train, test] = parts;
    Ok([part(train)?, part(test)?])
}

/// What is in a folder and not hidden, 9 before 10.
fn visible(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let entries = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(|error| wrong(folder, format!("cannot be read: {error}")))?;
    let mut entries: Vec<PathBuf> = entries;
    entries.retain(|path| !name(path).starts_with('.'));
    entries.sort_by(|a, b| natural(&name(a), &name(b)));
    Ok(entries)
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// The order of names in which a number counts as a number.
fn natural(a: &str, b: &str) -> Ordering {
    let parts = |text: &str| -> Vec<(String, Option<u128>)> {
        let mut parts: Vec<String> = Vec::new();
        for c in text.chars() {
            let digit = |c: char| c.is_ascii_digit();
            match parts.last_mut() {
                Some(part) if part.chars().all(digit) == digit(c) => part.push(c),
                _ => parts.push(c.into()),
            }
        }
        let number = |part: String| (part.clone(), part.parse().ok());
        parts.into_iter().map(number).collect()
    };
    for ((x, m), (y, n)) in parts(a).iter().zip(&parts(b)) {
        let order = match (m, n) {
            (Some(m), Some(n)) => m.cmp(n),
            _ => x.cmp(y),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    a.len().cmp(&b.len()).then(a.cmp(b))
}

/// The pictures of a class, `least` or more.
fn class(folder: &Path, least: usize) -> Result<Vec<PathBuf>, DataError> {
    let files = visible(folder)?;
    if files.len() < least {
        let what = match files.len() {
            0 => "holds no picture".into(),
            _ => format!(
                "holds 1 picture, and a class needs {least}: one to learn from and one held out"
            ),
        };
        return Err(wrong(folder, what));
    }
    Ok(files)
}

fn read_picture(path: &Path) -> Result<Picture, DataError> {
    if path.is_dir() {
        return Err(wrong(
            path,
            "is a folder: the pictures of a class lie in the class's own".into(),
        ));
    }
    let bytes = atomic::read(path)?;
    if !picture::is_picture(&bytes) {
        return Err(DataError::Content {
            path: path.into(),
            wrong: "is no PNG or JPEG picture: take it out of the folder, or hide it by a dot before its name".into(),
        });
    }
    Ok(picture::decode(path, bytes)?)
}

/// A picture in grey, as large as fits into a square, black around it.
fn fitted(picture: &Picture, size: usize) -> Vec<u8> {
    /// Red, green and blue as bright as the eye finds them (Rec. 709).
    const LUMA: [f32; 3] = [0.2126, 0.7152, 0.0722];
    let grey = |pixel: &[f32]| match pixel {
        &[grey] => to_pixel(grey),
        colours => to_pixel(colours.iter().zip(LUMA).map(|(v, weight)| v * weight).sum()),
    };
    let greys = picture.values.chunks(picture.channels).map(grey).collect();
    let (width, height) = (picture.width, picture.height);
    let longer = width.max(height).max(1);
    let side = |of: usize| ((of * size + longer / 2) / longer).clamp(1, size);
    let (wide, high) = (side(width), side(height));
    let Some(image) = GrayImage::from_raw(width as u32, height as u32, greys) else {
        return vec![0; size * size];
    };
    let filter = imageops::FilterType::Triangle;
    let scaled = match (wide, high) == (width, height) {
        true => image,
        false => imageops::resize(&image, wide as u32, high as u32, filter),
    };
    let mut square = vec![0; size * size];
    let (left, top) = ((size - wide) / 2, (size - high) / 2);
    for (y, row) in scaled.into_raw().chunks_exact(wide).enumerate() {
        square[(top + y) * size + left..][..wide].copy_from_slice(row);
    }
    square
}

/// Whether the outermost pixels of a picture are more light than dark.
fn is_light_at_its_edges(set: &DataSet, i: usize) -> bool {
    let size = set.about.size;
    let (picture, last) = (set.image(i), size - 1);
    let edge = |at: usize| [at % size, at / size].iter().any(|&v| v == 0 || v == last);
    let edges: Vec<u64> = (0..picture.len())
        .filter(|&at| edge(at))
        .map(|at| u64::from(picture[at]))
        .collect();
    2 * edges.iter().sum::<u64>() > 255 * edges.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count_as_numbers() {
        let mut names = ["10", "9", "b2", "a", "b10", "b", "09", "0"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["0", "9", "09", "10", "a", "b", "b2", "b10"]);
    }

    #[test]
    fn a_picture_is_fitted_into_the_square() {
        let picture = |width: usize, height: usize, values: Vec<f32>| Picture {
            width,
            height,
            channels: values.len() / (width * height),
            values,
        };
        // Of the size already: not a pixel moves.
        let levels: Vec<f32> = (0..28 * 28).map(|i| i as f32 / 392.0 - 1.0).collect();
        let expected: Vec<u8> = levels.iter().map(|&v| to_pixel(v)).collect();
        assert_eq!(fitted(&picture(28, 28, levels), 28), expected);
        // Twice as wide as high: a band in the middle, what is around it black.
        let band = fitted(&picture(64, 32, vec![1.0; 64 * 32]), 32);
        let white = |y: usize| (0..32).all(|x| band[y * 32 + x] == 255);
        assert!((8..24).all(white) && !(0..8).chain(24..32).any(white));
        // Green is brighter than blue.
        let grey = |colour: [f32; 3]| fitted(&picture(1, 1, colour.to_vec()), 28)[14 * 28 + 14];
        assert_eq!(grey([1.0; 3]), 255);
        assert!(grey([-1.0, 1.0, -1.0]) > 2 * grey([-1.0, -1.0, 1.0]));
    }
}
