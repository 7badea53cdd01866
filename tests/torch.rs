//! Networks as PyTorch's state dicts: what such a file holds, the way back, what is refused on it; and PyTorch's own answers
//! with the shipped weights, which are ours.
#![cfg(all(feature = "native", feature = "flex"))]

mod common;

use std::{
    collections::HashMap,
    fs,
    path::Path,
    process::{Command, Output},
};

use burn::tensor::{Device, Tensor, TensorData};
use common::{encoded, export, run_of_unet, tiny_clip, tiny_digits, tiny_latents, tiny_vae, write};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::Value;
use tempfile::{TempDir, tempdir};
use unnoise::{
    classes::Classes,
    denoiser::Cond,
    library::{Generator, Network},
    model::{noise_level::NoiseLevelConfig, scorer::ScorerConfig, unet::UnetConfig},
    native::{
        store::{self, Checkpoint, Trained},
        torch::{self, TorchError},
    },
    weights::{self, Source},
};

fn unnoise(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_unnoise"))
        .env_remove("RUST_BACKTRACE")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let output = unnoise(folder, arguments);
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?}: {err}");
    String::from_utf8(output.stdout).unwrap()
}

/// The one line with which a command is refused.
fn refused(folder: &Path, arguments: &[&str]) -> String {
    let output = unnoise(folder, arguments);
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {err}");
    let line = err.strip_prefix("unnoise: ").unwrap_or(&err).trim_end();
    assert_eq!(line.lines().count(), 1, "{line}");
    line.into()
}

/// A state dict: shape, type and bytes by name, and what its metadata says.
#[derive(Clone)]
struct Dict {
    tensors: HashMap<String, (Vec<usize>, Dtype, Vec<u8>)>,
    metadata: HashMap<String, String>,
}

impl Dict {
    fn read(file: &Path) -> Self {
        let bytes = fs::read(file).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let tensors = file.iter().map(|(name, view)| {
            let parts = (view.shape().to_vec(), view.dtype(), view.data().to_vec());
            (name.to_string(), parts)
        });
        Self {
            tensors: tensors.collect(),
            metadata: header.metadata().clone().unwrap(),
        }
    }

    fn write(&self, file: &Path) {
        let tensors = self.tensors.iter().map(|(name, (shape, dtype, bytes))| {
            let view = TensorView::new(*dtype, shape.clone(), bytes).unwrap();
            (name, view)
        });
        let bytes = safetensors::serialize(tensors, Some(self.metadata.clone())).unwrap();
        fs::write(file, bytes).unwrap();
    }

    fn shape(&self, name: &str) -> &[usize] {
        &self.tensors[name].0
    }

    fn values(&self, name: &str) -> Vec<f32> {
        let numbers = self.tensors[name].2.as_chunks().0.iter();
        numbers.map(|&four| f32::from_le_bytes(four)).collect()
    }

    /// The same with 16 bits a number, the upper ones of each.
    fn into_bfloat16(mut self) -> Self {
        for (_, dtype, bytes) in self.tensors.values_mut() {
            *dtype = Dtype::BF16;
            *bytes = bytes
                .as_chunks()
                .0
                .iter()
                .flat_map(|&[_, _, c, d]| [c, d])
                .collect();
        }
        self
    }
}

/// A folder with exported weights of a small U-Net in `weights`, and their state dict.
fn with_dict() -> (TempDir, Dict) {
    let folder = tempdir().unwrap();
    let weights = folder.path().join("weights");
    fs::create_dir(&weights).unwrap();
    export(&weights, &tiny_digits(), 1, &Device::flex());
    let out = succeeds(folder.path(), &["export", "--float"]);
    assert_eq!(out, "float/unet.safetensors\n");
    let dict = Dict::read(&folder.path().join(out.trim_end()));
    (folder, dict)
}

