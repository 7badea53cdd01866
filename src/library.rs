//! The networks that are loaded, and what can generate with them.

use std::{fmt, rc::Rc, str::FromStr};

use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    caption::Tokenizer,
    denoiser::{Denoiser, Descent, Edm, Estimated, FixedSigma, Gradient, Prompted},
    generation::Settings,
    image::DIGIT_SIZE,
    model::{
        clip::{Clip, ClipConfig},
        noise_level::NoiseLevelConfig,
        scorer::ScorerConfig,
        unet::UnetConfig,
        vae::{Vae, VaeConfig},
    },
    sampler::SamplerKind,
    scene,
    schedule::Schedule,
    weights::Source,
};

/// The networks that are trained, by the name of their weights file.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// The U-Net that denoises digits.
    Unet,
    /// The same U-Net without the noise level as an input.
    UnetBlind,
    /// The amount of noise in a picture.
    NoiseLevel,
    /// Which digit a picture shows, if any.
    Scorer,
    /// Coloured pictures to latents, and back.
    Vae,
    /// Pictures and sentences in one space.
    Clip,
    /// The U-Net that denoises latents as a sentence says.
    Text,
}

impl Network {
    /// Every network.
    pub const ALL: [Self; 7] = [
        Self::Unet,
        Self::UnetBlind,
        Self::NoiseLevel,
        Self::Scorer,
        Self::Vae,
        Self::Clip,
        Self::Text,
    ];

    /// The name by which it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unet => "unet",
            Self::UnetBlind => "unet-blind",
            Self::NoiseLevel => "noise-level",
            Self::Scorer => "scorer",
            Self::Vae => "vae",
            Self::Clip => "clip",
            Self::Text => "text",
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Network {
    type Err = UnknownNetwork;

    fn from_str(name: &str) -> Result<Self, UnknownNetwork> {
        let found = Self::ALL.into_iter().find(|one| one.name() == name);
        found.ok_or_else(|| UnknownNetwork(name.into()))
    }
}

/// A name that no [`Network`] has.
#[derive(Error, Clone, PartialEq, Eq, Debug)]
#[error("there is no network {0:?}: choose one of {names}", names = Network::ALL.map(Network::name).join(", "))]
pub struct UnknownNetwork(pub String);

/// What generates: a network, or several, as one [`Denoiser`].
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Generator {
    /// The U-Net, told the noise level.
    #[default]
    Digits,
    /// The U-Net that is not told it.
    DigitsBlind,
    /// The U-Net, told the noise level that the predictor sees.
    DigitsEstimated,
    /// The gradient of log f, which is told the noise level.
    Scorer,
    /// The gradient of log f at one noise level, whatever the noise.
    ScorerPlain,
    /// Down the slope of the predicted noise level.
    NoiseLevel,
    /// Coloured pictures of what a sentence says.
    Text,
}

/// The noise level that f is told without annealing: where its gradient draws best, measured.
const PLAIN_SIGMA: f64 = 0.5;

/// The noise that sampling without annealing starts from: as wide as the pictures that f knows there.
const PLAIN_START: f64 = 1.0;

impl Generator {
    /// Everything that generates, in the order of the lesson.
    pub const ALL: [Self; 7] = [
        Self::Digits,
        Self::DigitsBlind,
        Self::DigitsEstimated,
        Self::Scorer,
        Self::ScorerPlain,
        Self::NoiseLevel,
        Self::Text,
    ];

