//! MNIST's files: read, verified, copied and fetched, and every way in which that goes wrong.
#![cfg(feature = "native")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use tempfile::{TempDir, tempdir};
use unnoise::image::DIGIT_PIXELS;
use unnoise::native::data::{
    About, DataError, DataSet, FILES, Files, Known, MNIST, NAMES, Progress, Published, Split,
    known, prepare,
};
use unnoise::native::idx::{self, Problem};
use unnoise::weights::sha256;

/// A small MNIST with its own checksums.
struct Small {
    bytes: [Vec<u8>; 4],
    sums: [String; 4],
}

impl Small {
    fn new() -> Self {
        let bytes = [
            images(12, 28, 28),
            labels(12, 10),
            images(5, 28, 28),
            labels(5, 10),
        ];
        let sums = bytes.each_ref().map(|bytes| sha256(bytes));
        Self { bytes, sums }
    }

    fn files(&self) -> Files<'_> {
        self.sums.each_ref().map(String::as_str)
    }

    fn folder(&self, zipped: bool) -> TempDir {
        let folder = tempdir().unwrap();
        for (bytes, name) in self.bytes.iter().zip(FILES) {
            if zipped {
                fs::write(folder.path().join(format!("{name}.gz")), gzip(bytes)).unwrap();
            } else {
                fs::write(folder.path().join(name), bytes).unwrap();
            }
        }
        folder
    }

    fn load(&self, folder: &Path, split: Split) -> Result<DataSet, DataError> {
        DataSet::load_files(folder, split, &self.files(), About::mnist())
    }

    /// Runs `prepare` and returns what it told.
    fn prepare(
        &self,
        to: &Path,
        from: Option<&Path>,
        mirrors: &[&str],
    ) -> Result<Vec<String>, DataError> {
        let known = Known {
            mirrors,
            published: Published::Unpacked(self.files()),
            ..MNIST
        };
        let mut told = Vec::new();
        prepare(&known, to, from, &mut |progress| {
            if !matches!(progress, Progress::Fetched(..)) {
                told.push(format!("{progress:?}"));
            }
        })
        .map(|()| told)
    }
}

fn header(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_be_bytes()).collect()
}

fn images(count: u32, height: u32, width: u32) -> Vec<u8> {
    let pixels = (0..count * height * width).map(|i| (i % 251) as u8);
    header(&[2051, count, height, width])
        .into_iter()
        .chain(pixels)
        .collect()
}

fn labels(count: u32, classes: u32) -> Vec<u8> {
    let labels = (0..count).map(|i| (i % classes) as u8);
    header(&[2049, count]).into_iter().chain(labels).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Serves these files and nothing else.
fn serving(files: Vec<(String, Vec<u8>)>) -> String {
    mirror(move |name| {
        let found = files
            .iter()
            .find(|(file, _)| file.trim_end_matches(".gz") == name);
        let body = found.map_or(Vec::new(), |(_, body)| body.clone());
        let length = body.len();
        (body, length)
    })
}

/// The MD5 sum, in hexadecimal.
fn md5(bytes: &[u8]) -> String {
    use md5::{Digest, Md5};
    let sum = Md5::digest(bytes);
    sum.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn count(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

/// Serves `answer(file name)` to every request: the body, and the length it claims.
fn mirror(answer: impl Fn(&str) -> (Vec<u8>, usize) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                request.push(byte[0]);
            }
            let request = String::from_utf8_lossy(&request).into_owned();
            let name = request
                .split(' ')
                .nth(1)
                .unwrap_or("/")
                .trim_start_matches('/');
            let (body, length) = answer(name.trim_end_matches(".gz"));
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
            let _ = stream
                .write_all(head.as_bytes())
                .and_then(|()| stream.write_all(&body));
        }
    });
    format!("http://{address}/")
}

