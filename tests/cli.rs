//! The program from outside: what it makes, and its sentence and exit status for everything it refuses.
#![cfg(all(feature = "native", feature = "flex"))]

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use burn::tensor::Device;
use common::{export, export_text, tiny, tiny_digits};
use tempfile::{TempDir, tempdir};
use unnoise::{
    native::{
        data::{About, DataSet},
        idx, picture,
    },
    sampler::SamplerKind,
    schedule::Schedule,
};

fn unnoise() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_unnoise"));
    command.env_remove("RUST_BACKTRACE");
    command
}

/// What a command of the program ended with.
struct Ended {
    status: i32,
    out: String,
    err: String,
}

/// Runs `unnoise` in `folder`. A panic is never an answer.
fn run(folder: &Path, arguments: &[&str]) -> Ended {
    let output = unnoise()
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let ended = Ended {
        status: output.status.code().expect("ended by itself"),
        out: text(output.stdout),
        err: text(output.stderr),
    };
    assert!(
        !ended.err.contains("panicked at"),
        "{arguments:?}: {}",
        ended.err
    );
    ended
}

/// Runs a command that must fail with status 1 and one line, which it returns.
fn refused(folder: &Path, arguments: &[&str]) -> String {
    let ended = run(folder, arguments);
    assert_eq!(ended.status, 1, "{arguments:?}: {}{}", ended.out, ended.err);
    let line = ended
        .err
        .strip_prefix("unnoise: ")
        .unwrap_or_else(|| panic!("{arguments:?}: {}", ended.err));
    assert_eq!(line.trim_end().lines().count(), 1, "{line}");
    line.trim_end().to_string()
}

/// Runs a command whose arguments must be refused, with status 2.
fn misused(arguments: &[&str]) -> String {
    let ended = run(Path::new("."), arguments);
    assert_eq!(ended.status, 2, "{arguments:?}: {}{}", ended.out, ended.err);
    ended.err
}

fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let ended = run(folder, arguments);
    assert_eq!(ended.status, 0, "{arguments:?}: {}", ended.err);
    ended.out
}

/// A folder with exported weights of a small network in `weights`.
fn with_weights() -> TempDir {
    let folder = tempdir().unwrap();
    fs::create_dir(folder.path().join("weights")).unwrap();
    export(
        &folder.path().join("weights"),
        &tiny_digits(),
        1,
        &Device::flex(),
    );
    folder
}

/// Files in a folder, hidden ones too.
fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn help_and_version() {
    let help = succeeds(Path::new("."), &["--help"]);
    for command in [
        "data",
        "train",
        "export",
        "fit",
        "sample",
        "reconstruct",
        "clip",
        "eval",
        "serve",
    ] {
        assert!(help.contains(&format!("  {command}")), "{help}");
        succeeds(Path::new("."), &[command, "--help"]);
    }
    assert_eq!(
        succeeds(Path::new("."), &["--version"]).trim(),
        format!("unnoise {}", env!("CARGO_PKG_VERSION"))
    );
    assert!(misused(&[]).contains("Usage"));
    assert!(misused(&["improve"]).contains("unrecognized subcommand 'improve'"));
}

#[test]
fn sample_draws_a_grid() {
    let folder = with_weights();
    let grid = [
        "sample",
        "--count",
        "3",
        "--digit",
        "3",
        "--steps",
        "4",
        "--out",
        "pictures/x.png",
    ];
    assert_eq!(succeeds(folder.path(), &grid), "");
    let path = folder.path().join("pictures/x.png");
    let first = picture::read(&path).unwrap();
    // Two columns and two rows of 28 pixels, 2 between and around.
    assert_eq!((first.width, first.height, first.channels), (62, 62, 1));

    // The same seed, the same picture; the second of a count is the first of the next seed.
    assert_eq!(succeeds(folder.path(), &grid), "");
    assert_eq!(picture::read(&path).unwrap(), first);
    let cell = |picture: &picture::Picture, left: usize| -> Vec<f32> {
        (2..30)
            .flat_map(|y| picture.values[y * picture.width + left..][..28].to_vec())
            .collect()
    };
    let next = [
        "sample", "--digit", "3", "--seed", "1", "--steps", "4", "--out", "next.png",
    ];
    assert_eq!(succeeds(folder.path(), &next), "");
    let next = picture::read(&folder.path().join("next.png")).unwrap();
    assert_eq!((next.width, next.height), (32, 32));
    let apart = cell(&first, 32)
        .iter()
        .zip(cell(&next, 2))
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    assert!(apart <= 2.0 / 127.5, "{apart}");
    assert_ne!(cell(&first, 2), cell(&first, 32));
    assert_eq!(files(&folder.path().join("pictures")), ["x.png"]);
}

#[test]
fn sample_takes_every_sampler_and_schedule() {
    let folder = with_weights();
    let mut pictures = Vec::new();
    for sampler in SamplerKind::ALL {
        // Nothing has been fitted to these weights.
        let schedules = Schedule::ALL.into_iter().filter(|s| *s != Schedule::Fitted);
        for schedule in schedules {
            let arguments = [
                "sample",
                "--steps",
                "3",
                "--sampler",
                sampler.name(),
                "--schedule",
                schedule.name(),
                "--guidance",
                "1",
                "--out",
                "a.png",
            ];
            succeeds(folder.path(), &arguments);
            pictures.push(picture::read(&folder.path().join("a.png")).unwrap().values);
        }
    }
    assert_ne!(pictures[0], pictures[1]);
    assert_ne!(pictures[0], pictures[14]);
}

/// Each of these makes another picture; without words a negative is a digit.
#[test]
fn sample_takes_what_steers_and_what_a_sampler_has() {
    let folder = with_weights();
    let picture = |arguments: &[&str]| {
        let usual = [
            "sample",
            "--digit",
            "3",
            "--steps",
            "3",
            "--guidance",
            "3",
            "--out",
            "a.png",
        ];
        succeeds(folder.path(), &[&usual, arguments].concat());
        picture::read(&folder.path().join("a.png")).unwrap().values
    };
    let plain = picture(&[]);
    assert_ne!(plain, picture(&["--negative", "7"]));
    assert_ne!(plain, picture(&["--guidance-interval", "0.1", "5"]));
    let [descent, flow] = [["--sampler", "momentum"], ["--schedule", "flow"]];
    for (first, more) in [
        (descent, ["--rate", "0.3"]),
        (descent, ["--momentum", "0.5"]),
        (flow, ["--shift", "3"]),
    ] {
        assert_ne!(
            picture(&first),
            picture(&[first, more].concat()),
            "{more:?}"
        );
    }
}

