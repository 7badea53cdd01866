//! The networks that are loaded, and what can generate with them.

use std::rc::Rc;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use strum::{EnumCount, EnumString, IntoStaticStr, VariantArray};
use thiserror::Error;

use crate::{
    caption::Tokenizer,
    classes::Classes,
    denoiser::{
        Decoder, Denoiser, Descent, Edm, Estimated, FixedSigma, Gradient, Prompted, VaeDecoder,
    },
    generation::{Negative, Request, Settings},
    image::SIZES,
    model::{
        clip::{Clip, ClipConfig},
        noise_level::NoiseLevelConfig,
        scorer::ScorerConfig,
        unet::UnetConfig,
        vae::{Vae, VaeConfig},
    },
    name::UnknownName,
    sampler::SamplerKind,
    scene,
    schedule::Schedule,
    weights::Source,
};

/// The networks that are trained, by the name of their weights file.
#[derive(
    Serialize,
    Deserialize,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Debug,
    strum::Display,
    EnumCount,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case", parse_err_ty = UnknownName, parse_err_fn = unknown_network)]
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
    pub const ALL: [Self; Self::COUNT] =
        *Self::VARIANTS.first_chunk().expect("as many as there are");

    /// Whether it is told, or tells, which class a picture is of.
    pub fn has_classes(self) -> bool {
        matches!(self, Self::Unet | Self::UnetBlind | Self::Scorer)
    }

    /// The name by which it is asked for.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

fn unknown_network(name: &str) -> UnknownName {
    UnknownName::new("network", name, Network::ALL)
}

/// What generates: a network, or several, as one [`Denoiser`].
#[derive(
    Serialize,
    Deserialize,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Debug,
    Default,
    strum::Display,
    EnumCount,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case", parse_err_ty = UnknownName, parse_err_fn = unknown_generator)]
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
    pub const ALL: [Self; Self::COUNT] =
        *Self::VARIANTS.first_chunk().expect("as many as there are");

    /// The name by which it is asked for.
    pub fn name(self) -> &'static str {
        self.into()
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

    /// Whether it can be asked in words.
    pub fn takes_a_prompt(self) -> bool {
        self == Self::Text
    }

    /// Whether classifier-free guidance leads it; what knows no digits has nothing to be led to.
    pub fn is_guided(self) -> bool {
        self != Self::NoiseLevel
    }

    /// Whether a schedule can be fitted to it, to be kept with the last of its networks. That of digits is that of
    /// digits-estimated too; the others walk down one slope, whatever the noise.
    pub fn has_schedule(self) -> bool {
        matches!(
            self,
            Self::Digits | Self::DigitsBlind | Self::Scorer | Self::Text
        )
    }

    /// The σ that its network is always told, if it is told the same whatever the noise.
    pub fn told_sigma(self) -> Option<f64> {
        (self == Self::ScorerPlain).then_some(PLAIN_SIGMA)
    }

    /// What would mean nothing to it is not taken in silence.
    ///
    /// # Errors
    /// [`Unsuited`].
    pub fn check(self, settings: &Settings, request: &Request) -> Result<(), Unsuited> {
        let words = matches!(&request.negative, Some(Negative::Prompt(_)));
        if request.digit.is_some() && !self.takes_a_digit() && !self.takes_a_prompt() {
            return Err(Unsuited::Digit(self));
        }
        if request.prompt.is_some() && !self.takes_a_prompt() {
            return Err(Unsuited::Prompt(self));
        }
        if request.negative.is_some() && !self.is_guided() {
            return Err(Unsuited::Negative(self));
        }
        if words && !self.takes_a_prompt() {
            return Err(Unsuited::NegativePrompt(self));
        }
        let guides = settings.guidance != 1.0 || settings.guidance_interval.is_some();
        if guides && !self.is_guided() {
            return Err(Unsuited::Guidance(self));
        }
        Ok(())
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
                steps: 20,
                sampler: SamplerKind::Ddpm,
                schedule: Some(Schedule::Cosine),
                guidance: 5.0,
                ..settings
            },
        }
    }
}

