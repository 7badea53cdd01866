//! Each network as graphs: what goes in, what comes out, and what [`crate::model`] and [`crate::denoiser`] do
//! between the two. σ and what they say of it is inside: who runs a file needs to know no formula.

use super::{
    block::Preconditioning,
    graph::{Attribute, Graph, Value},
};
use crate::{
    caption::{MAX_TOKENS, PADDING},
    model::{
        clip::ClipConfig, noise_level::NoiseLevelConfig, scorer::ScorerConfig, unet::UnetConfig,
        vae::VaeConfig,
    },
    nn::{ModelConfig, SIGMA_DATA},
};

const SIGMA: &str = "standard deviation of the noise in each picture, above 0";

/// A network of which graphs can be made.
pub trait Graphs: ModelConfig + 'static {
    /// The graphs: what is added to the network's name, what each computes, and the part of it that adds
    /// its nodes.
    const GRAPHS: &'static [Part<Self>];
}

/// One graph of a network.
pub struct Part<C> {
    pub suffix: &'static str,
    pub about: &'static str,
    pub build: fn(&C, &mut Graph),
}

impl Graphs for UnetConfig {
    const GRAPHS: &'static [Part<Self>] = &[Part {
        suffix: "",
        about: "D(x; sigma): the clean picture that is expected in a noisy one, x = x0 + sigma * noise",
        build: denoiser,
    }];
}

impl Graphs for VaeConfig {
    const GRAPHS: &'static [Part<Self>] = &[
        Part {
            suffix: "-encoder",
            about: "A picture to its latent",
            build: vae_encoder,
        },
        Part {
            suffix: "-decoder",
            about: "A latent to its picture",
            build: vae_decoder,
        },
    ];
}

impl Graphs for NoiseLevelConfig {
    const GRAPHS: &'static [Part<Self>] = &[Part {
        suffix: "",
        about: "The amount of noise in a picture",
        build: noise_level,
    }];
}

impl Graphs for ScorerConfig {
    const GRAPHS: &'static [Part<Self>] = &[Part {
        suffix: "",
        about: "log f: how much a noisy picture looks like each digit. Its gradient is not part of the graph",
        build: scorer,
    }];
}

impl Graphs for ClipConfig {
    const GRAPHS: &'static [Part<Self>] = &[
        Part {
            suffix: "-image",
            about: "A picture's place in the space that it shares with sentences",
            build: clip_image,
        },
        Part {
            suffix: "-text",
            about: "A sentence's place in the space that it shares with pictures, and its tokens in the light of each other",
            build: clip_text,
        },
    ];
}

/// [`crate::denoiser::Edm`].
fn denoiser(config: &UnetConfig, g: &mut Graph) {
    let picture = [config.picture_channels, config.size, config.size];
    let x = g.input("x", &picture, "the noisy pictures");
    let sigma = g.input("sigma", &[], SIGMA);
    let classes = config.classes + 1;
    let class = if config.classes == 0 {
        g.weight("class.weight")
    } else {
        let about = "one-hot: the class that each is to show, the last one for any";
        let digit = g.input("digit", &[classes], about);
        g.linear(&digit, "class")
    };
    let context = config.context.map(|width| {
        let about = "the tokens of clip-text";
        g.input("context", &[MAX_TOKENS, width], about)
    });
    let Preconditioning {
        c_skip,
        c_out,
        c_in,
        c_noise,
    } = g.preconditioning(&sigma, config.sigma_data);
    let scaled = g.mul(&x, &c_in);
    let network = unet(config, g, &scaled, &c_noise, &class, context.as_ref());
    let skip = g.mul(&x, &c_skip);
    let out = g.mul(&network, &c_out);
    let denoised = g.add(&skip, &out);
    g.output("denoised", &denoised, "the clean pictures expected in them");
}

