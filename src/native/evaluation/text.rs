//! How often a picture shows what its sentence says.

use std::fmt;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{EvaluationError, classifier::Classifier, judge, lenet::LeNet, write_shares};
use crate::{
    caption::{Phrasing, Said, describe},
    generation::Request,
    scene::{self, HELD_OUT, Scene},
};

/// Sentences, and what they say.
#[derive(Clone, Debug, Default)]
pub struct Sentences(Vec<(Scene, Said, String)>);

/// Shares in [0, 1] of the sentences that say a thing in which it is right; none where none says it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TextReport {
    /// Sentences.
    pub count: usize,
    /// By LeNet-5.
    pub digit: Option<f64>,
    /// By measurement, as all that follow.
    pub ink: Option<f64>,
    /// The colour around the strokes.
    pub paper: Option<f64>,
    /// How wide the strokes are.
    pub thickness: Option<f64>,
    /// Which way the digit leans.
    pub slant: Option<f64>,
    /// How tall it is.
    pub size: Option<f64>,
    /// Of the sentences that say both, digit and ink right.
    pub digit_and_ink: Option<f64>,
    /// Pictures on which nothing is drawn.
    pub empty: usize,
}

impl Sentences {
    /// Sentences in phrasings that training never used.
    pub fn unseen(count: usize) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let sentence = |i: usize| {
            let scene = Scene::seen((i % 10) as u8, &mut random);
            let said = Said::random(&scene, &mut random);
            let text = describe(&scene, said, Phrasing::Unseen, &mut random);
            (scene, said, text)
        };
        Self((0..count).map(sentence).collect())
    }

    /// Such sentences of digits in the inks in which no network has seen them in training.
    pub fn held_out(count: usize) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(2);
        let sentence = |i: usize| {
            let digit = (i % 10) as u8;
            let scene = loop {
                let mut scene = Scene::random(digit, &mut random);
                scene.ink = HELD_OUT[usize::from(digit)];
                if scene.paper != scene.ink {
                    break scene;
                }
            };
            let said = Said {
                digit: true,
                ink: true,
                ..Said::random(&scene, &mut random)
            };
            let text = describe(&scene, said, Phrasing::Unseen, &mut random);
            (scene, said, text)
        };
        Self((0..count).map(sentence).collect())
    }

    /// What to generate: a seed for each sentence.
    pub fn requests(&self, seed: u64) -> Vec<Request> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let request = |(_, _, text): &(Scene, Said, String)| Request {
            prompt: Some(text.clone()),
            seed: random.random::<u32>().into(),
            ..Request::default()
        };
        self.0.iter().map(request).collect()
    }
}

/// Judges pictures, one for each sentence, each height × width × channels in [-1, 1].
///
/// # Errors
/// [`EvaluationError::Device`].
pub fn evaluate(
    sentences: &Sentences,
    pictures: &[Vec<f32>],
    classifier: &Classifier<LeNet>,
) -> Result<TextReport, EvaluationError> {
    let digits = judge::digits(classifier, pictures.iter().map(Vec::as_slice))?;
    let seen: Vec<_> = pictures.iter().map(|p| scene::measure(p)).collect();
    let rows: Vec<Row> = sentences
        .0
        .iter()
        .zip(digits)
        .zip(&seen)
        .map(|(((scene, said, _), digit), seen)| {
            let right = |right: bool, said: bool| said.then_some(right);
            let measured = |test: &dyn Fn(&scene::Measured) -> bool, said: bool| {
                right(seen.as_ref().is_some_and(test), said)
            };
            Row {
                digit: right(digit == Some(scene.digit), said.digit),
                ink: measured(&|m| m.ink() == scene.ink, said.ink),
                paper: measured(&|m| m.paper() == scene.paper, said.paper),
                thickness: measured(&|m| m.thickness() == scene.thickness, said.thickness),
                slant: measured(&|m| m.slant() == scene.slant, said.slant),
                size: measured(&|m| m.size() == scene.size, said.size),
            }
        })
        .collect();
    let share = |of: &dyn Fn(&Row) -> Option<bool>| {
        let said: Vec<bool> = rows.iter().filter_map(of).collect();
        let right = said.iter().filter(|&&right| right).count();
        (!said.is_empty()).then(|| right as f64 / said.len() as f64)
    };
    Ok(TextReport {
        count: rows.len(),
        digit: share(&|row| row.digit),
        ink: share(&|row| row.ink),
        paper: share(&|row| row.paper),
        thickness: share(&|row| row.thickness),
        slant: share(&|row| row.slant),
        size: share(&|row| row.size),
        digit_and_ink: share(&|row| Some(row.digit? && row.ink?)),
        empty: seen.iter().filter(|seen| seen.is_none()).count(),
    })
}

/// Whether each thing is right, where it is said.
struct Row {
    digit: Option<bool>,
    ink: Option<bool>,
    paper: Option<bool>,
    thickness: Option<bool>,
    slant: Option<bool>,
    size: Option<bool>,
}

impl fmt::Display for TextReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sentences                     {:>8}", self.count)?;
        let Self {
            digit,
            ink,
            paper,
            thickness,
            slant,
            size,
            digit_and_ink,
            ..
        } = *self;
        let shares = [digit, ink, paper, thickness, slant, size, digit_and_ink];
        write_shares(f, "right", &shares)
    }
}
