//! The samplers, without a network: on Gaussian data N(MU, S²) both the perfect denoiser and the
//! exact solution of the ODE are known, so a solver's order of convergence can be measured.

use std::slice::from_ref;

use proptest::prelude::*;
use unnoise::rng::gaussian;
use unnoise::sampler::{Evaluation, Interval, Next, Sampler, SamplerKind, UnknownSampler};
use unnoise::schedule::{BetaSchedule, Schedule, karras};

const MU: f64 = 0.3;
const S: f64 = 0.5;

/// D(x; sigma) = E[x0 | x], perfect for N(MU, S²).
fn denoise(x: &[f64], sigma: f64) -> Vec<f64> {
    let variance = S * S + sigma * sigma;
    let one = |x| (S * S * x + sigma * sigma * MU) / variance;
    x.iter().copied().map(one).collect()
}

/// Where the ODE carries x from sigma `from` to sigma `to`.
fn exact(x: f64, from: f64, to: f64) -> f64 {
    MU + (x - MU) * ((S * S + to * to) / (S * S + from * from)).sqrt()
}

fn evaluation(x: &[f64], sigma: f64) -> Evaluation {
    Evaluation {
        x: x.to_vec(),
        sigma,
        denoised: denoise(x, sigma),
    }
}

/// Walks a table: the final x, and how many times the denoiser was called.
fn walk(sampler: &dyn Sampler, sigmas: &[f64], x: Vec<f64>, seed: u64) -> (Vec<f64>, usize) {
    let (mut x, mut history, mut calls) = (x, Vec::new(), 0);
    for (i, pair) in sigmas.windows(2).enumerate() {
        let interval = Interval {
            from: pair[0],
            to: pair[1],
        };
        let noise = || gaussian(seed, i as u64 + 1, x.len());
        let mut evaluations = vec![evaluation(&x, interval.from)];
        let end = loop {
            match sampler.step(interval, &evaluations, &history, &noise) {
                Next::Evaluate { x, sigma } => evaluations.push(evaluation(&x, sigma)),
                Next::Reached(x) => break x,
            }
        };
        calls += evaluations.len();
        history.push(evaluations.swap_remove(0));
        x = end;
    }
    (x, calls)
}

/// What one step answers, for a sampler that asks for one evaluation.
fn one_step(kind: SamplerKind, eta: f64, interval: Interval, at: &Evaluation) -> Vec<f64> {
    let noise = || gaussian(7, 1, at.x.len());
    match kind.build(eta).step(interval, from_ref(at), &[], &noise) {
        Next::Reached(x) => x,
        asks => panic!("{kind} asks {asks:?}"),
    }
}

fn no_noise() -> Vec<f64> {
    panic!("an ODE solver asked for noise")
}

fn assert_close(a: &[f64], b: &[f64], error: f64) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() <= error * b.abs().max(1.0), "{a} is not {b}");
    }
}

/// Halving the steps' length divides the error by 2^order. Measured between 160 and 320 steps of a
/// Karras table from 10 to 0.1; the order found may be off by 0.1.
#[test]
fn orders_of_convergence() {
    let (sigma_max, sigma_min, x) = (10.0, 0.1, 8.0);
    for (kind, order) in [
        (SamplerKind::Euler, 1.0),
        (SamplerKind::Ddim, 1.0),
        (SamplerKind::Heun, 2.0),
        (SamplerKind::Dpmpp2m, 2.0),
    ] {
        let error = |steps: usize| {
            let sigmas = karras(steps + 1, sigma_min, sigma_max, 7.0);
            let sigmas = &sigmas[..=steps]; // `steps` intervals, without the one to 0
            let (end, _) = walk(&*kind.build(0.0), sigmas, vec![x], 7);
            (end[0] - exact(x, sigma_max, sigma_min)).abs()
        };
        let found = (error(160) / error(320)).log2();
        assert!((found - order).abs() < 0.1, "{kind} has order {found}");
        assert!(
            error(320) < 0.02 / 10_f64.powf(order),
            "{kind}: {}",
            error(320)
        );
    }
}

/// A whole run to 0 lands where the ODE does.
#[test]
fn solvers_reach_the_exact_answer() {
    let x = [-20.0, 0.3, 5.0, 80.0];
    let answer = x.map(|x| exact(x, 80.0, 0.0));
    for (kind, error) in [
        (SamplerKind::Euler, 2e-2),
        (SamplerKind::Ddim, 2e-2),
        (SamplerKind::Heun, 1e-3),
        (SamplerKind::Dpmpp2m, 1e-3),
    ] {
        let sigmas = karras(200, 0.002, 80.0, 7.0);
        let (end, _) = walk(&*kind.build(0.0), &sigmas, x.to_vec(), 7);
        assert_close(&end, &answer, error);
    }
}

