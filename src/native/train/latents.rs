//! Latents of coloured pictures, each encoded once: to encode a picture takes half as long as a training
//! step of the U-Net takes for its latent.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::pictures::{Drawn, Pictures};
use crate::{
    model::vae::Vae,
    scene::{Scene, Size},
};

/// Pictures that are made of a digit, one for each pass over the digits; after that they come again.
const VARIANTS: u64 = 6;

/// Share of the larger digits that are drawn again, which makes three fifths of all digits small: they need the
/// most practice.
const REDRAWN: f64 = 2.0 / 3.0;

/// Coloured pictures of the training digits as the autoencoder has them.
pub struct Latents {
    pictures: Pictures,
    vae: Rc<Vae>,
    /// By the digit's place and the variant.
    encoded: RefCell<HashMap<(usize, u64), Rc<Latent>>>,
}

/// A picture in the latent space.
pub struct Latent {
    /// What it shows.
    pub scene: Scene,
    /// Channels × height × width.
    values: Vec<f32>,
}

impl Latents {
    /// Nothing is encoded yet.
    pub fn new(pictures: Pictures, vae: Rc<Vae>) -> Self {
        Self {
            pictures,
            vae,
            encoded: RefCell::default(),
        }
    }

    /// What the latents are made from.
    pub fn pictures(&self) -> &Pictures {
        &self.pictures
    }

    /// What makes them.
    pub fn vae(&self) -> &Rc<Vae> {
        &self.vae
    }

    /// Those of a training step.
    pub fn batch(&self, step: u64, batch: usize) -> Vec<Rc<Latent>> {
        let digits = &self.pictures.digits;
        let variant = digits.pass(step, batch) % VARIANTS;
        let places: Vec<_> = digits
            .indices(step, batch)
            .into_iter()
            .map(|i| (i, variant))
            .collect();
        let mut encoded = self.encoded.borrow_mut();
        let mut drawn = Drawn::default();
        let mut missing = Vec::new();
        for &(i, variant) in places.iter().filter(|place| !encoded.contains_key(place)) {
            // The same picture whenever it is asked for.
            let mut random = ChaCha8Rng::seed_from_u64(digits.seed);
            random.set_stream(i as u64 * VARIANTS + variant);
            if self.pictures.draw(i, &mut drawn, &mut random, often_small) {
                missing.push((i, variant));
            }
        }
        if !missing.is_empty() {
            encoded.extend(missing.into_iter().zip(self.encode(&drawn)));
        }
        // A digit without ink has none.
        places
            .iter()
            .filter_map(|place| encoded.get(place).cloned())
            .collect()
    }

    /// Those of pictures.
    pub fn encode(&self, drawn: &Drawn) -> Vec<Rc<Latent>> {
        let z = self.vae.encode(drawn.tensor(&self.vae.devices()[0])).mean;
        let [_, c, h, w] = z.dims();
        let values: Vec<f32> = z.into_data().iter::<f32>().collect();
        let latents = drawn.scenes.iter().zip(values.chunks(c * h * w));
        latents
            .map(|(scene, values)| {
                Rc::new(Latent {
                    scene: scene.clone(),
                    values: values.to_vec(),
                })
            })
            .collect()
    }
}

/// A scene of a kind that training shows.
fn often_small(digit: u8, random: &mut ChaCha8Rng) -> Scene {
    loop {
        let scene = Scene::seen(digit, random);
        if scene.size == Size::Small || !random.random_bool(REDRAWN) {
            return scene;
        }
    }
}

/// Latents as a tensor, [n, channels, height, width].
pub fn tensor(latents: &[Rc<Latent>], [c, h, w]: [usize; 3], device: &Device) -> Tensor<4> {
    let values: Vec<f32> = latents
        .iter()
        .flat_map(|l| l.values.iter().copied())
        .collect();
    Tensor::from_data(TensorData::new(values, [latents.len(), c, h, w]), device)
}