#[test]
fn loads_both_halves_unpacked_or_gzipped() {
    let small = Small::new();
    for zipped in [false, true] {
        let folder = small.folder(zipped);
        let train = small.load(folder.path(), Split::Train).unwrap();
        let test = small.load(folder.path(), Split::Test).unwrap();
        assert_eq!((train.len(), test.len()), (12, 5));
        assert_eq!(train.images, small.bytes[0][16..]);
        assert_eq!(test.labels, [0, 1, 2, 3, 4]);
        let two = train.select(&[11, 3]);
        assert_eq!(two.labels, [1, 3]);
        assert_eq!(
            two.image(1),
            &train.images[3 * DIGIT_PIXELS..4 * DIGIT_PIXELS]
        );
    }
}

#[test]
fn a_missing_file_says_what_to_run() {
    let small = Small::new();
    let folder = small.folder(false);
    fs::remove_file(folder.path().join(FILES[3])).unwrap();
    let error = small.load(folder.path(), Split::Test).unwrap_err();
    assert!(matches!(error, DataError::Missing { .. }));
    let error = error.to_string();
    assert!(
        error.contains("t10k-labels-idx1-ubyte") && error.contains("unnoise data"),
        "{error}"
    );
    let error = small
        .load(&folder.path().join("nowhere"), Split::Train)
        .unwrap_err();
    assert!(matches!(error, DataError::Missing { .. }));
}

#[test]
fn an_altered_file_is_refused() {
    let small = Small::new();
    let folder = small.folder(false);
    let path = folder.path().join(FILES[0]);
    for change in [
        |bytes: &mut Vec<u8>| bytes[500] ^= 1,
        |bytes: &mut Vec<u8>| bytes.truncate(1000),
        |bytes: &mut Vec<u8>| bytes.clear(),
    ] {
        let mut bytes = small.bytes[0].clone();
        change(&mut bytes);
        fs::write(&path, bytes).unwrap();
        let error = small.load(folder.path(), Split::Train).unwrap_err();
        assert!(matches!(error, DataError::Checksum { .. }));
        let error = error.to_string();
        assert!(
            error.contains(FILES[0]) && error.contains("unnoise data"),
            "{error}"
        );
    }
}

#[test]
fn a_gzip_file_cut_short_is_refused() {
    let small = Small::new();
    let folder = small.folder(true);
    let path = folder.path().join(format!("{}.gz", FILES[0]));
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let error = small
        .load(folder.path(), Split::Train)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("cut short") && error.contains("unnoise data"),
        "{error}"
    );
}

/// Tapes and disks pad; gzip reads on.
#[test]
fn a_gzip_file_may_be_padded_or_in_parts() {
    let small = Small::new();
    let folder = small.folder(true);
    let path = folder.path().join(format!("{}.gz", FILES[0]));
    let (first, second) = small.bytes[0].split_at(1000);
    for padding in [&[0; 512][..], &[0], b"what gzip calls trailing garbage"] {
        let bytes = [&gzip(first), &gzip(second), padding].concat();
        fs::write(&path, bytes).unwrap();
        assert_eq!(small.load(folder.path(), Split::Train).unwrap().len(), 12);
    }
}

#[test]
fn a_good_file_counts_whatever_lies_beside_it() {
    let small = Small::new();
    let folder = small.folder(true);
    for plain in [&b""[..], b"half", &[0x1f, 0x8b, 8]] {
        fs::write(folder.path().join(FILES[0]), plain).unwrap();
        assert_eq!(small.load(folder.path(), Split::Train).unwrap().len(), 12);
        let told = small.prepare(folder.path(), None, &[]).unwrap();
        assert!(told.iter().all(|line| line.starts_with("Kept")), "{told:?}");
    }
}

#[test]
fn the_published_files_are_asked_for() {
    // The same small files, held against MNIST's own sums.
    let folder = Small::new().folder(false);
    let error = DataSet::load(folder.path(), Split::Train).unwrap_err();
    let Published::Unpacked(sums) = MNIST.published else {
        panic!("MNIST's sums are of what it holds")
    };
    assert!(matches!(error, DataError::Checksum { expected, .. } if expected == sums[0]));
}

