//! Weights as files: the round trip, other people's readers, and every kind of damage.
#![cfg(all(feature = "native", feature = "flex"))]

mod common;

use burn::{module::Module, tensor::Device};
use common::{bits, encoded, numbers, tiny};
use proptest::prelude::*;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::{Value, json};
use unnoise::{
    model::unet::UnetConfig,
    nn::ModelConfig,
    sampler::SamplerKind,
    weights::{self, BLOCK, Distances, Entry, Fit, FitTable, Manifest, VERSION, WeightsError},
};

/// Makes `entry` agree with other bytes, as whoever made both would.
fn resealed(entry: &Entry, bytes: &[u8]) -> Entry {
    Entry {
        bytes: bytes.len() as u64,
        sha256: weights::sha256(bytes),
        ..entry.clone()
    }
}

fn load(entry: &Entry, bytes: &[u8]) -> Result<(), WeightsError> {
    entry.load(tiny().init(&Device::flex()), bytes).map(|_| ())
}

/// The reason for which a file, though sealed, does not fit its model.
fn unfit(entry: &Entry, bytes: &[u8]) -> String {
    match load(&resealed(entry, bytes), bytes) {
        Err(error @ WeightsError::Fit { .. }) => {
            let sentence = error.to_string();
            assert!(
                sentence.starts_with("unet.safetensors does not fit its model ("),
                "{sentence}"
            );
            assert!(
                sentence.ends_with("export the weights again with `unnoise export`"),
                "{sentence}"
            );
            sentence
        }
        other => panic!("{other:?}"),
    }
}

/// A tensor of a file: name, type, shape, bytes.
type Part = (String, Dtype, Vec<usize>, Vec<u8>);

/// The file with its tensors changed.
fn altered(bytes: &[u8], change: impl FnOnce(&mut Vec<Part>)) -> Vec<u8> {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let parts = file.iter().map(|(name, view)| {
        (
            name.to_string(),
            view.dtype(),
            view.shape().to_vec(),
            view.data().to_vec(),
        )
    });
    let mut parts = parts.collect();
    change(&mut parts);
    let views = parts.iter().map(|(name, dtype, shape, bytes)| {
        (name, TensorView::new(*dtype, shape.clone(), bytes).unwrap())
    });
    safetensors::serialize(views, None).unwrap()
}

fn part<'a>(parts: &'a mut [Part], name: &str) -> &'a mut Part {
    parts.iter_mut().find(|part| part.0 == name).unwrap()
}

/// The file with another JSON header over the same data.
fn with_header(bytes: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    change(&mut header);
    let header = serde_json::to_vec(&header).unwrap();
    [
        &(header.len() as u64).to_le_bytes()[..],
        &header,
        &bytes[8 + length..],
    ]
    .concat()
}

#[test]
fn what_is_read_is_what_was_written_to_half_a_step() {
    let device = Device::flex();
    let config = tiny();
    let (entry, bytes) = encoded("unet", &config, 1, &device);
    let read = entry.load(config.init(&device), &bytes).unwrap();
    let original = numbers(common::unet(&config, 1, &device));
    let read = numbers(read);
    assert_eq!(original.len(), read.len());
    for ((name, shape, values), (read_name, read_shape, read_values)) in original.iter().zip(&read)
    {
        assert_eq!((name, shape), (read_name, read_shape));
        for (block, read_block) in values.chunks(BLOCK).zip(read_values.chunks(BLOCK)) {
            let largest = block.iter().fold(0f32, |max, v| max.max(v.abs()));
            let bound = if values.len() < BLOCK {
                0.0
            } else {
                largest / 254.0 * (1.0 + 1e-5)
            };
            for (v, q) in block.iter().zip(read_block) {
                assert!(
                    (v - q).abs() <= bound,
                    "{name}: {v} became {q}, more than {bound} away"
                );
            }
        }
    }
}

/// Reading and writing again changes nothing any more.
#[test]
fn the_second_round_trip_is_exact() {
    let device = Device::flex();
    let (entry, bytes) = encoded("unet", &tiny(), 1, &device);
    let once = entry.load(tiny().init(&device), &bytes).unwrap();
    let again = weights::encode(once.clone(), "unet.safetensors").unwrap();
    let twice = resealed(&entry, &again)
        .load(tiny().init(&device), &again)
        .unwrap();
    let (once, twice) = (numbers(once), numbers(twice));
    for ((name, _, a), (_, _, b)) in once.iter().zip(&twice) {
        let apart = a
            .iter()
            .zip(b)
            .map(|(a, b)| (a - b).abs() / a.abs().max(1e-9))
            .fold(0.0, f32::max);
        assert!(apart < 1e-6, "{name}: {apart}");
    }
}