/// 40,000 independent chains from pure noise end distributed as the data. Four standard errors are
/// 0.01 of the mean and 2.8 % of the variance; first order in 500 steps leaves out 2 % more.
#[test]
fn chains_have_the_distribution_of_the_data() {
    let chains = 40_000;
    for (kind, eta) in [
        (SamplerKind::Ddpm, 0.0),
        (SamplerKind::Ddim, 1.0),
        (SamplerKind::Ddim, 0.5),
        (SamplerKind::Ddim, 0.0),
        (SamplerKind::Heun, 0.0),
    ] {
        let sigmas = Schedule::Karras.sigmas(500, 0.002, 80.0);
        let noise = gaussian(7, 0, chains);
        let x = noise.iter().map(|noise| sigmas[0] * noise).collect();
        let (end, _) = walk(&*kind.build(eta), &sigmas, x, 7);
        let mean = end.iter().sum::<f64>() / chains as f64;
        let variance = end.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / chains as f64;
        assert!((mean - MU).abs() < 0.015, "{kind} {eta}: mean {mean}");
        let ratio = variance / (S * S);
        assert!((ratio - 1.0).abs() < 0.05, "{kind} {eta}: variance {ratio}");
    }
}

/// The stochastic steps against a slow twin: they are linear in x and noise, so the variance of
/// the chain is a recursion that can be solved without drawing anything.
#[test]
fn chains_have_the_variance_that_the_recursion_predicts() {
    let (chains, eta) = (40_000, 0.7_f64);
    let sigmas = Schedule::Karras.sigmas(12, 0.05, 20.0);
    let noise = gaussian(3, 0, chains);
    let x = noise.iter().map(|noise| sigmas[0] * noise).collect();
    let (end, _) = walk(&*SamplerKind::Ddim.build(eta), &sigmas, x, 3);
    let mean = end.iter().sum::<f64>() / chains as f64;
    let variance = end.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / chains as f64;

    let mut predicted = sigmas[0].powi(2);
    for pair in sigmas.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let up = eta * to * (1.0 - to * to / (from * from)).sqrt();
        let down = (to * to - up * up).sqrt();
        let slope = S * S / (S * S + from * from); // of D
        let factor = slope + down / from * (1.0 - slope);
        predicted = factor * factor * predicted + up * up;
    }
    let ratio = variance / predicted;
    assert!((ratio - 1.0).abs() < 0.03, "{variance}, not {predicted}");
}

/// The very numbers that the last step returns, whatever x was.
#[test]
fn the_last_step_returns_denoised() {
    let at = Evaluation {
        x: vec![1e3, -0.1, 7.7e-9],
        sigma: 0.3,
        denoised: vec![0.1, -1.0, 0.7],
    };
    for kind in SamplerKind::ALL {
        for sigma in [80.0, 0.3, 0.002] {
            let interval = Interval {
                from: sigma,
                to: 0.0,
            };
            let at = Evaluation {
                sigma,
                ..at.clone()
            };
            for history in [vec![], vec![evaluation(&at.x, 2.0 * sigma)]] {
                let step = kind
                    .build(1.0)
                    .step(interval, from_ref(&at), &history, &no_noise);
                assert_eq!(step, Next::Reached(at.denoised.clone()), "{kind}");
            }
        }
    }
}

#[test]
fn calls_are_as_announced() {
    for kind in SamplerKind::ALL {
        for steps in [1, 2, 5, 20] {
            let sigmas = kind.schedule().sigmas(steps, 0.002, 80.0);
            let (_, calls) = walk(&*kind.build(0.5), &sigmas, vec![3.0], 7);
            assert_eq!(calls, kind.calls(steps), "{kind} in {steps} steps");
        }
        assert_eq!(kind.calls(0), 0);
    }
    assert_eq!(SamplerKind::Heun.calls(20), 39);
    assert_eq!(SamplerKind::Dpmpp2m.calls(20), 20);
}

/// DPM-Solver++(2M) looks back by one step only, so a history cut to one gives the same.
#[test]
fn steps_are_pure() {
    let history = [evaluation(&[2.0, 4.0], 8.0), evaluation(&[1.0, 2.0], 4.0)];
    let evaluations = [evaluation(&[0.5, 1.5], 2.0), evaluation(&[0.4, 1.2], 1.0)];
    let interval = Interval { from: 2.0, to: 1.0 };
    let noise = || gaussian(7, 3, 2);
    for kind in SamplerKind::ALL {
        let sampler = kind.build(0.5);
        for made in [1, 2] {
            let step = || sampler.step(interval, &evaluations[..made], &history, &noise);
            let first = step();
            assert_eq!(first, step(), "{kind}");
            let short = sampler.step(interval, &evaluations[..made], &history[1..], &noise);
            assert_eq!(first, short, "{kind}");
        }
    }
}