#[test]
fn pairs_that_are_not_digits_are_refused() {
    let folder = tempdir().unwrap();
    let (image_path, label_path) = (folder.path().join("images"), folder.path().join("labels"));
    let error = |images: Vec<u8>, labels: Vec<u8>| {
        fs::write(&image_path, images).unwrap();
        fs::write(&label_path, labels).unwrap();
        DataSet::read(&image_path, &label_path, About::mnist().into())
            .unwrap_err()
            .to_string()
    };
    let told = error(images(3, 32, 32), labels(3, 10));
    assert!(told.contains("32x32"), "{told}");
    let told = error(images(3, 28, 28), labels(4, 10));
    assert!(told.contains("4 labels for 3 pictures"), "{told}");
    let told = error(images(12, 28, 28), labels(12, 11));
    assert!(told.contains("label 10"), "{told}");
    let told = error(labels(3, 10), labels(3, 10));
    assert!(told.contains("2049, not 2051"), "{told}");
}

#[test]
fn a_pair_of_files_survives_the_way_there_and_back() {
    let folder = tempdir().unwrap();
    let (images, labels) = (folder.path().join("images"), folder.path().join("labels"));
    let pixels = (0..3 * DIGIT_PIXELS).map(|i| (i % 256) as u8).collect();
    let about = || About::mnist().into();
    let digits = DataSet {
        images: pixels,
        labels: vec![3, 1, 4],
        about: about(),
    };
    digits.write(&images, &labels).unwrap();
    assert_eq!(DataSet::read(&images, &labels, about()).unwrap(), digits);
    let none = DataSet {
        images: vec![],
        labels: vec![],
        about: about(),
    };
    none.write(&images, &labels).unwrap();
    assert_eq!(DataSet::read(&images, &labels, about()).unwrap(), none);
}

#[test]
fn a_lying_header_costs_no_memory() {
    for sizes in [[u32::MAX; 3], [u32::MAX, 28, 28], [0, 28, 28], [2, 28, 28]] {
        let mut bytes = header(&[2051, sizes[0], sizes[1], sizes[2]]);
        bytes.extend([7; DIGIT_PIXELS]);
        let Problem::Length { expected, got } = idx::parse_images(&bytes).unwrap_err() else {
            panic!("another error")
        };
        let promised = sizes.iter().map(|&n| u128::from(n)).product::<u128>() + 16;
        assert_eq!((expected, got), (promised, 16 + DIGIT_PIXELS));
    }
    assert!(matches!(
        idx::parse_labels(&header(&[2049, u32::MAX])),
        Err(Problem::Length { .. })
    ));
    assert!(matches!(
        idx::parse_images(&header(&[2049, 1])),
        Err(Problem::Magic {
            expected: 2051,
            got: 2049,
            ..
        })
    ));
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64), kind in 0usize..4) {
        let start: &[u8] = [&[][..], &[0, 0, 8, 3], &[0, 0, 8, 1], &[0x1f, 0x8b, 8]][kind];
        let bytes = [start, &bytes].concat();
        let _ = idx::parse_images(&bytes);
        let _ = idx::parse_labels(&bytes);
        let _ = idx::unpack(bytes);
    }
}

#[test]
fn copies_verifies_and_is_idempotent() {
    let small = Small::new();
    for zipped in [false, true] {
        let (from, to) = (small.folder(zipped), tempdir().unwrap());
        let to = to.path().join("new/mnist");
        let told = small.prepare(&to, Some(from.path()), &[]).unwrap();
        assert!(
            told.iter().all(|line| line.starts_with("Written")) && told.len() == 4,
            "{told:?}"
        );
        assert_eq!(small.load(&to, Split::Train).unwrap().len(), 12);
        assert_eq!(count(&to), 4);

        let told = small.prepare(&to, Some(from.path()), &[]).unwrap();
        assert!(told.iter().all(|line| line.starts_with("Kept")), "{told:?}");

        // Cut short, as by a kill in the days before atomic writes: replaced, and nothing else is.
        fs::write(to.join(FILES[0]), b"half").unwrap();
        let told = small.prepare(&to, Some(from.path()), &[]).unwrap();
        assert_eq!(
            told.iter()
                .filter(|line| line.starts_with("Written"))
                .count(),
            1
        );
        assert_eq!(small.load(&to, Split::Train).unwrap().len(), 12);
    }
}