#[test]
fn any_safetensors_library_reads_the_file() {
    let device = Device::flex();
    let config = tiny();
    let (_, bytes) = encoded("unet", &config, 1, &device);
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut read = 0;
    for (name, shape, values) in numbers(common::unet(&config, 1, &device)) {
        let view = file.tensor(&name).unwrap();
        assert_eq!(view.shape(), shape);
        read += 1;
        if values.len() < BLOCK {
            assert_eq!(view.dtype(), Dtype::F32, "{name}");
            continue;
        }
        assert_eq!(view.dtype(), Dtype::I8, "{name}");
        let scales = file.tensor(&format!("{name}.scale")).unwrap();
        assert_eq!(
            (scales.dtype(), scales.shape()),
            (Dtype::F32, &[values.len().div_ceil(BLOCK)][..])
        );
        read += 1;
        // value = int8 · scale
        let scale = f32::from_le_bytes(scales.data()[..4].try_into().unwrap());
        let first = f32::from(view.data()[0].cast_signed()) * scale;
        assert!(
            (first - values[0]).abs() <= scale * 0.5001,
            "{name}: {first} for {}",
            values[0]
        );
    }
    assert_eq!(read, file.len());
}

/// Blocks with nothing in them, with next to nothing, and with all but everything.
#[test]
fn extreme_numbers_survive() {
    let device = Device::flex();
    for (constant, bound) in [
        (0.0, 0.0),
        (f32::MIN_POSITIVE / 64.0, f32::MIN_POSITIVE),
        (1e38, 1e36),
    ] {
        let unet = common::unet(&tiny(), 1, &device).map(&mut Constant(constant));
        let bytes = weights::encode(unet, "unet.safetensors").unwrap();
        let entry = resealed(&encoded("unet", &tiny(), 1, &device).0, &bytes);
        let read = entry.load(tiny().init(&device), &bytes).unwrap();
        for (name, _, values) in numbers(read) {
            assert!(
                values.iter().all(|v| (v - constant).abs() <= bound),
                "{name}: {constant}"
            );
        }
    }
}

#[test]
fn weights_that_are_not_numbers_are_not_exported() {
    for bad in [f32::NAN, f32::INFINITY] {
        let unet = common::unet(&tiny(), 1, &Device::flex()).map(&mut Constant(bad));
        let error = weights::encode(unet, "unet.safetensors").unwrap_err();
        assert!(matches!(error, WeightsError::Diverged(_)), "{error}");
        assert!(
            error.to_string().contains("the training has failed"),
            "{error}"
        );
    }
}

struct Constant(f32);

impl burn::module::ModuleMapper for Constant {
    fn map_float<const D: usize>(
        &mut self,
        param: burn::module::Param<burn::tensor::Tensor<D>>,
    ) -> burn::module::Param<burn::tensor::Tensor<D>> {
        param.map(|tensor| burn::tensor::Tensor::full(tensor.dims(), self.0, &tensor.device()))
    }
}

#[test]
fn a_file_that_is_cut_short_or_too_long_is_incomplete() {
    let (entry, bytes) = encoded("unet", &tiny(), 1, &Device::flex());
    let longer = [&bytes[..], b"x"].concat();
    for other in [
        &bytes[..bytes.len() - 1],
        &bytes[..bytes.len() / 2],
        &[],
        &longer,
    ] {
        let error = load(&entry, other).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "unet.safetensors is incomplete: {} bytes instead of {}; load it again",
                other.len(),
                bytes.len()
            )
        );
        assert!(matches!(error, WeightsError::Size { .. }));
    }
}

#[test]
fn one_altered_bit_is_seen_wherever_it_is() {
    let (entry, bytes) = encoded("unet", &tiny(), 1, &Device::flex());
    for at in [0, 9, bytes.len() / 2, bytes.len() - 1] {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        let error = load(&entry, &bytes).unwrap_err();
        assert_eq!(error, WeightsError::Hash("unet.safetensors".into()));
        assert!(error.to_string().contains("was altered"), "{error}");
    }
}