#[test]
fn a_state_dict_has_the_names_and_layouts_of_pytorch() {
    let (folder, dict) = with_dict();
    assert!(
        dict.tensors
            .values()
            .all(|(_, dtype, _)| *dtype == Dtype::F32)
    );
    assert_eq!(dict.shape("head.weight"), [1, 8, 3, 3]);
    assert_eq!(dict.shape("noise.weight"), [16, 8]);
    assert_eq!(dict.shape("down.0.blocks.0.norm1.weight"), [8]);
    assert_eq!(dict.shape("attention.norm.bias"), [8]);
    assert_eq!(dict.metadata["network"], "unet");
    let config: UnetConfig = serde_json::from_str(&dict.metadata["config"]).unwrap();
    assert_eq!(config, tiny_digits());
    assert!(!dict.metadata.contains_key("classes"));

    let at = folder.path().join("weights");
    let exported = store::Exported::read(&at, Network::Unet).unwrap();
    let source = weights::WeightsFile {
        entry: &exported.entry,
        bytes: &exported.bytes,
    };
    let (network, _) = source.open::<UnetConfig>(&Device::flex()).unwrap();
    let named = weights::named(network).unwrap();
    assert_eq!(dict.tensors.len(), named.len());
    assert_eq!(dict.values("stem.weight"), named["stem.weight"].values);
    assert_eq!(dict.values("norm.weight"), named["norm.gamma"].values);
    let linear = &named["noise.weight"];
    let theirs = dict.values("noise.weight");
    for input in 0..8 {
        for output in 0..16 {
            assert_eq!(
                theirs[output * 8 + input],
                linear.values[input * 16 + output]
            );
        }
    }
}

#[test]
fn a_run_is_written_as_it_is_before_quantisation() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("elsewhere/unet");
    run_of_unet(&run);
    let out = succeeds(
        folder.path(),
        &["export", "--float=f", "--runs", "elsewhere"],
    );
    assert_eq!(out, "f/unet.safetensors\n");
    let checkpoint = Checkpoint::open(&run).unwrap();
    let source = Trained(&checkpoint, Network::Unet);
    let (network, _) = source.open::<UnetConfig>(&Device::flex()).unwrap();
    let dict = Dict::read(&folder.path().join("f/unet.safetensors"));
    let stem = &weights::named(network).unwrap()["stem.weight"];
    assert_eq!(dict.values("stem.weight"), stem.values);

    let line = refused(folder.path(), &["export", "--float", "--runs", "none"]);
    assert!(line.contains("no training run in none"), "{line}");
}

/// Every network that can go there comes back.
#[test]
fn what_is_exported_comes_back() {
    let folder = tempdir().unwrap();
    let (weights, float, back) = (
        folder.path().join("weights"),
        folder.path().join("float"),
        folder.path().join("back"),
    );
    fs::create_dir(&weights).unwrap();
    let device = Device::flex();
    let names = ["cross", "circle", "dot"];
    let classes = Classes::new(names).unwrap();
    let blind = tiny_digits().with_noise_features(0).with_classes(3);
    let (mut entry, bytes) = encoded("unet-blind", &blind, 2, &device);
    entry.classes = Some(classes.clone());
    let networks = [
        ("unet", encoded("unet", &tiny_digits(), 1, &device)),
        ("unet-blind", (entry, bytes)),
        ("text", encoded("text", &tiny_latents(8), 3, &device)),
        ("vae", encoded("vae", &tiny_vae(), 4, &device)),
        (
            "noise-level",
            encoded("noise-level", &NoiseLevelConfig::new(), 5, &device),
        ),
        (
            "scorer",
            encoded("scorer", &ScorerConfig::new(), 6, &device),
        ),
        ("clip", encoded("clip", &tiny_clip(), 7, &device)),
    ];
    write(&weights, networks);
    for network in Network::ALL
        .into_iter()
        .filter(|n| torch::has_state_dict(*n))
    {
        let file = torch::write_exported(network, &weights, &float).unwrap();
        let entry = torch::import(&file, None, &back).unwrap();
        let sum = weights::sha256(&fs::read(&file).unwrap());
        assert_eq!(entry.training["imported"]["sha256"], sum);
        assert_eq!(entry.training["imported"]["file"], entry.file);
        assert_eq!(entry.quality, Value::Null);
        assert_eq!(
            entry.classes,
            (network == Network::UnetBlind).then(|| classes.clone())
        );
        // Once more: what is quantised again loses nothing but a scale's last bit.
        let again = torch::write_exported(network, &back, &folder.path().join("again")).unwrap();
        let (first, again) = (Dict::read(&file), Dict::read(&again));
        assert_eq!(first.metadata, again.metadata);
        assert_eq!(first.tensors.len(), again.tensors.len());
        for name in first.tensors.keys() {
            assert_eq!(first.shape(name), again.shape(name), "{network}: {name}");
            for (a, b) in first.values(name).iter().zip(again.values(name)) {
                assert!(
                    (a - b).abs() <= 2e-7 * a.abs(),
                    "{network}: {name}: {a}, {b}"
                );
            }
        }
    }
    assert_eq!(store::manifest(&back).unwrap().models.len(), 6);
    let clip = torch::write_exported(Network::Clip, &weights, &float);
    assert!(matches!(clip, Err(TorchError::Clip)));
}