#[test]
fn a_wrong_source_is_reported_and_nothing_written() {
    let small = Small::new();
    let (from, to) = (small.folder(false), tempdir().unwrap());
    fs::write(from.path().join(FILES[0]), b"other").unwrap();
    let error = small
        .prepare(to.path(), Some(from.path()), &[])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("cannot copy from") && error.contains(FILES[0]),
        "{error}"
    );
    fs::remove_file(from.path().join(FILES[0])).unwrap();
    let error = small
        .prepare(to.path(), Some(from.path()), &[])
        .unwrap_err()
        .to_string();
    assert!(error.contains("is there"), "{error}");
    assert_eq!(count(to.path()), 0);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let small = Small::new();
    let (from, folder) = (small.folder(false), tempdir().unwrap());
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    let error = small
        .prepare(&file, Some(from.path()), &[])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("cannot write into") && error.contains("file"),
        "{error}"
    );

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let locked = folder.path().join("locked");
        fs::create_dir(&locked).unwrap();
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).unwrap();
        // The superuser may write anywhere; everyone else is told.
        if fs::write(locked.join("probe"), b"").is_err() {
            let error = small
                .prepare(&locked, Some(from.path()), &[])
                .unwrap_err()
                .to_string();
            assert!(error.contains("permission denied"), "{error}");
        }
    }
}

#[test]
fn fetches_from_the_first_mirror_that_is_right() {
    let small = Small::new();
    let whole = |small: &Small| {
        let bytes = small.bytes.clone();
        move |name: &str| {
            let i = FILES.iter().position(|file| *file == name).unwrap();
            let body = gzip(&bytes[i]);
            let length = body.len();
            (body, length)
        }
    };
    let good = mirror(whole(&small));
    let serve = whole(&small);
    let cut = mirror(move |name| {
        let (body, length) = serve(name);
        (body[..length / 2].to_vec(), length)
    });
    let other = mirror(|_| (b"<html>sign in to this network</html>".to_vec(), 36));
    let closed = "http://127.0.0.1:9/";

    let to = tempdir().unwrap();
    let told = small
        .prepare(to.path(), None, &[closed, &cut, &other, &good])
        .unwrap();
    assert_eq!(
        told.iter()
            .filter(|line| line.starts_with("Written"))
            .count(),
        4
    );
    assert_eq!(
        told.iter()
            .filter(|line| line.starts_with("Failed"))
            .count(),
        12
    );
    assert_eq!(small.load(to.path(), Split::Test).unwrap().len(), 5);

    let to = tempdir().unwrap();
    let error = small
        .prepare(to.path(), None, &[closed, &cut, &other])
        .unwrap_err();
    assert!(matches!(error, DataError::Fetch { .. }));
    let error = error.to_string();
    for part in ["--from DIR", closed, cut.as_str(), "served another file"] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(count(to.path()), 0);
}

/// Runs `prepare` and returns what it told, but for bytes.
fn told(known: &Known, to: &Path, from: Option<&Path>) -> Result<Vec<String>, DataError> {
    let mut told = Vec::new();
    prepare(known, to, from, &mut |progress| {
        if !matches!(progress, Progress::Fetched(..)) {
            told.push(format!("{progress:?}"));
        }
    })?;
    Ok(told)
}