#[test]
fn a_manifest_that_cannot_be_used_is_told() {
    let parse = |json: &str| Manifest::parse(json).unwrap_err();
    for bad in [
        "",
        "{",
        "[]",
        "null",
        r#"{"models":{}}"#,
        r#"{"version":1}"#,
        r#"{"version":-1,"models":{}}"#,
    ] {
        let error = parse(bad);
        assert!(matches!(error, WeightsError::Manifest(_)), "{bad}: {error}");
        assert!(
            error
                .to_string()
                .starts_with("manifest.json cannot be read ("),
            "{error}"
        );
    }
    let missing = r#"{"version":1,"models":{"unet":{"file":"unet.safetensors"}}}"#;
    assert!(
        parse(missing).to_string().contains("missing field"),
        "{}",
        parse(missing)
    );
    // Another version's body need not be this one's.
    let error = parse(r#"{"version":2,"networks":[]}"#);
    assert_eq!(error, WeightsError::Version(2));
    assert!(
        error
            .to_string()
            .contains(&format!("this program reads version {VERSION}")),
        "{error}"
    );

    let manifest = Manifest::parse(r#"{"version":1,"models":{}}"#).unwrap();
    let error = manifest.model("unet").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("run `unnoise train unet` and `unnoise export unet`"),
        "{error}"
    );
}

#[test]
fn the_manifest_survives_its_own_json() {
    let (entry, _) = encoded("unet", &tiny(), 1, &Device::flex());
    let mut manifest = Manifest::default();
    manifest.models.insert("unet".into(), entry);
    let json = serde_json::to_string(&manifest).unwrap();
    assert_eq!(Manifest::parse(&json), Ok(manifest.clone()));
    assert_eq!(manifest.model("unet").unwrap().config(), Ok(tiny()));
}

#[test]
fn a_file_of_another_model_does_not_fit() {
    let (entry, bytes) = encoded("unet", &tiny(), 1, &Device::flex());
    let with =
        |change: &dyn Fn(&mut Vec<Part>)| unfit(&entry, &altered(&bytes, |parts| change(parts)));

    let missing = with(&|parts| parts.retain(|part| !part.0.starts_with("head.bias")));
    assert!(
        missing.contains("Missing tensors") && missing.contains("head.bias"),
        "{missing}"
    );
    let extra = with(&|parts| parts.push(("tail.weight".into(), Dtype::F32, vec![2], vec![0; 8])));
    assert!(
        extra.contains("Unused tensors") && extra.contains("tail.weight"),
        "{extra}"
    );
    let shape = with(&|parts| part(parts, "stem.weight").2 = vec![1, 8, 3, 3]);
    assert!(
        shape.contains("shape mismatch") && shape.contains("stem.weight"),
        "{shape}"
    );
    let rank = with(&|parts| part(parts, "stem.weight").2 = vec![72]);
    assert!(
        rank.contains("shape mismatch") && rank.contains("stem.weight"),
        "{rank}"
    );
    let config: UnetConfig = tiny().with_embedding(24);
    let wider = encoded("unet", &config, 1, &Device::flex()).1;
    assert!(unfit(&entry, &wider).contains("shape mismatch"));
}

#[test]
fn scales_that_are_wrong_do_not_fit() {
    let (entry, bytes) = encoded("unet", &tiny(), 1, &Device::flex());
    let with =
        |change: &dyn Fn(&mut Vec<Part>)| unfit(&entry, &altered(&bytes, |parts| change(parts)));

    for bad in [f32::NAN, f32::INFINITY] {
        let reason = with(&|parts| {
            part(parts, "stem.weight.scale").3[..4].copy_from_slice(&bad.to_le_bytes())
        });
        assert!(
            reason.contains("stem.weight has a value that is not a number"),
            "{reason}"
        );
    }
    let reason = with(&|parts| parts.retain(|part| part.0 != "stem.weight.scale"));
    assert!(reason.contains("stem.weight has no scales"), "{reason}");
    let reason = with(&|parts| {
        let scale = part(parts, "stem.weight.scale");
        scale.2 = vec![scale.2[0] - 1];
        scale.3.truncate(scale.3.len() - 4);
    });
    assert!(
        reason.contains("stem.weight has 2 scales instead of 3"),
        "{reason}"
    );
    let reason = with(&|parts| part(parts, "stem.weight.scale").1 = Dtype::I32);
    assert!(reason.contains("it holds a tensor of type I32"), "{reason}");
    let reason = with(&|parts| parts.push(("lost.scale".into(), Dtype::F32, vec![1], vec![0; 4])));
    assert!(reason.contains("lost.scale scales no tensor"), "{reason}");
    // A plain float has no scales either.
    let reason =
        with(&|parts| parts.push(("head.bias.scale".into(), Dtype::F32, vec![1], vec![0; 4])));
    assert!(
        reason.contains("head.bias.scale scales no tensor"),
        "{reason}"
    );
    let reason = with(&|parts| {
        part(parts, "head.bias")
            .3
            .copy_from_slice(&f32::NAN.to_le_bytes())
    });
    assert!(
        reason.contains("head.bias has a value that is not a number"),
        "{reason}"
    );
}

#[test]
fn a_header_that_lies_does_not_fit() {
    let (entry, bytes) = encoded("unet", &tiny(), 1, &Device::flex());
    let with =
        |change: &dyn Fn(&mut Value)| unfit(&entry, &with_header(&bytes, |header| change(header)));
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap());

    for claimed in [0, 7, length - 1, length + 1, u64::MAX, bytes.len() as u64] {
        unfit(&entry, &[&claimed.to_le_bytes()[..], &bytes[8..]].concat());
    }
    with(&|header| header["stem.weight"]["data_offsets"] = json!([0, u64::MAX]));
    with(&|header| header["stem.weight"]["data_offsets"] = json!([10, 2]));
    with(&|header| {
        header["stem.weight"]["data_offsets"] = header["head.weight"]["data_offsets"].clone()
    });
    with(&|header| header["stem.weight"]["shape"] = json!([u64::MAX, u64::MAX]));
    with(&|header| header["stem.weight"]["shape"] = json!([-1]));
    with(&|header| header["stem.weight"]["dtype"] = json!("F16"));
    with(&|header| header["stem.weight"]["dtype"] = json!("U8"));
    with(&|header| header["stem.weight"]["dtype"] = json!("nonsense"));
    with(&|header| *header = json!([]));
    with(&|header| *header = json!({}));
    unfit(&entry, b"");
    unfit(&entry, &[0xff; 64]);
}

