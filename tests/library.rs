//! What generates: every model by its name, from the networks that it needs.
#![cfg(all(feature = "native", feature = "flex"))]

mod common;

use std::rc::Rc;

use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};
use unnoise::{
    denoiser::{Cond, Denoiser, Descent, Edm, Estimated, Wanted},
    generation::{Decode, Generation, Negative, Request, Settings},
    image::{self, DIGIT_PIXELS, DIGIT_SIZE},
    library::{Generator, Library, Network, NotReady},
    model::{noise_level::NoiseLevelConfig, scorer::ScorerConfig, unet::UnetConfig},
    nn::ModelConfig,
    rng, scene,
    weights::Source,
};

/// Networks by formula, of the size asked for.
struct Formula {
    size: usize,
    network: Network,
}

impl Source for Formula {
    type Error = String;

    fn open<C: ModelConfig>(&self, device: &Device) -> Result<(C::Model, C), String> {
        let config = match self.network {
            Network::Unet => serde_json::to_value(tiny_unet(self.size)),
            Network::UnetBlind => serde_json::to_value(blind(self.size)),
            Network::NoiseLevel => serde_json::to_value(
                NoiseLevelConfig::new()
                    .with_size(self.size)
                    .with_channels(vec![4, 6])
                    .with_strides(vec![2, 2]),
            ),
            Network::Scorer => serde_json::to_value(
                ScorerConfig::new()
                    .with_size(self.size)
                    .with_channels(vec![4, 6])
                    .with_strides(vec![2, 2])
                    .with_embedding(8),
            ),
            Network::Vae => serde_json::to_value(common::tiny_vae().with_size(self.size)),
            Network::Clip => serde_json::to_value(common::tiny_clip().with_size(self.size)),
            Network::Text => serde_json::to_value(common::tiny_latents(self.size)),
        };
        let config: C = serde_json::from_value(config.unwrap()).map_err(|e| e.to_string())?;
        config.check().map_err(|e| e.to_string())?;
        Ok((common::fill(config.init(device), 1), config))
    }

    fn misfit(&self, reason: &str) -> String {
        reason.into()
    }
}

fn tiny_unet(size: usize) -> UnetConfig {
    common::tiny_digits().with_size(size)
}

fn blind(size: usize) -> UnetConfig {
    tiny_unet(size).with_noise_features(0)
}

/// The size of what a network sees.
fn size(network: Network) -> usize {
    match network {
        Network::Unet | Network::UnetBlind | Network::NoiseLevel | Network::Scorer => DIGIT_SIZE,
        Network::Vae | Network::Clip => scene::SIZE,
        Network::Text => scene::SIZE / 8,
    }
}

fn load(library: &mut Library, network: Network) -> Result<(), String> {
    let size = size(network);
    library.load(network, &Formula { size, network })
}

fn full() -> Library {
    let mut library = Library::new(Device::flex());
    for network in Network::ALL {
        load(&mut library, network).unwrap();
    }
    library
}

fn noisy(seed: u64, sigma: f64) -> Tensor<4> {
    let values: Vec<f32> = rng::gaussian(seed, 0, DIGIT_PIXELS)
        .iter()
        .map(|v| (v * sigma) as f32)
        .collect();
    let data = TensorData::new(values, [1, 1, DIGIT_SIZE, DIGIT_SIZE]);
    Tensor::from_data(data, &Device::flex())
}

