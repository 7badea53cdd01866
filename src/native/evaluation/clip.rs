//! How often the right sentence is the nearest one.

use std::fmt;

use burn::tensor::Device;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{EvaluationError, numbers, write_shares};
use crate::{
    caption::{Phrasing, Said, Tokenizer, describe},
    model::clip::Clip,
    native::train::pictures::{Drawn, VALIDATION_BATCH, pictures},
    scene::{Colour, Scene, Size, Slant, Thickness, VALUES},
};

/// Sentences whose mean stands for a value, as the paper's "prompt ensembling" does.
const SENTENCES: usize = 16;

/// Zero-shot accuracies, in [0, 1]: each picture is given the value whose sentences are nearest, in
/// phrasings that training never used and that say nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClipReport {
    /// Pictures of test digits.
    pub count: usize,
    /// Of ten digits.
    pub digit: f64,
    /// Of ten inks.
    pub ink: f64,
    /// Of ten papers.
    pub paper: f64,
    /// Of three widths of the pen.
    pub thickness: f64,
    /// Of three ways to lean.
    pub slant: f64,
    /// Of three sizes.
    pub size: f64,
}

/// Measures CLIP on pictures that it has not been trained with.
///
/// # Errors
/// [`EvaluationError::Device`].
pub fn evaluate(
    clip: &Clip,
    tokenizer: &Tokenizer,
    drawn: &Drawn,
    device: &Device,
) -> Result<ClipReport, EvaluationError> {
    let mut images: Vec<Vec<f32>> = Vec::with_capacity(drawn.len());
    for batch in drawn.values.chunks(VALIDATION_BATCH * VALUES) {
        let embedded = clip.image(pictures(batch.to_vec(), device));
        let [_, width] = embedded.dims();
        images.extend(numbers(embedded)?.chunks(width).map(<[f32]>::to_vec));
    }
    let mut random = ChaCha8Rng::seed_from_u64(0);
    // A value's place in its list, the list's length, how a scene gets it, and what is said.
    let mut accuracy = |values: usize,
                        said: Said,
                        set: &dyn Fn(&mut Scene, usize),
                        of: &dyn Fn(&Scene) -> usize|
     -> Result<f64, EvaluationError> {
        let mut means = Vec::with_capacity(values);
        for value in 0..values {
            let sentences: Vec<_> = (0..SENTENCES)
                .map(|_| tokenizer.encode(&sentence(value, said, set, &mut random)))
                .collect();
            let embedded = clip.text().embedding(&sentences);
            means.push(numbers(embedded.mean_dim(0))?);
        }
        let right = images.iter().zip(&drawn.scenes).filter(|(image, scene)| {
            let cosine = |mean: &Vec<f32>| -> f32 {
                let length = mean.iter().map(|v| v * v).sum::<f32>().sqrt();
                image.iter().zip(mean).map(|(a, b)| a * b).sum::<f32>() / length
            };
            let nearest =
                (0..values).max_by(|&a, &b| cosine(&means[a]).total_cmp(&cosine(&means[b])));
            nearest == Some(of(scene))
        });
        Ok(right.count() as f64 / images.len().max(1) as f64)
    };
    let none = Said::default();
    let place = |found: Option<usize>| found.expect("every value is in its list");
    Ok(ClipReport {
        count: drawn.len(),
        digit: accuracy(
            10,
            Said {
                digit: true,
                ..none
            },
            &|scene, i| scene.digit = i as u8,
            &|scene| usize::from(scene.digit),
        )?,
        ink: accuracy(
            Colour::ALL.len(),
            Said { ink: true, ..none },
            &|scene, i| scene.ink = Colour::ALL[i],
            &|scene| place(Colour::ALL.iter().position(|&v| v == scene.ink)),
        )?,
        paper: accuracy(
            Colour::ALL.len(),
            Said {
                paper: true,
                ..none
            },
            &|scene, i| scene.paper = Colour::ALL[i],
            &|scene| place(Colour::ALL.iter().position(|&v| v == scene.paper)),
        )?,
        thickness: accuracy(
            Thickness::ALL.len(),
            Said {
                thickness: true,
                ..none
            },
            &|scene, i| scene.thickness = Thickness::ALL[i],
            &|scene| place(Thickness::ALL.iter().position(|&v| v == scene.thickness)),
        )?,
        slant: accuracy(
            Slant::ALL.len(),
            Said {
                slant: true,
                ..none
            },
            &|scene, i| scene.slant = Slant::ALL[i],
            &|scene| place(Slant::ALL.iter().position(|&v| v == scene.slant)),
        )?,
        size: accuracy(
            Size::ALL.len(),
            Said { size: true, ..none },
            &|scene, i| scene.size = Size::ALL[i],
            &|scene| place(Size::ALL.iter().position(|&v| v == scene.size)),
        )?,
    })
}

/// A sentence that says nothing but that one attribute has a value.
fn sentence(
    value: usize,
    said: Said,
    set: &dyn Fn(&mut Scene, usize),
    random: &mut impl Rng,
) -> String {
    let mut scene = Scene::random(0, random);
    set(&mut scene, value);
    describe(&scene, said, Phrasing::Unseen, random)
}

impl fmt::Display for ClipReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pictures                      {:>8}", self.count)?;
        let Self {
            digit,
            ink,
            paper,
            thickness,
            slant,
            size,
            ..
        } = *self;
        let shares = [digit, ink, paper, thickness, slant, size];
        write_shares(f, "nearest", &shares.map(Some))
    }
}
