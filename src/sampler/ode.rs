//! Solvers of the probability-flow ODE, `dx/dsigma = (x - D(x; sigma)) / sigma`: no noise is added.

use super::{Evaluation, Interval, Next, Sampler, along};

/// `x' = x + (to - from) (x - D) / from`: along the tangent. First order, one call.
/// Karras et al., "Elucidating the Design Space of Diffusion-Based Generative Models", 2022.
///
/// Collected, `x' = D + (to / from) (x - D)`, which is also DDIM with eta = 0.
pub(super) struct Euler;

impl Sampler for Euler {
    fn step(
        &self,
        interval: Interval,
        evaluations: &[Evaluation],
        _history: &[Evaluation],
        _noise: &dyn Fn() -> Vec<f64>,
    ) -> Next {
        let Evaluation { x, denoised, .. } = &evaluations[0];
        Next::Reached(along(denoised, x, interval.to / interval.from))
    }
}

/// `x' = x + (to - from) (slope + slope') / 2`, with slope' at Euler's end. Second order, two calls.
/// Karras et al., 2022, algorithm 1. A step to 0 is Euler's: there is no slope at sigma 0.
pub(super) struct Heun;

impl Sampler for Heun {
    fn step(
        &self,
        interval: Interval,
        evaluations: &[Evaluation],
        history: &[Evaluation],
        noise: &dyn Fn() -> Vec<f64>,
    ) -> Next {
        let (start, end) = match evaluations {
            [start, end, ..] => (start, end),
            _ => match Euler.step(interval, evaluations, history, noise) {
                Next::Reached(x) if interval.to > 0.0 => {
                    let sigma = interval.to;
                    return Next::Evaluate { x, sigma };
                }
                euler => return euler,
            },
        };
        let half = (interval.to - interval.from) / 2.0;
        let slopes = slope(start).zip(slope(end));
        let x = start.x.iter().zip(slopes);
        Next::Reached(x.map(|(x, (a, b))| x + half * (a + b)).collect())
    }
}

/// dx/dsigma, element by element.
fn slope(at: &Evaluation) -> impl Iterator<Item = f64> {
    let pairs = at.x.iter().zip(&at.denoised);
    pairs.map(|(x, d)| (x - d) / at.sigma)
}

/// `x' = D* + (to / from) (x - D*)`, with D* the line through the last two D, over -ln sigma, half
/// a step ahead. Second order, one call.
/// Lu et al., "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models",
/// 2022, algorithm 2. The first step, which has no earlier D, and a step to 0 take `D* = D`.
pub(super) struct Dpmpp2m;

impl Sampler for Dpmpp2m {
    fn step(
        &self,
        interval: Interval,
        evaluations: &[Evaluation],
        history: &[Evaluation],
        _noise: &dyn Fn() -> Vec<f64>,
    ) -> Next {
        let Interval { from, to } = interval;
        let Evaluation { x, denoised, .. } = &evaluations[0];
        let ahead = match history.last() {
            Some(last) if to > 0.0 => {
                let part = 0.5 * (from / to).ln() / (last.sigma / from).ln();
                along(&last.denoised, denoised, 1.0 + part)
            }
            _ => denoised.clone(),
        };
        Next::Reached(along(&ahead, x, to / from))
    }
}
