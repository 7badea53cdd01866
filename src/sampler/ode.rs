//! Solvers of the probability-flow ODE, `dx/dsigma = (x - D(x; sigma)) / sigma`: no noise is added.

use super::{Evaluation, Interval, Next, Sampler, along};

/// `x' = x + (to - from) (x - D) / from`: along the tangent. First order, one call.
/// Karras et al., "Elucidating the Design Space of Diffusion-Based Generative Models", 2022.
///
/// Collected, `x' = D + (to / from) (x - D)`, which is also DDIM with eta = 0, and Euler's step in the
/// frame of flow matching (Liu, Gong & Liu, "Flow Straight and Fast", 2022; Lipman et al., "Flow Matching
/// for Generative Modeling", 2022): there `x_t = (1 - t) x0 + t noise`, so that `sigma = t / (1 - t)`, the
/// network is read as the velocity `v = (x_t - D) / t`, and the step is `x_t + (t' - t) v`. Divided by
/// `1 - t'` that is the above: a straight path is no other path, only its table is.
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

/// Slopes that [`Lms`] lays its curve through.
const LMS_ORDER: usize = 4;

/// `x' = x +` the integral from `from` to `to` of the polynomial through the last four slopes. Fourth
/// order, one call. Adams & Bashforth, 1883, with steps of any length; for diffusion Liu et al., "Pseudo
/// Numerical Methods for Diffusion Models on Manifolds", 2022, and k-diffusion's `sample_lms`. The first
/// steps take as many slopes as there are, and a step to 0 is Euler's.
pub(super) struct Lms;

impl Sampler for Lms {
    fn step(
        &self,
        interval: Interval,
        evaluations: &[Evaluation],
        history: &[Evaluation],
        noise: &dyn Fn() -> Vec<f64>,
    ) -> Next {
        let now = &evaluations[0];
        if interval.to == 0.0 {
            return Euler.step(interval, evaluations, history, noise);
        }
        let earlier = history.len().saturating_sub(LMS_ORDER - 1);
        let known: Vec<&Evaluation> = history[earlier..].iter().chain([now]).collect();
        let mut x = now.x.clone();
        for (i, at) in known.iter().enumerate() {
            // 1 at its own sigma, 0 at the others.
            let basis = |sigma: f64| {
                let others = known.iter().enumerate().filter(|(j, _)| *j != i);
                let factor = |(_, other): (_, &&Evaluation)| {
                    (sigma - other.sigma) / (at.sigma - other.sigma)
                };
                others.map(factor).product::<f64>()
            };
            let weight = integral(interval, basis);
            for (x, slope) in x.iter_mut().zip(slope(at)) {
                *x += weight * slope;
            }
        }
        Next::Reached(x)
    }
}

/// From `from` to `to`, exact for cubics: Gauss & Legendre's two points.
fn integral(Interval { from, to }: Interval, curve: impl Fn(f64) -> f64) -> f64 {
    let (middle, half) = ((from + to) / 2.0, (to - from) / 2.0);
    let off = half / 3.0_f64.sqrt();
    half * (curve(middle - off) + curve(middle + off))
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
        let ahead = half_a_step_ahead(interval, &evaluations[0], history);
        Next::Reached(along(
            &ahead,
            &evaluations[0].x,
            interval.to / interval.from,
        ))
    }
}

/// D* of [`Dpmpp2m`].
pub(super) fn half_a_step_ahead(
    interval: Interval,
    now: &Evaluation,
    history: &[Evaluation],
) -> Vec<f64> {
    match history.last() {
        Some(last) if interval.to > 0.0 => {
            let part = 0.5 * length(interval) / (last.sigma / interval.from).ln();
            along(&last.denoised, &now.denoised, 1.0 + part)
        }
        _ => now.denoised.clone(),
    }
}

/// h, the length of an interval over -ln sigma.
fn length(Interval { from, to }: Interval) -> f64 {
    (from / to).ln()
}

/// `x' = (to / from) x + phi_1 D + phi_2 h D' + phi_3 h² D''`, with the derivatives, over -ln sigma, of the
/// parabola through the last three D. Third order, one call.
/// Lu et al., "DPM-Solver++", 2022, with Zhang & Chen's exponential integrator, "Fast Sampling of Diffusion
/// Models with Exponential Integrator", 2022. The authors' code, and what follows it (diffusers,
/// k-diffusion), takes half of D'', which makes it second order: here it is whole.
/// The first two steps are [`Dpmpp2m`]'s, and a step to 0 takes D.
pub(super) struct Dpmpp3m;