#[test]
fn every_public_set_has_its_classes_and_sums() {
    let classes = [10, 10, 10, 10, 26];
    for (name, classes) in NAMES.into_iter().zip(classes) {
        let set = known(name).unwrap();
        let about = set.about();
        assert_eq!((about.classes.len(), about.size), (classes, 28), "{name}");
        let (length, sums) = match set.published {
            Published::Unpacked(sums) => (64, sums.to_vec()),
            Published::Gzipped(sums) => (32, sums.to_vec()),
            Published::Zip { md5, .. } => (32, vec![md5]),
        };
        let hexadecimal =
            |sum: &&str| sum.len() == length && sum.chars().all(|c| c.is_ascii_hexdigit());
        assert!(sums.iter().all(hexadecimal), "{name}");
        assert!(
            set.mirrors.iter().all(|mirror| mirror.ends_with('/')),
            "{name}"
        );
    }
    assert_eq!(
        known("emnist-letters").unwrap().about().classes.find("z"),
        Ok(25)
    );
    assert!(known("MNIST").is_none());
}

/// As Fashion-MNIST is served: gzipped, by the sums of that.
#[test]
fn a_set_with_sums_of_its_gzipped_files_is_fetched_or_copied() {
    let small = Small::new();
    let gzipped = small.bytes.each_ref().map(|bytes| gzip(bytes));
    let sums = gzipped.each_ref().map(|bytes| md5(bytes));
    let names = FILES.map(|name| format!("{name}.gz"));
    let good = serving(names.iter().cloned().zip(gzipped.clone()).collect());
    let other = mirror(|_| (gzip(b"another file"), gzip(b"another file").len()));
    let mirrors = [other.as_str(), good.as_str()];
    let set = Known {
        name: "Clothes",
        classes: &["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"],
        mirrors: &mirrors,
        counts: [12, 5],
        published: Published::Gzipped(sums.each_ref().map(String::as_str)),
    };
    let to = tempdir().unwrap();
    let lines = told(&set, to.path(), None).unwrap();
    let count_of =
        |lines: &[String], what: &str| lines.iter().filter(|line| line.starts_with(what)).count();
    assert_eq!(
        (count_of(&lines, "Failed"), count_of(&lines, "Written")),
        (4, 4)
    );
    let train = DataSet::load(to.path(), Split::Train).unwrap();
    assert_eq!(
        (train.about.name.as_str(), train.images.as_slice()),
        ("Clothes", &small.bytes[0][16..])
    );
    assert_eq!(train.about.classes.find("c"), Ok(2));
    assert_eq!(count_of(&told(&set, to.path(), None).unwrap(), "Kept"), 4);

    // Copied: by the sum where there is one, and else by what it holds.
    let from = tempdir().unwrap();
    for (name, bytes) in names.iter().zip(&gzipped) {
        fs::write(from.path().join(name), bytes).unwrap();
    }
    let copy = || {
        let to = tempdir().unwrap();
        let lines = told(&set, to.path(), Some(from.path()));
        lines.map(|lines| (lines, DataSet::load(to.path(), Split::Train).unwrap()))
    };
    let (lines, copied) = copy().unwrap();
    assert_eq!((count_of(&lines, "Counted"), &copied), (0, &train));
    fs::remove_file(from.path().join(&names[0])).unwrap();
    fs::write(from.path().join(FILES[0]), &small.bytes[0]).unwrap();
    let (lines, copied) = copy().unwrap();
    assert_eq!((count_of(&lines, "Counted"), &copied), (1, &train));
    fs::write(from.path().join(FILES[0]), images(11, 28, 28)).unwrap();
    let error = copy().unwrap_err().to_string();
    assert!(error.ends_with("holds 11 pictures, not 12"), "{error}");
    fs::write(from.path().join(&names[0]), gzip(b"altered")).unwrap();
    let error = copy().unwrap_err().to_string();
    assert!(
        error.contains("is not Clothes's: its MD5 sum is"),
        "{error}"
    );

    // Where MNIST is, nothing else goes, and the other way round.
    let mnist = small.folder(false);
    let error = told(&set, mnist.path(), None).unwrap_err().to_string();
    assert!(
        error.contains("holds MNIST already: name another folder for Clothes"),
        "{error}"
    );
    let error = told(&MNIST, to.path(), Some(from.path()))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("holds Clothes already: name another folder for MNIST"),
        "{error}"
    );
    assert_eq!(DataSet::load(to.path(), Split::Train).unwrap(), train);
}

