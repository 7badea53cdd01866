//! Networks as ONNX files: what such a file holds. What it computes is compared in `tests/web/onnx.mjs`.
#![cfg(all(feature = "native", feature = "flex"))]

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use burn::tensor::Device;
use common::{encoded, numbers, tiny_clip, tiny_digits, tiny_latents, tiny_vae, write};
use prost::Message;
use tempfile::tempdir;
use unnoise::{
    library::Network,
    model::{noise_level::NoiseLevelConfig, scorer::ScorerConfig},
    native::onnx::{
        self,
        proto::{Extent, GraphProto, ModelProto, ValueInfoProto},
    },
    nn::ModelConfig,
    weights::{Entry, Source, WeightsFile},
};

/// Every network, small, in a folder; and the weights of each.
fn exported(folder: &Path) -> BTreeMap<&'static str, BTreeMap<String, Vec<f32>>> {
    let device = Device::flex();
    let blind = tiny_digits().with_noise_features(0);
    let networks = [
        ("unet", encoded("unet", &tiny_digits(), 1, &device)),
        ("unet-blind", encoded("unet-blind", &blind, 2, &device)),
        ("text", encoded("text", &tiny_latents(8), 3, &device)),
        ("vae", encoded("vae", &tiny_vae(), 4, &device)),
        ("clip", encoded("clip", &tiny_clip(), 5, &device)),
        ("noise-level", {
            let config = NoiseLevelConfig::new();
            encoded("noise-level", &config, 6, &device)
        }),
        (
            "scorer",
            encoded("scorer", &ScorerConfig::new(), 7, &device),
        ),
    ];
    let weights = networks.each_ref().map(|(name, (entry, bytes))| {
        let weights = match *name {
            "vae" => loaded::<unnoise::model::vae::VaeConfig>(entry, bytes),
            "clip" => loaded::<unnoise::model::clip::ClipConfig>(entry, bytes),
            "noise-level" => loaded::<NoiseLevelConfig>(entry, bytes),
            "scorer" => loaded::<ScorerConfig>(entry, bytes),
            _ => loaded::<unnoise::model::unet::UnetConfig>(entry, bytes),
        };
        (*name, weights)
    });
    write(folder, networks);
    weights.into()
}

/// What the file says after quantisation.
fn loaded<C: ModelConfig>(entry: &Entry, bytes: &[u8]) -> BTreeMap<String, Vec<f32>> {
    let source = WeightsFile { entry, bytes };
    let (network, _) = source.open::<C>(&Device::flex()).unwrap();
    let weights = numbers(network).into_iter();
    weights.map(|(name, _, values)| (name, values)).collect()
}

fn graph(file: &Path) -> GraphProto {
    let model = ModelProto::decode(&fs::read(file).unwrap()[..]).unwrap();
    assert_eq!(model.ir_version, 8);
    let [operators] = &model.opset_import[..] else {
        panic!("{:?}", model.opset_import)
    };
    assert_eq!((&operators.domain[..], operators.version), ("", 17));
    assert!(!model.doc_string.is_empty());
    model.graph.unwrap()
}

fn names(infos: &[ValueInfoProto]) -> Vec<&str> {
    infos.iter().map(|info| &info.name[..]).collect()
}

/// The graphs of a network, by their files' names.
fn graphs(network: Network, weights: &Path, out: &Path) -> BTreeMap<String, GraphProto> {
    let files = onnx::write(network, weights, out).unwrap();
    let named = files.iter().map(|file| {
        let name = file.file_name().unwrap().to_str().unwrap();
        (name.to_string(), graph(file))
    });
    named.collect()
}

#[test]
fn a_file_holds_the_weights_as_shipped_and_nodes_in_their_order() {
    let folder = tempdir().unwrap();
    let weights = exported(folder.path());
    for network in Network::ALL {
        let weights = &weights[network.name()];
        let mut used = BTreeSet::new();
        for (file, graph) in graphs(network, folder.path(), folder.path()) {
            for info in graph.input.iter().chain(&graph.output) {
                assert!(!info.doc_string.is_empty(), "{file}: {}", info.name);
                let tensor = info.r#type.as_ref().unwrap().tensor_type.as_ref();
                let first = &tensor.unwrap().shape.as_ref().unwrap().dim[0];
                let batch = Some(Extent::DimParam("batch".into()));
                assert_eq!(first.value, batch, "{file}: {}", info.name);
            }
            let mut known: BTreeSet<&str> = names(&graph.input).into_iter().collect();
            for tensor in &graph.initializer {
                assert!(known.insert(&tensor.name), "{file}: {} twice", tensor.name);
                let Some(values) = weights.get(&tensor.name) else {
                    assert!(tensor.name.starts_with("constant."), "{}", tensor.name);
                    continue;
                };
                let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                assert_eq!(tensor.raw_data, bytes, "{file}: {}", tensor.name);
                used.insert(tensor.name.clone());
            }
            for node in &graph.node {
                for input in &node.input {
                    assert!(known.contains(&input[..]), "{file}: {input} too early");
                }
                for output in &node.output {
                    assert!(known.insert(output), "{file}: {output} twice");
                }
            }
            for output in names(&graph.output) {
                assert!(known.contains(output), "{file}: {output} is not made");
            }
        }
        let left: Vec<&String> = weights
            .keys()
            .filter(|name| !used.contains(*name))
            .collect();
        // What CLIP's cosines are multiplied by is no part of either half.
        let expected: &[&str] = match network {
            Network::Clip => &["logit_scale"],
            _ => &[],
        };
        assert_eq!(left, expected, "{network}");
    }
}

#[test]
fn files_inputs_and_outputs_have_their_names() {
    let folder = tempdir().unwrap();
    exported(folder.path());
    /// A file, what it takes and what it gives.
    type Named = (
        &'static str,
        &'static [&'static str],
        &'static [&'static str],
    );
    let expected: [(Network, &[Named]); 7] = [
        (
            Network::Unet,
            &[("unet.onnx", &["x", "sigma", "digit"], &["denoised"])],
        ),
        (
            Network::UnetBlind,
            &[("unet-blind.onnx", &["x", "sigma", "digit"], &["denoised"])],
        ),
        (
            Network::NoiseLevel,
            &[("noise-level.onnx", &["x"], &["sigma"])],
        ),
        (
            Network::Scorer,
            &[("scorer.onnx", &["x", "sigma"], &["log_f"])],
        ),
        (
            Network::Vae,
            &[
                ("vae-decoder.onnx", &["latent"], &["picture"]),
                ("vae-encoder.onnx", &["picture"], &["mean", "log_variance"]),
            ],
        ),
        (
            Network::Clip,
            &[
                ("clip-image.onnx", &["picture"], &["embedding"]),
                ("clip-text.onnx", &["ids"], &["tokens", "embedding"]),
            ],
        ),
        (
            Network::Text,
            &[("text.onnx", &["x", "sigma", "context"], &["denoised"])],
        ),
    ];
    for (network, files) in expected {
        let graphs = graphs(network, folder.path(), folder.path());
        let seen: Vec<_> = graphs
            .iter()
            .map(|(file, graph)| (&file[..], names(&graph.input), names(&graph.output)))
            .collect();
        let files: Vec<_> = files
            .iter()
            .map(|(file, inputs, outputs)| (*file, inputs.to_vec(), outputs.to_vec()))
            .collect();
        assert_eq!(seen, files);
    }
}
