//! What whoever wrote a text should know of how it is read.

use std::fmt;

use serde::Serialize;

use super::{
    tokenizer::{MAX_TOKENS, Tokenizer},
    words::{DIGITS, NAMELESS, colours, leanings, sizes, slants, spelling, split, thicknesses},
};
use crate::scene::{Colour, Size, Slant, Thickness};

/// Something in a text that does not do what its writer may think.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Remark {
    /// Words that are not known, and left out.
    Unknown {
        /// Each once.
        words: Vec<Unknown>,
    },
    /// Numbers that are no digit.
    Number {
        /// As they were written.
        words: Vec<String>,
    },
    /// Hardly a word is known.
    Foreign,
    /// A thing is denied, which no network here has learned: what is named is drawn.
    Denied {
        /// The words that deny.
        words: Vec<String>,
    },
    /// Known words came too late.
    Cut {
        /// How many.
        count: usize,
    },
    /// Ink and paper are to be of the same colour, so that nothing would be seen.
    Invisible {
        /// The colour of both.
        colour: Colour,
    },
}

/// A word that is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unknown {
    /// In lower case.
    pub word: String,
    /// The known words that are nearest to it, where any are near.
    pub nearest: Vec<String>,
}

/// Colours that are not known, and those that are on either side of them.
const OTHER_COLOURS: [(&str, &[Colour]); 32] = {
    use Colour::*;
    [
        ("amber", &[Orange, Yellow]),
        ("apricot", &[Orange, Pink]),
        ("azure", &[Cyan, Blue]),
        ("beige", &[White, Yellow]),
        ("bronze", &[Orange, Yellow]),
        ("brown", &[Orange, Red]),
        ("chartreuse", &[Green, Yellow]),
        ("copper", &[Orange, Red]),
        ("coral", &[Orange, Pink]),
        ("cream", &[White, Yellow]),
        ("fuchsia", &[Pink, Purple]),
        ("gray", &[Black, White]),
        ("grey", &[Black, White]),
        ("indigo", &[Blue, Purple]),
        ("khaki", &[Yellow, Green]),
        ("lavender", &[Purple, Pink]),
        ("lilac", &[Purple, Pink]),
        ("lime", &[Green, Yellow]),
        ("magenta", &[Pink, Purple]),
        ("maroon", &[Red, Purple]),
        ("mauve", &[Purple, Pink]),
        ("mint", &[Green, Cyan]),
        ("ochre", &[Yellow, Orange]),
        ("olive", &[Green, Yellow]),
        ("peach", &[Orange, Pink]),
        ("plum", &[Purple, Red]),
        ("rust", &[Orange, Red]),
        ("salmon", &[Pink, Orange]),
        ("silver", &[White, Black]),
        ("tan", &[Orange, Yellow]),
        ("teal", &[Cyan, Green]),
        ("umber", &[Orange, Black]),
    ]
};

/// Numbers in words that are no digits.
const NUMBERS: [&str; 13] = [
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
    "hundred",
    "thousand",
];

/// Words that deny what follows.
const DENIALS: [&str; 16] = [
    "not",
    "no",
    "non",
    "never",
    "without",
    "except",
    "excluding",
    "avoid",
    "neither",
    "nor",
    "isn",
    "don",
    "doesn",
    "shouldn",
    "cannot",
    "instead",
];

/// Words that deny before "but", "other" and "except".
const ALL_BUT: [(&str, &[&str]); 2] = [
    ("but", &["anything", "everything", "any", "every", "all"]),
    ("than", &["other", "rather"]),
];

/// Common words that are near to known ones by chance.
const COMMON: [&str; 6] = ["for", "than", "then", "there", "these", "those"];

/// For so many unknown words a near one is looked for, and no more: a text may be long.
const GUESSED: usize = 32;

/// So many words are named, and of each so many characters.
const NAMED: usize = 6;
const LENGTH: usize = 24;

impl Tokenizer {
    /// What is to be said of a text, the gravest first.
    pub fn remarks(&self, text: &str) -> Vec<Remark> {
        let tokens = self.encode(text);
        let words = split(text);
        let mut remarks = Vec::new();

        let denied = denied(&words);
        let (numbers, unknown): (Vec<String>, Vec<String>) = tokens
            .unknown
            .into_iter()
            .filter(|word| !denied.contains(word))
            .partition(|word| is_number(word));
        let mut unknown: Vec<Unknown> = unknown
            .into_iter()
            .enumerate()
            .map(|(i, word)| Unknown {
                nearest: if i < GUESSED {
                    self.nearest(&word)
                } else {
                    vec![]
                },
                word,
            })
            .collect();
        let strange = unknown.iter().filter(|word| word.nearest.is_empty());
        let foreign = strange.count() > tokens.words.len();
        if foreign {
            // What looks near is so by chance.
            unknown.iter_mut().for_each(|word| word.nearest.clear());
        }
        if !denied.is_empty() {
            remarks.push(Remark::Denied { words: denied });
        }
        if !numbers.is_empty() {
            remarks.push(Remark::Number { words: numbers });
        }
        if !unknown.is_empty() {
            remarks.push(Remark::Unknown { words: unknown });
        }
        if foreign {
            remarks.push(Remark::Foreign);
        }
        if tokens.cut > 0 {
            remarks.push(Remark::Cut { count: tokens.cut });
        }
        if let Some(colour) = invisible(&words) {
            remarks.push(Remark::Invisible { colour });
        }
        remarks
    }

