//! The tokenizer: text → tokens, a word each.

use std::collections::HashMap;

use super::words::{DIGITS, IDLE, NAMELESS, spelling, split};

/// The most tokens of a sentence, the first of them the mark of its beginning.
pub const MAX_TOKENS: usize = 24;

/// The token that fills a short sentence up.
pub const PADDING: usize = 0;

/// The token that begins every sentence.
pub const START: usize = 1;

/// Tokens that are no words.
const SPECIAL: usize = 2;

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
    /// The words that they stand for, as they were written but in lower case.
    pub words: Vec<String>,
    /// The words that are not known, in lower case too, each once. They are left out.
    pub unknown: Vec<String>,
    /// How many known words came too late.
    pub cut: usize,
}

impl Tokens {
    /// The digits that are named, in the text's order.
    pub fn digits(&self) -> Vec<u8> {
        let is = |word: &str, digit: u8| DIGITS[usize::from(digit)].contains(&spelling(word));
        let digit = |word: &String| (0..10).find(|&digit| is(word, digit));
        self.words.iter().filter_map(digit).collect()
    }
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

    /// A text that names a digit: as it is, or, where it names none, with this one behind "digit" or the like,
    /// and else in front.
    pub fn with_digit(&self, text: &str, digit: u8) -> String {
        let tokens = self.encode(text);
        if !tokens.digits().is_empty() {
            return text.into();
        }
        let mut words = tokens.words;
        let noun = words.iter().position(|word| NAMELESS.contains(&&word[..]));
        words.insert(noun.map_or(0, |noun| noun + 1), digit.to_string());
        words.join(" ")
    }

    /// Whether a word is known, in lower case.
    pub fn knows(&self, word: &str) -> bool {
        self.id(word).is_some()
    }

    fn id(&self, word: &str) -> Option<usize> {
        self.ids.get(spelling(word)).copied()
    }

    /// The tokens of a text, whatever it holds.
    pub fn encode(&self, text: &str) -> Tokens {
        let mut tokens = Tokens {
            ids: vec![START],
            words: Vec::new(),
            unknown: Vec::new(),
            cut: 0,
        };
        for word in split(text) {
            match self.id(&word) {
                Some(id) if tokens.ids.len() < MAX_TOKENS => {
                    tokens.ids.push(id);
                    tokens.words.push(word);
                }
                None if IDLE.contains(&&word[..]) => {}
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
    use super::*;
    use crate::caption::vocabulary;

    #[test]
    fn a_missing_digit_is_put_in() {
        let tokenizer = Tokenizer::new(&vocabulary());
        let digits = |text: &str| tokenizer.encode(text).digits();
        assert_eq!(digits("a red Three, a 7 and a nought"), [3, 7, 0]);
        assert!(digits("a pink digit, 10").is_empty());
        let named = "A red THREE!";
        assert_eq!(tokenizer.with_digit(named, 4), named);
        for (text, expected) in [
            ("", "4"),
            ("a pink digit on paper", "a pink digit 4 on paper"),
            ("bold drei", "4 bold"),
        ] {
            assert_eq!(tokenizer.with_digit(text, 4), expected);
        }
        // A digit that comes too late is not read.
        let late = "red ".repeat(MAX_TOKENS) + "three";
        assert_eq!(digits(&tokenizer.with_digit(&late, 4)), [4]);
    }

    #[test]
    fn any_text_becomes_tokens() {
        let tokenizer = Tokenizer::new(&vocabulary());
        let encode = |text: &str| tokenizer.encode(text);
        assert_eq!(encode("").ids, [START]);
        assert_eq!(encode("  ,;\n\t\u{0} ").unknown, Vec::<String>::new());
        assert_eq!(encode("A RED, three!").ids, encode("a red three").ids);
        assert_eq!(encode("left-leaning").ids, encode("left leaning").ids);
        assert_eq!(encode("nought in gold").ids, encode("zero in golden").ids);
        let coloured = encode("the colour RED, three");
        assert_eq!(coloured.ids, encode("the red three").ids);
        assert_eq!(coloured.words, ["the", "red", "three"]);
        assert_eq!(coloured.unknown, Vec::<String>::new());
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
