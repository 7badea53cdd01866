//! Small networks whose weights are a formula, so that every run of a test sees the same ones. A fresh
//! network would not do: its random numbers are shared by all tests of a process, and its last layer
//! is zero.
#![allow(dead_code, reason = "each test uses some of it")]

use std::{
    fs,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use burn::{
    module::{Module, ModuleMapper, Param},
    optim::AdamConfig,
    tensor::{Device, Tensor, TensorData},
};
use burn_pack::Reader;
use unnoise::{
    denoiser::Edm,
    model::{
        clip::ClipConfig,
        unet::{Unet, UnetConfig},
        vae::VaeConfig,
    },
    native::store::{self, Identity, Progress},
    nn::ModelConfig,
    rng,
    weights::{self, Entry, Manifest, Quantisation},
};

/// Where the random numbers of a test that trains begin.
pub const SEED: u64 = 1;

/// Lets a test that trains fresh weights run alone, and from [`SEED`]: Burn keeps one generator of random numbers for
/// the whole process, so beside another test it would begin with other weights in every run.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    Device::flex().seed(SEED);
    alone
}

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

/// 64×64 in colour to 8×8×4 and back.
pub fn tiny_vae() -> VaeConfig {
    VaeConfig::new()
        .with_channels(vec![4, 4, 4])
        .with_encoder_blocks(vec![0, 0, 1])
        .with_decoder_blocks(vec![0, 0, 1])
}

/// Vectors of width 8 for a sentence's tokens.
pub fn tiny_clip() -> ClipConfig {
    ClipConfig::new()
        .with_text_width(8)
        .with_text_layers(1)
        .with_heads(2)
        .with_channels(vec![4, 4])
        .with_blocks(vec![0, 1])
        .with_embedding(6)
}

/// A U-Net over latents of `size` that such vectors steer.
pub fn tiny_latents(size: usize) -> UnetConfig {
    tiny()
        .with_size(size)
        .with_picture_channels(4)
        .with_classes(0)
        .with_context(Some(8))
        .with_sigma_data(1.25)
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

/// A quantised file of a network by formula, and its line in the manifest.
pub fn encoded<C: ModelConfig>(
    name: &str,
    config: &C,
    seed: u64,
    device: &Device,
) -> (Entry, Vec<u8>) {
    let file = format!("{name}.safetensors");
    let network = fill(config.init(device), seed);
    let bytes = weights::encode(network, &file).expect("finite weights");
    let entry = Entry {
        bytes: bytes.len() as u64,
        sha256: weights::sha256(&bytes),
        config: serde_json::to_value(config).expect("plain data"),
        quantisation: Quantisation::default(),
        parameters: config.cost().parameters,
        mflop_per_call: config.cost().mflop(),
        training: serde_json::Value::Null,
        quality: serde_json::Value::Null,
        classes: None,
        fit: None,
        file,
    };
    (entry, bytes)
}

/// A folder of exported weights.
pub fn export(folder: &Path, config: &UnetConfig, seed: u64, device: &Device) {
    write(folder, [("unet", encoded("unet", config, seed, device))]);
}

/// A folder of all that text to picture needs.
pub fn export_text(folder: &Path, device: &Device) {
    let vae = encoded("vae", &tiny_vae(), 1, device);
    let clip = encoded("clip", &tiny_clip(), 2, device);
    let text = encoded("text", &tiny_latents(8), 3, device);
    write(folder, [("vae", vae), ("clip", clip), ("text", text)]);
}

/// Puts such files and their manifest into a folder.
pub fn write<const N: usize>(folder: &Path, networks: [(&str, (Entry, Vec<u8>)); N]) {
    let mut manifest = Manifest::default();
    for (name, (entry, bytes)) in networks {
        fs::write(folder.join(&entry.file), bytes).expect("a writable folder");
        manifest.models.insert(name.into(), entry);
    }
    let json = serde_json::to_string_pretty(&manifest).expect("plain data");
    fs::write(folder.join("manifest.json"), json).expect("a writable folder");
}

/// A training run of a small U-Net, as it stands after its first step.
pub fn run_of_unet(folder: &Path) {
    let device = Device::flex();
    let config = tiny_digits();
    let network = unet(&config, 1, &device);
    let identity = Identity {
        model: "unet".into(),
        config: serde_json::to_value(&config).expect("plain data"),
        training: serde_json::Value::Null,
        data: None,
    };
    let optimizer = AdamConfig::new().init();
    store::save(
        folder,
        &identity,
        &Progress::default(),
        network.clone(),
        network,
        &optimizer,
    )
    .expect("a writable folder");
}