/// A schedule is offered once it is fitted, to the weights that it was fitted to.
#[test]
fn fit_finds_a_schedule_that_sample_takes() {
    let folder = with_weights();
    let sample = [
        "sample",
        "--schedule",
        "fitted",
        "--steps",
        "4",
        "--out",
        "a.png",
    ];
    assert_eq!(
        refused(folder.path(), &sample),
        "no schedule has been fitted to this model: choose another one than fitted"
    );
    let manifest = folder.path().join("weights/manifest.json");
    let plain = fs::read_to_string(&manifest).unwrap();
    let fit = ["fit", "--steps", "5,3", "--count", "3"];
    let out = succeeds(folder.path(), &fit);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(
        lines[0],
        "digits, dpmpp-2m, guidance 1.5: how far 3 pictures are from those of 100 steps"
    );
    for (line, steps) in lines[2..].iter().zip(["3", "5"]) {
        assert_eq!(line.split_whitespace().next(), Some(steps), "{out}");
    }
    succeeds(folder.path(), &sample);

    // The same command finds the same.
    let json = fs::read_to_string(&manifest).unwrap();
    assert!(json.contains("\"fit\""), "{json}");
    fs::write(&manifest, plain).unwrap();
    succeeds(folder.path(), &fit);
    assert_eq!(fs::read_to_string(&manifest).unwrap(), json);

    fs::write(&manifest, json.replace("\"sigmas\": [", "\"sigmas\": [99,")).unwrap();
    let line = refused(folder.path(), &sample);
    assert!(
        line.contains("the schedule that manifest.json has for unet.safetensors cannot be used"),
        "{line}"
    );
    fs::write(&manifest, json).unwrap();
    for (arguments, says) in [
        (
            vec!["fit", "noise-level"],
            "no schedule is fitted to the model noise-level: choose from digits, digits-blind, scorer, text",
        ),
        (
            vec!["fit", "digits", "--sampler", "ddpm"],
            "the sampler ddpm of digits does not solve the ODE",
        ),
        (
            vec!["fit", "digits", "--guidance", "21"],
            "guidance must be 0 to 20, not 21",
        ),
        (
            vec!["fit", "scorer"],
            "weights: manifest.json has no model \"scorer\"",
        ),
    ] {
        let line = refused(folder.path(), &arguments);
        assert!(line.starts_with(says), "{line}");
    }
    assert!(misused(&["fit", "--steps", "1"]).contains("1 is not in 2..=50"));
}

#[test]
fn sample_leads_away_from_words() {
    let folder = with_words();
    let picture = |negative: &str| {
        let mut arguments = vec![
            "sample",
            "--prompt",
            "a red three",
            "--steps",
            "2",
            "--out",
            "a.png",
        ];
        if !negative.is_empty() {
            arguments.extend(["--negative", negative]);
        }
        succeeds(folder.path(), &arguments);
        picture::read(&folder.path().join("a.png")).unwrap().values
    };
    for negative in ["blue paper", "7"] {
        assert_ne!(picture(""), picture(negative), "{negative}");
    }
}

#[test]
fn sample_balanced_writes_mnists_format() {
    let folder = with_weights();
    succeeds(
        folder.path(),
        &[
            "sample",
            "--balanced",
            "25",
            "--steps",
            "2",
            "--out",
            "made/here",
        ],
    );
    let made = folder.path().join("made/here");
    assert_eq!(
        files(&made),
        ["samples-images-idx3-ubyte", "samples-labels-idx1-ubyte"]
    );
    let images = idx::read_images(&made.join("samples-images-idx3-ubyte")).unwrap();
    assert_eq!((images.count, images.height, images.width), (25, 28, 28));
    let digits = DataSet::read(
        &made.join("samples-images-idx3-ubyte"),
        &made.join("samples-labels-idx1-ubyte"),
        About::mnist().into(),
    )
    .unwrap();
    let expected: Vec<u8> = (0..25).map(|i| i % 10).collect();
    assert_eq!(digits.labels, expected);
    assert!((1..25).all(|i| digits.image(i) != digits.image(0)));
}

/// A folder with small networks for text to picture in `weights`.
fn with_words() -> TempDir {
    let folder = tempdir().unwrap();
    let weights = folder.path().join("weights");
    fs::create_dir(&weights).unwrap();
    export_text(&weights, &Device::flex());
    folder
}

#[test]
fn a_prompt_becomes_a_picture() {
    let folder = with_words();
    let sample = |prompt: &str, out: &str| {
        let arguments = [
            "sample", "--prompt", prompt, "--seed", "3", "--steps", "2", "--out", out,
        ];
        let ended = run(folder.path(), &arguments);
        assert_eq!(ended.status, 0, "{}", ended.err);
        (picture::read(&folder.path().join(out)).unwrap(), ended.err)
    };
    let (red, err) = sample("a bold red three on white paper", "red.png");
    assert_eq!((red.width, red.height, red.channels), (68, 68, 3));
    assert_eq!(err, "");
    assert_eq!(
        sample("A bold red THREE, on white paper!", "same.png").0,
        red
    );
    assert_ne!(sample("a thin blue four on black paper", "blue.png").0, red);

    // Words that mean nothing here are named, and nothing else happens to them.
    let (odd, err) = sample("a bold red drei three on white paper \u{1f980}", "odd.png");
    assert_eq!(odd, red);
    assert_eq!(err, "unnoise: left out, as not known: drei, \u{1f980}\n");
    let (_, err) = sample(&"red ".repeat(2_500), "long.png");
    assert!(err.contains("23 words: the last 2477"), "{err}");
    let (_, err) = sample("not a gren 4 on green paper", "denied.png");
    let denied = "nothing can be denied, what is named is drawn: not is left out";
    let slip = "left out, as not known: gren (green is)";
    assert_eq!(err, format!("unnoise: {denied}\nunnoise: {slip}\n"));
    let (_, err) = sample("green 4 on green", "invisible.png");
    assert!(err.contains("both green"), "{err}");

    // Where no digit is named, the seed chooses one.
    let (open, err) = sample("red digit", "open.png");
    assert_eq!(
        err,
        "unnoise: where no digit is named, the picture's seed chooses one\n"
    );
    let same = |digit: &u8| sample(&format!("red digit {digit}"), "named.png").0 == open;
    assert_eq!((0..10).filter(same).count(), 1);
    for prompt in ["", "   ", "<script>alert(1)</script>"] {
        sample(prompt, "any.png");
    }
}

