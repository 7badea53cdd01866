//! Pictures of one's own: from a folder of drawn shapes to weights, samples and their judges, and what is refused on the
//! way.
#![cfg(all(feature = "native", feature = "flex"))]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use image::{GrayImage, Luma, Rgba, RgbaImage};
use serde_json::Value;
use tempfile::{TempDir, tempdir};
use unnoise::native::{
    data::{DataSet, Split},
    idx, picture,
};

const SHAPES: [&str; 3] = ["circle", "cross", "triangle"];

/// Of each class.
const EACH: usize = 20;

/// Ink of a shape at a point, x and y from -1 to 1.
fn ink(shape: &str, [x, y]: [f32; 2]) -> bool {
    match shape {
        "circle" => (x.hypot(y) - 0.6).abs() < 0.15,
        "cross" => (x - y).abs().min((x + y).abs()) < 0.15 && x.abs() < 0.75,
        _ => {
            let inside = |size: f32| y < 0.6 * size && y > 2.0 * x.abs() - 0.8 * size;
            inside(1.0) && !inside(0.55)
        }
    }
}

/// Picture `i` of a shape, a little moved: light on dark, or dark on light paper.
fn drawn(shape: &str, i: usize, [width, height]: [u32; 2], dark: bool) -> GrayImage {
    let moved = [i % 5, i / 5 % 4].map(|v| v as f32 * 0.05 - 0.1);
    let longer = width.max(height) as f32 / 2.0;
    GrayImage::from_fn(width, height, |x, y| {
        let x = (x as f32 + 0.5 - width as f32 / 2.0) / longer - moved[0];
        let y = (y as f32 + 0.5 - height as f32 / 2.0) / longer - moved[1];
        Luma([if ink(shape, [x, y]) != dark { 250 } else { 5 }])
    })
}

/// A folder of class folders in `root`, PNG and JPEG in turn.
fn draw(root: &Path, count: usize, dark: bool) {
    for shape in SHAPES {
        let folder = root.join(shape);
        fs::create_dir_all(&folder).unwrap();
        for i in 0..count {
            let name = format!("{i}.{}", if i % 2 == 0 { "png" } else { "jpg" });
            drawn(shape, i, [40, 40], dark)
                .save(folder.join(name))
                .unwrap();
        }
        fs::write(folder.join(".hidden"), "no picture").unwrap();
    }
}

fn unnoise(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_unnoise"))
        .env_remove("RUST_BACKTRACE")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let output = unnoise(folder, arguments);
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        text(&output.stderr)
    );
    text(&output.stdout)
}

/// The one line with which a command is refused.
fn refused(folder: &Path, arguments: &[&str]) -> String {
    let output = unnoise(folder, arguments);
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {err}");
    let line = err
        .strip_prefix("unnoise: ")
        .unwrap_or_else(|| panic!("{err}"));
    assert_eq!(line.trim_end().lines().count(), 1, "{line}");
    line.trim_end().into()
}

const RECIPE: &str = r#"
network = "unet"
data = "set"
epochs = 2
batch = 18
learning_rate = 4e-3
warmup = 2

[budget]
channels = [8, 8, 8]
embedding = 16
noise_features = 8
"#;

