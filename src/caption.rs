//! Sentences about coloured pictures: the grammar that makes them, and the words that are known.

use std::collections::HashMap;

use rand::{
    Rng, RngExt,
    seq::{IndexedRandom, SliceRandom},
};

use rand_distr::{Distribution, weighted::WeightedIndex};

use crate::scene::{Colour, Scene, Size, Slant, Thickness};

/// The most tokens of a sentence, the first of them the mark of its beginning.
pub const MAX_TOKENS: usize = 24;

/// The token that fills a short sentence up.
pub const PADDING: usize = 0;

/// The token that begins every sentence.
pub const START: usize = 1;

/// Tokens that are no words.
const SPECIAL: usize = 2;

/// The words for each digit.
const DIGITS: [&[&str]; 10] = [
    &["0", "zero"],
    &["1", "one"],
    &["2", "two"],
    &["3", "three"],
    &["4", "four"],
    &["5", "five"],
    &["6", "six"],
    &["7", "seven"],
    &["8", "eight"],
    &["9", "nine"],
];

/// What stands between an article and a digit.
const NOUNS: &[&str] = &["", "", "digit", "number", "numeral", "figure"];

/// What a digit is called when it is not said which.
const NAMELESS: &[&str] = &["digit", "number", "numeral", "figure"];

const ARTICLES: &[&str] = &["a", "a", "the", ""];

const OPENINGS: &[&str] = &[
    "",
    "",
    "",
    "a picture of",
    "a drawing of",
    "an image of",
    "draw",
    "please write",
];

/// Around the name of an ink.
const INKS: &[&str] = &[
    "in _",
    "in _ ink",
    "drawn in _",
    "written in _ ink",
    "painted _",
    "with a _ pen",
    "coloured _",
    "colored _",
];

/// Around the name of a paper.
const PAPERS: &[&str] = &[
    "on _ paper",
    "on _",
    "on a _ background",
    "against a _ background",
    "with a _ background",
    "_ background",
    "_ paper",
    "on a _ page",
];

/// There is paper, and no word of its colour: what colour is said is then the ink's.
const UNNAMED_PAPERS: &[&str] = &["on paper", "on a page", "on a background"];

/// Around an adjective of thickness.
const STROKES: &[&str] = &[
    "with _ strokes",
    "in _ strokes",
    "with _ lines",
    "_ strokes",
];

/// Around an adjective of size.
const SIZES: &[&str] = &["_ in size", "of _ size"];

fn colours(colour: Colour) -> &'static [&'static str] {
    match colour {
        Colour::Red => &["red", "red", "crimson", "scarlet"],
        Colour::Orange => &["orange", "orange", "tangerine"],
        Colour::Yellow => &["yellow", "yellow", "golden"],
        Colour::Green => &["green", "green", "emerald"],
        Colour::Cyan => &["cyan", "turquoise", "aqua"],
        Colour::Blue => &["blue", "blue", "navy"],
        Colour::Purple => &["purple", "purple", "violet"],
        Colour::Pink => &["pink", "pink", "rose"],
        Colour::White => &["white", "white", "ivory"],
        Colour::Black => &["black", "black", "ebony"],
    }
}

fn thicknesses(thickness: Thickness) -> &'static [&'static str] {
    match thickness {
        Thickness::Thin => &["thin", "thin", "fine", "slender"],
        Thickness::Medium => &["regular", "normal"],
        Thickness::Bold => &["bold", "thick", "heavy", "fat"],
    }
}

/// Before the digit.
fn slants(slant: Slant) -> &'static [&'static str] {
    match slant {
        Slant::Left => &["left leaning", "backward slanted"],
        Slant::Upright => &["upright", "straight", "vertical"],
        Slant::Right => &["slanted", "italic", "right leaning", "forward slanted"],
    }
}

/// After it.
fn leanings(slant: Slant) -> &'static [&'static str] {
    match slant {
        Slant::Left => &[
            "leaning left",
            "leaning to the left",
            "slanted to the left",
            "tilted to the left",
        ],
        Slant::Upright => &["standing upright", "standing straight"],
        Slant::Right => &[
            "leaning right",
            "leaning to the right",
            "slanted to the right",
            "tilted to the right",
        ],
    }
}

fn sizes(size: Size) -> &'static [&'static str] {
    match size {
        Size::Small => &["small", "tiny", "little"],
        Size::Medium => &["medium", "middling"],
        Size::Large => &["large", "big", "huge"],
    }
}

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
    let length = |part: &str| words(part).len();
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