/// As EMNIST is served: in one zip file, the pictures on their side, the letters from 1.
#[test]
fn emnists_pictures_are_put_upright_and_its_letters_counted_from_0() {
    let entries = [
        "it-train-images",
        "it-train-labels",
        "it-test-images",
        "it-test-labels",
    ];
    let numbered = |count: u32| {
        let labels = (0..count).map(|i| (i % 3 + 1) as u8);
        header(&[2049, count]).into_iter().chain(labels).collect()
    };
    let bytes: [Vec<u8>; 4] = [
        images(6, 28, 28),
        numbered(6),
        images(3, 28, 28),
        numbered(3),
    ];
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (name, bytes) in ["other"]
        .iter()
        .chain(&entries)
        .zip([&[][..]].into_iter().chain(bytes.iter().map(|b| &b[..])))
    {
        zip.start_file(format!("gzip/{name}.gz"), options).unwrap();
        zip.write_all(&gzip(bytes)).unwrap();
    }
    let zip = zip.finish().unwrap().into_inner();
    let sum = md5(&zip);
    let cut = serving(vec![("all.zip".into(), zip[..zip.len() - 9].to_vec())]);
    let good = serving(vec![("all.zip".into(), zip.clone())]);
    let mirrors = [cut.as_str(), good.as_str()];
    let set = Known {
        name: "Letters",
        classes: &["a", "b", "c"],
        mirrors: &mirrors,
        counts: [6, 3],
        published: Published::Zip {
            file: "all.zip",
            md5: &sum,
            entries,
            first_label: 1,
        },
    };
    let to = tempdir().unwrap();
    let lines = told(&set, to.path(), None).unwrap();
    assert!(
        lines[0].starts_with("Failed") && lines.len() == 5,
        "{lines:?}"
    );
    assert_eq!(count(to.path()), 5, "the zip file is not kept");
    let train = DataSet::load(to.path(), Split::Train).unwrap();
    assert_eq!(train.labels, [0, 1, 2, 0, 1, 2]);
    let lying = &bytes[0][16..];
    for (picture, y, x) in [(0, 3, 20), (4, 27, 0), (5, 11, 11)] {
        let upright = train.image(picture)[y * 28 + x];
        assert_eq!(upright, lying[picture * DIGIT_PIXELS + x * 28 + y]);
    }

    // From the zip file, its folder, or what somebody unpacked of it.
    let from = tempdir().unwrap();
    let copied = |from: &Path| {
        let to = tempdir().unwrap();
        let lines = told(&set, to.path(), Some(from));
        lines.map(|_| DataSet::load(to.path(), Split::Train).unwrap())
    };
    let error = copied(from.path()).unwrap_err().to_string();
    assert!(
        error.contains("neither all.zip nor it-train-images nor it-train-images.gz is there"),
        "{error}"
    );
    fs::create_dir(from.path().join("gzip")).unwrap();
    for (i, (name, bytes)) in entries.iter().zip(&bytes).enumerate() {
        match i {
            0 => fs::write(from.path().join(name), bytes).unwrap(),
            _ => fs::write(from.path().join(format!("gzip/{name}.gz")), gzip(bytes)).unwrap(),
        }
    }
    assert_eq!(copied(from.path()).unwrap(), train);
    let path = from.path().join("all.zip");
    fs::write(&path, &zip).unwrap();
    assert_eq!(copied(from.path()).unwrap(), train);
    assert_eq!(copied(&path).unwrap(), train);
    fs::write(&path, b"PK").unwrap();
    let error = copied(from.path()).unwrap_err().to_string();
    assert!(error.contains("its MD5 sum is"), "{error}");
    let wrong = tempdir().unwrap();
    for (name, bytes) in entries
        .iter()
        .zip([&bytes[0], &labels(6, 3), &bytes[2], &bytes[3]])
    {
        fs::write(wrong.path().join(name), bytes).unwrap();
    }
    let error = copied(wrong.path()).unwrap_err().to_string();
    assert!(
        error.contains("holds the label 0, where the first is 1"),
        "{error}"
    );
}