#[test]
fn prompts_become_a_folder_of_pictures() {
    let folder = with_words();
    fs::write(folder.path().join("prompts.txt"), "a red one\n\na blue two").unwrap();
    let arguments = [
        "sample",
        "--prompts",
        "prompts.txt",
        "--seed",
        "5",
        "--steps",
        "2",
        "--out",
        "out",
    ];
    assert_eq!(succeeds(folder.path(), &arguments), "");
    let out = folder.path().join("out");
    assert_eq!(files(&out), ["000000.png", "000001.png", "000002.png"]);
    let third = picture::read(&out.join("000002.png")).unwrap();
    assert_eq!((third.width, third.height, third.channels), (64, 64, 3));

    // As an editor of another system saves it: the first word is known all the same.
    fs::write(folder.path().join("marked.txt"), "\u{feff}red one\r\n").unwrap();
    let marked = [
        "sample",
        "--prompts",
        "marked.txt",
        "--steps",
        "1",
        "--out",
        "out",
    ];
    let ended = run(folder.path(), &marked);
    assert_eq!((ended.status, ended.err.as_str()), (0, ""));
    let manifest = folder.path().join("weights/manifest.json");
    let json = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, format!("\u{feff}{json}")).unwrap();
    succeeds(folder.path(), &marked);

    fs::write(folder.path().join("none.txt"), "").unwrap();
    let sample = |more: &[&str]| {
        refused(
            folder.path(),
            &[&["sample", "--out", "x.png"], more].concat(),
        )
    };
    assert!(sample(&["--prompts", "none.txt"]).contains("no line"));
    assert!(sample(&["--prompts", "missing.txt"]).contains("missing.txt"));
    assert!(sample(&["--model", "digits", "--prompt", "a one"]).contains("knows no words"));
    assert!(sample(&["--model", "text", "--balanced", "10"]).contains("--prompts"));
    assert!(sample(&["--model", "text", "--digit", "3"]).contains("takes --prompt"));
}

#[test]
fn pictures_go_through_the_autoencoder() {
    let folder = with_words();
    let at = |name: &str| folder.path().join(name);
    let save = |name: &str, side: usize| {
        let values: Vec<f32> = (0..side * side * 3)
            .map(|i| (i % 200) as f32 / 100.0 - 1.0)
            .collect();
        let grid = picture::grid(&[values], side, side, 3, 1, 0).unwrap();
        picture::save_png(&at(name), &grid).unwrap();
    };
    save("fits.png", 64);
    let said = succeeds(
        folder.path(),
        &["reconstruct", "fits.png", "--out", "a.png"],
    );
    assert!(said.starts_with("1 picture: mean square error"), "{said}");
    let made = picture::read(&at("a.png")).unwrap();
    assert_eq!((made.width, made.height, made.channels), (64, 64, 3));
    save("large.png", 100);
    let said = succeeds(
        folder.path(),
        &["reconstruct", "large.png", "--out", "b.png"],
    );
    assert!(said.contains("brought to 64x64 pixels"), "{said}");

    let pixels: Vec<u8> = (0..5 * 784).map(|i| (i % 251) as u8).collect();
    fs::write(at("five-idx3-ubyte"), idx::image_bytes(&pixels, 28, 28)).unwrap();
    let said = succeeds(
        folder.path(),
        &["reconstruct", "five-idx3-ubyte", "--out", "out-idx3-ubyte"],
    );
    assert!(said.starts_with("5 pictures"), "{said}");
    let made = idx::read_images(&at("out-idx3-ubyte")).unwrap();
    assert_eq!((made.count, made.height, made.width), (5, 28, 28));

    // What a file is, its first bytes say.
    fs::copy(at("fits.png"), at("nameless")).unwrap();
    let jpeg = picture::grid(&[vec![0.5; 30 * 20 * 3]], 30, 20, 3, 1, 0).unwrap();
    jpeg.save(at("photo.jpg")).unwrap();
    fs::rename(at("photo.jpg"), at("photo.png")).unwrap();
    for name in ["nameless", "photo.png"] {
        let said = succeeds(folder.path(), &["reconstruct", name, "--out", "b.png"]);
        assert!(said.starts_with("1 picture"), "{name}: {said}");
    }

    let reconstruct = |from: &str, to: &str| {
        let line = refused(folder.path(), &["reconstruct", from, "--out", to]);
        assert!(!at(to).exists(), "{from} {to}");
        line
    };
    fs::write(at("no.png"), "no picture").unwrap();
    let line = reconstruct("no.png", "c.png");
    assert_eq!(
        line,
        "no.png is neither a PNG or JPEG picture nor a file of pictures in MNIST's format"
    );
    fs::write(at("none-idx3-ubyte"), idx::image_bytes(&[], 28, 28)).unwrap();
    fs::write(at("flat-idx3-ubyte"), idx::image_bytes(&[], 0, 28)).unwrap();
    for name in ["none-idx3-ubyte", "flat-idx3-ubyte"] {
        let line = reconstruct(name, "c-idx3-ubyte");
        assert_eq!(line, format!("{name} holds no pictures"));
    }
    assert!(reconstruct("fits.png", "c.jpg").contains("c.png"));
    assert!(reconstruct("five-idx3-ubyte", "c.png").contains("MNIST's format"));
    let line = refused(folder.path(), &["reconstruct", "gone", "--out", "c.png"]);
    assert!(line.contains("gone"), "{line}");
    assert!(!at("c.png").exists());
}

