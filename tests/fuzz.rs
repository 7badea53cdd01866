//! Damaged input for every reader of other people's bytes: whatever it is, it is read or told, without a panic.
//!
//! A case is a number, which decides the input. Each reader gets as many as there is time for:
//! `UNNOISE_FUZZ_SECONDS`, 2 where it is not set. `UNNOISE_FUZZ_FROM` is the first one; with 0 seconds, the only one.
#![cfg(all(feature = "native", feature = "flex"))]

mod common;

use std::{
    env,
    fmt::Write,
    fs,
    io::Write as _,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::{Duration, Instant},
};

use burn::tensor::Device;
use common::{encoded, tiny, tiny_clip, tiny_digits, tiny_latents, tiny_vae};
use flate2::{Compression, write::GzEncoder};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};
use unnoise::{
    caption::{MAX_TOKENS, Tokenizer, vocabulary},
    library::{Library, Network},
    native::idx,
    nn::ModelConfig,
    training::{Pictures, Settings, Trainer},
    weights::{Entry, Manifest, WeightsFile, sha256},
};

/// Reads the inputs of one case after another until the time is over.
fn fuzz(
    name: &str,
    make: impl Fn(&mut ChaCha8Rng) -> Vec<u8>,
    mut read: impl FnMut(&[u8]) -> bool,
) {
    let number = |name: &str, otherwise: u64| match env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} must be a number, not {text}")),
        Err(_) => otherwise,
    };
    let from = number("UNNOISE_FUZZ_FROM", 0);
    let time = Duration::from_secs(number("UNNOISE_FUZZ_SECONDS", 2));
    let (start, mut cases, mut sound) = (Instant::now(), 0, 0);
    while cases == 0 || start.elapsed() < time {
        let case = from + cases;
        let input = make(&mut ChaCha8Rng::seed_from_u64(case));
        match catch_unwind(AssertUnwindSafe(|| read(&input))) {
            Ok(read) => sound += u64::from(read),
            Err(_) => panic!(
                "{name} panics at case {case}: UNNOISE_FUZZ_FROM={case} UNNOISE_FUZZ_SECONDS=0 cargo test --release --test fuzz {name} makes it again. The input, in hexadecimal: {}",
                hex(&input)
            ),
        }
        cases += 1;
    }
    println!("{name}: {cases} cases, {sound} of them read");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn pick<'a, T>(random: &mut ChaCha8Rng, from: &'a [T]) -> &'a T {
    &from[random.random_range(0..from.len())]
}

/// Changes, cuts out, repeats or puts in some bytes.
fn damage(random: &mut ChaCha8Rng, bytes: &mut Vec<u8>) {
    const NUMBERS: [u64; 8] = [0, 1, 127, 128, 255, 1 << 31, u32::MAX as u64, u64::MAX];
    for _ in 0..random.random_range(0..4) {
        let at = random.random_range(0..=bytes.len());
        let end = (at + random.random_range(0..40)).min(bytes.len());
        match random.random_range(0..6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
            1 => drop(bytes.drain(at..end)),
            2 => bytes.truncate(at),
            3 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            4 => {
                let number = pick(random, &NUMBERS).to_le_bytes();
                let width = end.min(at + 8) - at;
                bytes[at..at + width].copy_from_slice(&number[..width]);
            }
            _ => bytes.insert(at, random.random()),
        }
    }
}

/// Replaces, removes, repeats or adds something somewhere in a JSON value.
fn damage_json(random: &mut ChaCha8Rng, value: &mut Value) {
    // On the way down, stop anywhere.
    let deeper = random.random_bool(0.85);
    match value {
        Value::Object(map) if deeper && !map.is_empty() => {
            let keys: Vec<String> = map.keys().cloned().collect();
            let key = pick(random, &keys);
            match random.random_range(0..12) {
                0 => drop(map.remove(key)),
                1 => drop(map.insert("other".into(), map[key].clone())),
                _ => damage_json(random, &mut map[key]),
            }
        }
        Value::Array(items) if deeper && !items.is_empty() => {
            let at = random.random_range(0..items.len());
            match random.random_range(0..6) {
                0 => drop(items.remove(at)),
                1 => items.insert(at, items[at].clone()),
                _ => damage_json(random, &mut items[at]),
            }
        }
        Value::Number(_) if random.random_bool(0.7) => {
            let small = random.random_range(0..20);
            let numbers = [
                json!(small),
                json!(8 * small),
                json!(-1),
                json!(0.5),
                json!(1e300),
                json!(u64::MAX),
                json!(4096),
            ];
            *value = pick(random, &numbers).clone();
        }
        _ => {
            let others = [
                Value::Null,
                json!(true),
                json!(1),
                json!(""),
                json!("ä\u{0}"),
                json!([]),
                Value::Object(Map::new()),
            ];
            *value = pick(random, &others).clone();
        }
    }
}

#[test]
fn idx() {
    const EXTREME: [u32; 8] = [0, 1, 3, 28, 255, 1 << 16, 1 << 31, u32::MAX];
    let make = |random: &mut ChaCha8Rng| {
        let magic = *pick(random, &[2051, 2049, 2050, 0]);
        let mut sizes = [0; 3].map(|_| random.random_range(0..6u32));
        let dimensions = if magic == 2049 { 1 } else { 3 };
        let body: u32 = sizes[..dimensions].iter().product();
        if random.random_bool(0.5) {
            sizes[random.random_range(0..3)] = *pick(random, &EXTREME);
        }
        let numbers = [&[magic], &sizes[..dimensions]].concat();
        let mut bytes: Vec<u8> = numbers.iter().flat_map(|n: &u32| n.to_be_bytes()).collect();
        bytes.extend((0..body).map(|_| random.random::<u8>()));
        damage(random, &mut bytes);
        if random.random_bool(0.5) {
            let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
            zipped.write_all(&bytes).unwrap();
            bytes = zipped.finish().unwrap();
            damage(random, &mut bytes);
        }
        bytes
    };
    fuzz("idx", make, |bytes| match idx::unpack(bytes.to_vec()) {
        Ok(plain) => {
            let images = idx::parse_images(&plain);
            if let Ok(images) = &images {
                let idx::Images {
                    count,
                    height,
                    width,
                    pixels,
                } = images;
                assert_eq!(pixels.len(), count * height * width);
            }
            images.is_ok() | idx::parse_labels(&plain).is_ok()
        }
        Err(_) => false,
    });
}