/// Every word that the grammar uses, in the order of the alphabet.
pub fn vocabulary() -> Vec<String> {
    let attributes = [
        Colour::ALL.map(colours).concat(),
        Thickness::ALL.map(thicknesses).concat(),
        Slant::ALL.map(slants).concat(),
        Slant::ALL.map(leanings).concat(),
        Size::ALL.map(sizes).concat(),
        DIGITS.concat(),
    ];
    let templates = [
        NOUNS,
        NAMELESS,
        ARTICLES,
        OPENINGS,
        INKS,
        PAPERS,
        UNNAMED_PAPERS,
        STROKES,
        SIZES,
        &["handwritten and"],
    ];
    let phrases = attributes.concat().into_iter().chain(templates.concat());
    let mut words: Vec<String> = phrases.flat_map(words).filter(|word| word != "_").collect();
    words.sort();
    words.dedup();
    words
}

/// Splits at white space and punctuation, in lower case. Whatever else there is, an emoji too, is a word.
fn words(text: &str) -> Vec<String> {
    let breaks =
        |c: char| c.is_whitespace() || c.is_control() || (c.is_ascii_punctuation() && c != '_');
    let words = text.split(breaks).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

/// Text → tokens, a word each.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    ids: HashMap<String, usize>,
}

/// What a [`Tokenizer`] makes of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// At most [`MAX_TOKENS`], the first of them [`START`].
    pub ids: Vec<usize>,
    /// The words that are not known, as they were written but in lower case, each once. They are left out.
    pub unknown: Vec<String>,
    /// How many known words came too late.
    pub cut: usize,
}

impl Tokenizer {
    /// One that knows these words: their tokens follow those that are no words, in their order.
    pub fn new(words: &[String]) -> Self {
        let ids = words
            .iter()
            .enumerate()
            .map(|(i, word)| (word.clone(), SPECIAL + i));
        Self { ids: ids.collect() }
    }

    /// How many tokens there are.
    pub fn tokens(words: usize) -> usize {
        SPECIAL + words
    }

    /// The tokens of a text, whatever it holds.
    pub fn encode(&self, text: &str) -> Tokens {
        let mut tokens = Tokens {
            ids: vec![START],
            unknown: Vec::new(),
            cut: 0,
        };
        for word in words(text) {
            match self.ids.get(&word) {
                Some(&id) if tokens.ids.len() < MAX_TOKENS => tokens.ids.push(id),
                Some(_) => tokens.cut += 1,
                None if tokens.unknown.contains(&word) => {}
                None => tokens.unknown.push(word),
            }
        }
        tokens
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

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

    #[test]
    fn a_word_means_one_thing() {
        // No two values of one attribute share a word that stands alone.
        let lists = [
            Colour::ALL.map(colours).to_vec(),
            Thickness::ALL.map(thicknesses).to_vec(),
            Slant::ALL.map(slants).to_vec(),
            Size::ALL.map(sizes).to_vec(),
            DIGITS.to_vec(),
        ];
        let mut of: HashMap<&str, (usize, usize)> = HashMap::new();
        for (list, values) in lists.iter().enumerate() {
            for (value, names) in values.iter().enumerate() {
                for name in *names {
                    assert_eq!(
                        *of.entry(name).or_insert((list, value)),
                        (list, value),
                        "{name}"
                    );
                }
            }
        }
    }

    #[test]
    fn any_text_becomes_tokens() {
        let tokenizer = Tokenizer::new(&vocabulary());
        let encode = |text: &str| tokenizer.encode(text);
        assert_eq!(encode("").ids, [START]);
        assert_eq!(encode("  ,;\n\t\u{0} ").unknown, Vec::<String>::new());
        assert_eq!(encode("A RED, three!").ids, encode("a red three").ids);
        assert_eq!(encode("left-leaning").ids, encode("left leaning").ids);
        let mixed = encode("<b>red</b> drei 🦀 drei");
        assert_eq!(mixed.ids, encode("red").ids);
        assert_eq!(mixed.unknown, ["b", "drei", "🦀"]);
        let long = encode(&"red ".repeat(2_500));
        assert_eq!(
            (long.ids.len(), long.cut),
            (MAX_TOKENS, 2_500 - MAX_TOKENS + 1)
        );
        assert_eq!(encode(&"x".repeat(10_000)).unknown.len(), 1);
    }
}