#[test]
fn pictures_are_compared_with_texts() {
    let folder = with_words();
    let at = |name: &str| folder.path().join(name);
    for (name, value) in [("pictures/b.png", 0.5), ("pictures/a.png", -0.5)] {
        let grid = picture::grid(&[vec![value; 64 * 64 * 3]], 64, 64, 3, 1, 0).unwrap();
        picture::save_png(&at(name), &grid).unwrap();
    }
    // What other systems leave in a folder is not meant.
    fs::write(at("pictures/._a.png"), [0, 5, 22, 7]).unwrap();
    fs::write(at("pictures/Thumbs.db"), "thumbs").unwrap();
    fs::create_dir(at("pictures/folder.png")).unwrap();
    fs::write(at("texts.txt"), "\u{feff}a red one\na \"blue\", two\n").unwrap();
    let clip = ["clip", "--images", "pictures", "--texts", "texts.txt"];
    let ended = run(folder.path(), &clip);
    assert_eq!(ended.status, 0, "{}", ended.err);
    let mut csv = csv::Reader::from_reader(ended.out.as_bytes());
    let header: Vec<String> = csv.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(header, ["picture", "a red one", "a \"blue\", two"]);
    let rows: Vec<(String, f64, f64)> = csv.deserialize().map(Result::unwrap).collect();
    let names: Vec<&str> = rows.iter().map(|row| row.0.as_str()).collect();
    assert_eq!(names, ["a.png", "b.png"]);
    assert!(
        rows.iter()
            .all(|row| row.1.abs() <= 1.0 && row.2.abs() <= 1.0)
    );

    fs::create_dir(at("empty")).unwrap();
    fs::write(at("none.txt"), "").unwrap();
    let refuse = |images: &str, texts: &str| {
        refused(
            folder.path(),
            &["clip", "--images", images, "--texts", texts],
        )
    };
    assert!(refuse("empty", "texts.txt").contains("no PNG or JPEG pictures"));
    assert!(refuse("pictures", "none.txt").contains("no texts"));
    assert!(refuse("gone", "texts.txt").contains("gone"));
}

#[test]
fn missing_weights_are_told() {
    let folder = tempdir().unwrap();
    let sample = ["sample", "--out", "x.png"];
    let line = refused(folder.path(), &sample);
    assert_eq!(
        line,
        "cannot read weights/manifest.json: it does not exist: train and export the weights, \
         or name their folder with --weights DIR"
    );
    assert!(files(folder.path()).is_empty(), "nothing is left behind");
    let line = refused(
        folder.path(),
        &["sample", "--out", "x.png", "--weights", "elsewhere"],
    );
    assert!(line.contains("elsewhere/manifest.json"), "{line}");

    fs::create_dir(folder.path().join("weights")).unwrap();
    fs::write(
        folder.path().join("weights/manifest.json"),
        r#"{"version":1,"models":{}}"#,
    )
    .unwrap();
    let line = refused(folder.path(), &sample);
    assert!(
        line.contains("has no model \"unet\": run `unnoise train unet`"),
        "{line}"
    );
}

#[test]
fn damaged_weights_are_told() {
    let folder = with_weights();
    let weights = folder.path().join("weights");
    let (file, manifest) = (
        weights.join("unet.safetensors"),
        weights.join("manifest.json"),
    );
    let (bytes, json) = (
        fs::read(&file).unwrap(),
        fs::read_to_string(&manifest).unwrap(),
    );
    let sample = || refused(folder.path(), &["sample", "--out", "x.png"]);

    fs::write(&file, &bytes[..bytes.len() - 100]).unwrap();
    assert!(
        sample().contains("unet.safetensors is incomplete"),
        "{}",
        sample()
    );
    let mut flipped = bytes.clone();
    flipped[5000] ^= 4;
    fs::write(&file, flipped).unwrap();
    assert!(
        sample().contains("unet.safetensors was altered"),
        "{}",
        sample()
    );
    fs::remove_file(&file).unwrap();
    assert!(
        sample().contains("unet.safetensors: it does not exist"),
        "{}",
        sample()
    );
    fs::create_dir(&file).unwrap();
    assert!(
        sample().contains("it is a folder, not a file"),
        "{}",
        sample()
    );
    fs::remove_dir(&file).unwrap();
    fs::write(&file, &bytes).unwrap();

    fs::write(&manifest, json.replace("\"version\": 1", "\"version\": 9")).unwrap();
    assert!(
        sample().contains("manifest.json has version 9"),
        "{}",
        sample()
    );
    fs::write(&manifest, &json[..json.len() / 2]).unwrap();
    assert!(
        sample().contains("manifest.json cannot be read"),
        "{}",
        sample()
    );
    fs::write(&manifest, [0xff, 0xfe, 0x00]).unwrap();
    assert!(
        sample().contains("manifest.json cannot be read"),
        "{}",
        sample()
    );
    fs::write(&manifest, json.replace("\"heads\": 4", "\"heads\": 0")).unwrap();
    assert!(sample().contains("heads must divide"), "{}", sample());
    fs::write(&manifest, json.replace("int8-block", "int4-block")).unwrap();
    assert!(
        sample().contains("which this program does not read"),
        "{}",
        sample()
    );

    export(&weights, &tiny(), 1, &Device::flex());
    assert!(
        sample().contains("its pictures are not 28x28 or 32x32 pixels"),
        "{}",
        sample()
    );
}