    /// The name by which it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::DigitsBlind => "digits-blind",
            Self::DigitsEstimated => "digits-estimated",
            Self::Scorer => "scorer",
            Self::ScorerPlain => "scorer-plain",
            Self::NoiseLevel => "noise-level",
            Self::Text => "text",
        }
    }

    /// The networks that it needs.
    pub fn networks(self) -> &'static [Network] {
        match self {
            Self::Digits => &[Network::Unet],
            Self::DigitsBlind => &[Network::UnetBlind],
            Self::DigitsEstimated => &[Network::Unet, Network::NoiseLevel],
            Self::Scorer | Self::ScorerPlain => &[Network::Scorer],
            Self::NoiseLevel => &[Network::NoiseLevel],
            Self::Text => &[Network::Vae, Network::Clip, Network::Text],
        }
    }

    /// Whether what it draws are digits as in MNIST, not coloured pictures.
    pub fn draws_digits(self) -> bool {
        self != Self::Text
    }

    /// Whether it draws such digits and can be asked for one; the noise level's gradient draws what the
    /// noise leads to.
    pub fn takes_a_digit(self) -> bool {
        self.draws_digits() && self != Self::NoiseLevel
    }

    /// The σ that its network is always told, if it is told the same whatever the noise.
    pub fn told_sigma(self) -> Option<f64> {
        (self == Self::ScorerPlain).then_some(PLAIN_SIGMA)
    }

    /// What suits it best.
    pub fn defaults(self) -> Settings {
        let settings = Settings::default();
        match self {
            Self::Digits | Self::DigitsBlind | Self::DigitsEstimated => settings,
            Self::Scorer => Settings {
                steps: 30,
                ..settings
            },
            // Each step straight along the gradient.
            Self::ScorerPlain => Settings {
                steps: 30,
                sampler: SamplerKind::Euler,
                ..settings
            },
            // It does not know what a digit is, so there is nothing to guide.
            Self::NoiseLevel => Settings {
                steps: 30,
                sampler: SamplerKind::Euler,
                guidance: 1.0,
                ..settings
            },
            // So strong a guidance leads astray; fresh noise in every step leads back.
            Self::Text => Settings {
                sampler: SamplerKind::Ddpm,
                schedule: Some(Schedule::Cosine),
                guidance: 5.0,
                ..settings
            },
        }
    }
}

impl fmt::Display for Generator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Generator {
    type Err = UnknownGenerator;

    fn from_str(name: &str) -> Result<Self, UnknownGenerator> {
        let found = Self::ALL.into_iter().find(|one| one.name() == name);
        found.ok_or_else(|| UnknownGenerator(name.into()))
    }
}

/// A name that no [`Generator`] has.
#[derive(Error, Clone, PartialEq, Eq, Debug)]
#[error("there is no model {0:?}: choose one of {names}", names = Generator::ALL.map(Generator::name).join(", "))]
pub struct UnknownGenerator(pub String);

/// Networks that cannot do what is asked.
#[derive(Error, Clone, PartialEq, Eq, Debug)]
pub enum NotReady {
    /// One is asked for before its weights are there.
    #[error("the weights of the network \"{0}\" are not loaded yet")]
    NotLoaded(Network),
    /// The parts of text to picture are not of the same sizes.
    #[error(
        "the weights of text, vae and clip do not belong together: train text on the vae and the clip at hand, or load the three of one site"
    )]
    Apart,
}

/// A device and the networks on it.
pub struct Library {
    device: Device,
    unet: Option<Rc<Edm>>,
    unet_blind: Option<Rc<Edm>>,
    noise_level: Option<Rc<Descent>>,
    scorer: Option<Rc<Gradient>>,
    vae: Option<(Rc<Vae>, VaeConfig)>,
    /// And the width of a token's vector.
    clip: Option<(Rc<Clip>, Rc<Tokenizer>, ClipConfig)>,
    /// And the width of the tokens' vectors that it takes.
    text: Option<(Rc<Edm>, Option<usize>)>,
}

impl Library {
    /// An empty one.
    pub fn new(device: Device) -> Self {
        Self {
            device,
            unet: None,
            unet_blind: None,
            noise_level: None,
            scorer: None,
            vae: None,
            clip: None,
            text: None,
        }
    }

    /// The device that its denoisers compute on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Puts a network on the device.
    ///
    /// # Errors
    /// What is wrong with the source, or that its pictures are not of a digit's size.
    pub fn load<S: Source>(&mut self, network: Network, source: &S) -> Result<(), S::Error> {
        let unet = |device| -> Result<Rc<Edm>, S::Error> {
            let (unet, config) = source.open::<UnetConfig>(device)?;
            check_shape(source, Edm::new(unet, config))
        };
        match network {
            Network::Unet => self.unet = Some(unet(&self.device)?),
            Network::UnetBlind => self.unet_blind = Some(unet(&self.device)?),
            Network::NoiseLevel => {
                let (predictor, config) = source.open::<NoiseLevelConfig>(&self.device)?;
                self.noise_level = Some(check_shape(source, Descent::new(predictor, config))?);
            }
            Network::Scorer => {
                let device = Gradient::device(&self.device);
                let (scorer, config) = source.open::<ScorerConfig>(&device)?;
                self.scorer = Some(check_shape(source, Gradient::new(scorer, config))?);
            }
            Network::Vae => {
                let (vae, config) = source.open::<VaeConfig>(&self.device)?;
                self.vae = Some((check_scene(source, config.picture(), vae)?, config));
            }
            Network::Clip => {
                let (clip, config) = source.open::<ClipConfig>(&self.device)?;
                let clip = check_scene(source, config.picture(), clip)?;
                self.clip = Some((clip, Rc::new(config.tokenizer()), config));
            }
            Network::Text => {
                let (unet, config) = source.open::<UnetConfig>(&self.device)?;
                let context = config.context;
                self.text = Some((Rc::new(Edm::new(unet, config)), context));
            }
        }
        Ok(())
    }