/// Whatever a manifest says of sound files, they are loaded or it is told why not.
#[test]
fn manifest() {
    let device = Device::flex();
    let files: Vec<(Network, Entry, Vec<u8>)> = [
        (Network::Unet, encoded("unet", &tiny_digits(), 1, &device)),
        (Network::Vae, encoded("vae", &tiny_vae(), 1, &device)),
        (Network::Clip, encoded("clip", &tiny_clip(), 2, &device)),
        (Network::Text, encoded("text", &tiny_latents(8), 3, &device)),
    ]
    .map(|(network, (entry, bytes))| (network, entry, bytes))
    .into();
    let shipped =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("weights/manifest.json"));
    let shipped = Manifest::parse(&shipped.unwrap()).unwrap();
    let mut sound = Manifest::default();
    for (network, entry, _) in &files {
        let mut entry = entry.clone();
        entry.fit = shipped.model("unet").unwrap().fit.clone();
        sound.models.insert(network.name().into(), entry);
    }
    let sound = serde_json::to_value(&sound).unwrap();
    let make = |random: &mut ChaCha8Rng| {
        let mut value = sound.clone();
        for _ in 0..random.random_range(1..4) {
            damage_json(random, &mut value);
        }
        let mut bytes = serde_json::to_vec(&value).unwrap();
        if random.random_bool(0.2) {
            damage(random, &mut bytes);
        }
        bytes
    };
    fuzz("manifest", make, |bytes| {
        let Ok(manifest) = Manifest::parse(&String::from_utf8_lossy(bytes)) else {
            return false;
        };
        let mut library = Library::new(device.clone());
        let mut loaded = true;
        for (network, _, bytes) in &files {
            let entry = manifest.model(network.name());
            loaded &= entry.is_ok_and(|entry| {
                library
                    .load(*network, &WeightsFile { entry, bytes })
                    .is_ok()
            });
        }
        loaded
    });
}

/// The readers of weights, of pictures to learn from, and of what the page's trainer saves.
#[test]
fn safetensors() {
    let device = Device::flex();
    let (entry, weights) = encoded("unet", &tiny(), 1, &device);
    let digits = Pictures::pack(&[200; 3 * 784], &[3, 1, 4]).unwrap();
    let pictures = Pictures::unpack(&digits).unwrap();
    let mut trainer = Trainer::new(Settings::default(), pictures, &device).unwrap();
    let seeds = [weights, digits, trainer.save().unwrap()];
    let make = |random: &mut ChaCha8Rng| {
        // The last one is large, and slow to read.
        let kind = *pick(random, &[0, 0, 0, 0, 1, 1, 1, 2]);
        let seed = &seeds[kind];
        let length = u64::from_le_bytes(seed[..8].try_into().unwrap()) as usize;
        let mut header: Value = serde_json::from_slice(&seed[8..8 + length]).unwrap();
        let mut data = seed[8 + length..].to_vec();
        for _ in 0..random.random_range(0..3) {
            damage_json(random, &mut header);
        }
        if random.random_bool(0.3) {
            damage(random, &mut data);
        }
        let header = serde_json::to_vec(&header).unwrap();
        let mut bytes = [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat();
        if random.random_bool(0.2) {
            damage(random, &mut bytes);
        }
        bytes
    };
    fuzz("safetensors", make, |bytes| {
        let entry = Entry {
            bytes: bytes.len() as u64,
            sha256: sha256(bytes),
            ..entry.clone()
        };
        let network = entry.load(tiny().init(&device), bytes);
        network.is_ok() | Pictures::unpack(bytes).is_ok() | trainer.open(bytes).is_ok()
    });
}

#[test]
fn captions() {
    const OTHERS: [&str; 20] = [
        "not", "anything", "but", "ten", "12", "007", "teal", "thre", "rde", "\u{0}", "🦀",
        "e\u{301}", "İ", "ß", "ﬁ", "\u{202e}", "<b>", "--", "'", "٣",
    ];
    let words = vocabulary();
    let tokenizer = Tokenizer::new(&words);
    let make = |random: &mut ChaCha8Rng| {
        let mut text = String::new();
        for _ in 0..random.random_range(0..40) {
            if random.random_bool(0.7) {
                text += &pick(random, &words)[..];
            } else {
                text += *pick(random, &OTHERS);
            }
            text += *pick(random, &[" ", " ", " ", ", ", "-", "", "\n", "\u{a0}"]);
        }
        let mut bytes = text.into_bytes();
        damage(random, &mut bytes);
        bytes
    };
    fuzz("captions", make, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let tokens = tokenizer.encode(&text);
        assert!((1..=MAX_TOKENS).contains(&tokens.ids.len()));
        assert!(
            tokens
                .ids
                .iter()
                .all(|&id| id < Tokenizer::tokens(words.len()))
        );
        assert!(
            !tokenizer
                .encode(&tokenizer.with_digit(&text, 4))
                .digits()
                .is_empty()
        );
        let remarks = tokenizer.remarks(&text);
        remarks.iter().for_each(|remark| drop(remark.to_string()));
        tokens.unknown.is_empty()
    });
}
