//! The words: what each attribute's values are called, and what stands around them.

use crate::scene::{Colour, Size, Slant, Thickness};

/// The words for each digit.
pub(super) const DIGITS: [&[&str]; 10] = [
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
pub(super) const NOUNS: &[&str] = &["", "", "digit", "number", "numeral", "figure"];

/// What a digit is called when it is not said which.
pub(super) const NAMELESS: &[&str] = &["digit", "number", "numeral", "figure"];

pub(super) const ARTICLES: &[&str] = &["a", "a", "the", ""];

pub(super) const OPENINGS: &[&str] = &[
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
pub(super) const INKS: &[&str] = &[
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
pub(super) const PAPERS: &[&str] = &[
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
pub(super) const UNNAMED_PAPERS: &[&str] = &["on paper", "on a page", "on a background"];

/// Around an adjective of thickness.
pub(super) const STROKES: &[&str] = &[
    "with _ strokes",
    "in _ strokes",
    "with _ lines",
    "_ strokes",
];

/// Around an adjective of size.
pub(super) const SIZES: &[&str] = &["_ in size", "of _ size"];

pub(super) fn colours(colour: Colour) -> &'static [&'static str] {
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

pub(super) fn thicknesses(thickness: Thickness) -> &'static [&'static str] {
    match thickness {
        Thickness::Thin => &["thin", "thin", "fine", "slender"],
        Thickness::Medium => &["regular", "normal"],
        Thickness::Bold => &["bold", "thick", "heavy", "fat"],
    }
}

/// Before the digit.
pub(super) fn slants(slant: Slant) -> &'static [&'static str] {
    match slant {
        Slant::Left => &["left leaning", "backward slanted"],
        Slant::Upright => &["upright", "straight", "vertical"],
        Slant::Right => &["slanted", "italic", "right leaning", "forward slanted"],
    }
}

/// After it.
pub(super) fn leanings(slant: Slant) -> &'static [&'static str] {
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

pub(super) fn sizes(size: Size) -> &'static [&'static str] {
    match size {
        Size::Small => &["small", "tiny", "little"],
        Size::Medium => &["medium", "middling"],
        Size::Large => &["large", "big", "huge"],
    }
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
    let mut words: Vec<String> = phrases.flat_map(split).filter(|word| word != "_").collect();
    words.sort();
    words.dedup();
    words
}

/// Words that say nothing by themselves: "in the colour red" says what "in the red" says.
pub(super) const IDLE: &[&str] = &["colour", "color", "colours", "colors"];

/// The known word that another only spells differently, or the word itself.
pub(super) fn spelling(word: &str) -> &str {
    match word {
        "nought" | "naught" => "zero",
        "gold" => "golden",
        "italics" => "italic",
        "leftward" | "leftwards" => "left",
        "rightward" | "rightwards" => "right",
        word => word,
    }
}

/// Splits at white space and punctuation, in lower case. Whatever else there is, an emoji too, is a word.
pub(super) fn split(text: &str) -> Vec<String> {
    let breaks =
        |c: char| c.is_whitespace() || c.is_control() || (c.is_ascii_punctuation() && c != '_');
    let words = text.split(breaks).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

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
}