/// [`crate::model::unet::Unet::forward`]; `class` is the class's vector.
fn unet(
    config: &UnetConfig,
    g: &mut Graph,
    x: &Value,
    c_noise: &Value,
    class: &Value,
    context: Option<&Value>,
) -> Value {
    let mut embedding = class.clone();
    if config.noise_features > 0 {
        let features = g.sinusoidal_features(c_noise, config.noise_features);
        let noise = g.linear(&features, "noise");
        embedding = g.add(&noise, &embedding);
    }
    let embedding = g.silu(&embedding);
    let embedding = g.linear(&embedding, "embedding");
    let embedding = Some(g.silu(&embedding));
    let embedding = embedding.as_ref();
    let look = |g: &mut Graph, h: Value, path: &str| match context {
        Some(context) => g.cross_attention(&h, path, config.heads, context),
        None => h,
    };

    let last = config.channels.len() - 1;
    let mut h = g.conv2d(x, "stem", 1);
    let mut skips = Vec::with_capacity(last);
    for level in 0..last {
        let path = format!("down.{level}");
        h = g.residuals(
            &h,
            &format!("{path}.blocks"),
            config.blocks[level],
            embedding,
        );
        h = look(g, h, &format!("{path}.context"));
        skips.push(h.clone());
        h = g.conv2d(&h, &format!("{path}.resample"), 2);
    }
    h = g.residuals(&h, "middle_in", config.blocks[last], embedding);
    h = g.self_attention(&h, "attention", config.heads);
    h = look(g, h, "context");
    h = g.residuals(&h, "middle_out", config.blocks[last], embedding);
    for (i, skip) in skips.iter().rev().enumerate() {
        let path = format!("up.{i}");
        let small = g.conv2d(&h, &format!("{path}.resample"), 1);
        h = g.upsample(&small, Some(skip));
        let count = config.blocks[last - 1 - i];
        h = g.residuals(&h, &format!("{path}.blocks"), count, embedding);
        h = look(g, h, &format!("{path}.context"));
    }
    h = g.norm_silu(&h, "norm", None);
    g.conv2d(&h, "head", 1)
}

/// [`crate::model::vae::Vae::encode`].
fn vae_encoder(config: &VaeConfig, g: &mut Graph) {
    let x = g.input("picture", &config.picture(), "pictures, RGB in [-1, 1]");
    let h = g.pyramid(&x, "encoder", &config.encoder_blocks);
    let both = g.conv2d(&h, "posterior", 1);
    let [mean, log_variance] = g.split(&both);
    let bounds = [-20.0, 10.0].map(|bound| g.number(bound));
    let inputs = [&log_variance, &bounds[0], &bounds[1]];
    let log_variance = g.node("Clip", &inputs, &[], &log_variance.shape);
    g.output("mean", &mean, "the latents");
    g.output(
        "log_variance",
        &log_variance,
        "ln of the variance of each of their numbers",
    );
}

/// [`crate::model::vae::Vae::decode`].
fn vae_decoder(config: &VaeConfig, g: &mut Graph) {
    let z = g.input("latent", &config.latent(), "latents");
    let mut h = g.conv2d(&z, "stem", 1);
    for (i, &count) in config.decoder_blocks.iter().rev().enumerate() {
        h = g.residuals(&h, &format!("levels.{i}.blocks"), count, None);
        let narrow = format!("levels.{i}.narrow");
        if g.has(&format!("{narrow}.weight")) {
            h = g.conv2d(&h, &narrow, 1);
            h = g.upsample(&h, None);
        }
    }
    h = g.norm_silu(&h, "norm", None);
    h = g.conv2d(&h, "head", 1);
    let picture = g.depth_to_space(&h);
    g.output("picture", &picture, "pictures, RGB, about [-1, 1]");
}

/// [`crate::model::noise_level::NoiseLevel::sigma`].
fn noise_level(config: &NoiseLevelConfig, g: &mut Graph) {
    let x = g.input("x", &[1, config.size, config.size], "the noisy pictures");
    let mean_square = {
        let square = g.mul(&x, &x);
        let mean = g.mean(&square, &[1, 2, 3]);
        g.plus(&mean, 1e-12)
    };
    let rms = g.each("Sqrt", &mean_square);
    let scaled = g.div(&x, &rms);
    let outputs = g.encoder(&scaled, "encoder", &config.strides, None);
    let mut features = Vec::with_capacity(2 * outputs.len());
    for h in &outputs {
        let channels = [h.shape[0]];
        let mean = g.mean(h, &[2, 3]);
        let centred = g.sub(h, &mean);
        let square = g.mul(&centred, &centred);
        let variance = g.mean(&square, &[2, 3]);
        let variance = g.plus(&variance, 1e-6);
        let log = g.each("Log", &variance);
        let log = g.times(&log, 0.5);
        features.push(g.reshape(&mean, &channels));
        features.push(g.reshape(&log, &channels));
    }
    let features = g.concat(&features);
    let share = g.linear(&features, "readout");
    let share = g.each("Sigmoid", &share);
    let rms = g.reshape(&rms, &[1]);
    let sigma = g.mul(&rms, &share);
    let sigma = g.reshape(&sigma, &[]);
    g.output(
        "sigma",
        &sigma,
        "standard deviation of the noise seen in each",
    );
}

