//! Small networks whose weights are a formula, so that every run of a test sees the same ones. A fresh
//! network would not do: its random numbers are shared by all tests of a process, and its last layer
//! is zero.
#![allow(dead_code, reason = "each test uses some of it")]

use std::{fs, path::Path};

use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{Device, Tensor, TensorData},
};
use burn_pack::Reader;
use unnoise::{
    denoiser::Edm,
    model::{
        ModelConfig,
        unet::{Unet, UnetConfig},
    },
    native::export,
    rng,
    weights::{self, Entry, Manifest, Quantisation},
};

/// Pictures of 8×8 and all the parts of the real network.
pub fn tiny() -> UnetConfig {
    UnetConfig::new()
        .with_size(8)
        .with_channels(vec![8, 16])
        .with_blocks(vec![1, 1])
        .with_noise_features(8)
        .with_embedding(16)
}

/// The same for MNIST's 28×28.
pub fn tiny_digits() -> UnetConfig {
    tiny()
        .with_size(28)
        .with_channels(vec![8, 8, 8])
        .with_blocks(vec![1, 1, 1])
}

/// A network whose weights are drawn from `seed`.
pub fn unet(config: &UnetConfig, seed: u64, device: &Device) -> Unet {
    fill(config.init(device), seed)
}

/// [`unet`] as a denoiser.
pub fn edm(config: &UnetConfig, seed: u64, device: &Device) -> Edm {
    Edm::new(unet(config, seed, device), config.clone())
}

/// Replaces every weight: matrices keep the size of what passes through, norms scale by about 1, the
/// rest is small.
pub fn fill<M: Module>(module: M, seed: u64) -> M {
    module.map(&mut Fill {
        seed,
        stream: 0,
        path: Vec::new(),
    })
}

struct Fill {
    seed: u64,
    stream: u64,
    path: Vec<String>,
}

impl ModuleMapper for Fill {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let centre = if self.path.last().is_some_and(|name| name == "gamma") {
            1.0
        } else {
            0.0
        };
        self.stream += 1;
        let (seed, stream) = (self.seed, self.stream);
        param.map(|tensor| {
            let dims = tensor.dims();
            let len: usize = dims.iter().product();
            // Convolutions are [out, in, k, k], linear maps [in, out].
            let fan_in = match D {
                1 => 100,
                2 => dims[0],
                _ => len / dims[0],
            };
            let std = 1.0 / (fan_in as f64).sqrt();
            let values: Vec<f32> = rng::gaussian(seed, stream, len)
                .iter()
                .map(|v| (centre + std * v) as f32)
                .collect();
            Tensor::from_data(TensorData::new(values, dims), &tensor.device())
                .set_require_grad(tensor.is_require_grad())
        })
    }
}

/// A network's weights: name, shape, values.
pub fn numbers<M: Module>(module: M) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let bytes = module.into_record().into_bytes().expect("a record");
    let tensors = Reader::from_bytes(bytes)
        .and_then(Reader::into_tensors)
        .expect("a record");
    let tensors = tensors.into_iter().map(|tensor| {
        let (name, _, shape, _, bytes) = tensor.into_parts().expect("a resident tensor");
        let values = bytes
            .as_chunks()
            .0
            .iter()
            .map(|&four| f32::from_le_bytes(four))
            .collect();
        (name, shape.to_vec(), values)
    });
    tensors.collect()
}

/// The same to the bit.
pub fn bits<M: Module>(module: M) -> Vec<(String, Vec<u32>)> {
    let tensors = numbers(module).into_iter();
    tensors
        .map(|(name, _, values)| (name, values.iter().map(|v| v.to_bits()).collect()))
        .collect()
}

/// A quantised file of a network and its line in the manifest.
pub fn encoded(config: &UnetConfig, seed: u64, device: &Device) -> (Entry, Vec<u8>) {
    let file = "unet.safetensors".to_string();
    let bytes = weights::encode(unet(config, seed, device), &file).expect("finite weights");
    let entry = Entry {
        bytes: bytes.len() as u64,
        sha256: weights::sha256(&bytes),
        config: serde_json::to_value(config).expect("plain data"),
        quantisation: Quantisation::default(),
        parameters: config.cost().parameters,
        mflop_per_call: config.cost().mflop(),
        training: serde_json::Value::Null,
        quality: serde_json::Value::Null,
        file,
    };
    (entry, bytes)
}

/// A folder of exported weights.
pub fn export(folder: &Path, config: &UnetConfig, seed: u64, device: &Device) {
    let (entry, bytes) = encoded(config, seed, device);
    fs::write(folder.join(&entry.file), bytes).expect("a writable folder");
    let mut manifest = Manifest::default();
    manifest.models.insert("unet".into(), entry);
    export::write_manifest(folder, &manifest).expect("a writable folder");
}
