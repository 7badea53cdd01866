//! Samplers that put fresh noise in place of some that they take away.

use super::{Evaluation, Interval, Next, Sampler, along};

/// `x' = D + (sigma_down / from) (x - D) + sigma_up * noise`, one call, where
/// `sigma_up = eta * to * sqrt(1 - to² / from²)` and `sigma_down² = to² - sigma_up²`.
/// Song, Meng & Ermon, "Denoising Diffusion Implicit Models", 2020, eq. 12 and 16.
///
/// The paper writes it for `sqrt(alpha_bar) x`; put `alpha_bar = 1 / (1 + sigma²)` and divide by
/// `sqrt(alpha_bar)` of the step's end. It is k-diffusion's "Euler ancestral", too.
///
/// With eta = 1, `sigma_down = to² / from`, and the step is a draw from
/// `q(x' | x, x0 = D) = N(D + (to² / from²) (x - D), to² (from² - to²) / from²)`:
/// the posterior from which DDPM draws (Ho, Jain & Abbeel, "Denoising Diffusion Probabilistic
/// Models", 2020, eq. 7). So DDPM is this sampler with eta = 1.
pub(super) struct Ddim {
    /// 0: no fresh noise, the ODE. 1: ancestral.
    pub eta: f64,
}

impl Sampler for Ddim {
    fn step(
        &self,
        interval: Interval,
        evaluations: &[Evaluation],
        _history: &[Evaluation],
        noise: &dyn Fn() -> Vec<f64>,
    ) -> Next {
        let Interval { from, to } = interval;
        let Evaluation { x, denoised, .. } = &evaluations[0];
        // The fresh part of the variance at `to`; never above all of it.
        let fresh = (self.eta.powi(2) * (1.0 - (to / from).powi(2))).min(1.0);
        let (sigma_up, sigma_down) = (to * fresh.sqrt(), to * (1.0 - fresh).sqrt());

        let mut x = along(denoised, x, sigma_down / from);
        if sigma_up > 0.0 {
            for (x, noise) in x.iter_mut().zip(noise()) {
                *x += sigma_up * noise;
            }
        }
        Next::Reached(x)
    }
}
