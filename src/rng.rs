//! Noise from a seed, the same on every machine.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// `len` draws from N(0, 1): those of `stream` under `seed`, always the same ones. Streams of one
/// seed are independent. Stream 0 is the initial noise, stream i + 1 the noise that step i adds.
///
/// ChaCha8 (D. J. Bernstein, 2008) feeds a ziggurat (Marsaglia & Tsang, 2000). Every draw is an
/// `f32`, widened: about one in a thousand passes through a logarithm, whose last `f64` bit
/// depends on the machine, and the rounding hides that bit.
///
/// ```
/// # use unnoise::rng::gaussian;
/// assert_eq!(gaussian(7, 0, 2), gaussian(7, 0, 784)[..2]);
/// assert_ne!(gaussian(7, 0, 2), gaussian(7, 1, 2));
/// ```
pub fn gaussian(seed: u64, stream: u64, len: usize) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    let mut draw = || -> f32 { StandardNormal.sample(&mut rng) };
    (0..len).map(|_| draw().into()).collect()
}