/// [`crate::model::scorer::Scorer::log_f`].
fn scorer(config: &ScorerConfig, g: &mut Graph) {
    let x = g.input("x", &[1, config.size, config.size], "the noisy pictures");
    let sigma = g.input("sigma", &[], SIGMA);
    let Preconditioning { c_in, c_noise, .. } = g.preconditioning(&sigma, SIGMA_DATA);
    let features = g.sinusoidal_features(&c_noise, config.noise_features);
    let embedding = g.linear(&features, "noise");
    let embedding = g.silu(&embedding);
    let scaled = g.mul(&x, &c_in);
    let outputs = g.encoder(&scaled, "encoder", &config.strides, Some(&embedding));
    let output = outputs.last().unwrap_or(&scaled);
    let numbers: usize = output.shape.iter().product();
    let flat = g.reshape(output, &[numbers]);
    let read = g.linear(&flat, "readout");
    let bias = g.linear(&embedding, "bias");
    let network = g.add(&read, &bias);
    let column = g.reshape(&sigma, &[1]);
    let scaled_up = g.div(&network, &column);
    let scaled_up = g.times(&scaled_up, SIGMA_DATA);
    // Half the square of the scaled picture.
    let square = g.mul(&scaled, &scaled);
    let pixels: usize = x.shape.iter().product();
    let mean = g.mean(&square, &[1, 2, 3]);
    let mean = g.reshape(&mean, &[1]);
    let far_out = g.times(&mean, pixels as f64 / 2.0);
    let log_f = g.sub(&scaled_up, &far_out);
    let about = "log f of each digit, \"no digit\" last; their softmax are the probabilities";
    g.output("log_f", &log_f, about);
}

/// [`crate::model::clip::Clip::image`].
fn clip_image(config: &ClipConfig, g: &mut Graph) {
    let x = g.input("picture", &config.picture(), "pictures, RGB in [-1, 1]");
    // How far each pixel is from the mean colour.
    let mean = g.mean(&x, &[2, 3]);
    let off = g.sub(&x, &mean);
    let square = g.mul(&off, &off);
    let square = g.mean(&square, &[1]);
    let square = g.times(&square, config.picture_channels as f64);
    let scale = g.mean(&square, &[2, 3]);
    let scale = g.plus(&scale, 1e-3);
    let contrast = g.div(&square, &scale);
    let contrast = g.plus(&contrast, 1e-12);
    let contrast = g.each("Sqrt", &contrast);
    let x = g.concat(&[x, contrast]);
    let features = g.pyramid(&x, "image.pyramid", &config.blocks);
    let pooled = g.mean(&features, &[2, 3]);
    let pooled = g.reshape(&pooled, &features.shape[..1]);
    let projected = g.linear(&pooled, "image.projection");
    let embedding = g.unit(&projected);
    g.output("embedding", &embedding, "vectors of length 1");
}

/// [`crate::model::clip::TextEncoder::forward`].
fn clip_text(config: &ClipConfig, g: &mut Graph) {
    let about = "the sentences' tokens: 1, then 2 + its place among clip's words in manifest.json for each word, then 0";
    let ids = g.integers("ids", &[MAX_TOKENS], about);
    let padding = g.int(PADDING as i64);
    let hidden = g.node("Equal", &[&ids, &padding], &[], &ids.shape);
    let hidden = g.reshape(&hidden, &[1, 1, MAX_TOKENS]);
    let table = g.weight("text.tokens.weight");
    let shape = [MAX_TOKENS, config.text_width];
    let vectors = g.node("Gather", &[&table, &ids], &[], &shape);
    let positions = g.weight("text.positions");
    let mut x = g.add(&vectors, &positions);
    for layer in 0..config.text_layers {
        let path = format!("text.transformer.layers.{layer}");
        x = g.transformer_layer(&x, &path, config.heads, &hidden);
    }
    let first = g.int(0);
    let axis = ("axis", Attribute::Int(1));
    let start = g.node("Gather", &[&x, &first], &[axis], &[config.text_width]);
    let projected = g.linear(&start, "text.projection");
    let embedding = g.unit(&projected);
    g.output(
        "tokens",
        &x,
        "a vector for each token, what text is steered by",
    );
    g.output("embedding", &embedding, "vectors of length 1");
}
