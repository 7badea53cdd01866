//! The training of text to picture: denoise latents of pictures that a sentence describes.

use std::{fmt::Display, ops::Range, path::Path, rc::Rc};

use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::{
    Task, TrainError, Validation,
    digits::VALIDATION_SIGMAS,
    latents::{self, Latent, Latents},
    pictures::{Drawn, Pictures},
    shares,
};
use crate::{
    caption::{Phrasing, Said, Tokenizer, describe},
    denoiser::{Cond, Edm, Prompted, VaeDecoder},
    generation::{Decode, Generation, Request},
    library::{Generator, Library, Network, NotReady},
    model::{
        clip::Clip,
        unet::{Unet, UnetConfig},
        vae::{Vae, VaeConfig},
    },
    native::{data::DataSet, picture},
    nn::{ModelConfig, SIGMA_DATA},
    scene::{CHANNELS, SIZE, Scene, Size, VALUES},
    training::{P_UNCOND, edm_losses, sigmas},
};

/// As the pictures' [`LN_SIGMA`](crate::training::LN_SIGMA), but lower: a small digit is a few numbers of a latent,
/// and which one it is hangs on little noise. Of small digits that were buried under σ = 0.25 and dug out again,
/// 92 % could be read (measured once) while training drew ln σ as for pictures; of large ones, 97 %.
const LN_SIGMA: (f64, f64) = (-1.5, 1.1);

/// Share of sentences that say one thing only: a strong guidance overdoes what is rare in training.
const ONE: f64 = 0.1;

/// Sentences of [`Task::show`].
const SHOWN: u64 = 32;

/// Coloured pictures, sentences about them, the two networks that make latents and vectors of them, and a
/// U-Net that learns to make the one from the other.
pub struct TextTask {
    config: UnetConfig,
    latents: Latents,
    vae: VaeConfig,
    clip: (Rc<Clip>, Rc<Tokenizer>),
}

/// Latents, how noisy to make them, and what they show.
pub struct Batch {
    /// [n, channels, h, w].
    z0: Tensor<4>,
    /// n amounts of noise.
    sigma: Vec<f64>,
    /// N(0, 1), the shape of `z0`.
    noise: Tensor<4>,
    /// n sentences as vectors of tokens, [n, tokens, context].
    context: Tensor<3>,
}

impl Batch {
    fn part(&self, share: Range<usize>) -> Self {
        let (start, length) = (share.start, share.len());
        Self {
            z0: self.z0.clone().narrow(0, start, length),
            sigma: self.sigma[share].to_vec(),
            noise: self.noise.clone().narrow(0, start, length),
            context: self.context.clone().narrow(0, start, length),
        }
    }
}

impl TextTask {
    /// The training. `library` has the autoencoder and CLIP.
    ///
    /// # Errors
    /// [`NotReady`].
    pub fn new(library: &Library, pictures: Pictures) -> Result<Self, NotReady> {
        let ((vae, vae_config), clip) = (library.vae()?, library.clip()?);
        let context = clip.0.text().width();
        let sigma_data = spread(&vae, &pictures.validation(), library.device());
        Ok(Self {
            config: UnetConfig::of_latents(vae_config.latent(), context, sigma_data),
            latents: Latents::new(pictures, vae),
            vae: vae_config,
            clip,
        })
    }

    /// The network's configuration.
    pub fn network(&self) -> &UnetConfig {
        &self.config
    }

    /// How much larger the noise of a latent is than that of a picture which is buried as deep.
    fn scale(&self) -> f64 {
        self.config.sigma_data / SIGMA_DATA
    }

    fn batch(
        &self,
        latents: &[Rc<Latent>],
        sentences: &[String],
        sigma: Vec<f64>,
        random: &mut impl Rng,
    ) -> Batch {
        let device = &self.device();
        let z0 = latents::tensor(latents, self.vae.latent(), device);
        let shape = z0.dims();
        let noise: Vec<f32> = (0..shape.iter().product())
            .map(|_| StandardNormal.sample(random))
            .collect();
        let (clip, tokenizer) = &self.clip;
        let tokens: Vec<_> = sentences.iter().map(|s| tokenizer.encode(s)).collect();
        Batch {
            z0,
            sigma,
            noise: Tensor::from_data(TensorData::new(noise, shape), device),
            context: clip.text().tokens(&tokens),
        }
    }

    /// The loss of each picture.
    fn losses(&self, model: &Unet, batch: &Batch) -> Tensor<1> {
        let device = &model.devices()[0];
        let sigma: Vec<f32> = batch.sigma.iter().map(|&s| s as f32).collect();
        let sigma = Tensor::<1>::from_floats(&sigma[..], device);
        let z0 = constant(&batch.z0, device);
        let z = z0.clone() + constant(&batch.noise, device) * sigma.clone().reshape([-1, 1, 1, 1]);
        let context = constant(&batch.context, device);
        let null = Cond::null(batch.sigma.len());
        let edm = Edm::new(model.clone(), self.config.clone());
        let sentences = edm.look_up(&context);
        let denoised = edm.denoise_at(z, sigma.clone(), &null, Some(&sentences));
        edm_losses(denoised - z0, sigma, self.config.sigma_data)
    }

    /// Pictures from sentences.
    fn prompted(&self, model: &Unet) -> Prompted {
        let edm = Rc::new(Edm::new(model.clone(), self.config.clone()));
        Prompted::new(edm, self.clip.clone())
    }