#[test]
fn names() {
    for kind in SamplerKind::ALL {
        let name = kind.to_string();
        assert_eq!(name.parse(), Ok(kind));
        let json = serde_json::to_string(&kind).unwrap();
        assert_eq!(json, format!("{name:?}"));
        assert_eq!(serde_json::from_str::<SamplerKind>(&json).unwrap(), kind);
    }
    let unknown = "dpm".parse::<SamplerKind>();
    assert_eq!(unknown, Err(UnknownSampler("dpm".into())));
    assert_eq!(
        unknown.unwrap_err().to_string(),
        "there is no sampler \"dpm\": choose one of ddpm, ddim, euler, heun, dpmpp-2m"
    );
    let json = serde_json::from_str::<SamplerKind>("\"dpm\"").unwrap_err();
    assert!(json.to_string().contains("dpmpp-2m"), "{json}");
}

#[test]
fn customary_schedules() {
    let schedules = SamplerKind::ALL.map(SamplerKind::schedule);
    let [l, k] = [Schedule::Linear, Schedule::Karras];
    assert_eq!(schedules, [l, l, k, k, k]);
}

/// An interval that need not be short, x and D that need not agree.
fn anywhere() -> impl Strategy<Value = (Interval, Evaluation)> {
    let pixels = || prop::collection::vec(-100.0..100.0, 3);
    (-7.0..7.0, 1e-6..12.0, pixels(), pixels()).prop_map(
        |(log, fall, x, denoised): (f64, f64, _, _)| {
            let sigma = f64::exp2(log);
            let to = sigma * f64::exp2(-fall);
            (
                Interval { from: sigma, to },
                Evaluation { x, sigma, denoised },
            )
        },
    )
}