#[test]
fn settings_out_of_range_are_told() {
    let folder = with_weights();
    let sample = |arguments: &[&str]| {
        refused(
            folder.path(),
            &[&["sample", "--out", "x.png"], arguments].concat(),
        )
    };
    assert_eq!(sample(&["--steps", "0"]), "steps must be 1 to 1000, not 0");
    assert_eq!(
        sample(&["--steps", "1001"]),
        "steps must be 1 to 1000, not 1001"
    );
    assert_eq!(
        sample(&["--guidance", "21"]),
        "guidance must be 0 to 20, not 21"
    );
    assert_eq!(
        sample(&["--guidance=-1"]),
        "guidance must be 0 to 20, not -1"
    );
    assert_eq!(
        sample(&["--guidance", "NaN"]),
        "guidance must be 0 to 20, not NaN"
    );
    assert_eq!(sample(&["--eta", "2"]), "eta must be 0 to 1, not 2");

    // Settings that a model or a sampler does not have.
    for (arguments, says) in [
        (["--model", "noise-level", "--digit", "5"], "--digit"),
        (["--model", "noise-level", "--balanced", "10"], "--balanced"),
        (
            ["--model", "noise-level", "--guidance", "2"],
            "the model noise-level draws what the noise leads to: there is no guidance to set",
        ),
        (
            ["--model", "noise-level", "--negative", "5"],
            "the model noise-level draws what the noise leads to: no guidance leads it away",
        ),
        (
            ["--sampler", "heun", "--eta", "0.5"],
            "eta is for ddim: the sampler heun has none",
        ),
        (
            ["--sampler", "euler", "--rate", "0.5"],
            "rate is for gradient-descent, momentum, adam: the sampler euler has none",
        ),
        (
            ["--sampler", "gradient-descent", "--momentum", "0.5"],
            "momentum is for momentum, adam",
        ),
        (
            ["--sampler", "euler", "--shift", "3"],
            "shift is for the schedule flow: the schedule karras has none",
        ),
        (
            ["--guidance", "1", "--negative", "5"],
            "a negative is what guidance leads away from: guidance must be above 1, not 1",
        ),
        (
            ["--digit", "5", "--negative", "5"],
            "the digit 5 cannot be both asked for and the negative",
        ),
        (
            ["--guidance", "2", "--digit", "10"],
            "there is no class \"10\": choose one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
        ),
        (
            ["--guidance", "2", "--class", "three"],
            "there is no class \"three\": choose one of 0, 1",
        ),
        (
            ["--guidance", "2", "--negative", "blue"],
            "--negative must be a digit, 0 to 9, not \"blue\": the model digits knows no words",
        ),
        (
            ["--sampler", "adam", "--rate", "3"],
            "rate must be 0 to 2, not 3",
        ),
        (
            ["--schedule", "flow", "--shift", "0"],
            "shift must be 0.01 to 100, not 0",
        ),
    ] {
        let line = sample(&arguments);
        assert!(line.starts_with(says), "{line}");
    }

    assert_eq!(
        sample(&["--guidance-interval", "5", "0.3"]),
        "the guidance interval must be two noise levels from 0 to 1000, the lower one first, not 5 and 0.3"
    );

    let misused =
        |arguments: &[&str]| misused(&[&["sample", "--out", "x.png"], arguments].concat());
    for (arguments, says) in [
        (vec!["--count", "0"], "0 is not in 1.."),
        (vec!["--balanced", "0"], "0 is not in 1.."),
        (vec!["--steps", "few"], "invalid value 'few'"),
        (vec!["--steps=-1"], "invalid value '-1'"),
        (vec!["--guidance", "much"], "invalid value 'much'"),
        (vec!["--seed=-1"], "invalid value '-1'"),
        (
            vec!["--sampler", "best"],
            "there is no sampler \"best\": choose one of ddpm, ddim",
        ),
        (
            vec!["--schedule", "best"],
            "there is no schedule \"best\": choose one of karras",
        ),
        (
            vec!["--device", "abacus"],
            "there is no device \"abacus\": choose one of auto, cpu",
        ),
        (
            vec!["--digit", "3", "--balanced", "10"],
            "cannot be used with",
        ),
        (vec!["--prompt"], "a value is required for '--prompt"),
        (vec!["--paint"], "unexpected argument '--paint'"),
    ] {
        let said = misused(&arguments);
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
    assert_eq!(files(folder.path()), ["weights"]);
}

/// A sheet that no picture can hold is found before the first picture is made; so is a name of another format.
#[test]
fn what_cannot_be_kept_is_told_at_once() {
    let folder = with_words();
    let sample = |more: &[&str]| {
        refused(
            folder.path(),
            &[&["sample", "--prompt", "a one"], more].concat(),
        )
    };
    let line = sample(&["--count", "1000000", "--out", "x.png"]);
    assert!(line.contains("is too large; ask for fewer"), "{line}");
    let line = sample(&["--out", "x.jpg"]);
    assert!(line.ends_with("name it x.png"), "{line}");
    assert_eq!(files(folder.path()), ["weights"]);
}

/// After Ctrl-C there is what was made: a whole picture, or a whole pair of files.
#[cfg(unix)]
#[test]
fn what_was_made_before_an_interruption_is_kept() {
    let folder = with_weights();
    let interrupt = |arguments: &[&str], begun: &dyn Fn() -> bool| {
        let child = unnoise()
            .args(["sample", "--steps", "2", "--out"])
            .args(arguments)
            .current_dir(folder.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A draft that has grown holds the pictures of a first batch.
        let patience = Instant::now();
        while !begun() && patience.elapsed().as_secs() < 120 {
            thread::sleep(Duration::from_millis(20));
        }
        let pid = child.id().to_string();
        Command::new("kill").args(["-INT", &pid]).status().unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(130), "{said}");
        let words: Vec<&str> = said.split(' ').collect();
        assert!(
            said.starts_with("unnoise: interrupted: the first "),
            "{said}"
        );
        words[4].parse::<usize>().unwrap()
    };
    let grown = |folder: &Path, bytes: u64| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut lengths = entries.filter_map(|entry| Some(entry.metadata().ok()?.len()));
        lengths.any(|length| length > bytes)
    };
    let pair = folder.path().join("pair");
    let made = interrupt(&["pair", "--balanced", "1000000"], &|| grown(&pair, 20_000));
    let digits = DataSet::read(
        &pair.join("samples-images-idx3-ubyte"),
        &pair.join("samples-labels-idx1-ubyte"),
        About::mnist().into(),
    );
    assert_eq!(digits.unwrap().len(), made);
    assert_eq!(files(&pair).len(), 2);

    let alone = folder.path().join("alone");
    let sheet = ["alone/x.png", "--count", "2500"];
    let made = interrupt(&sheet, &|| grown(&alone, 20_000));
    let picture = picture::read(&alone.join("x.png")).unwrap();
    assert_eq!((picture.width, picture.height), (1502, 1502));
    assert!((100..2500).contains(&made), "{made}");
    assert_eq!(files(&alone), ["x.png"]);
}

