//! Samplers that put fresh noise in place of some that they take away.

use super::{Evaluation, Interval, Next, Sampler, along, ode::half_a_step_ahead};

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
        let Evaluation { x, denoised, .. } = &evaluations[0];
        Next::Reached(renewed(interval, x, denoised, self.eta, noise))
    }
}

/// Straight from x through `denoised` to sigma_down, and fresh noise of amount sigma_up.
fn renewed(
    Interval { from, to }: Interval,
    x: &[f64],
    denoised: &[f64],
    eta: f64,
    noise: &dyn Fn() -> Vec<f64>,
) -> Vec<f64> {
    // The fresh part of the variance at `to`; never above all of it.
    let fresh = (eta.powi(2) * (1.0 - (to / from).powi(2))).min(1.0);
    let (sigma_up, sigma_down) = (to * fresh.sqrt(), to * (1.0 - fresh).sqrt());

    let mut x = along(denoised, x, sigma_down / from);
    if sigma_up > 0.0 {
        for (x, noise) in x.iter_mut().zip(noise()) {
            *x += sigma_up * noise;
        }
    }
    x
}

/// [`Ddim`] with eta = 1 and, in the place of D, the D* of [`Dpmpp2m`](super::ode::Dpmpp2m), one call: it is
/// exact where D is a straight line over -ln sigma. Second order but for its noise.
/// Lu et al., "DPM-Solver++", 2022, appendix (SDE-DPM-Solver++(2M)); k-diffusion's `sample_dpmpp_2m_sde`.
pub(super) struct Dpmpp2mSde;

impl Sampler for Dpmpp2mSde {
    fn step(
        &self,
        interval: Interval,
        evaluations: &[Evaluation],
        history: &[Evaluation],
        noise: &dyn Fn() -> Vec<f64>,
    ) -> Next {
        let now = &evaluations[0];
        let ahead = half_a_step_ahead(interval, now, history);
        Next::Reached(renewed(interval, &now.x, &ahead, 1.0, noise))
    }
}
