//! The grammar: scenes → sentences about them.

use rand::{
    Rng, RngExt,
    seq::{IndexedRandom, SliceRandom},
};
use rand_distr::{Distribution, weighted::WeightedIndex};

use super::{
    tokenizer::MAX_TOKENS,
    words::{
        ARTICLES, DIGITS, INKS, NAMELESS, NOUNS, OPENINGS, PAPERS, SIZES, STROKES, UNNAMED_PAPERS,
        colours, leanings, sizes, slants, split, thicknesses,
    },
};
use crate::scene::{Scene, Size, Slant, Thickness};

/// What a sentence says of a picture; the rest is left open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Which digit.
    pub digit: bool,
    /// The strokes' colour.
    pub ink: bool,
    /// The colour around them.
    pub paper: bool,
    /// How wide the strokes are.
    pub thickness: bool,
    /// Which way the digit leans.
    pub slant: bool,
    /// How tall it is.
    pub size: bool,
}

impl Said {
    /// Every attribute.
    pub const ALL: Self = Self {
        digit: true,
        ink: true,
        paper: true,
        thickness: true,
        slant: true,
        size: true,
    };

    /// Whether what a sentence says of one scene is true of another.
    pub fn agrees(self, about: &Scene, scene: &Scene) -> bool {
        (!self.digit || about.digit == scene.digit)
            && (!self.ink || about.ink == scene.ink)
            && (!self.paper || about.paper == scene.paper)
            && (!self.thickness || about.thickness == scene.thickness)
            && (!self.slant || about.slant == scene.slant)
            && (!self.size || about.size == scene.size)
    }

    /// How often each attribute, in their order here, is the only one said while CLIP learns to read: what is
    /// harder to see, more often.
    pub const SHARES_AT_FIRST: [f64; 6] = [0.4, 0.13, 0.1, 0.1, 0.15, 0.12];

    /// The same for whatever learns to follow a text encoder that can read: the digit stays the hardest.
    pub const SHARES_LATER: [f64; 6] = [0.6, 0.08, 0.06, 0.08, 0.1, 0.08];

    /// One attribute: a sentence that says more can be told from others by its colours, and nothing else need
    /// be learned.
    pub fn one(shares: &[f64; 6], random: &mut impl Rng) -> Self {
        let mut said = Self::default();
        let attributes = [
            &mut said.digit,
            &mut said.ink,
            &mut said.paper,
            &mut said.thickness,
            &mut said.slant,
            &mut said.size,
        ];
        let which = WeightedIndex::new(shares).expect("all shares are positive");
        *attributes[which.sample(random)] = true;
        said
    }

    /// Some of a scene's attributes, those that strike the eye the likelier.
    pub fn random(scene: &Scene, random: &mut impl Rng) -> Self {
        // Nobody says that a digit is of medium size unless asked.
        let usual = |plain: bool| if plain { 0.3 } else { 0.6 };
        Self {
            digit: random.random_bool(0.95),
            ink: random.random_bool(0.85),
            paper: random.random_bool(0.75),
            thickness: random.random_bool(usual(scene.thickness == Thickness::Medium)),
            slant: random.random_bool(usual(scene.slant == Slant::Upright)),
            size: random.random_bool(usual(scene.size == Size::Medium)),
        }
    }
}

/// How a sentence is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phrasing {
    /// As in training.
    Trained,
    /// In ways that training never uses, of the same words: for the evaluation.
    Unseen,
}