    /// Where the networks are that are not trained.
    fn device(&self) -> Device {
        self.latents.vae().devices()[0].clone()
    }
}

/// What a network that is not trained has made, for one that is.
fn constant<const D: usize>(tensor: &Tensor<D>, device: &Device) -> Tensor<D> {
    Tensor::from_data(tensor.to_data(), device)
}

/// The standard deviation of the latents of some pictures, to two digits: what a run is resumed with must
/// not depend on the last bit.
fn spread(vae: &Vae, pictures: &[Drawn], device: &Device) -> f64 {
    let squares = pictures.iter().map(|drawn| {
        let z = vae.encode(drawn.tensor(device)).mean;
        z.square().mean().into_scalar::<f64>()
    });
    let spread = (squares.sum::<f64>() / pictures.len().max(1) as f64).sqrt();
    let unit = 10f64.powf(spread.log10().floor() - 1.0);
    (spread / unit).round() * unit
}

/// A small digit is always called small: who says nothing of the size wants to see the digit well.
fn practice(scene: &Scene, random: &mut impl Rng) -> String {
    let mut said = match random.random_bool(ONE) {
        true => Said::one(&Said::SHARES_LATER, random),
        false => Said::random(scene, random),
    };
    said.size |= scene.size == Size::Small;
    describe(scene, said, Phrasing::Trained, random)
}

/// In a phrasing that training does not use.
fn unseen(scene: &Scene, random: &mut impl Rng) -> String {
    let said = Said::random(scene, random);
    describe(scene, said, Phrasing::Unseen, random)
}

impl Task for TextTask {
    type Model = Unet;
    type Part = Batch;

    fn name(&self) -> &'static str {
        Network::Text.name()
    }

    fn config(&self) -> serde_json::Value {
        serde_json::to_value(&self.config).expect("a configuration is plain data")
    }

    fn init(&self, device: &Device) -> Unet {
        self.config.init(device)
    }

    fn data(&self) -> Option<&DataSet> {
        Some(&self.latents.pictures().digits.train)
    }

    fn epoch_samples(&self) -> usize {
        self.latents.pictures().epoch()
    }

    fn draw(&self, step: u64, samples: usize, parts: usize) -> Vec<Batch> {
        let mut random = self.latents.pictures().digits.random(step);
        let latents = self.latents.batch(step, samples);
        let sentences: Vec<String> = latents
            .iter()
            .map(|latent| match random.random_bool(P_UNCOND) {
                true => String::new(),
                false => practice(&latent.scene, &mut random),
            })
            .collect();
        let sigma = sigmas(latents.len(), LN_SIGMA, &mut random);
        let sigma = sigma.iter().map(|s| s * self.scale()).collect();
        let batch = self.batch(&latents, &sentences, sigma, &mut random);
        shares(latents.len(), parts)
            .map(|share| batch.part(share))
            .collect()
    }

    fn loss(&self, model: &Unet, batch: &Batch) -> Tensor<1> {
        self.losses(model, batch).mean()
    }

    /// On pictures of test digits and in phrasings that training does not use.
    fn validate(&self, model: &Unet) -> Validation {
        let mut random = ChaCha8Rng::seed_from_u64(0);
        let of_batch = |drawn: Drawn| {
            let sentences: Vec<String> = drawn
                .scenes
                .iter()
                .map(|scene| unseen(scene, &mut random))
                .collect();
            let sigma = VALIDATION_SIGMAS.iter().cycle().take(drawn.len());
            let sigma: Vec<f64> = sigma.map(|s| s * self.scale()).collect();
            let latents = self.latents.encode(&drawn);
            let batch = self.batch(&latents, &sentences, sigma.clone(), &mut random);
            let losses: Vec<f64> = self
                .losses(model, &batch)
                .into_data()
                .iter::<f64>()
                .collect();
            sigma.into_iter().zip(losses)
        };
        let batches = self.latents.pictures().validation();
        batches.into_iter().flat_map(of_batch).collect()
    }

    /// Pictures for sentences in phrasings that training does not use.
    fn show(&self, model: &Unet, png: &Path) -> Result<(), TrainError> {
        let failed = |error: &dyn Display| TrainError::Show(error.to_string());
        let mut random = ChaCha8Rng::seed_from_u64(0);
        let requests: Vec<Request> = (0..SHOWN)
            .map(|seed| {
                let scene = Scene::random((seed % 10) as u8, &mut random);
                Request {
                    prompt: Some(unseen(&scene, &mut random)),
                    seed,
                    ..Request::default()
                }
            })
            .collect();
        let settings = Generator::Text.defaults();
        let device = &self.device();
        let decoder = VaeDecoder::new(self.latents.vae().clone(), self.vae.clone());
        let mut run = Generation::new(self.prompted(model), &settings, &requests, device)
            .map_err(|e| failed(&e))?
            .decoding(Some(Rc::new(decoder)), Decode::Last);
        while pollster::block_on(run.next())
            .map_err(|e| failed(&e))?
            .is_some()
        {}
        let decoded = run.frame().decoded.expect("the last step is decoded");
        let pictures: Vec<Vec<f32>> = decoded.x.chunks(VALUES).map(<[f32]>::to_vec).collect();
        picture::grid(&pictures, SIZE, SIZE, CHANNELS, 8, 2)
            .and_then(|grid| picture::save_png(png, &grid))
            .map_err(|e| failed(&e))
    }
}