/// Neither a device nor a link becomes a plain file.
#[cfg(unix)]
#[test]
fn an_output_that_is_no_plain_file_is_written_into() {
    let folder = with_weights();
    std::os::unix::fs::symlink("/dev/stdout", folder.path().join("link")).unwrap();
    for out in ["link", "/dev/stdout"] {
        let output = unnoise()
            .args(["sample", "--steps", "1", "--out", out])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(output.status.success());
        assert!(picture::is_picture(&output.stdout), "{out}");
    }
    let link = folder.path().join("link").symlink_metadata().unwrap();
    assert!(link.is_symlink());
}

#[test]
fn a_device_that_is_not_built_in_is_told() {
    let folder = with_weights();
    for (device, built) in [
        ("ndarray", cfg!(feature = "ndarray")),
        ("tch", cfg!(feature = "tch")),
        ("wgpu", cfg!(feature = "wgpu")),
        ("cuda", cfg!(feature = "cuda")),
    ] {
        if !built {
            let line = refused(
                folder.path(),
                &["sample", "--out", "x.png", "--device", device],
            );
            let expected = format!(
                "built without the device \"{device}\": rebuild it with `--features {device}`"
            );
            assert!(line.contains(&expected), "{line}");
        }
    }
    succeeds(
        folder.path(),
        &[
            "sample", "--steps", "1", "--out", "x.png", "--device", "cpu",
        ],
    );
}

#[test]
fn a_place_that_cannot_be_written_is_told() {
    let folder = with_weights();
    fs::write(folder.path().join("file"), "in the way").unwrap();
    for arguments in [
        vec!["sample", "--steps", "1", "--out", "file/x.png"],
        vec![
            "sample",
            "--steps",
            "1",
            "--balanced",
            "10",
            "--out",
            "file",
        ],
        vec![
            "sample",
            "--steps",
            "1",
            "--balanced",
            "10",
            "--out",
            "file/deeper",
        ],
        vec!["data", "--data", "file"],
    ] {
        let line = refused(folder.path(), &arguments);
        assert!(
            line.contains("choose another path"),
            "{arguments:?}: {line}"
        );
    }
    fs::create_dir(folder.path().join("folder")).unwrap();
    let line = refused(
        folder.path(),
        &["sample", "--steps", "1", "--out", "folder"],
    );
    assert!(line.contains("cannot write folder"), "{line}");
    assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"in the way");
    assert_eq!(files(folder.path()), ["file", "folder", "weights"]);
}

/// What is printed into a full disk or a closed pipe is lost, with a sentence.
#[cfg(target_os = "linux")]
#[test]
fn an_output_that_cannot_be_written_is_told() {
    let folder = with_weights();
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let site = folder.path().join("index.html");
    fs::write(site, "hello").unwrap();
    let command = ["serve", "--port", "0", "--site", "."];
    let output = unnoise()
        .args(command)
        .current_dir(folder.path())
        .stdout(full)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("No space left on device") && !said.contains("panicked at"),
        "{said}"
    );
}

#[test]
fn training_without_data_is_told() {
    let folder = tempdir().unwrap();
    for arguments in [
        vec!["train", "unet"],
        vec!["train", "unet", "--resume"],
        vec!["eval"],
        vec!["eval", "grid"],
    ] {
        let line = refused(folder.path(), &arguments);
        let expected = "train-images-idx3-ubyte is not in data (nor is train-images-idx3-ubyte.gz): \
                        run `unnoise data`, or name its folder with `--data DIR`";
        assert_eq!(line, expected, "{arguments:?}");
    }
    fs::create_dir(folder.path().join("data")).unwrap();
    fs::write(folder.path().join("data/train-images-idx3-ubyte"), [0; 100]).unwrap();
    let line = refused(folder.path(), &["train", "unet"]);
    assert!(
        line.contains("is not MNIST's: its SHA-256 sum is"),
        "{line}"
    );
    assert_eq!(files(folder.path()), ["data"]);

    let line = refused(folder.path(), &["data", "--from", "nowhere"]);
    assert!(line.contains("cannot copy from nowhere"), "{line}");

    for arguments in [
        ["--learning-rate", "0"],
        ["--learning-rate", "NaN"],
        ["--learning-rate", "2"],
    ] {
        let line = refused(
            folder.path(),
            &[&["train", "unet"], &arguments[..]].concat(),
        );
        assert!(
            line.starts_with("--learning-rate must be above 0 and at most 1, not "),
            "{line}"
        );
    }
    for arguments in [
        ["--epochs", "0"],
        ["--batch", "0"],
        ["--batch", "60001"],
        ["--accumulate", "0"],
        ["--checkpoint-every", "-1"],
    ] {
        misused(&[&["train", "unet"], &arguments[..]].concat());
    }
    let line = refused(folder.path(), &["train", "unet", "--pretrained"]);
    assert!(line.contains("weights/manifest.json"), "{line}");
    let line = misused(&["train", "unet", "--pretrained", "--resume"]);
    assert!(line.contains("cannot be used with"), "{line}");
    assert!(misused(&["train", "gpt"]).contains("invalid value 'gpt'"));
    assert!(misused(&["train"]).contains("required"));
}

#[test]
fn export_without_a_run_is_told() {
    let folder = tempdir().unwrap();
    for (arguments, place) in [
        (vec!["export"], "runs"),
        (vec!["export", "unet"], "runs/unet"),
    ] {
        let line = refused(folder.path(), &arguments);
        assert_eq!(
            line,
            format!("there is no training run in {place}: begin one with `unnoise train`")
        );
    }
    fs::create_dir_all(folder.path().join("runs/unet")).unwrap();
    fs::write(
        folder.path().join("runs/unet/checkpoint.safetensors"),
        "nonsense",
    )
    .unwrap();
    let line = refused(folder.path(), &["export"]);
    assert!(line.contains("is no checkpoint of this program"), "{line}");
    assert_eq!(files(folder.path()), ["runs"], "no weights are begun");
}

/// An export must not forget the networks and the figures of a manifest that it cannot read.
#[test]
fn export_leaves_a_manifest_that_it_cannot_read() {
    let folder = tempdir().unwrap();
    let weights = folder.path().join("weights");
    fs::create_dir(&weights).unwrap();
    common::run_of_unet(&folder.path().join("runs/unet"));
    for manifest in ["", "{", r#"{"version":9,"models":{"vae":1}}"#] {
        fs::write(weights.join("manifest.json"), manifest).unwrap();
        let line = refused(folder.path(), &["export"]);
        assert!(line.contains("delete it and export"), "{line}");
        let left = fs::read_to_string(weights.join("manifest.json")).unwrap();
        assert_eq!(left, manifest);
        assert_eq!(files(&weights), ["manifest.json"]);
    }
}