/// What means nothing to a model.
#[derive(Error, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unsuited {
    /// It draws what the noise leads to.
    #[error("the model {0} cannot be asked for a digit: it draws what the noise leads to")]
    Digit(Generator),
    /// It cannot read.
    #[error("the model {0} knows no words: ask for a digit")]
    Prompt(Generator),
    /// Nothing leads it.
    #[error("the model {0} draws what the noise leads to: no guidance leads it away from anything")]
    Negative(Generator),
    /// It cannot read what it is to be led away from.
    #[error("the model {0} knows no words: the negative must be a digit")]
    NegativePrompt(Generator),
    /// Nothing leads it.
    #[error("the model {0} draws what the noise leads to: there is no guidance to set")]
    Guidance(Generator),
}

fn unknown_generator(name: &str) -> UnknownName {
    UnknownName::new("model", name, Generator::ALL)
}

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
    /// The predictor of the amount of noise sees pictures of another size.
    #[error(
        "the weights of unet and noise-level do not belong together: train both on the same data, or load the two of one site"
    )]
    Sizes,
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
    /// What is wrong with the source, or that its pictures are of no size that is drawn here.
    pub fn load<S: Source>(&mut self, network: Network, source: &S) -> Result<(), S::Error> {
        let scheduled = |edm: Edm| -> Result<Edm, S::Error> {
            let fitted = source.schedule(edm.sigma_range())?;
            Ok(edm.with_schedule(fitted))
        };
        let unet = |device| -> Result<Rc<Edm>, S::Error> {
            let (unet, config) = source.open::<UnetConfig>(device)?;
            let classes = named(source, config.classes)?;
            let edm = Edm::new(unet, config).with_classes(classes);
            check_shape(source, scheduled(edm)?)
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
                let classes = named(source, config.classes)?;
                let gradient = Gradient::new(scorer, config).with_classes(classes);
                let fitted = source.schedule(gradient.sigma_range())?;
                self.scorer = Some(check_shape(source, gradient.with_schedule(fitted))?);
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
                self.text = Some((Rc::new(scheduled(Edm::new(unet, config))?), context));
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
                let (unet, noise_level) = (self.unet()?, self.noise_level()?);
                if unet.shape() != noise_level.shape() {
                    return Err(NotReady::Sizes);
                }
                Rc::new(Estimated::new(unet, noise_level))
            }
            Generator::Scorer => self.scorer()?,
            Generator::ScorerPlain => {
                Rc::new(FixedSigma::new(self.scorer()?, PLAIN_SIGMA, PLAIN_START))
            }
            Generator::NoiseLevel => self.noise_level()?,
            Generator::Text => Rc::new(self.prompted()?),
        })
    }

    /// What makes pictures of what it draws, if those are latents.
    ///
    /// # Errors
    /// [`NotReady`].
    pub fn decoder(&self, generator: Generator) -> Result<Option<Rc<dyn Decoder>>, NotReady> {
        if generator.draws_digits() {
            return Ok(None);
        }
        let (vae, config) = self.vae()?;
        Ok(Some(Rc::new(VaeDecoder::new(vae, config))))
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
        let (_, config) = self.vae()?;
        if edm.shape() != config.latent() || context != Some(words.text_width) {
            return Err(NotReady::Apart);
        }
        Ok(Prompted::new(edm, (clip, tokenizer)))
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

/// Everything here shows, samples and judges pictures of these sizes.
fn check_shape<S: Source, D: Denoiser>(source: &S, denoiser: D) -> Result<Rc<D>, S::Error> {
    if SIZES
        .map(|size| [1, size, size])
        .contains(&denoiser.shape())
    {
        return Ok(Rc::new(denoiser));
    }
    let sizes = SIZES.map(|size| format!("{size}x{size}")).join(" or ");
    Err(source.misfit(&format!(
        "its pictures are not {sizes} pixels of one channel"
    )))
}

/// The names of a network's classes.
fn named<S: Source>(source: &S, count: usize) -> Result<Classes, S::Error> {
    let numbered = Classes::numbered(count);
    let classes = source.classes().unwrap_or(numbered);
    if classes.len() == count {
        return Ok(classes);
    }
    Err(source.misfit(&format!(
        "{} names stand there for its {count} classes",
        classes.len()
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