#[test]
fn another_quantisation_is_honoured_or_refused() {
    let device = Device::flex();
    let (entry, bytes) = encoded("unet", &tiny(), 1, &device);

    // The same numbers in blocks of 16: every scale twice.
    let halved = altered(&bytes, |parts| {
        let sizes: Vec<(String, usize)> = parts
            .iter()
            .map(|part| (part.0.clone(), part.3.len()))
            .collect();
        for (name, _, shape, data) in parts.iter_mut() {
            if let Some(of) = name.strip_suffix(".scale") {
                let (_, size) = sizes.iter().find(|(name, _)| name == of).unwrap();
                *data = data
                    .chunks(4)
                    .flat_map(|scale| [scale, scale])
                    .flatten()
                    .copied()
                    .collect();
                data.truncate(4 * size.div_ceil(16));
                *shape = vec![data.len() / 4];
            }
        }
    });
    let mut sixteen = resealed(&entry, &halved);
    sixteen.quantisation.block = 16;
    let read = |entry: &Entry, bytes: &[u8]| bits(entry.load(tiny().init(&device), bytes).unwrap());
    assert_eq!(read(&sixteen, &halved), read(&entry, &bytes));
    // Read in blocks of another size, the numbers of scales do not match.
    assert!(unfit(&entry, &halved).contains("scales instead of"));

    for (scheme, block) in [("int4-block", 32), ("", 32), ("int8-block", 0)] {
        let mut other = entry.clone();
        other.quantisation = weights::Quantisation {
            scheme: scheme.into(),
            block,
        };
        let reason = load(&other, &bytes).unwrap_err().to_string();
        let expected = format!(
            "stored as \"{scheme}\" in blocks of {block}, which this program does not read"
        );
        assert!(reason.contains(&expected), "{reason}");
    }
    let mut huge = entry.clone();
    huge.quantisation.block = usize::MAX;
    assert!(
        load(&huge, &bytes)
            .unwrap_err()
            .to_string()
            .contains("scales instead of 1")
    );
}