#[test]
fn export_writes_onnx_files() {
    let folder = with_weights();
    let at = folder.path();
    assert_eq!(succeeds(at, &["export", "--onnx"]), "onnx/unet.onnx\n");
    let out = succeeds(at, &["export", "unet", "--onnx=a/b"]);
    assert_eq!(out, "a/b/unet.onnx\n");
    assert_eq!(files(&at.join("a/b")), ["unet.onnx"]);
    let bytes = |file| fs::read(at.join(file)).unwrap();
    assert_eq!(bytes("onnx/unet.onnx"), bytes("a/b/unet.onnx"));

    let line = refused(at, &["export", "vae", "--onnx"]);
    assert!(line.contains("no model \"vae\""), "{line}");
    let line = refused(at, &["export", "--onnx=a/b/unet.onnx"]);
    assert!(line.contains("choose another path"), "{line}");
    let line = misused(&["export", "--onnx", "--runs", "runs"]);
    assert!(line.contains("cannot be used with"), "{line}");
    fs::write(at.join("weights/unet.safetensors"), "nonsense").unwrap();
    let line = refused(at, &["export", "--onnx"]);
    assert!(line.contains("is incomplete"), "{line}");
    assert_eq!(files(&at.join("onnx")), ["unet.onnx"]);
    fs::write(
        at.join("weights/manifest.json"),
        r#"{"version":1,"models":{}}"#,
    )
    .unwrap();
    let line = refused(at, &["export", "--onnx"]);
    assert!(line.contains("there are no weights in weights"), "{line}");
}

#[test]
fn samples_that_are_missing_are_told_before_the_judge_is_trained() {
    let folder = tempdir().unwrap();
    let line = refused(folder.path(), &["eval", "--samples", "made"]);
    assert!(
        line.starts_with("made holds no samples") && line.contains("--balanced 10000"),
        "{line}"
    );
    let made = folder.path().join("made");
    fs::create_dir(&made).unwrap();
    fs::write(made.join("samples-images-idx3-ubyte"), "short").unwrap();
    let line = refused(folder.path(), &["eval", "--samples", "made"]);
    assert!(
        line.contains("samples-images-idx3-ubyte") && !line.contains("unnoise data"),
        "{line}"
    );
}

#[test]
fn options_of_eval_that_contradict_are_told() {
    for arguments in [
        vec!["eval", "--samples", "made", "--record"],
        vec!["eval", "--quick", "--record"],
        vec!["eval", "--samples", "made", "--before"],
        vec!["eval", "--samples", "made", "--count", "500"],
        vec!["eval", "--quick", "--count", "500"],
        vec!["eval", "grid", "--quick", "--count", "500"],
    ] {
        assert!(misused(&arguments).contains("cannot be used with"));
    }
}

#[test]
fn a_grid_of_what_draws_no_digits_as_asked_is_refused() {
    for model in ["text", "noise-level"] {
        let line = refused(Path::new("."), &["eval", "grid", model]);
        assert!(
            line.starts_with(&format!("{model} draws no digits as asked"))
                && line.contains("digits, digits-blind"),
            "{line}"
        );
    }
    assert!(misused(&["eval", "grid", "vae"]).contains("there is no model \"vae\""));
    assert!(misused(&["eval", "grid", "--count", "5"]).contains("5 is not in 100..=10000"));
    assert!(misused(&["eval", "grit"]).contains("there is no model \"grit\""));
}

/// A command that serves, ended with the test.
struct Server {
    child: Child,
    /// Kept, so that what it goes on to say finds someone.
    _out: BufReader<ChildStdout>,
    port: u16,
}

impl Server {
    fn start(site: &Path) -> Self {
        let mut command = unnoise();
        command.args(["serve", "--port", "0", "--site"]).arg(site);
        let (server, line) = Self::of(command);
        let port = server.port;
        assert_eq!(
            line,
            format!("unnoise is at http://127.0.0.1:{port}/ (Ctrl-C stops it)\n")
        );
        server
    }

    /// What serves where its first line says, and that line.
    fn of(mut command: Command) -> (Self, String) {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let port = line
            .split(':')
            .nth(2)
            .and_then(|rest| rest.split('/').next())
            .unwrap()
            .parse()
            .unwrap();
        let server = Self {
            child,
            _out: out,
            port,
        };
        (server, line)
    }

    /// Status, header and body of a path, sent as it stands.
    fn get(&self, path: &str) -> (u16, String, Vec<u8>) {
        self.get_with(path, "")
    }

    /// The same with more lines in the request's header.
    fn get_with(&self, path: &str, more: &str) -> (u16, String, Vec<u8>) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n"
        )
        .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap();
        let head = String::from_utf8(answer[..end].to_vec())
            .unwrap()
            .to_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head, answer[end + 4..].to_vec())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn serve_serves_the_site_and_nothing_else() {
    let folder = tempdir().unwrap();
    let site = folder.path().join("dist");
    fs::create_dir_all(site.join("wasm/cpu")).unwrap();
    fs::write(folder.path().join("secret"), "keep out").unwrap();
    fs::write(site.join("index.html"), "<title>unnoise</title>").unwrap();
    fs::write(site.join("wasm/cpu/unnoise_bg.wasm"), b"\0asm").unwrap();
    fs::write(site.join("unnoise.js"), "export {}").unwrap();
    fs::write(site.join("style.css"), "body {}").unwrap();
    fs::write(site.join("unet.safetensors"), [1, 2, 3]).unwrap();

    let server = Server::start(&site);
    for (path, kind, body) in [
        ("/", "text/html", &b"<title>unnoise</title>"[..]),
        ("/index.html", "text/html", b"<title>unnoise</title>"),
        ("/?backend=cpu", "text/html", b"<title>unnoise</title>"),
        ("/wasm/cpu/unnoise_bg.wasm", "application/wasm", b"\0asm"),
        ("/unnoise.js", "text/javascript", b"export {}"),
        ("/style.css", "text/css", b"body {}"),
        ("/unet.safetensors", "application/octet-stream", &[1, 2, 3]),
    ] {
        let (status, head, answer) = server.get(path);
        assert_eq!(status, 200, "{path}");
        assert!(
            head.contains(&format!("content-type: {kind}")),
            "{path}: {head}"
        );
        assert_eq!(answer, body, "{path}");
    }
    for path in [
        "/missing",
        "/../secret",
        "/wasm/../../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/wasm/%2e%2e%2f%2e%2e%2fsecret",
        "/..\\secret",
        "//etc/passwd",
        "/\0",
        "/%00",
    ] {
        let (status, _, body) = server.get(path);
        assert!((400..500).contains(&status), "{path}: {status}");
        assert!(
            !String::from_utf8_lossy(&body).contains("keep out"),
            "{path}"
        );
    }
    let long = format!("/{}", "a".repeat(300));
    let longer = "/a".repeat(3000);
    for path in [long, longer] {
        assert_eq!(server.get(&path).0, 404, "{} bytes", path.len());
    }
    // It still serves.
    assert_eq!(server.get("/").0, 200);
}