proptest! {
    #[test]
    fn euler_follows_the_tangent((interval, at) in anywhere()) {
        let Interval { from, to } = interval;
        let pairs = at.x.iter().zip(&at.denoised);
        let tangent: Vec<f64> = pairs.map(|(x, d)| x + (to - from) * (x - d) / from).collect();
        assert_close(&one_step(SamplerKind::Euler, 0.0, interval, &at), &tangent, 1e-12);
    }

    #[test]
    fn ddim_without_eta_is_euler((interval, at) in anywhere()) {
        prop_assert_eq!(
            one_step(SamplerKind::Ddim, 0.0, interval, &at),
            one_step(SamplerKind::Euler, 0.0, interval, &at)
        );
    }

    #[test]
    fn ddim_with_eta_1_is_ddpm((interval, at) in anywhere()) {
        prop_assert_eq!(
            one_step(SamplerKind::Ddim, 1.0, interval, &at),
            one_step(SamplerKind::Ddpm, 0.0, interval, &at)
        );
    }

    /// Song, Meng & Ermon's eq. 12 as printed: in the frame of `sqrt(alpha_bar) x`, with eps.
    #[test]
    fn ddim_is_its_paper(i in 1_usize..1000, back in 1_usize..1000, eta in 0.0..1.0_f64, x in -3.0..3.0_f64, d in -1.0..1.0_f64) {
        let alpha_bar = BetaSchedule::Linear.alpha_bar();
        let (a, b) = (alpha_bar[i], alpha_bar[i.saturating_sub(back)]);
        let noise = gaussian(7, 1, 1)[0];

        let eps = (x - a.sqrt() * d) / (1.0 - a).sqrt();
        let sigma = eta * ((1.0 - b) / (1.0 - a) * (1.0 - a / b)).sqrt();
        let paper = b.sqrt() * d + (1.0 - b - sigma * sigma).sqrt() * eps + sigma * noise;

        let sigma = |a: f64| ((1.0 - a) / a).sqrt();
        let at = Evaluation { x: vec![x / a.sqrt()], sigma: sigma(a), denoised: vec![d] };
        let interval = Interval { from: sigma(a), to: sigma(b) };
        let ours = one_step(SamplerKind::Ddim, eta, interval, &at);
        assert_close(&[b.sqrt() * ours[0]], &[paper], 1e-9);
    }

    /// Ho, Jain & Abbeel's eq. 7 as printed, for neighbouring t.
    #[test]
    fn ddpm_draws_from_its_posterior(i in 1_usize..1000, x in -3.0..3.0_f64, d in -1.0..1.0_f64) {
        let (beta, alpha_bar) = (BetaSchedule::Linear.beta()[i], BetaSchedule::Linear.alpha_bar());
        let (a, b) = (alpha_bar[i], alpha_bar[i - 1]);
        let mean = b.sqrt() * beta / (1.0 - a) * d + (1.0 - beta).sqrt() * (1.0 - b) / (1.0 - a) * x;
        let variance = (1.0 - b) / (1.0 - a) * beta;
        let paper = mean + variance.sqrt() * gaussian(7, 1, 1)[0];

        let sigma = BetaSchedule::Linear.sigma();
        let at = Evaluation { x: vec![x / a.sqrt()], sigma: sigma[i], denoised: vec![d] };
        let interval = Interval { from: sigma[i], to: sigma[i - 1] };
        let ours = one_step(SamplerKind::Ddpm, 0.0, interval, &at);
        assert_close(&[b.sqrt() * ours[0]], &[paper], 1e-9);
    }

    /// Both steps of k-diffusion's `sample_dpmpp_2m`, in its own words.
    #[test]
    fn dpmpp_2m_is_k_diffusions((interval, at) in anywhere(), rise in 0.01..12.0, old in -100.0..100.0) {
        let t_fn = |sigma: f64| -sigma.ln();
        let (t, t_next) = (t_fn(interval.from), t_fn(interval.to));
        let h = t_next - t;
        let step = |x: f64, d: f64| interval.to / interval.from * x - (-h).exp_m1() * d;

        let first: Vec<f64> = at.x.iter().zip(&at.denoised).map(|(x, d)| step(*x, *d)).collect();
        assert_close(&one_step(SamplerKind::Dpmpp2m, 0.0, interval, &at), &first, 1e-11);

        let last = Evaluation { x: vec![0.0; 3], sigma: interval.from * f64::exp2(rise), denoised: vec![old; 3] };
        let r = (t - t_fn(last.sigma)) / h;
        let second: Vec<f64> = at.x.iter().zip(&at.denoised).map(|(x, d)| {
            let denoised_d = (1.0 + 1.0 / (2.0 * r)) * d - 1.0 / (2.0 * r) * old;
            step(*x, denoised_d)
        }).collect();
        match SamplerKind::Dpmpp2m.build(0.0).step(interval, &[at], &[last], &no_noise) {
            Next::Reached(x) => assert_close(&x, &second, 1e-9),
            asks => panic!("{asks:?}"),
        }
    }

    /// Heun asks at Euler's end, and takes the mean of the two slopes.
    #[test]
    fn heun_is_the_trapezoid((interval, at) in anywhere(), d in -100.0..100.0) {
        let Interval { from, to } = interval;
        let euler = one_step(SamplerKind::Euler, 0.0, interval, &at);
        let heun = SamplerKind::Heun.build(0.0);
        let asks = heun.step(interval, from_ref(&at), &[], &no_noise);
        prop_assert_eq!(asks, Next::Evaluate { x: euler.clone(), sigma: to });

        let end = Evaluation { x: euler.clone(), sigma: to, denoised: vec![d; 3] };
        let trapezoid: Vec<f64> = (0..3).map(|i| {
            let (a, b) = ((at.x[i] - at.denoised[i]) / from, (euler[i] - d) / to);
            at.x[i] + (to - from) * (0.5 * a + 0.5 * b)
        }).collect();
        match heun.step(interval, &[at, end], &[], &no_noise) {
            Next::Reached(x) => assert_close(&x, &trapezoid, 1e-9),
            asks => panic!("{asks:?}"),
        }
    }

    /// Every sampler on every valid table, with any eta, even one that no setting allows.
    #[test]
    fn nothing_is_ever_nan(
        logs in prop::collection::btree_set(-30_000_i32..15_000, 1..20),
        eta in prop_oneof![Just(0.0), Just(1.0), 0.0..1.0, -2.0..5.0, Just(f64::NAN)],
    ) {
        let mut sigmas: Vec<f64> = logs.iter().rev().map(|log| f64::exp2(f64::from(*log) / 1000.0)).collect();
        sigmas.push(0.0);
        for kind in SamplerKind::ALL {
            let x = gaussian(7, 0, 3).iter().map(|noise| sigmas[0] * noise).collect();
            let (end, _) = walk(&*kind.build(eta), &sigmas, x, 7);
            prop_assert!(end.iter().all(|x| x.is_finite()), "{} {:?}", kind, end);
        }
    }
}