    /// The known words that are nearest to one that is not: neighbours of a colour, or what it is a slip of.
    fn nearest(&self, word: &str) -> Vec<String> {
        if let Some((_, colours)) = OTHER_COLOURS.iter().find(|(name, _)| *name == word) {
            return colours.iter().map(|colour| colour.name().into()).collect();
        }
        let letters = word.chars().count();
        if !(3..=LENGTH).contains(&letters) || COMMON.contains(&word) {
            return vec![];
        }
        // A short word is soon near to another by chance.
        let most = if letters < 6 { 1 } else { 2 };
        let mut near: Vec<(usize, String)> = meaningful()
            .into_iter()
            .filter(|known| known.len() > 2 && known != "the" && self.knows(known))
            .map(|known| (strsim::osa_distance(word, &known), known))
            .filter(|(distance, _)| *distance <= most)
            .collect();
        near.sort();
        let least = near.first().map(|(distance, _)| *distance);
        let nearest = near.into_iter().filter(|(d, _)| Some(*d) == least);
        nearest.map(|(_, known)| known).take(2).collect()
    }
}

/// The words by which attributes are named, each once.
fn meaningful() -> Vec<String> {
    let phrases = [
        Colour::ALL.map(colours).concat(),
        Thickness::ALL.map(thicknesses).concat(),
        Slant::ALL.map(slants).concat(),
        Slant::ALL.map(leanings).concat(),
        Size::ALL.map(sizes).concat(),
        DIGITS.concat(),
        NAMELESS.to_vec(),
        vec![
            "paper",
            "background",
            "ink",
            "strokes",
            "lines",
            "handwritten",
        ],
    ];
    let mut words: Vec<String> = phrases.concat().into_iter().flat_map(split).collect();
    words.sort();
    words.dedup();
    words
}

fn is_number(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_digit()) || NUMBERS.contains(&word)
}

/// The words of a text that deny, each once.
fn denied(words: &[String]) -> Vec<String> {
    let mut denied: Vec<String> = Vec::new();
    for (i, word) in words.iter().enumerate() {
        let after = |all: &[&str]| i > 0 && all.contains(&&words[i - 1][..]);
        let all_but = ALL_BUT.iter().any(|(but, all)| but == word && after(all));
        if (all_but || DENIALS.contains(&&word[..])) && !denied.contains(word) {
            denied.push(word.clone());
        }
    }
    denied
}

/// The colour that ink and paper are both said to have.
fn invisible(words: &[String]) -> Option<Colour> {
    let [mut inks, mut papers] = [const { Vec::new() }; 2];
    for (i, word) in words.iter().enumerate() {
        let is = |colour: &Colour| colours(*colour).contains(&spelling(word));
        let Some(colour) = Colour::ALL.into_iter().find(is) else {
            continue;
        };
        let next = words.get(i + 1).map(String::as_str);
        let before = |word: &&String| !["a", "an", "the"].contains(&&word[..]);
        let last = words[..i].iter().rev().find(before).map(String::as_str);
        let on_paper = match next {
            Some("paper" | "background" | "page") => true,
            Some("ink" | "pen" | "strokes" | "lines") => false,
            _ => matches!(last, Some("on" | "against")),
        };
        if on_paper {
            papers.push(colour);
        } else {
            inks.push(colour);
        }
    }
    inks.into_iter().find(|ink| papers.contains(ink))
}

impl fmt::Display for Remark {
    /// A sentence without its capital and its stop.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { words } => {
                let words = words.iter().map(Unknown::to_string).collect();
                write!(f, "left out, as not known: {}", list(words))
            }
            Self::Number { words } => {
                write!(
                    f,
                    "left out, as there are only the digits 0 to 9: {}",
                    list(words.iter().map(|word| short(word)).collect())
                )
            }
            Self::Foreign => {
                let colours = Colour::ALL.map(Colour::name).join(", ");
                write!(
                    f,
                    "what can be said in English: the digits 0 to 9 or zero to nine; {colours} as the colour of \
                     ink and of paper; thin, regular or bold strokes; upright, leaning left or leaning right; \
                     small, medium or large"
                )
            }
            Self::Denied { words } => write!(
                f,
                "nothing can be denied, what is named is drawn: {} is left out",
                list(words.iter().map(|word| short(word)).collect())
            ),
            Self::Cut { count } => write!(
                f,
                "left out, as a text may have {} words: the last {count}",
                MAX_TOKENS - 1
            ),
            Self::Invisible { colour } => write!(
                f,
                "ink and paper are both {}: there would be nothing to see",
                colour.name()
            ),
        }
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&short(&self.word))?;
        match &self.nearest[..] {
            [] => Ok(()),
            [one] => write!(f, " ({one} is)"),
            several => write!(f, " ({} are)", several.join(" and ")),
        }
    }
}

