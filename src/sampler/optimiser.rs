//! Sampling as descent: `x - D` is the gradient of half the squared distance from x to the clean pictures
//! (Permenter & Yuan, "Interpreting and Improving Diffusion Models from an Optimization Perspective", 2024),
//! and a step goes down it at a rate that is set, not by as much as the table says that the noise falls.
//! Where the two differ, the network is told another amount of noise than there is.

use super::{Evaluation, Interval, LOOK_BACK, Next, Sampler};

/// `x' = x - rate (x - D) + momentum (x - x_before)`, one call; a step to 0 takes off all, `x' = D`.
///
/// Without momentum, where `rate = 1 - to / from`, it is Euler's step: gradient descent with a constant
/// rate is Euler on an exponential table. With it (Polyak, "Some methods of speeding up the convergence of
/// iteration methods", 1964), noise falls fastest without overshooting at
/// `momentum = (1 - sqrt(rate))²`, by the factor `1 - sqrt(rate)` a step in the end.
pub(super) struct HeavyBall {
    /// c in "subtract c times the noise".
    pub rate: f64,
    /// 0: gradient descent.
    pub momentum: f64,
}

impl Sampler for HeavyBall {
    fn step(
        &self,
        interval: Interval,
        evaluations: &[Evaluation],
        history: &[Evaluation],
        _noise: &dyn Fn() -> Vec<f64>,
    ) -> Next {
        let now = &evaluations[0];
        if interval.to == 0.0 {
            return Next::Reached(now.denoised.clone());
        }
        let before = &history.last().unwrap_or(now).x;
        let values = now.x.iter().zip(&now.denoised).zip(before);
        Next::Reached(
            values
                .map(|((x, d), before)| x - self.rate * (x - d) + self.momentum * (x - before))
                .collect(),
        )
    }
}

/// How soon [`Adam`] forgets the size of earlier gradients.
const ADAM_DECAY: f64 = 0.7;

/// The power of the mean square that [`Adam`] divides by: 1/2 would give every pixel the same way, and those
/// with the most noise would not arrive.
const ADAM_POWER: f64 = 0.125;

/// `x' = x - rate sigma m / v^(1/8)`, one call, with m and v the means of `eps = (x - D) / sigma` and of
/// its square over the steps so far, each pixel for itself and with less weight the longer ago; a step to 0
/// takes off all, `x' = D`.
///
/// Kingma & Ba, "Adam: A Method for Stochastic Optimization", 2014, with beta_1 = momentum, beta_2 = 0.7 and
/// the power that Chen et al. take in the place of 1/2, "Closing the Generalization Gap of Adaptive Gradient
/// Methods in Training Deep Neural Networks", 2018. The means reach back [`LOOK_BACK`] steps: what lies
/// further back would weigh 4 %.
pub(super) struct Adam {
    /// c.
    pub rate: f64,
    /// beta_1.
    pub momentum: f64,
}

impl Sampler for Adam {
    fn step(
        &self,
        interval: Interval,
        evaluations: &[Evaluation],
        history: &[Evaluation],
        _noise: &dyn Fn() -> Vec<f64>,
    ) -> Next {
        let now = &evaluations[0];
        if interval.to == 0.0 {
            return Next::Reached(now.denoised.clone());
        }
        let earlier = history.len().saturating_sub(LOOK_BACK);
        let known: Vec<&Evaluation> = [now]
            .into_iter()
            .chain(history[earlier..].iter().rev())
            .collect();
        let weights = |decay: f64| (0..known.len()).map(move |ago| decay.powi(ago as i32));
        let mean = |decay: f64, of: &dyn Fn(f64) -> f64, pixel: usize| {
            let sum: f64 = weights(decay)
                .zip(&known)
                .map(|(weight, at)| weight * of((at.x[pixel] - at.denoised[pixel]) / at.sigma))
                .sum();
            sum / weights(decay).sum::<f64>()
        };
        let step = |(pixel, x): (usize, &f64)| {
            let m = mean(self.momentum, &|eps| eps, pixel);
            let v = mean(ADAM_DECAY, &|eps| eps * eps, pixel);
            x - self.rate * now.sigma * m / v.max(f64::MIN_POSITIVE).powf(ADAM_POWER)
        };
        Next::Reached(now.x.iter().enumerate().map(step).collect())
    }
}