/// A sentence that says `said` of a scene.
pub fn describe(scene: &Scene, said: Said, phrasing: Phrasing, random: &mut impl Rng) -> String {
    let parts = match phrasing {
        Phrasing::Trained => trained(scene, said, random),
        Phrasing::Unseen => unseen(scene, said, random),
    };
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

fn one(of: &[&'static str], random: &mut impl Rng) -> &'static str {
    of.choose(random).expect("there are words for everything")
}

/// A template with its gap filled.
fn fill(templates: &[&'static str], word: &str, random: &mut impl Rng) -> String {
    one(templates, random).replace('_', word)
}

/// [opening] article adjectives noun phrases, the phrases in any order, the paper sometimes first.
fn trained(scene: &Scene, said: Said, random: &mut impl Rng) -> Vec<String> {
    let mut before: Vec<String> = Vec::new();
    let mut after: Vec<String> = Vec::new();
    if random.random_bool(0.15) {
        before.push("handwritten".into());
    }
    if said.ink {
        let ink = one(colours(scene.ink), random);
        match random.random_bool(0.6) {
            true => before.push(ink.into()),
            false => after.push(fill(INKS, ink, random)),
        }
    }
    if said.thickness {
        let thickness = one(thicknesses(scene.thickness), random);
        match random.random_bool(0.7) {
            true => before.push(thickness.into()),
            false => after.push(fill(STROKES, thickness, random)),
        }
    }
    if said.slant {
        match random.random_bool(0.5) {
            true => before.push(one(slants(scene.slant), random).into()),
            false => after.push(one(leanings(scene.slant), random).into()),
        }
    }
    if said.size {
        let size = one(sizes(scene.size), random);
        match random.random_bool(0.8) {
            true => before.push(size.into()),
            false => after.push(fill(SIZES, size, random)),
        }
    }
    let paper = match said.paper {
        true => Some(fill(PAPERS, one(colours(scene.paper), random), random)),
        false => (random.random_bool(0.2)).then(|| one(UNNAMED_PAPERS, random).into()),
    };
    let first = paper.is_some() && random.random_bool(0.15);
    let (first, last) = if first { (paper, None) } else { (None, paper) };
    after.extend(last);
    before.shuffle(random);
    after.shuffle(random);
    let and = if random.random_bool(0.2) {
        " and "
    } else {
        " "
    };
    let opening = one(OPENINGS, random);
    let article = one(ARTICLES, random);
    let mut parts: Vec<String> = first.into_iter().collect();
    let place = parts.len();
    parts.extend([article.into(), before.join(and), noun(scene, said, random)]);
    parts.extend(after);
    // Who has much to say comes to the point.
    let length = |part: &str| split(part).len();
    let spoken: usize = parts.iter().map(|part| length(part)).sum();
    if spoken + length(opening) < MAX_TOKENS {
        parts.insert(place, opening.into());
    }
    parts
}

fn noun(scene: &Scene, said: Said, random: &mut impl Rng) -> String {
    if !said.digit {
        return one(NAMELESS, random).into();
    }
    let digit = one(DIGITS[usize::from(scene.digit)], random);
    match one(NOUNS, random) {
        "" => digit.into(),
        noun => format!("{noun} {digit}"),
    }
}

/// Lists, and a paper that carries the digit.
fn unseen(scene: &Scene, said: Said, random: &mut impl Rng) -> Vec<String> {
    let noun = noun(scene, said, random);
    let ink = said.ink.then(|| one(colours(scene.ink), random));
    let paper = said.paper.then(|| one(colours(scene.paper), random));
    let thickness = said
        .thickness
        .then(|| one(thicknesses(scene.thickness), random));
    let slant = said.slant.then(|| one(slants(scene.slant), random));
    let leaning = said.slant.then(|| one(leanings(scene.slant), random));
    let size = said.size.then(|| one(sizes(scene.size), random));
    let owned = |word: Option<&str>| word.map(str::to_owned);
    let parts: Vec<Option<String>> = match random.random_range(0..3) {
        // three thin slanted red on the blue page
        0 => {
            let mut words = [owned(size), owned(thickness), owned(slant), owned(ink)];
            words.shuffle(random);
            let paper = paper.map(|paper| format!("on the {paper} page"));
            [Some(noun)]
                .into_iter()
                .chain(words)
                .chain([paper])
                .collect()
        }
        // red ink blue paper thin strokes leaning right small three
        1 => {
            let mut words = [
                ink.map(|ink| format!("{ink} ink")),
                paper.map(|paper| format!("{paper} paper")),
                thickness.map(|thickness| format!("{thickness} strokes")),
                owned(leaning),
            ];
            words.shuffle(random);
            let last = [owned(size), Some(noun)];
            words.into_iter().chain(last).collect()
        }
        // blue paper with a thin slanted red three
        _ => {
            let paper = match paper {
                Some(paper) => format!("{paper} paper with a"),
                None => "paper with a".into(),
            };
            let mut words = [owned(size), owned(thickness), owned(slant), owned(ink)];
            words.shuffle(random);
            [Some(paper)]
                .into_iter()
                .chain(words)
                .chain([Some(noun)])
                .collect()
        }
    };
    parts.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::caption::{Tokenizer, vocabulary};

    #[test]
    fn every_sentence_is_known_and_short_enough() {
        let tokenizer = Tokenizer::new(&vocabulary());
        let mut random = ChaCha8Rng::seed_from_u64(0);
        for i in 0..5_000 {
            let scene = Scene::random((i % 10) as u8, &mut random);
            let said = if i % 3 == 0 {
                Said::ALL
            } else {
                Said::random(&scene, &mut random)
            };
            let phrasing = if i % 2 == 0 {
                Phrasing::Trained
            } else {
                Phrasing::Unseen
            };
            let text = describe(&scene, said, phrasing, &mut random);
            let tokens = tokenizer.encode(&text);
            assert_eq!((tokens.unknown, tokens.cut), (vec![], 0), "{text}");
            assert!(tokens.ids.len() > 1, "nothing is said: {text:?}");
        }
    }
}