#[test]
fn half_as_many_bits_are_taken_and_draw() {
    let (folder, dict) = with_dict();
    let at = folder.path();
    let mut dict = dict.into_bfloat16();
    let (_, dtype, bytes) = dict.tensors.get_mut("norm.weight").unwrap();
    // Ones, as float16.
    (*dtype, *bytes) = (Dtype::F16, [0x00, 0x3c].repeat(8));
    dict.write(&at.join("half.safetensors"));
    let out = succeeds(at, &["import", "half.safetensors", "--weights", "half"]);
    assert!(out.starts_with("half/unet.safetensors: "), "{out}");
    succeeds(at, &["export", "--float=back", "--weights", "half"]);
    let back = Dict::read(&at.join("back/unet.safetensors"));
    assert_eq!(back.values("norm.weight"), [1.0; 8]);
    let sample = [
        "sample",
        "--digit",
        "3",
        "--steps",
        "2",
        "--weights",
        "half",
        "--out",
        "a.png",
    ];
    succeeds(at, &sample);
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_written() {
    let (folder, dict) = with_dict();
    let at = folder.path();
    let before = fs::read(at.join("weights/manifest.json")).unwrap();
    let file = at.join("wrong.safetensors");
    type Change = fn(&mut Dict);
    let wrong: [(Change, &str); 14] = [
        (
            |d| drop(d.tensors.remove("stem.bias")),
            "as unet of its configuration it lacks stem.bias",
        ),
        (
            |d| {
                for kind in ["weight", "bias"] {
                    let tensor = d.tensors.remove(&format!("stem.{kind}")).unwrap();
                    d.tensors.insert(format!("conv_in.{kind}"), tensor);
                }
            },
            "it lacks stem.bias and 1 more, and it should not have conv_in.bias and 1 more",
        ),
        (
            |d| d.tensors.get_mut("noise.weight").unwrap().0 = vec![8, 16],
            "noise.weight is [8, 16] instead of [16, 8]",
        ),
        (
            |d| d.tensors.get_mut("head.weight").unwrap().0 = vec![8, 1, 3, 3],
            "head.weight is [8, 1, 3, 3] instead of [1, 8, 3, 3]",
        ),
        (
            |d| {
                let (_, _, bytes) = d.tensors.get_mut("norm.weight").unwrap();
                bytes[..4].copy_from_slice(&f32::NAN.to_le_bytes());
            },
            "norm.weight has a value that is not a number",
        ),
        (
            |d| {
                let (_, dtype, bytes) = d.tensors.get_mut("norm.weight").unwrap();
                (*dtype, *bytes) = (Dtype::F64, bytes.repeat(2));
            },
            "norm.weight is of type F64: save it as float32",
        ),
        (
            |d| drop(d.metadata.remove("network")),
            "it does not say which network it is: name it with --network",
        ),
        (
            |d| drop(d.metadata.insert("network".into(), "unett".into())),
            "the \"network\" of its metadata is none",
        ),
        (
            |d| drop(d.metadata.insert("network".into(), "clip".into())),
            "clip has no state dict",
        ),
        (
            |d| drop(d.metadata.remove("config")),
            "its metadata has no \"config\"",
        ),
        (
            |d| drop(d.metadata.insert("config".into(), "{".into())),
            "the \"config\" of its metadata is none",
        ),
        (
            |d| drop(d.metadata.insert("config".into(), "{}".into())),
            "its configuration cannot be read",
        ),
        (
            |d| {
                let config = &d.metadata["config"];
                let none = config.replace("\"heads\":4", "\"heads\":0");
                d.metadata.insert("config".into(), none);
            },
            "its configuration is not possible",
        ),
        (
            |d| drop(d.metadata.insert("classes".into(), r#"["a","b"]"#.into())),
            "classes",
        ),
    ];
    for (change, sentence) in wrong {
        let mut dict = dict.clone();
        change(&mut dict);
        dict.write(&file);
        let line = refused(at, &["import", "wrong.safetensors"]);
        assert!(line.contains(sentence), "{sentence}: {line}");
    }

    dict.write(&file);
    let line = refused(at, &["import", "wrong.safetensors", "--network", "scorer"]);
    assert!(
        line.contains("it says that it is unet, not scorer"),
        "{line}"
    );
    fs::write(&file, "nonsense").unwrap();
    let line = refused(at, &["import", "wrong.safetensors"]);
    assert!(line.contains("it is no safetensors file"), "{line}");
    let line = refused(at, &["import", "none.safetensors"]);
    assert!(line.contains("it does not exist"), "{line}");
    assert_eq!(fs::read(at.join("weights/manifest.json")).unwrap(), before);

    // A manifest that cannot be read is not replaced.
    fs::write(at.join("weights/manifest.json"), "{").unwrap();
    let line = refused(at, &["import", "float/unet.safetensors"]);
    assert!(line.contains("delete it and export"), "{line}");
    assert_eq!(fs::read(at.join("weights/manifest.json")).unwrap(), b"{");

    // The network is named where the file does not say it.
    let mut dict = dict;
    dict.metadata.remove("network");
    dict.write(&file);
    let named = [
        "import",
        "wrong.safetensors",
        "--network",
        "unet",
        "--weights",
        "new",
    ];
    succeeds(at, &named);
}

/// tests/golden/pytorch.py has asked examples/twin.py, with the shipped weights.
#[test]
fn pytorch_gives_the_same_answers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let golden: Value = serde_json::from_str(include_str!("golden/pytorch.json")).unwrap();
    let numbers = |value: &Value| -> Vec<f64> {
        let numbers = value.as_array().unwrap().iter();
        numbers.map(|number| number.as_f64().unwrap()).collect()
    };
    let device = Device::flex();
    for generator in [Generator::Digits, Generator::DigitsBlind] {
        let networks = generator.networks();
        let library = store::exported(&root.join("weights"), networks, &device).unwrap();
        let denoiser = library.denoiser(generator).unwrap();
        for case in golden[networks[0].name()].as_array().unwrap() {
            let sigma = case["sigma"].as_f64().unwrap();
            let x: Vec<f32> = (0..28 * 28)
                .map(|i| (sigma * f64::from(i).sin()) as f32)
                .collect();
            let x = Tensor::<4>::from_data(TensorData::new(x, [1, 1, 28, 28]), &device);
            let class = case["class"].as_u64().unwrap() as u8;
            let cond = Cond::digits([(class < 10).then_some(class)]);
            let ours = denoiser.denoise(x, &[sigma], &cond).into_data();
            let ours: Vec<f64> = ours.iter::<f64>().step_by(5).collect();
            let theirs = numbers(&case["denoised"]);
            assert_eq!(theirs.len(), ours.len());
            let apart = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs());
            let apart = apart.fold(0.0, f64::max);
            assert!(apart < 1e-5, "{generator}, sigma {sigma}: {apart}");
        }
    }
}