#[test]
fn a_configuration_that_cannot_be_built_is_told() {
    let (entry, _) = encoded("unet", &tiny(), 1, &Device::flex());
    let refused = |key: &str, value: Value| {
        let mut entry = entry.clone();
        entry.config[key] = value;
        let error = entry.config::<UnetConfig>().unwrap_err();
        assert!(matches!(error, WeightsError::Fit { .. }));
        error.to_string()
    };
    let huge = json!(u64::MAX);
    for (key, value, says) in [
        ("channels", json!([]), "1 to 8 levels"),
        (
            "channels",
            json!([8, 16, 24]),
            "a number for each of channels",
        ),
        ("channels", json!([8, 28]), "multiples of 8"),
        ("channels", json!([8, 0]), "1 to 4096"),
        ("channels", json!([8, huge]), "1 to 4096"),
        ("channels", json!("many"), "invalid type"),
        ("blocks", json!([1]), "a number for each of channels"),
        ("blocks", json!([1, huge]), "at most 64"),
        ("heads", json!(0), "heads must divide"),
        ("heads", json!(3), "heads must divide"),
        ("size", json!(0), "size must be 1 to 1024"),
        ("size", json!(9), "halve evenly"),
        ("size", huge.clone(), "size must be 1 to 1024"),
        ("picture_channels", json!(0), "picture_channels"),
        (
            "noise_features",
            json!(2),
            "noise_features must be 0 or 4 to 4096",
        ),
        ("noise_features", json!(7), "must be even"),
        ("embedding", huge.clone(), "embedding must be"),
        ("classes", huge, "classes must be"),
    ] {
        let sentence = refused(key, value);
        assert!(sentence.contains(says), "{key}: {sentence}");
    }
    let mut without = entry.clone();
    without.config.as_object_mut().unwrap().remove("channels");
    assert!(
        without
            .config::<UnetConfig>()
            .unwrap_err()
            .to_string()
            .contains("channels")
    );
    // Possible, but not the configuration of this file: told by its shapes.
    let mut other = entry.clone();
    other.config["embedding"] = json!(4096);
    other.config["channels"] = json!([4096, 4096]);
    let config: UnetConfig = other.config().unwrap();
    let (entry, bytes) = encoded("unet", &tiny(), 1, &Device::flex());
    let error = entry
        .load(config.init(&Device::flex()), &bytes)
        .unwrap_err()
        .to_string();
    assert!(error.contains("shape mismatch"), "{error}");
}

/// What the page loads first must be small.
#[test]
fn the_files_of_the_real_network_are_small_enough() {
    let config = UnetConfig::new();
    let (_, bytes) = encoded("unet", &config, 1, &Device::flex());
    assert!(bytes.len() <= 1_700_000, "{} bytes", bytes.len());
}

#[test]
fn encoding_is_a_function_of_the_weights() {
    let device = Device::flex();
    assert_eq!(
        encoded("unet", &tiny(), 1, &device).1,
        encoded("unet", &tiny(), 1, &device).1
    );
    assert_ne!(
        encoded("unet", &tiny(), 1, &device).1,
        encoded("unet", &tiny(), 2, &device).1
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any bytes at all, sealed: a sentence.
    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let (entry, _) = encoded("unet", &tiny(), 1, &Device::flex());
        unfit(&entry, &bytes);
    }

    /// A real file with some bytes changed, cut out or put in, sealed: it loads or a sentence says why not.
    #[test]
    fn any_damage_loads_or_is_told(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 1..6),
        in_header in any::<bool>(),
    ) {
        let (entry, mut bytes) = encoded("unet", &tiny(), 1, &Device::flex());
        for (index, byte, kind) in changes {
            let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()).min(2000) as usize;
            let at = index.index(if in_header { header.min(bytes.len()) } else { bytes.len() });
            match kind {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, byte),
            }
        }
        match load(&resealed(&entry, &bytes), &bytes) {
            Ok(()) => (),
            Err(error) => prop_assert!(matches!(error, WeightsError::Fit { .. }), "{error}"),
        }
    }
}

#[test]
fn a_fitted_schedule_is_kept_and_its_damage_told() {
    let (entry, _) = encoded("unet", &tiny(), 1, &Device::flex());
    assert_eq!(entry.schedule((0.02, 20.0)), Ok(None));
    let near = Distances {
        fitted_to: 0.1,
        held_out: 0.2,
    };
    let with = |sigmas: Vec<f64>| {
        let table = FitTable {
            sigmas,
            karras: near,
            fitted: near,
        };
        Entry {
            fit: Some(Fit {
                sampler: SamplerKind::Dpmpp2m,
                guidance: 1.5,
                converged: 100,
                seed: 7,
                count: 10,
                tables: [(3, table)].into(),
            }),
            ..entry.clone()
        }
    };
    let sound = with(vec![12.5, 1.0, 0.25]);
    let again: Entry = serde_json::from_str(&serde_json::to_string(&sound).unwrap()).unwrap();
    assert_eq!(again, sound);
    let schedule = again.schedule((0.02, 20.0)).unwrap().unwrap();
    assert_eq!(schedule.sigmas(3), [12.5, 1.0, 0.25, 0.0]);

    for (sigmas, reason) in [
        (vec![12.5, 1.0], "its table for 3 steps has 2 noise levels"),
        (
            vec![1.0, 12.5, 0.25],
            "its table for 3 steps does not decrease",
        ),
        (
            vec![12.5, 1.0, -0.25],
            "its table for 3 steps leaves the noise levels from 0.02 to 20",
        ),
    ] {
        let error = with(sigmas).schedule((0.02, 20.0)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "the schedule that manifest.json has for unet.safetensors cannot be used ({reason}): fit it again with `unnoise fit`"
            )
        );
    }
}