    /// What generates.
    ///
    /// # Errors
    /// [`NotReady`].
    pub fn denoiser(&self, generator: Generator) -> Result<Rc<dyn Denoiser>, NotReady> {
        Ok(match generator {
            Generator::Digits => self.unet()?,
            Generator::DigitsBlind => {
                let blind = self.unet_blind.clone();
                blind.ok_or(NotReady::NotLoaded(Network::UnetBlind))?
            }
            Generator::DigitsEstimated => {
                Rc::new(Estimated::new(self.unet()?, self.noise_level()?))
            }
            Generator::Scorer => self.scorer()?,
            Generator::ScorerPlain => {
                Rc::new(FixedSigma::new(self.scorer()?, PLAIN_SIGMA, PLAIN_START))
            }
            Generator::NoiseLevel => self.noise_level()?,
            Generator::Text => Rc::new(self.prompted()?),
        })
    }

    fn unet(&self) -> Result<Rc<Edm>, NotReady> {
        self.unet.clone().ok_or(NotReady::NotLoaded(Network::Unet))
    }

    /// f and its gradient.
    ///
    /// # Errors
    /// [`NotReady`].
    pub fn scorer(&self) -> Result<Rc<Gradient>, NotReady> {
        self.scorer
            .clone()
            .ok_or(NotReady::NotLoaded(Network::Scorer))
    }

    /// The autoencoder.
    ///
    /// # Errors
    /// [`NotReady`].
    pub fn vae(&self) -> Result<(Rc<Vae>, VaeConfig), NotReady> {
        self.vae.clone().ok_or(NotReady::NotLoaded(Network::Vae))
    }

    fn prompted(&self) -> Result<Prompted, NotReady> {
        let (edm, context) = self
            .text
            .clone()
            .ok_or(NotReady::NotLoaded(Network::Text))?;
        let (clip, tokenizer, words) = self
            .clip
            .clone()
            .ok_or(NotReady::NotLoaded(Network::Clip))?;
        let (vae, config) = self.vae()?;
        if edm.shape() != config.latent() || context != Some(words.text_width) {
            return Err(NotReady::Apart);
        }
        Ok(Prompted::new(
            edm,
            (clip, tokenizer),
            (vae, config.picture()),
        ))
    }

    /// Pictures and sentences in one space, and what makes tokens of the sentences.
    ///
    /// # Errors
    /// [`NotReady`].
    pub fn clip(&self) -> Result<(Rc<Clip>, Rc<Tokenizer>), NotReady> {
        let (clip, tokenizer, _) = self
            .clip
            .clone()
            .ok_or(NotReady::NotLoaded(Network::Clip))?;
        Ok((clip, tokenizer))
    }

    /// The shape of CLIP.
    ///
    /// # Errors
    /// [`NotReady`].
    pub fn clip_config(&self) -> Result<&ClipConfig, NotReady> {
        let clip = self.clip.as_ref();
        let (_, _, config) = clip.ok_or(NotReady::NotLoaded(Network::Clip))?;
        Ok(config)
    }

    /// σ̂ and its gradient.
    ///
    /// # Errors
    /// [`NotReady`].
    pub fn noise_level(&self) -> Result<Rc<Descent>, NotReady> {
        let predictor = self.noise_level.clone();
        predictor.ok_or(NotReady::NotLoaded(Network::NoiseLevel))
    }
}

/// Everything here shows, samples and judges digits.
fn check_shape<S: Source, D: Denoiser>(source: &S, denoiser: D) -> Result<Rc<D>, S::Error> {
    if denoiser.shape() == [1, DIGIT_SIZE, DIGIT_SIZE] {
        return Ok(Rc::new(denoiser));
    }
    Err(source.misfit(&format!(
        "its pictures are not {DIGIT_SIZE}x{DIGIT_SIZE} pixels of one channel"
    )))
}

/// These networks see coloured pictures.
fn check_scene<S: Source, M>(source: &S, picture: [usize; 3], model: M) -> Result<Rc<M>, S::Error> {
    if picture == [scene::CHANNELS, scene::SIZE, scene::SIZE] {
        return Ok(Rc::new(model));
    }
    let size = scene::SIZE;
    Err(source.misfit(&format!(
        "its pictures are not {size}x{size} pixels of three channels"
    )))
}
