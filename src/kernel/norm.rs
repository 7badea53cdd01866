//! Group normalisation of a picture whose channels lie side by side, scaled, shifted and passed through
//! SiLU.

use super::{
    silu::{silu, silu_slope},
    vectors::vectorised,
};

/// Added to a variance before its root is taken.
const EPSILON: f32 = super::EPSILON as f32;

/// What is done to a picture: z = norm(x)·γ + β, then z·(1 + scale) + shift, then SiLU.
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// One for each channel.
    pub gamma: &'a [f32],
    /// One for each channel.
    pub beta: &'a [f32],
    /// The scales of all channels, then the shifts.
    pub modulation: Option<&'a [f32]>,
    /// Groups of channels that share a mean and a variance.
    pub groups: usize,
    /// Whether SiLU follows.
    pub silu: bool,
}

/// A picture's statistics, one for each channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// The mean of the channel's group.
    pub mean: Vec<f32>,
    /// One over the standard deviation of the channel's group.
    pub inverse_std: Vec<f32>,
}

impl Statistics {
    /// Those of a picture, pixels × channels.
    pub fn of(picture: &[f32], channels: usize, groups: usize) -> Self {
        let mut statistics = None;
        vectorised(
            #[inline(always)]
            || statistics = Some(Self::measure(picture, channels, groups)),
        );
        statistics.expect("it has been called")
    }

    #[inline(always)]
    fn measure(picture: &[f32], channels: usize, groups: usize) -> Self {
        let width = channels / groups;
        // Sums of differences from a value of the group: of the values themselves, those of a bright
        // picture would swallow the variance.
        let mut start = vec![0.0f32; channels];
        for (start, first) in start
            .chunks_exact_mut(width)
            .zip(picture.chunks_exact(width))
        {
            start.fill(first[0]);
        }
        let mut sums = vec![0.0f32; channels];
        let mut squares = vec![0.0f32; channels];
        for pixel in picture.chunks_exact(channels) {
            let sums = sums.iter_mut().zip(&mut squares);
            for ((sum, square), (value, start)) in sums.zip(pixel.iter().zip(&start)) {
                let difference = value - start;
                *sum += difference;
                *square += difference * difference;
            }
        }
        let count = (picture.len() / groups) as f32;
        let mut statistics = Self {
            mean: start,
            inverse_std: vec![0.0; channels],
        };
        for group in 0..groups {
            let channels = group * width..(group + 1) * width;
            let mean = sums[channels.clone()].iter().sum::<f32>() / count;
            let square = squares[channels.clone()].iter().sum::<f32>() / count;
            let variance = (square - mean * mean).max(0.0);
            for c in channels {
                statistics.mean[c] += mean;
                statistics.inverse_std[c] = 1.0 / (variance + EPSILON).sqrt();
            }
        }
        statistics
    }
}

