//! Pictures that are no digits, for the scorer to tell from those that are.

use rand::{Rng, RngExt, seq::SliceRandom};

const PAPER: f32 = -1.0;

/// Makes something that is no digit out of `digit`, size² values in [-1, 1].
pub fn negative(digit: &[f32], size: usize, random: &mut impl Rng) -> Vec<f32> {
    match random.random_range(0..7) {
        0 => vec![PAPER; size * size],
        1 => vec![random.random_range(-1.0..=1.0); size * size],
        2 => shuffled(digit, random),
        3 => cut_up(digit, size, random),
        4 => blurred(digit, size, random.random_range(3..=6)),
        5 => dust(size, random),
        _ => scribble(size, random),
    }
}

/// The same ink, anywhere.
fn shuffled(digit: &[f32], random: &mut impl Rng) -> Vec<f32> {
    let mut pixels = digit.to_vec();
    pixels.shuffle(random);
    pixels
}

/// The four quarters in another order: every permutation that leaves none where it was.
fn cut_up(digit: &[f32], size: usize, random: &mut impl Rng) -> Vec<f32> {
    const DERANGEMENTS: [[usize; 4]; 9] = [
        [1, 0, 3, 2],
        [1, 2, 3, 0],
        [1, 3, 0, 2],
        [2, 0, 3, 1],
        [2, 3, 0, 1],
        [2, 3, 1, 0],
        [3, 0, 1, 2],
        [3, 2, 0, 1],
        [3, 2, 1, 0],
    ];
    let half = size / 2;
    let order = DERANGEMENTS[random.random_range(0..DERANGEMENTS.len())];
    let pixel = |i: usize| {
        let (y, x) = (i / size, i % size);
        let from = order[y / half * 2 + x / half];
        let (y, x) = (from / 2 * half + y % half, from % 2 * half + x % half);
        digit[y * size + x]
    };
    (0..size * size).map(pixel).collect()
}

/// The mean over a square window, twice: what a lens out of focus leaves.
fn blurred(digit: &[f32], size: usize, radius: usize) -> Vec<f32> {
    let mean = |picture: &[f32]| -> Vec<f32> {
        let window = |at: usize| at.saturating_sub(radius)..(at + radius + 1).min(size);
        let pixel = |i: usize| {
            let (y, x) = (i / size, i % size);
            // Beyond the edge there is paper.
            let ink: f32 = window(y)
                .flat_map(|y| window(x).map(move |x| y * size + x))
                .map(|i| picture[i] - PAPER)
                .sum();
            PAPER + ink / ((2 * radius + 1) as f32).powi(2)
        };
        (0..size * size).map(pixel).collect()
    };
    mean(&mean(digit))
}

/// Specks of ink, each pixel on its own.
fn dust(size: usize, random: &mut impl Rng) -> Vec<f32> {
    let density = random.random_range(0.02..0.5);
    (0..size * size)
        .map(|_| match random.random_bool(density) {
            true => random.random_range(PAPER..=1.0),
            false => PAPER,
        })
        .collect()
}

/// Strokes of a digit's thickness that cross the paper, bend, and touch nothing in particular.
fn scribble(size: usize, random: &mut impl Rng) -> Vec<f32> {
    let mut picture = vec![PAPER; size * size];
    for _ in 0..random.random_range(3..=6) {
        let mut point = || [(); 2].map(|()| random.random_range(1.0..size as f32 - 1.0));
        let [a, b, c] = [point(), point(), point()];
        let radius = random.random_range(0.7..1.6);
        const POINTS: usize = 40;
        for i in 0..=POINTS {
            // A quadratic Bézier curve.
            let t = i as f32 / POINTS as f32;
            let at =
                |k: usize| (1.0 - t).powi(2) * a[k] + 2.0 * t * (1.0 - t) * b[k] + t * t * c[k];
            touch(&mut picture, size, [at(0), at(1)], radius);
        }
    }
    picture
}

/// A round pen, soft at the edge.
fn touch(picture: &mut [f32], size: usize, [cx, cy]: [f32; 2], radius: f32) {
    for (i, pixel) in picture.iter_mut().enumerate() {
        let (x, y) = ((i % size) as f32, (i / size) as f32);
        let distance = (x - cx).hypot(y - cy);
        let ink = (radius + 0.5 - distance).clamp(0.0, 1.0);
        *pixel = pixel.max(PAPER + 2.0 * ink);
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::image::{DIGIT_PIXELS, DIGIT_SIZE};

    /// An L: asymmetric, so that moving a quarter shows.
    fn letter() -> Vec<f32> {
        let ink = |i: usize| {
            let (y, x) = (i / DIGIT_SIZE, i % DIGIT_SIZE);
            (x == 8 && (4..24).contains(&y)) || (y == 23 && (8..20).contains(&x))
        };
        (0..DIGIT_PIXELS)
            .map(|i| if ink(i) { 1.0 } else { PAPER })
            .collect()
    }

    fn sorted(picture: &[f32]) -> Vec<f32> {
        let mut values = picture.to_vec();
        values.sort_by(f32::total_cmp);
        values
    }

    #[test]
    fn every_kind_is_a_picture_and_another_one() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let digit = letter();
        for _ in 0..200 {
            let picture = negative(&digit, DIGIT_SIZE, &mut random);
            assert_eq!(picture.len(), DIGIT_PIXELS);
            assert!(picture.iter().all(|v| (-1.0..=1.0).contains(v)));
            assert_ne!(picture, digit);
        }
    }

    #[test]
    fn shuffling_and_cutting_up_keep_the_ink() {
        let mut random = ChaCha8Rng::seed_from_u64(2);
        let digit = letter();
        for _ in 0..20 {
            for picture in [
                shuffled(&digit, &mut random),
                cut_up(&digit, DIGIT_SIZE, &mut random),
            ] {
                assert_eq!(sorted(&picture), sorted(&digit));
                assert_ne!(picture, digit);
            }
        }
    }

    #[test]
    fn a_blur_spreads_the_ink_and_loses_none_inside() {
        let mut dot = vec![PAPER; DIGIT_PIXELS];
        dot[14 * DIGIT_SIZE + 14] = 1.0;
        let ink = |picture: &[f32]| picture.iter().map(|v| v - PAPER).sum::<f32>();
        let blurred = blurred(&dot, DIGIT_SIZE, 3);
        assert!((ink(&blurred) - ink(&dot)).abs() < 1e-3);
        assert!(blurred.iter().all(|&v| v < -0.9));
    }

    #[test]
    fn a_scribble_has_as_much_ink_as_handwriting() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let ink = |picture: Vec<f32>| picture.iter().filter(|&&v| v > 0.0).count();
        let counts: Vec<usize> = (0..50)
            .map(|_| ink(scribble(DIGIT_SIZE, &mut random)))
            .collect();
        let mean = counts.iter().sum::<usize>() / counts.len();
        assert!((60..350).contains(&mean), "{mean} pixels of ink");
    }
}
