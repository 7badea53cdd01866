//! The examples, run as a reader runs them, and what they leave.
#![cfg(all(feature = "native", feature = "flex"))]

use std::{
    env::{self, consts::EXE_SUFFIX},
    fs,
    path::Path,
    process::Command,
};

use burn::tensor::{Device, Tensor, TensorData};
use tempfile::tempdir;
use unnoise::{
    denoiser::Gradient,
    image::{DIGIT_PIXELS, DIGIT_SIZE, from_pixel},
    library::Network,
    native::{
        data::{About, DataSet, FILES},
        picture, store,
    },
};

/// Runs an example, which must succeed, and returns what it says.
fn run(name: &str, arguments: &[&Path]) -> String {
    // `cargo test` builds them beside the folder of the tests' own programs; `--test examples` alone does not.
    let own = env::current_exe().unwrap();
    let built = own.ancestors().nth(2).unwrap().join("examples");
    let example = built.join(format!("{name}{EXE_SUFFIX}"));
    let output = Command::new(&example).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}", example.display()));
    let said = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, err) = (said(output.stdout), said(output.stderr));
    assert!(output.status.success(), "{name}: {out}{err}");
    out
}

/// The digits of a sheet, row by row, as values of [-1, 1].
fn digits(png: &Path, columns: usize, count: usize) -> Vec<Vec<f32>> {
    const GAP: usize = 2;
    const STRIDE: usize = DIGIT_SIZE + GAP;
    let sheet = picture::read(png).unwrap();
    let rows = count.div_ceil(columns);
    let size = (columns * STRIDE + GAP, rows * STRIDE + GAP, 1);
    assert_eq!((sheet.width, sheet.height, sheet.channels), size);
    let pixel = |digit: usize, i: usize| {
        let (row, column) = (digit / columns, digit % columns);
        let y = GAP + row * STRIDE + i / DIGIT_SIZE;
        let x = GAP + column * STRIDE + i % DIGIT_SIZE;
        sheet.values[y * sheet.width + x]
    };
    let picture = |digit| (0..DIGIT_PIXELS).map(|i| pixel(digit, i)).collect();
    (0..count).map(picture).collect()
}

#[test]
fn sample_draws_threes_with_the_shipped_weights() {
    let folder = tempdir().unwrap();
    let png = folder.path().join("threes.png");
    let out = run("sample", &[&png]);
    assert_eq!(out.lines().count(), 10, "{out}");
    assert!(
        out.ends_with("step 10 of 10: σ = 0.000 after 20 network calls\n"),
        "{out}"
    );

    let device = Device::flex();
    let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("weights");
    let library = store::exported(&weights, &[Network::Scorer], &device).unwrap();
    let data = TensorData::new(
        digits(&png, 4, 16).concat(),
        [16, 1, DIGIT_SIZE, DIGIT_SIZE],
    );
    let x = Tensor::<4>::from_data(data, &device);
    let f = library.scorer().unwrap();
    let read = f.probabilities(x, &[Gradient::READING_SIGMA; 16]);
    let read: Vec<f64> = read.into_data().iter::<f64>().collect();
    let threes = read.chunks(11).filter(|row| row[3] > 0.5).count();
    assert!(threes >= 15, "{threes} of 16 are read as threes");
}

/// Any picture of the distribution and no other: its pixels are white or black, and as many are white as the disc
/// that was asked for has.
#[test]
fn denoiser_draws_the_discs_that_were_asked_for() {
    let folder = tempdir().unwrap();
    let png = folder.path().join("discs.png");
    run("denoiser", &[&png]);
    for (digit, picture) in digits(&png, 4, 10).into_iter().enumerate() {
        let radius = digit as i32 + 2;
        let square = (-radius..=radius).flat_map(|y| (-radius..=radius).map(move |x| (y, x)));
        let area = square.filter(|(y, x)| y * y + x * x <= radius * radius);
        let (area, white) = (area.count(), from_pixel(255));
        assert!(
            picture.iter().all(|v| v.abs() == white),
            "{digit}: {picture:?}"
        );
        let inside = picture.iter().filter(|&&v| v == white);
        assert_eq!(inside.count(), area, "{digit}");
    }
}

#[test]
fn sampler_leads_nearer_than_euler_with_as_many_calls() {
    let out = run("sampler", &[]);
    let away = |name: &str| -> f64 {
        let line = out.lines().find_map(|line| line.strip_prefix(name));
        let line = line.unwrap_or_else(|| panic!("{out}"));
        let numbers = line.strip_prefix(": 19 network calls, ");
        let away = numbers.and_then(|line| line.strip_suffix(" away"));
        away.unwrap_or_else(|| panic!("{out}")).parse().unwrap()
    };
    assert!(away("midpoint") < 0.6 * away("euler"), "{out}");
}

#[test]
fn folder_trains_on_a_pair_of_files() {
    let folder = tempdir().unwrap();
    let [data, runs] = ["data", "runs"].map(|name| folder.path().join(name));
    fs::create_dir(&data).unwrap();
    // Bars, the wider the greater the label.
    let count = 160;
    let bar = |i: usize| {
        (0..DIGIT_PIXELS).map(move |at| {
            if at % DIGIT_SIZE <= 2 * (i % 10) {
                255
            } else {
                0
            }
        })
    };
    let bars = DataSet {
        images: (0..count).flat_map(bar).collect(),
        labels: (0..count).map(|i| (i % 10) as u8).collect(),
        about: About::mnist().into(),
    };
    bars.write(&data.join(FILES[0]), &data.join(FILES[1]))
        .unwrap();

    let out = run("folder", &[&data, &runs, Path::new("3")]);
    assert!(
        out.starts_with("144 pictures to train on, 16 held out\n"),
        "{out}"
    );
    let run = runs.join("unet");
    for file in ["loss.png", "samples-0001.png", "samples-0003.png"] {
        picture::read(&run.join(file)).unwrap();
    }
    let mut metrics = csv::Reader::from_path(run.join("metrics.csv")).unwrap();
    let losses: Vec<f64> = metrics
        .deserialize()
        .map(|row: Result<store::EpochMetrics, _>| row.unwrap().validation_loss)
        .collect();
    assert_eq!(losses.len(), 3);
    assert!(losses[2] < 0.9 * losses[0], "{losses:?}");
}