impl Norm<'_> {
    /// What is left to do once the statistics are known.
    pub fn affine(&self, Statistics { mean, inverse_std }: Statistics) -> Affine {
        let channels = self.gamma.len();
        let scale = |c: usize| self.modulation.map_or(1.0, |m| 1.0 + m[c]);
        let shift = |c: usize| self.modulation.map_or(0.0, |m| m[channels + c]);
        Affine {
            mean,
            scale: (0..channels)
                .map(|c| inverse_std[c] * self.gamma[c] * scale(c))
                .collect(),
            shift: (0..channels)
                .map(|c| self.beta[c] * scale(c) + shift(c))
                .collect(),
        }
    }

    /// The gradients of a picture's norm, given those of its answer.
    ///
    /// # Shapes
    /// `picture`, `gradient` and `x`, which takes the gradients of the picture: pixels × channels. `parameters`
    /// takes those of γ, of β and of the modulation: 4 × channels.
    pub fn gradient(
        &self,
        picture: &[f32],
        gradient: &[f32],
        x: &mut [f32],
        parameters: &mut [f32],
    ) {
        vectorised(
            #[inline(always)]
            || self.pull_back(picture, gradient, x, parameters),
        );
    }

    #[inline(always)]
    fn pull_back(&self, picture: &[f32], gradient: &[f32], x: &mut [f32], parameters: &mut [f32]) {
        let channels = self.gamma.len();
        let statistics = Statistics::measure(picture, channels, self.groups);
        let inverse_std = statistics.inverse_std.clone();
        let Affine {
            mean,
            scale: a,
            shift: b,
        } = &self.affine(statistics);
        // With g the gradient before SiLU: Σ g and, in place of Σ g·x̂, at first Σ g·(x − mean) of each channel.
        let mut of_shift = vec![0.0f32; channels];
        let mut of_scale = vec![0.0f32; channels];
        let pixels = picture.chunks_exact(channels);
        let answers = pixels.zip(gradient.chunks_exact(channels));
        for (x, (pixel, gradient)) in x.chunks_exact_mut(channels).zip(answers) {
            let values = x.iter_mut().zip(pixel.iter().zip(gradient));
            let factors = mean.iter().zip(a.iter().zip(b));
            let sums = of_shift.iter_mut().zip(&mut of_scale);
            for (((x, (value, gradient)), (mean, (a, b))), (of_shift, of_scale)) in
                values.zip(factors).zip(sums)
            {
                let centred = value - mean;
                let g = match self.silu {
                    true => gradient * silu_slope(centred * a + b),
                    false => *gradient,
                };
                *x = g;
                *of_shift += g;
                *of_scale += g * centred;
            }
        }
        for (of_scale, inverse_std) in of_scale.iter_mut().zip(&inverse_std) {
            *of_scale *= inverse_std;
        }
        let scale = |c: usize| self.modulation.map_or(1.0, |m| 1.0 + m[c]);
        // dx = (gγ' − mean(gγ') − x̂·mean(gγ'·x̂)) / std over the group, γ' = γ·(1 + scale)
        let width = channels / self.groups;
        let count = (picture.len() / self.groups) as f32;
        let mut constant = vec![0.0f32; channels];
        let mut slope = vec![0.0f32; channels];
        for group in 0..self.groups {
            let members = group * width..(group + 1) * width;
            let mean_of = |sums: &[f32]| {
                let terms = members.clone().map(|c| sums[c] * self.gamma[c] * scale(c));
                terms.sum::<f32>() / count
            };
            let (mean_g, mean_gx) = (mean_of(&of_shift), mean_of(&of_scale));
            for c in members {
                slope[c] = -mean_gx * inverse_std[c] * inverse_std[c];
                constant[c] = -mean_g * inverse_std[c] - slope[c] * mean[c];
            }
        }
        let pixels = picture.chunks_exact(channels);
        for (x, pixel) in x.chunks_exact_mut(channels).zip(pixels) {
            let factors = a.iter().zip(slope.iter().zip(&constant));
            for ((x, value), (a, (slope, constant))) in x.iter_mut().zip(pixel).zip(factors) {
                *x = *x * a + value * slope + constant;
            }
        }
        let (of_gamma, rest) = parameters.split_at_mut(channels);
        let (of_beta, of_modulation) = rest.split_at_mut(channels);
        for c in 0..channels {
            of_gamma[c] = of_scale[c] * scale(c);
            of_beta[c] = of_shift[c] * scale(c);
            of_modulation[c] = self.gamma[c] * of_scale[c] + self.beta[c] * of_shift[c];
            of_modulation[channels + c] = of_shift[c];
        }
    }
}

/// (x − mean)·scale + shift, one of each for each channel. The mean apart: multiplied into the shift, that of a
/// bright picture would swallow the rest.
#[derive(Clone, Debug)]
pub struct Affine {
    mean: Vec<f32>,
    scale: Vec<f32>,
    shift: Vec<f32>,
}

impl Affine {
    /// Without a mean.
    pub fn new(scale: Vec<f32>, shift: Vec<f32>) -> Self {
        Self {
            mean: vec![0.0; scale.len()],
            scale,
            shift,
        }
    }

    /// Applies it to pixels, and SiLU where asked for.
    pub fn apply(&self, x: &[f32], with_silu: bool, out: &mut [f32]) {
        vectorised(
            #[inline(always)]
            || {
                let channels = self.mean.len();
                let pixels = out.chunks_exact_mut(channels).zip(x.chunks_exact(channels));
                for (out, x) in pixels {
                    let factors = self.scale.iter().zip(&self.shift);
                    let values = x.iter().zip(&self.mean).zip(factors);
                    if with_silu {
                        for (out, ((x, mean), (scale, shift))) in out.iter_mut().zip(values) {
                            *out = silu((x - mean) * scale + shift);
                        }
                    } else {
                        for (out, ((x, mean), (scale, shift))) in out.iter_mut().zip(values) {
                            *out = (x - mean) * scale + shift;
                        }
                    }
                }
            },
        );
    }
}
