//! A picture → what it shows: the way back, for any picture of one colour on another.

use super::{CHANNELS, Colour, Rgb, SIZE, Size, Slant, Strokes, Thickness, VALUES};

/// What is seen in a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The strokes' colour.
    pub ink: Rgb,
    /// The colour around them.
    pub paper: Rgb,
    /// Width of the strokes, as a share of `height`.
    pub pen: f64,
    /// Pixels to the right for each pixel upwards.
    pub slant: f64,
    /// The digit's height, in pixels.
    pub height: f64,
    /// How much of each pixel is ink, 0 to 1, in rows.
    pub cover: Vec<f32>,
}

/// Pixels at the border that are taken for paper.
const BORDER: usize = 2;

/// The share of the inked pixels, those furthest from the paper's colour, that tell the ink's.
const PUREST: usize = 4;

/// Ink that is no further from the paper's colour than this is none.
const FAINTEST: f32 = 0.15;

/// A pixel with less ink than this has none. The autoencoder's decoder leaves a little everywhere, which adds
/// up on much paper: of small thin test digits that were decoded, 65 % are called thin, and 29 % without this.
const LEAST: f32 = 0.15;

/// Measures a picture; none, where nothing is drawn on it.
///
/// # Shapes
/// `picture` height × width × channels, in [-1, 1].
pub fn measure(picture: &[f32]) -> Option<Measured> {
    if picture.len() != VALUES {
        return None;
    }
    let pixels: Vec<Rgb> = picture
        .as_chunks::<CHANNELS>()
        .0
        .iter()
        .map(|p| p.map(|v| (v + 1.0) / 2.0))
        .collect();
    let edge = |i: usize| !(BORDER..SIZE - BORDER).contains(&i);
    let border = (0..SIZE * SIZE).filter(|&i| edge(i % SIZE) || edge(i / SIZE));
    let paper = median(border.map(|i| pixels[i]).collect());

    let mut by_distance: Vec<usize> = (0..pixels.len()).collect();
    by_distance.sort_by(|&a, &b| distance(pixels[b], paper).total_cmp(&distance(pixels[a], paper)));
    let furthest = distance(pixels[by_distance[0]], paper);
    if furthest.is_nan() || furthest < FAINTEST {
        return None;
    }
    let inked = by_distance
        .iter()
        .take_while(|&&i| distance(pixels[i], paper) > furthest / 2.0)
        .count();
    let purest = by_distance[..inked.div_ceil(PUREST)].iter();
    let ink = median(purest.map(|&i| pixels[i]).collect());

    // Where a pixel lies on the way from paper to ink.
    let way: Vec<f32> = ink.iter().zip(paper).map(|(i, p)| i - p).collect();
    let length: f32 = way.iter().map(|v| v * v).sum();
    let share = |pixel: &Rgb| {
        let along = pixel
            .iter()
            .zip(paper)
            .zip(&way)
            .map(|((v, p), w)| (v - p) * w);
        match along.sum::<f32>() / length {
            little if little < LEAST => 0.0,
            share => share.min(1.0),
        }
    };
    let cover: Vec<f32> = pixels.iter().map(share).collect();

    let strokes = Strokes::of(&cover, SIZE)?;
    // A stroke of length l and width w with round ends covers l·w + π·w²/4.
    let area: f64 = cover.iter().map(|&c| f64::from(c)).sum();
    let length = strokes.length();
    let pi = std::f64::consts::PI;
    let width = ((length * length + pi * area).sqrt() - length) * 2.0 / pi;
    let height = strokes.height() + width;
    Some(Measured {
        ink,
        paper,
        pen: width / height,
        slant: strokes.slant(),
        height,
        cover,
    })
}

impl Measured {
    /// The name of the strokes' colour.
    pub fn ink(&self) -> Colour {
        Colour::nearest(self.ink)
    }

    /// The name of the colour around them.
    pub fn paper(&self) -> Colour {
        Colour::nearest(self.paper)
    }

    /// How wide the strokes are.
    pub fn thickness(&self) -> Thickness {
        Thickness::of(self.pen)
    }

    /// Which way the digit leans.
    pub fn slant(&self) -> Slant {
        Slant::of(self.slant)
    }

    /// How tall it is.
    pub fn size(&self) -> Size {
        Size::of(self.height)
    }
}

fn distance(a: Rgb, b: Rgb) -> f32 {
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).powi(2))
        .sum::<f32>()
        .sqrt()
}

/// The middle of each channel.
fn median(pixels: Vec<Rgb>) -> Rgb {
    std::array::from_fn(|channel| {
        let mut values: Vec<f32> = pixels.iter().map(|p| p[channel]).collect();
        values.sort_by(f32::total_cmp);
        values[values.len() / 2]
    })
}