fn numbers(tensor: Tensor<4>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

#[test]
fn every_name_is_taken_back() {
    for generator in Generator::ALL {
        assert_eq!(generator.name().parse(), Ok(generator));
        let json = serde_json::to_string(&generator).unwrap();
        assert_eq!(json, format!("{:?}", generator.name()));
    }
    for network in Network::ALL {
        assert_eq!(network.name().parse(), Ok(network));
        let json = serde_json::to_string(&network).unwrap();
        assert_eq!(json, format!("{:?}", network.name()));
    }
    let unknown = "cats".parse::<Generator>().unwrap_err().to_string();
    assert!(unknown.contains("\"cats\"") && unknown.contains("scorer-plain"));
    let unknown = "cats".parse::<Network>().unwrap_err().to_string();
    assert!(unknown.contains("\"cats\"") && unknown.contains("unet-blind"));
}

#[test]
fn every_model_draws_with_its_own_defaults() {
    let library = full();
    for generator in Generator::ALL {
        let defaults = generator.defaults();
        defaults.check().unwrap();
        let settings = Settings {
            steps: 3,
            ..defaults
        };
        let request = Request {
            digit: Some(3),
            seed: 7,
            ..Request::default()
        };
        let denoiser = library.denoiser(generator).unwrap();
        let calls = settings.calls_along(&settings.table(&denoiser).unwrap());
        let mut run = Generation::new(denoiser, &settings, &[request], &Device::flex()).unwrap();
        let first = run.frame();
        while pollster::block_on(run.next()).unwrap().is_some() {}
        let last = run.frame();
        assert_eq!((last.step, last.nfe), (3, calls), "{generator}");
        assert_ne!(first.x, last.x, "{generator}");
    }
}

#[test]
fn a_model_without_its_networks_says_which() {
    for generator in Generator::ALL {
        let mut library = Library::new(Device::flex());
        for &network in generator.networks() {
            let error = library.denoiser(generator).err().unwrap().to_string();
            assert!(error.contains("not loaded"), "{error}");
            load(&mut library, network).unwrap();
        }
        assert!(library.denoiser(generator).is_ok());
    }
}

#[test]
fn a_network_of_another_size_is_refused() {
    for network in Network::ALL {
        let mut library = Library::new(Device::flex());
        let loaded = library.load(network, &Formula { size: 16, network });
        let seen = size(network);
        match network {
            // Whether its latents are the autoencoder's is known when both are there.
            Network::Text => assert_eq!(loaded, Ok(())),
            _ => assert!(
                loaded.unwrap_err().contains(&format!("{seen}x{seen}")),
                "{network}"
            ),
        }
    }
}

#[test]
fn parts_of_two_trainings_do_not_draw_together() {
    let mut library = full();
    let network = Network::Text;
    library
        .load(network, &Formula { size: 16, network })
        .unwrap();
    let error = library.denoiser(Generator::Text).err();
    assert_eq!(error, Some(NotReady::Apart));
}

/// What a run makes of latents is decoded by the autoencoder, and only then.
#[test]
fn a_latent_becomes_a_picture() {
    let library = full();
    let draw = |generator: Generator, prompt: Option<&str>| {
        let settings = Settings {
            steps: 2,
            ..generator.defaults()
        };
        let request = Request {
            prompt: prompt.map(str::to_owned),
            seed: 7,
            ..Request::default()
        };
        let denoiser = library.denoiser(generator).unwrap();
        let mut run = Generation::new(denoiser, &settings, &[request], &Device::flex())
            .unwrap()
            .decoding(library.decoder(generator).unwrap(), Decode::Every);
        assert_eq!(run.frame().decoded, None);
        while pollster::block_on(run.next()).unwrap().is_some() {}
        let last = run.frame();
        (last.clone(), last.decoded)
    };
    assert_eq!(draw(Generator::Digits, None).1, None);

    let (frame, picture) = draw(Generator::Text, Some("a red three"));
    assert_eq!((frame.width, frame.height, frame.channels), (8, 8, 4));
    let picture = picture.unwrap().x;
    assert_eq!(picture.len(), scene::VALUES);
    let (vae, _) = library.vae().unwrap();
    let planes = image::planes(&frame.x, 4)
        .iter()
        .map(|&v| v as f32)
        .collect();
    let z = Tensor::from_data(TensorData::new(planes, [1, 4, 8, 8]), &Device::flex());
    let decoded = numbers(vae.decode(z).permute([0, 2, 3, 1]));
    assert_eq!(picture, decoded);

    let (other, _) = draw(Generator::Text, Some("a blue four"));
    assert_ne!(frame.x, other.x, "the words are looked at");
    let (any, _) = draw(Generator::Text, None);
    let (nothing, _) = draw(Generator::Text, Some("  "));
    assert_eq!(any.x, nothing.x, "nothing said is anything wanted");
}

/// A digit that is not wanted is not what the seed chooses.
#[test]
fn no_seed_chooses_the_negative() {
    let text = full().denoiser(Generator::Text).unwrap();
    for seed in 0..20 {
        let chosen = text.settle(Wanted::Any, &Wanted::Any, seed);
        let Wanted::Digit(digit) = chosen else {
            panic!("{chosen:?}")
        };
        for negative in [chosen.clone(), Wanted::Prompt(format!("a thin {digit}"))] {
            let other = text.settle(Wanted::Any, &negative, seed);
            assert!(matches!(other, Wanted::Digit(0..=9)) && other != chosen);
        }
        let colour = Wanted::Prompt("blue paper".into());
        assert_eq!(text.settle(Wanted::Any, &colour, seed), chosen);
    }
}

/// The blind network sees the same picture, whatever it is told of the noise; the other one does not.
#[test]
fn what_is_kept_of_sentences_is_what_they_say_anew() {
    let library = full();
    let kept = library.denoiser(Generator::Text).unwrap();
    let [c, h, w] = kept.shape();
    let values = rng::gaussian(1, 0, 2 * c * h * w);
    let values: Vec<f32> = values.into_iter().map(|v| v as f32).collect();
    let x = TensorData::new(values, [2, c, h, w]);
    let said = |texts: [&str; 2]| Cond(texts.map(|text| Wanted::Prompt(text.into())).to_vec());
    let (one, other) = (
        said(["a red three", ""]),
        said(["a bold eight", "a pink 1"]),
    );
    let mut answers = Vec::new();
    // Kept from the call before, forgotten for other sentences, and taken up again.
    for (sigma, cond) in [(5.0, &one), (0.5, &one), (0.5, &other), (0.5, &one)] {
        let denoise = |denoiser: &dyn Denoiser| {
            let x = Tensor::from_data(x.clone(), library.device());
            numbers(denoiser.denoise(x, &[sigma; 2], cond))
        };
        let answer = denoise(&kept);
        assert_eq!(answer, denoise(&library.denoiser(Generator::Text).unwrap()));
        answers.push(answer);
    }
    assert_ne!(answers[1], answers[2], "the words are not listened to");
}

#[test]
fn a_blind_network_is_not_told_the_noise() {
    let device = Device::flex();
    let answer = |config: UnetConfig, c_noise: f32| {
        let unet = common::unet(&config, 1, &device);
        let class = Tensor::<2>::zeros([1, 11], &device);
        let c_noise = Tensor::<1>::from_floats([c_noise], &device);
        numbers(unet.forward(noisy(1, 1.0), c_noise, class, None))
    };
    assert_eq!(
        answer(blind(DIGIT_SIZE), -0.5),
        answer(blind(DIGIT_SIZE), 0.5)
    );
    assert_ne!(
        answer(tiny_unet(DIGIT_SIZE), -0.5),
        answer(tiny_unet(DIGIT_SIZE), 0.5)
    );
    let config = blind(DIGIT_SIZE);
    assert_eq!(config.check(), Ok(()));
    assert_eq!(config.cost().parameters, config.init(&device).num_params());
}

/// The estimated noise is what the network is told, and nothing else is.
#[test]
fn an_estimate_takes_the_place_of_the_noise() {
    let device = Device::flex();
    let size = DIGIT_SIZE;
    let network = Network::NoiseLevel;
    let (predictor, config) = Formula { size, network }
        .open::<NoiseLevelConfig>(&device)
        .unwrap();
    let predictor = Rc::new(Descent::new(predictor, config));
    let edm = Rc::new(Edm::new(
        common::unet(&tiny_unet(size), 1, &device),
        tiny_unet(size),
    ));
    let estimated = Estimated::new(edm.clone(), predictor.clone());
    let cond = Cond::digits([Some(3)]);
    let x = || noisy(1, 1.0);
    let seen = predictor.sigma(x()).into_data().iter::<f32>().next();
    let told = edm.denoise(x(), &[f64::from(seen.unwrap())], &cond);
    assert_eq!(
        numbers(estimated.denoise(x(), &[0.1], &cond)),
        numbers(estimated.denoise(x(), &[9.0], &cond))
    );
    let pairs = numbers(estimated.denoise(x(), &[0.1], &cond));
    for (one, other) in pairs.iter().zip(numbers(told)) {
        assert!((one - other).abs() < 1e-4);
    }
}

/// What means nothing to a model is not passed over.
#[test]
fn what_a_model_cannot_be_asked_is_told() {
    type Change<'a> = &'a dyn Fn(&mut Settings, &mut Request);
    let of = |model: Generator, change: Change| {
        let (mut settings, mut request) = (model.defaults(), Request::default());
        change(&mut settings, &mut request);
        model
            .check(&settings, &request)
            .err()
            .map(|e| e.to_string())
    };
    let level = Generator::NoiseLevel;
    let wrong: [(Generator, &str, Change); 6] = [
        (
            level,
            "the model noise-level cannot be asked for a digit: it draws what the noise leads to",
            &|_, r| r.digit = Some(3),
        ),
        (
            level,
            "the model noise-level draws what the noise leads to: there is no guidance to set",
            &|s, _| s.guidance = 2.0,
        ),
        (
            level,
            "the model noise-level draws what the noise leads to: there is no guidance to set",
            &|s, _| s.guidance_interval = Some([0.1, 5.0]),
        ),
        (
            level,
            "the model noise-level draws what the noise leads to: no guidance leads it away from anything",
            &|_, r| r.negative = Some(Negative::Digit(3)),
        ),
        (
            Generator::Scorer,
            "the model scorer knows no words: ask for a digit",
            &|_, r| r.prompt = Some("a three".into()),
        ),
        (
            Generator::Digits,
            "the model digits knows no words: the negative must be a digit",
            &|_, r| r.negative = Some(Negative::Prompt("a three".into())),
        ),
    ];
    for (model, sentence, change) in wrong {
        assert_eq!(of(model, change).as_deref(), Some(sentence));
    }
    for model in Generator::ALL {
        assert_eq!(of(model, &|_, _| ()), None, "{model}");
    }
    assert_eq!(of(Generator::Text, &|_, r| r.digit = Some(3)), None);
}
