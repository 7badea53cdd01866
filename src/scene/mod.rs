//! Coloured pictures of handwritten digits, described by what a sentence can say of them: what the
//! autoencoder, CLIP and the text-to-picture model learn from.

mod digit;
mod measure;
mod paint;
mod strokes;

pub use measure::{Measured, measure};
use rand::{Rng, RngExt, seq::IndexedRandom};
use serde::{Deserialize, Serialize};
pub use strokes::Strokes;

/// Width and height of a picture, in pixels.
pub const SIZE: usize = 64;

/// Red, green and blue.
pub const CHANNELS: usize = 3;

/// Numbers of a picture.
pub const VALUES: usize = SIZE * SIZE * CHANNELS;

/// Red, green and blue, each 0 to 1.
pub type Rgb = [f32; 3];

/// An attribute with a few values that have names.
macro_rules! attribute {
    ($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name { $($(#[$value_doc])* $value),+ }

        impl $name {
            /// Every value.
            pub const ALL: [Self; [$($text),+].len()] = [$(Self::$value),+];

            /// What it is called.
            pub fn name(self) -> &'static str {
                match self { $(Self::$value => $text),+ }
            }
        }
    };
}

attribute!(
    /// A colour that has a name. Any two are far enough apart to be told from each other.
    Colour {
        /// (0.83, 0.10, 0.12)
        Red = "red",
        /// (0.95, 0.52, 0.05)
        Orange = "orange",
        /// (0.98, 0.90, 0.25)
        Yellow = "yellow",
        /// (0.10, 0.58, 0.20)
        Green = "green",
        /// (0.15, 0.80, 0.85)
        Cyan = "cyan",
        /// (0.10, 0.25, 0.80)
        Blue = "blue",
        /// (0.52, 0.15, 0.68)
        Purple = "purple",
        /// (0.97, 0.55, 0.75)
        Pink = "pink",
        /// (0.96, 0.96, 0.96)
        White = "white",
        /// (0.06, 0.06, 0.07)
        Black = "black",
    }
);

attribute!(
    /// How wide the strokes are beside the digit's height.
    Thickness {
        /// 0.06 to 0.08 of the height.
        Thin = "thin",
        /// 0.105 to 0.125 of the height.
        Medium = "medium",
        /// 0.165 to 0.195 of the height.
        Bold = "bold",
    }
);

attribute!(
    /// Which way the digit leans: [`Strokes::slant`].
    Slant {
        /// 0.38 to 0.6 to the left for each pixel upwards.
        Left = "left",
        /// At most 0.08 either way.
        Upright = "upright",
        /// 0.38 to 0.6 to the right for each pixel upwards.
        Right = "right",
    }
);

attribute!(
    /// How tall the digit is.
    Size {
        /// 26 to 30 pixels.
        Small = "small",
        /// 37 to 42 pixels.
        Medium = "medium",
        /// 50 to 55 pixels.
        Large = "large",
    }
);

impl Colour {
    /// Its middle; a picture's colour differs by up to [`COLOUR_JITTER`] in each channel.
    pub fn rgb(self) -> Rgb {
        match self {
            Self::Red => [0.83, 0.10, 0.12],
            Self::Orange => [0.95, 0.52, 0.05],
            Self::Yellow => [0.98, 0.90, 0.25],
            Self::Green => [0.10, 0.58, 0.20],
            Self::Cyan => [0.15, 0.80, 0.85],
            Self::Blue => [0.10, 0.25, 0.80],
            Self::Purple => [0.52, 0.15, 0.68],
            Self::Pink => [0.97, 0.55, 0.75],
            Self::White => [0.96, 0.96, 0.96],
            Self::Black => [0.06, 0.06, 0.07],
        }
    }

    /// The colour whose middle is the nearest.
    pub fn nearest(rgb: Rgb) -> Self {
        let distance = |colour: Self| -> f32 {
            let middle = colour.rgb();
            middle.iter().zip(rgb).map(|(a, b)| (a - b).powi(2)).sum()
        };
        Self::ALL
            .into_iter()
            .min_by(|&a, &b| distance(a).total_cmp(&distance(b)))
            .expect("there are colours")
    }
}

/// How far a channel of a picture's colour may be from that of the colour's middle.
pub const COLOUR_JITTER: f32 = 0.04;

impl Thickness {
    /// Widths of the pen, as a share of the digit's height.
    fn range(self) -> (f64, f64) {
        match self {
            Self::Thin => (0.06, 0.08),
            Self::Medium => (0.105, 0.125),
            Self::Bold => (0.165, 0.195),
        }
    }

    /// What a pen of this width is called.
    pub fn of(pen: f64) -> Self {
        match pen {
            _ if pen < 0.0925 => Self::Thin,
            _ if pen < 0.145 => Self::Medium,
            _ => Self::Bold,
        }
    }
}

impl Slant {
    fn range(self) -> (f64, f64) {
        match self {
            Self::Left => (-0.6, -0.38),
            Self::Upright => (-0.08, 0.08),
            Self::Right => (0.38, 0.6),
        }
    }

    /// What a digit that leans so far is called.
    pub fn of(slant: f64) -> Self {
        match slant {
            _ if slant < -0.23 => Self::Left,
            _ if slant < 0.23 => Self::Upright,
            _ => Self::Right,
        }
    }
}

impl Size {
    fn range(self) -> (f64, f64) {
        match self {
            Self::Small => (26.0, 30.0),
            Self::Medium => (37.0, 42.0),
            Self::Large => (50.0, 55.0),
        }
    }

    /// What a digit of this height is called.
    pub fn of(height: f64) -> Self {
        match height {
            _ if height < 33.5 => Self::Small,
            _ if height < 46.0 => Self::Medium,
            _ => Self::Large,
        }
    }
}

/// What a picture shows, in names and in numbers.
#[derive(Clone, PartialEq, Debug)]
pub struct Scene {
    /// 0 to 9.
    pub digit: u8,
    /// The colour of the strokes.
    pub ink: Colour,
    /// The colour around them.
    pub paper: Colour,
    /// How wide the strokes are.
    pub thickness: Thickness,
    /// Which way the digit leans.
    pub slant: Slant,
    /// How tall it is.
    pub size: Size,
    /// The exact numbers.
    pub exact: Exact,
}

/// A scene's numbers: those of its names, and two that no name says.
#[derive(Clone, PartialEq, Debug)]
pub struct Exact {
    /// Of the strokes.
    pub ink: Rgb,
    /// Around them.
    pub paper: Rgb,
    /// Width of the strokes, as a share of `height`.
    pub pen: f64,
    /// Pixels to the right for each pixel upwards.
    pub slant: f64,
    /// Pixels.
    pub height: f64,
    /// Radians, clockwise; the slant is what it is after the rotation.
    pub rotation: f64,
    /// Where the middle of the digit is, 0 to 1 of the room that its size leaves.
    pub place: [f64; 2],
}

/// Largest rotation, in radians.
const MAX_ROTATION: f64 = 0.15;

impl Scene {
    /// Any scene of a digit, all values of an attribute as likely; ink and paper differ.
    pub fn random(digit: u8, random: &mut impl Rng) -> Self {
        let ink = pick(&Colour::ALL, random);
        let paper = loop {
            let paper = pick(&Colour::ALL, random);
            if paper != ink {
                break paper;
            }
        };
        let (thickness, slant, size) = (
            pick(&Thickness::ALL, random),
            pick(&Slant::ALL, random),
            pick(&Size::ALL, random),
        );
        Self::of(digit, [ink, paper], thickness, slant, size, random)
    }

    /// Any scene of a kind that training shows.
    pub fn seen(digit: u8, random: &mut impl Rng) -> Self {
        loop {
            let scene = Self::random(digit, random);
            if !scene.held_out() {
                return scene;
            }
        }
    }

    /// A scene with these attributes.
    pub fn of(
        digit: u8,
        [ink, paper]: [Colour; 2],
        thickness: Thickness,
        slant: Slant,
        size: Size,
        random: &mut impl Rng,
    ) -> Self {
        let mut within = |(low, high): (f64, f64)| random.random_range(low..=high);
        let exact = Exact {
            pen: within(thickness.range()),
            slant: within(slant.range()),
            height: within(size.range()),
            rotation: within((-MAX_ROTATION, MAX_ROTATION)),
            place: [within((0.0, 1.0)), within((0.0, 1.0))],
            ink: jittered(ink, random),
            paper: jittered(paper, random),
        };
        Self {
            digit,
            ink,
            paper,
            thickness,
            slant,
            size,
            exact,
        }
    }

    /// Whether no network has seen the like in training: ten pairs of a digit and an ink are kept for the
    /// evaluation.
    pub fn held_out(&self) -> bool {
        HELD_OUT[usize::from(self.digit)] == self.ink
    }
}

/// For each digit the ink in which it is never shown in training.
pub const HELD_OUT: [Colour; 10] = [
    Colour::Pink,
    Colour::Yellow,
    Colour::Cyan,
    Colour::Blue,
    Colour::White,
    Colour::Green,
    Colour::Orange,
    Colour::Red,
    Colour::Purple,
    Colour::Black,
];

fn pick<T: Copy>(values: &[T], random: &mut impl Rng) -> T {
    *values.choose(random).expect("an attribute has values")
}

fn jittered(colour: Colour, random: &mut impl Rng) -> Rgb {
    colour.rgb().map(|v| {
        let by = random.random_range(-COLOUR_JITTER..=COLOUR_JITTER);
        (v + by).clamp(0.0, 1.0)
    })
}