#[test]
fn serve_compresses_and_says_what_lasts() {
    let folder = tempdir().unwrap();
    let site = folder.path();
    let lasting = "unnoise_bg.0123456789abcdef.wasm";
    for (name, text) in [
        ("index.html", "plain"),
        ("index.html.br", "small"),
        (lasting, "plain"),
        ("0123456789abcdef/page.js", "plain"),
        ("alone.js", "plain"),
    ] {
        fs::create_dir_all(site.join(name).parent().unwrap()).unwrap();
        fs::write(site.join(name), text).unwrap();
    }
    let server = Server::start(site);
    let brotli = "Accept-Encoding: gzip, br\r\n";
    let (_, head, body) = server.get_with("/", brotli);
    assert!(head.contains("content-encoding: br"), "{head}");
    assert!(head.contains("vary: accept-encoding"), "{head}");
    assert!(head.contains("content-type: text/html"), "{head}");
    assert_eq!(body, b"small");
    let (_, head, body) = server.get("/");
    assert!(!head.contains("content-encoding"), "{head}");
    assert!(head.contains("vary: accept-encoding"), "{head}");
    assert_eq!(body, b"plain");
    assert_eq!(server.get_with("/alone.js", brotli).2, b"plain");

    let cache = |path: &str| {
        let (_, head, _) = server.get(path);
        let line = head.lines().find(|l| l.starts_with("cache-control"));
        line.unwrap_or_default().to_string()
    };
    assert_eq!(cache("/"), "cache-control: no-cache");
    assert_eq!(cache("/alone.js"), "cache-control: no-cache");
    assert!(cache(&format!("/{lasting}")).contains("immutable"));
    assert!(cache("/0123456789abcdef/page.js").contains("immutable"));
    let gone = cache("/unnoise_bg.fedcba9876543210.wasm");
    assert_eq!(gone, "cache-control: no-cache");
}

#[test]
fn serve_tells_what_it_cannot_do() {
    let folder = tempdir().unwrap();
    let line = refused(folder.path(), &["serve"]);
    assert_eq!(
        line,
        "dist holds no built site (no index.html): run `./build.sh site` first, \
         or name its folder with --site DIR"
    );
    fs::create_dir(folder.path().join("dist")).unwrap();
    fs::write(folder.path().join("dist/index.html"), "hello").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let line = refused(folder.path(), &["serve", "--port", &port]);
    assert!(
        line.starts_with(&format!("port {port} cannot be used (")),
        "{line}"
    );
    assert!(line.ends_with("choose another with --port N"), "{line}");
    assert!(misused(&["serve", "--port", "70000"]).contains("70000 is not in 0..=65535"));
}

/// While it trains, and no longer, a page shows what it writes, and nothing else of its folder.
#[test]
fn a_training_can_be_watched() {
    let folder = tempdir().unwrap();
    for (name, shade) in [("dark", 40), ("light", 200)] {
        let class = folder.path().join("set").join(name);
        fs::create_dir_all(&class).unwrap();
        for i in 0..20 {
            let picture = image::GrayImage::from_pixel(28, 28, image::Luma([shade + i]));
            picture.save(class.join(format!("{i}.png"))).unwrap();
        }
    }
    succeeds(folder.path(), &["data", "--set", "set"]);
    let recipe = "epochs = 100000\nbatch = 4\n[budget]\nchannels = [8, 8, 8]\n";
    fs::write(folder.path().join("r.toml"), recipe).unwrap();
    let mut command = unnoise();
    command
        .args(["train", "unet", "--recipe", "r.toml", "--watch"])
        .current_dir(folder.path());
    let (mut server, line) = Server::of(command);
    let port = server.port;
    assert_eq!(line, format!("to be watched at http://127.0.0.1:{port}/\n"));

    let (status, head, page) = server.get("/");
    let page = String::from_utf8(page).unwrap();
    assert_eq!(status, 200);
    assert!(head.contains("content-type: text/html"), "{head}");
    // It asks nobody else for anything.
    assert!(page.contains("steps.csv") && !page.contains("https://"));
    let start = Instant::now();
    while ["metrics.csv", "steps.csv", "samples-0001.png"]
        .iter()
        .any(|file| server.get(&format!("/{file}")).0 != 200)
    {
        assert!(server.child.try_wait().unwrap().is_none(), "it trains on");
        assert!(start.elapsed() < Duration::from_secs(120));
        thread::sleep(Duration::from_millis(50));
    }
    let of_epochs = server.get("/metrics.csv").2;
    assert!(of_epochs.starts_with(b"epoch,step,"));
    let about: serde_json::Value = serde_json::from_slice(&server.get("/run.json").2).unwrap();
    assert_eq!(about["recipe"]["batch"], 4);
    assert_eq!(about["network"], "unet");
    for hidden in ["/checkpoint.safetensors", "/../../set.json", "/nothing.csv"] {
        assert_eq!(server.get(hidden).0, 404, "{hidden}");
    }
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());

    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let other = [
        "train", "unet", "--runs", "other", "--watch", "--port", &port,
    ];
    let line = refused(folder.path(), &other);
    assert!(line.contains("choose another with --port N"), "{line}");
    assert!(misused(&["train", "unet", "--port", "8080"]).contains("--watch"));
}