/// A few of many words.
fn list(words: Vec<String>) -> String {
    let more = words.len().saturating_sub(NAMED);
    let named = words[..words.len() - more].join(", ");
    match more {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// A word, or the beginning of a long one.
fn short(word: &str) -> String {
    match word.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", &word[..end]),
        None => word.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caption::vocabulary;

    fn remarks(text: &str) -> Vec<Remark> {
        Tokenizer::new(&vocabulary()).remarks(text)
    }

    fn sentences(text: &str) -> Vec<String> {
        remarks(text).iter().map(Remark::to_string).collect()
    }

    #[test]
    fn what_is_plain_needs_no_remark() {
        for text in [
            "",
            "a bold red three on white paper",
            "the colour red, three",
            "gold 0 on black",
            "red ink blue paper thin strokes leaning right small three",
            "a red three on blue",
            "please write a small 7 in white ink against a navy background",
        ] {
            assert_eq!(remarks(text), [], "{text}");
        }
    }

    #[test]
    fn a_slip_finds_the_word_that_was_meant() {
        for (slip, meant) in [
            ("thre", "three"),
            ("eigth", "eight"),
            ("sevne", "seven"),
            ("nien", "nine"),
            ("yelow", "yellow"),
            ("bleu", "blue"),
            ("wite", "white"),
            ("puprle", "purple"),
            ("turqoise", "turquoise"),
            ("slantd", "slanted"),
            ("thicker", "thick"),
            ("smal", "small"),
            ("digits", "digit"),
        ] {
            let expected = format!("left out, as not known: {slip} ({meant} is)");
            assert_eq!(sentences(&format!("a {slip} on paper")), [expected]);
        }
    }

    #[test]
    fn other_colours_are_named_beside_those_there_are() {
        assert_eq!(
            sentences("a grey three on brown paper"),
            ["left out, as not known: grey (black and white are), brown (orange and red are)"]
        );
        let tokenizer = Tokenizer::new(&vocabulary());
        for (name, _) in OTHER_COLOURS {
            assert!(!tokenizer.knows(name), "{name}");
        }
    }

    #[test]
    fn denials_are_warned_of() {
        let denied = |text: &str| {
            let first = remarks(text).into_iter().next();
            matches!(first, Some(Remark::Denied { .. }))
        };
        for text in [
            "not a red three",
            "anything but a seven",
            "a three, no slant",
            "don't draw a 4",
            "any digit other than five",
            "a nine without thick strokes",
            "never blue",
        ] {
            assert!(denied(text), "{text}");
        }
        for text in ["a red three but bold", "a knot", "nothing", "a note"] {
            assert!(!denied(text), "{text}");
        }
        assert_eq!(
            sentences("not a red three"),
            ["nothing can be denied, what is named is drawn: not is left out"]
        );
    }

    #[test]
    fn numbers_and_other_languages_hear_what_there_is() {
        let no_number = |word: &str| {
            vec![format!(
                "left out, as there are only the digits 0 to 9: {word}"
            )]
        };
        assert_eq!(sentences("a red 10"), no_number("10"));
        assert_eq!(sentences("a red eleven"), no_number("eleven"));
        for text in [
            "eine rote Drei auf weißem Papier",
            "un tres rojo",
            "drei",
            "赤い 三",
        ] {
            assert_eq!(remarks(text).last(), Some(&Remark::Foreign), "{text}");
        }
        assert!(sentences("drei")[1].contains("zero to nine; red, orange"));
    }

    #[test]
    fn ink_of_the_papers_colour_is_seen() {
        for (text, colour) in [
            ("a red three on red paper", Colour::Red),
            ("a crimson three on a scarlet background", Colour::Red),
            ("white ink white paper", Colour::White),
            ("a blue 4 on blue", Colour::Blue),
            ("black paper with an ebony two", Colour::Black),
        ] {
            assert_eq!(remarks(text), [Remark::Invisible { colour }], "{text}");
        }
    }

    #[test]
    fn remarks_stay_short() {
        let text = (0..5_000).map(|i| format!("wort{i} ")).collect::<String>() + &"x".repeat(9_000);
        assert!(sentences(&text).iter().all(|sentence| sentence.len() < 300));
    }
}