/// The whole way, with few steps, of pictures that are dark on light paper and 32 pixels wide.
#[test]
fn drawn_shapes_become_weights_that_draw_by_name() {
    let folder = tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    draw(&at("shapes"), EACH, true);
    let data = [
        "data", "--set", "shapes", "--data", "set", "--size", "32", "--invert",
    ];
    let out = succeeds(folder.path(), &data);
    assert!(
        out.ends_with("shapes: 54 pictures to train on and 6 held out, of 32x32 pixels, of 3 classes: circle, cross, triangle\n"),
        "{out}"
    );
    // The same once more: nothing is written.
    let again = succeeds(folder.path(), &data);
    assert_eq!(again.matches("already there").count(), 4, "{again}");

    fs::write(at("recipe.toml"), RECIPE).unwrap();
    let train = [
        "train",
        "--recipe",
        "recipe.toml",
        "--epochs",
        "3",
        "--seed",
        "5",
    ];
    succeeds(folder.path(), &train);
    // A column for each class, eight rows of seeds.
    let shown = picture::read(&at("runs/unet/samples-0003.png")).unwrap();
    assert_eq!((shown.width, shown.height), (2 + 3 * 34, 2 + 8 * 34));
    let resumed = [&train[..], &["--resume"]].concat();
    succeeds(folder.path(), &resumed);
    succeeds(folder.path(), &["export"]);
    let manifest = fs::read_to_string(at("weights/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let entry = &manifest["models"]["unet"];
    assert_eq!(entry["classes"], serde_json::json!(SHAPES));
    assert_eq!(
        (&entry["config"]["size"], &entry["config"]["classes"]),
        (&32.into(), &3.into())
    );
    let training = &entry["training"];
    assert_eq!(training["data"], "shapes, 54 training pictures");
    let recipe = &training["recipe"];
    assert_eq!(
        [
            &recipe["epochs"],
            &recipe["batch"],
            &recipe["seed"],
            &recipe["warmup"]
        ],
        [3, 18, 5, 2].map(Value::from).each_ref()
    );
    assert_eq!(recipe["budget"]["channels"], serde_json::json!([8, 8, 8]));

    // By name, or by number, or as what is to be avoided.
    let sample = |arguments: &[&str]| {
        let usual = ["sample", "--steps", "3", "--out", "a.png"];
        succeeds(folder.path(), &[&usual, arguments].concat());
        picture::read(&at("a.png")).unwrap()
    };
    let cross = sample(&["--class", "cross"]);
    assert_eq!((cross.width, cross.height), (36, 36));
    assert_eq!(cross, sample(&["--digit", "1"]));
    assert_ne!(cross, sample(&["--class", "circle"]));
    let away = ["--guidance", "3", "--class", "cross", "--negative"];
    assert_eq!(
        sample(&[&away[..], &["circle"]].concat()),
        sample(&[&away[..], &["0"]].concat())
    );
    let pair = ["sample", "--balanced", "7", "--steps", "2", "--out", "pair"];
    succeeds(folder.path(), &pair);
    let images = idx::read_images(&at("pair/samples-images-idx3-ubyte")).unwrap();
    let labels = idx::read_labels(&at("pair/samples-labels-idx1-ubyte")).unwrap();
    assert_eq!((images.width, labels), (32, vec![0, 1, 2, 0, 1, 2, 0]));
    for (arguments, says) in [
        (
            vec!["--class", "square"],
            "there is no class \"square\": choose one of circle, cross, triangle",
        ),
        (vec!["--class", "3"], "there is no class \"3\""),
        (vec!["--negative", "square"], "there is no class \"square\""),
        (
            vec!["--class", "cross", "--negative", "1"],
            "the class cross cannot be both asked for and the negative",
        ),
    ] {
        let arguments = [&["sample", "--out", "no.png"], &arguments[..]].concat();
        let line = refused(folder.path(), &arguments);
        assert!(line.starts_with(says), "{line}");
    }

    // The judges learn from the same pictures.
    let eval = [
        "eval",
        "--data",
        "set",
        "--count",
        "100",
        "--json",
        "eval.json",
    ];
    let out = succeeds(folder.path(), &eval);
    assert!(
        out.contains("class asked for = class seen") && out.contains("triangle"),
        "{out}"
    );
    let json: Value = serde_json::from_str(&fs::read_to_string(at("eval.json")).unwrap()).unwrap();
    let judged = &json["digits"]["afterQuantisation"]["lenet"];
    assert_eq!(judged["classes"], serde_json::json!(SHAPES));
    assert_eq!(judged["perClass"].as_array().map(Vec::len), Some(3));
    for judge in ["lenet", "resnet"] {
        assert!(at(&format!("runs/{judge}-shapes")).is_dir(), "{judge}");
        let seen = &json["digits"]["afterQuantisation"][judge]["classifierAccuracy"];
        assert!(
            seen.as_f64() > Some(0.8),
            "{judge} reads {seen} of the held-out shapes"
        );
    }

    for (arguments, says) in [
        (
            vec!["train", "vae", "--data", "set"],
            "vae learns from scenes with digits in them",
        ),
        (
            vec!["eval", "vae", "--data", "set"],
            "vae is measured by digits",
        ),
        (
            vec!["export", "--digits"],
            "training in the page learns digits as MNIST's",
        ),
        (
            vec!["train", "scorer", "--recipe", "recipe.toml"],
            "the budget of scorer is not possible: strides must have a number for each of channels",
        ),
        (
            vec!["train", "unet", "--data", "set", "--resume"],
            "runs/unet/checkpoint.safetensors belongs to a run with other settings",
        ),
        (
            vec!["data", "--data", "set"],
            "set holds shapes already: name another folder for MNIST",
        ),
    ] {
        let line = refused(folder.path(), &arguments);
        assert!(line.starts_with(says), "{line}");
    }
}

/// What learned from one set is not measured by another.
#[test]
fn every_network_of_one_channel_learns_from_shapes() {
    let folder = tempdir().unwrap();
    draw(&folder.path().join("shapes"), 4, false);
    succeeds(folder.path(), &["data", "--set", "shapes", "--size", "32"]);
    let recipe = "epochs = 1\nbatch = 4\nwarmup = 1\n[budget]\n";
    for (network, budget) in [
        ("unet-blind", "channels = [8, 8, 8]"),
        ("scorer", "channels = [4, 8]\nstrides = [2, 2]"),
        ("noise-level", "channels = [4, 8]\nstrides = [2, 2]"),
    ] {
        fs::write(folder.path().join("r.toml"), format!("{recipe}{budget}")).unwrap();
        succeeds(folder.path(), &["train", network, "--recipe", "r.toml"]);
    }
    succeeds(folder.path(), &["export"]);
    for (model, more) in [
        ("digits-blind", ["--class", "cross"]),
        ("scorer", ["--class", "cross"]),
        ("noise-level", ["--count", "1"]),
    ] {
        let sample = ["sample", "--model", model, "--steps", "2", "--out", "a.png"];
        succeeds(folder.path(), &[&sample[..], &more].concat());
        let drawn = picture::read(&folder.path().join("a.png")).unwrap();
        assert_eq!((drawn.width, drawn.height), (36, 36), "{model}");
    }
    draw(&folder.path().join("others"), 4, false);
    fs::rename(
        folder.path().join("others/cross"),
        folder.path().join("others/star"),
    )
    .unwrap();
    succeeds(
        folder.path(),
        &["data", "--set", "others", "--size", "32", "--data", "o"],
    );
    let line = refused(folder.path(), &["eval", "scorer", "--data", "o"]);
    assert_eq!(
        line,
        "the weights of scorer have not learned from others: 3 classes (circle, star, triangle) of 32x32 pixels there, \
         3 classes (circle, cross, triangle) of 32x32 pixels here"
    );
}

/// What is at its place in a set: the picture as it was drawn.
#[test]
fn a_folder_becomes_a_set_like_mnists() {
    let folder = tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // Numbers count as numbers; a picture that is wider than high, in colour, transparent, keeps its shape.
    for class in ["10", "9"] {
        fs::create_dir_all(at("mine").join(class)).unwrap();
        for i in 0..3 {
            let wide = RgbaImage::from_fn(56, 28, |x, _| match x {
                0..28 => Rgba([200, 200, 200, 255]),
                _ => Rgba([0, 0, 0, 0]),
            });
            wide.save(at("mine").join(class).join(format!("{i}.png")))
                .unwrap();
        }
    }
    let output = unnoise(folder.path(), &["data", "--set", "mine"]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(out.contains("of 2 classes: 9, 10"), "{out}{err}");
    let train = DataSet::load(&at("data"), Split::Train).unwrap();
    let test = DataSet::load(&at("data"), Split::Test).unwrap();
    assert_eq!((train.len(), test.len()), (4, 2));
    let pixel = |x: usize, y: usize| train.image(0)[y * 28 + x];
    assert_eq!(
        [pixel(3, 14), pixel(24, 14), pixel(3, 3), pixel(24, 24)],
        [200, 255, 0, 0]
    );

    // Given halves are kept as they are, and what is light at its edges is remarked upon.
    draw(&at("halves/train"), 3, true);
    draw(&at("halves/test"), 2, true);
    let output = unnoise(folder.path(), &["data", "--set", "halves", "--data", "h"]);
    let err = text(&output.stderr);
    assert!(err.contains("give --invert"), "{err}");
    assert_eq!(DataSet::load(&at("h"), Split::Train).unwrap().len(), 9);
    assert_eq!(DataSet::load(&at("h"), Split::Test).unwrap().len(), 6);

    // Files in MNIST's format, with names.
    fs::create_dir(at("pair")).unwrap();
    for (part, count) in [("train", 4), ("t10k", 2)] {
        let images = idx::image_bytes(&vec![7; count * 28 * 28], 28, 28);
        let labels: Vec<u8> = (0..count).map(|i| (i % 2) as u8).collect();
        fs::write(at("pair").join(format!("{part}-images-idx3-ubyte")), images).unwrap();
        fs::write(
            at("pair").join(format!("{part}-labels-idx1-ubyte")),
            idx::label_bytes(&labels),
        )
        .unwrap();
    }
    succeeds(folder.path(), &["data", "--set", "pair", "--data", "p"]);
    fs::write(at("pair/classes.txt"), "no\nyes\n").unwrap();
    let out = succeeds(
        folder.path(),
        &["data", "--set", "pair", "--data", "p", "--invert"],
    );
    assert!(out.contains("of 2 classes: no, yes"), "{out}");
    assert_eq!(
        DataSet::load(&at("p"), Split::Train).unwrap().images[0],
        248
    );
    let line = refused(
        folder.path(),
        &["data", "--set", "pair", "--data", "q", "--size", "32"],
    );
    assert!(line.contains("leave out --size"), "{line}");

    // An altered file is not taken for what it was.
    let path = at("p/train-images-idx3-ubyte");
    let mut bytes = fs::read(&path).unwrap();
    bytes[99] ^= 1;
    fs::write(&path, bytes).unwrap();
    let line = refused(folder.path(), &["train", "unet", "--data", "p"]);
    assert!(line.contains("is not pair's: its SHA-256 sum is"), "{line}");
    fs::write(at("p/set.json"), "{}").unwrap();
    let line = refused(folder.path(), &["train", "unet", "--data", "p"]);
    assert!(
        line.starts_with("p/set.json does not say what is in its folder"),
        "{line}"
    );
}

/// A folder of shapes, changed by `change`.
fn shapes(change: impl Fn(&Path)) -> TempDir {
    let folder = tempdir().unwrap();
    draw(&folder.path().join("shapes"), 2, false);
    change(&folder.path().join("shapes"));
    folder
}

#[test]
fn folders_that_cannot_be_learned_from_are_told() {
    type Change<'a> = &'a dyn Fn(&Path);
    let empty = |root: &Path| {
        fs::remove_dir_all(root).unwrap();
        fs::create_dir(root).unwrap();
    };
    let cases: [(Change, &str); 7] = [
        (
            &empty,
            "shapes holds neither a folder of pictures for each class nor files in MNIST's format",
        ),
        (
            &|root| fs::create_dir(root.join("star")).unwrap(),
            "shapes/star holds no picture",
        ),
        (
            &|root| fs::remove_file(root.join("cross/1.jpg")).unwrap(),
            "shapes/cross holds 1 picture, and a class needs 2",
        ),
        (
            &|root| fs::write(root.join("cross/notes.txt"), "hello").unwrap(),
            "shapes/cross/notes.txt is no PNG or JPEG picture",
        ),
        (
            &|root| {
                let bytes = fs::read(root.join("cross/0.png")).unwrap();
                fs::write(root.join("cross/0.png"), &bytes[..bytes.len() / 2]).unwrap();
            },
            "shapes/cross/0.png cannot be read as a PNG or JPEG picture",
        ),
        (
            &|root| fs::create_dir(root.join("cross/more")).unwrap(),
            "shapes/cross/more is a folder",
        ),
        (
            &|root| (0..62).for_each(|i| fs::create_dir(root.join(i.to_string())).unwrap()),
            "shapes holds 65 classes, and at most 64 can be learned",
        ),
    ];
    for (change, says) in cases {
        let folder = shapes(change);
        let line = refused(folder.path(), &["data", "--set", "shapes", "--data", "set"]);
        assert!(line.starts_with(says), "{line}");
        assert!(!folder.path().join("set").exists(), "{line}");
    }
    let folder = shapes(|_| ());
    for (arguments, says) in [
        (
            vec!["--set", "letters"],
            "there is no set \"letters\": choose one of mnist, fashion, kmnist, emnist-digits, emnist-letters, or name a folder",
        ),
        (
            vec!["--set", "shapes", "--size", "30"],
            "pictures must be 28 or 32 pixels wide and high, not 30",
        ),
        (
            vec!["--set", "shapes", "--from", "shapes"],
            "--from is for a public set",
        ),
        (
            vec!["--set", "kmnist", "--invert"],
            "--size, --invert and --seed are for a folder of pictures",
        ),
    ] {
        let line = refused(folder.path(), &[&["data"], &arguments[..]].concat());
        assert!(line.starts_with(says), "{line}");
    }
}

#[test]
fn a_recipe_that_means_nothing_is_told() {
    let folder = tempdir().unwrap();
    for (recipe, says) in [
        (
            "network = \"unet\"\nepoch = 3\n",
            "recipe.toml is no recipe: unknown field `epoch`, expected one of",
        ),
        (
            "network = \"cat\"\n",
            "recipe.toml is no recipe: unknown variant `cat`",
        ),
        (
            "network = \"unet\"\nepochs = \"many\"\n",
            "recipe.toml is no recipe: invalid type: string \"many\", expected u64 (line 2, column 10)",
        ),
        ("network = \n", "recipe.toml is no recipe: "),
        (
            "network = \"unet\"\nepochs = 0\n",
            "epochs must be 1 or more, not 0",
        ),
        (
            "network = \"unet\"\nbatch = 0\n",
            "batch must be 1 to 60000, not 0",
        ),
        (
            "network = \"unet\"\naccumulate = 0\n",
            "accumulate must be 1 or more, and with the batch no more than 60000 samples a step, not 0",
        ),
        (
            "network = \"clip\"\naccumulate = 2\n",
            "clip compares all pictures of a step with one another: leave out --accumulate",
        ),
        (
            "network = \"unet\"\nlearning_rate = 3.0\n",
            "--learning-rate must be above 0 and at most 1, not 3",
        ),
        (
            "epochs = 3\n",
            "say what to train: a network, or a --recipe that names one",
        ),
    ] {
        fs::write(folder.path().join("recipe.toml"), recipe).unwrap();
        let line = refused(folder.path(), &["train", "--recipe", "recipe.toml"]);
        assert!(line.starts_with(says), "{line}");
    }
    draw(&folder.path().join("shapes"), 2, false);
    succeeds(folder.path(), &["data", "--set", "shapes"]);
    for (network, budget, says) in [
        (
            "unet",
            "chanels = [8]",
            "the budget of unet has no \"chanels\": it has blocks, channels, embedding, heads, noise_features",
        ),
        (
            "unet",
            "channels = \"wide\"",
            "the budget of unet cannot be read: invalid type: string \"wide\"",
        ),
        (
            "unet",
            "channels = [8, 8]",
            "the budget of unet is not possible: blocks must have a number for each of channels",
        ),
        ("unet", "size = 32", "the budget cannot have \"size\""),
        (
            "unet-blind",
            "noise_features = 8",
            "the budget cannot have \"noise_features\"",
        ),
    ] {
        fs::write(
            folder.path().join("recipe.toml"),
            format!("[budget]\n{budget}\n"),
        )
        .unwrap();
        let line = refused(
            folder.path(),
            &["train", network, "--recipe", "recipe.toml"],
        );
        assert!(line.starts_with(says), "{line}");
    }
}