impl Sampler for Dpmpp3m {
    fn step(
        &self,
        interval: Interval,
        evaluations: &[Evaluation],
        history: &[Evaluation],
        noise: &dyn Fn() -> Vec<f64>,
    ) -> Next {
        let now = &evaluations[0];
        let [.., third, second] = history else {
            return Dpmpp2m.step(interval, evaluations, history, noise);
        };
        if interval.to == 0.0 {
            return Next::Reached(now.denoised.clone());
        }
        let h = length(interval);
        let [phi_1, phi_2, phi_3] = phi(h);
        // Lengths of the two steps before in units of this one.
        let back = (second.sigma / now.sigma).ln() / h;
        let further = (third.sigma / second.sigma).ln() / h;
        let keep = interval.to / interval.from;
        let values = now.x.iter().zip(&now.denoised);
        let earlier = second.denoised.iter().zip(&third.denoised);
        let end = |((x, d), (d_1, d_2)): ((&f64, &f64), (&f64, &f64))| {
            let rise = (d - d_1) / back;
            let bend = (rise - (d_1 - d_2) / further) / (back + further); // half of h² D''
            keep * x + phi_1 * d + phi_2 * (rise + back * bend) + phi_3 * 2.0 * bend
        };
        Next::Reached(values.zip(earlier).map(end).collect())
    }
}

/// The weights of D, h D' and h² D'' in the exact answer over a step of length h, where D is a parabola over
/// -ln sigma: the integrals of `e^(s - h) s^k / (k! h^k)` for s from 0 to h.
fn phi(h: f64) -> [f64; 3] {
    let phi_1 = -(-h).exp_m1();
    if h < 0.02 {
        // The differences below would leave few digits.
        let phi_2 =
            h / 2.0 - h.powi(2) / 6.0 + h.powi(3) / 24.0 - h.powi(4) / 120.0 + h.powi(5) / 720.0;
        let phi_3 =
            h / 6.0 - h.powi(2) / 24.0 + h.powi(3) / 120.0 - h.powi(4) / 720.0 + h.powi(5) / 5040.0;
        return [phi_1, phi_2, phi_3];
    }
    let phi_2 = 1.0 - phi_1 / h;
    [phi_1, phi_2, 0.5 - phi_2 / h]
}

/// [`Dpmpp2m`], after x has been corrected by what D turned out to be at the end of the step before: had that
/// been known, the parabola through it would have been taken. Third order, one call.
/// Zhao et al., "UniPC: A Unified Predictor-Corrector Framework for Fast Sampling of Diffusion Models", 2023,
/// of order 2 with B(h) = e^h - 1. The second step is corrected with order 1, the first not at all, and a step
/// to 0 takes D, as it must: the predictor of order 2 is infinite there.
pub(super) struct UniPc;

impl Sampler for UniPc {
    fn step(
        &self,
        interval: Interval,
        evaluations: &[Evaluation],
        history: &[Evaluation],
        _noise: &dyn Fn() -> Vec<f64>,
    ) -> Next {
        let now = &evaluations[0];
        let ahead = half_a_step_ahead(interval, now, history);
        let x = corrected(now, history);
        Next::Reached(along(&ahead, &x, interval.to / interval.from))
    }
}

/// x at the beginning of a step, as it would be had the step before known where it led.
fn corrected(now: &Evaluation, history: &[Evaluation]) -> Vec<f64> {
    let Some((start, before)) = history.split_last() else {
        return now.x.clone();
    };
    let h = (start.sigma / now.sigma).ln();
    let [phi_1, phi_2, phi_3] = phi(h);
    let values = now.x.iter().zip(&now.denoised).zip(&start.denoised);
    match before.last() {
        None => values
            .map(|((x, end), start)| x + 0.5 * phi_1 * (end - start))
            .collect(),
        Some(before) => {
            // The step before in units of the one that is corrected.
            let back = (before.sigma / start.sigma).ln() / h;
            let bend = (phi_2 - 2.0 * phi_3) / (1.0 + back);
            let correct = |(((x, end), start), before): (((&f64, &f64), &f64), &f64)| {
                let rise = (start - before) / back;
                x + bend * rise + (phi_2 - bend) * (end - start) - 0.5 * phi_1 * rise
            };
            values.zip(&before.denoised).map(correct).collect()
        }
    }
}
