//! The tables: monotone, right at both ends, and equal to slow twins.

use proptest::prelude::*;
use unnoise::schedule::{BetaSchedule, Fitted, FittedError, Schedule, TRAIN_STEPS, flow, karras};

const BETAS: [BetaSchedule; 2] = [BetaSchedule::Linear, BetaSchedule::Cosine];

fn close(a: f64, b: f64, relative: f64) -> bool {
    (a - b).abs() <= relative * b.abs()
}

fn decreasing(values: &[f64]) -> bool {
    values.windows(2).all(|pair| pair[0] > pair[1])
}

/// A noise range that a network may have been trained for.
fn range() -> impl Strategy<Value = (f64, f64)> {
    (-9.0..0.0, 0.1..12.0).prop_map(|(low, octaves): (f64, f64)| {
        let sigma_min = low.exp2();
        (sigma_min, sigma_min * octaves.exp2())
    })
}

/// t where sigma lies in the range.
fn inside(beta: BetaSchedule, sigma_min: f64, sigma_max: f64) -> Vec<f64> {
    let inside = |sigma: &f64| (sigma_min..=sigma_max).contains(sigma);
    beta.sigma().into_iter().filter(inside).collect()
}

#[test]
fn betas_are_probabilities_that_grow() {
    for schedule in BETAS {
        let beta = schedule.beta();
        assert_eq!(beta.len(), TRAIN_STEPS);
        assert!(
            beta.iter()
                .all(|beta| (f64::MIN_POSITIVE..1.0).contains(beta))
        );
        assert!(beta.is_sorted_by(|a, b| a < b), "{schedule:?}");
    }
}

#[test]
fn linear_beta_has_its_ends_and_its_middle() {
    let beta = BetaSchedule::Linear.beta();
    assert_eq!((beta[0], beta[999]), (1e-4, 0.02));
    for (i, beta) in beta.iter().enumerate() {
        let expected = 1e-4 + 0.0199 * i as f64 / 999.0;
        assert!(close(*beta, expected, 1e-13), "beta[{i}] is {beta}");
    }
}

#[test]
fn alpha_bar_is_the_product_of_every_earlier_one_less_beta() {
    for schedule in BETAS {
        let (beta, alpha_bar) = (schedule.beta(), schedule.alpha_bar());
        assert_eq!(alpha_bar.len(), TRAIN_STEPS);
        assert!(decreasing(&alpha_bar));
        assert!(alpha_bar[0] < 1.0 && alpha_bar[999] > 0.0);
        for (i, found) in alpha_bar.iter().enumerate() {
            let slow: f64 = beta[..=i].iter().rev().map(|beta| 1.0 - beta).product();
            assert!(close(*found, slow, 1e-12), "{schedule:?} {i}: {found}");
        }
    }
}

/// 4.0358e-5 is what every DDPM of 1000 steps ends with.
#[test]
fn alpha_bar_has_its_published_values() {
    let linear = BetaSchedule::Linear.alpha_bar();
    assert!(close(linear[999], 4.0358e-5, 1e-4), "{}", linear[999]);

    // Nichol & Dhariwal's eq. 17, before the cap on the last beta.
    let f = |t: f64| {
        let angle = (t / 1000.0 + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2;
        angle.cos().powi(2)
    };
    let cosine = BetaSchedule::Cosine.alpha_bar();
    for (i, found) in cosine[..999].iter().enumerate() {
        let expected = f(i as f64 + 1.0) / f(0.0);
        assert!(close(*found, expected, 1e-9), "{i}: {found}, {expected}");
    }
    assert_eq!(BetaSchedule::Cosine.beta()[999], 0.999);
}

#[test]
fn sigma_and_alpha_bar_say_the_same() {
    for schedule in BETAS {
        let (sigma, alpha_bar) = (schedule.sigma(), schedule.alpha_bar());
        assert_eq!(sigma.len(), TRAIN_STEPS);
        assert!(sigma.is_sorted_by(|a, b| a < b));
        for (sigma, alpha_bar) in sigma.iter().zip(alpha_bar) {
            assert!(close(1.0 / (1.0 + sigma * sigma), alpha_bar, 1e-12));
        }
    }
    let sigma = BetaSchedule::Linear.sigma();
    assert!(close(sigma[0], (1e-4_f64 / 0.9999).sqrt(), 1e-9));
    assert!(close(sigma[999], 157.407, 1e-5), "{}", sigma[999]);
}

/// The table that the EDM repository walks by default.
#[test]
fn karras_has_its_published_values() {
    let sigmas = karras(18, 0.002, 80.0, 7.0);
    for (i, expected) in [
        (0, 80.0),
        (1, 57.585_984_721_248_16),
        (9, 1.923_339_837_040_051_8),
        (16, 0.007_528_019_962_784_078_5),
        (17, 0.002),
    ] {
        assert!(close(sigmas[i], expected, 1e-12), "{i}: {}", sigmas[i]);
    }
    assert_eq!(sigmas[18..], [0.0]);
    assert_eq!(sigmas, Schedule::Karras.sigmas(18, 0.002, 80.0));
}

#[test]
fn one_step_goes_from_the_top_to_zero() {
    for schedule in Schedule::ALL {
        let sigmas = schedule.sigmas(1, 0.002, 80.0);
        assert_eq!((sigmas.len(), sigmas[1]), (2, 0.0), "{schedule}");
        assert!(
            (70.0..80.001).contains(&sigmas[0]),
            "{schedule}: {sigmas:?}"
        );
    }
}

#[test]
fn no_steps_is_no_panic() {
    for schedule in Schedule::ALL {
        assert_eq!(schedule.sigmas(0, 0.002, 80.0), [0.0]);
    }
}

/// Ranges in which a beta schedule has one t or none.
#[test]
fn narrow_ranges_still_fall() {
    for (sigma_min, sigma_max) in [(1e-4, 2e-4), (0.011, 0.0115), (0.9, 0.9001), (1e5, 2e5)] {
        for schedule in Schedule::ALL {
            let sigmas = schedule.sigmas(10, sigma_min, sigma_max);
            assert!(decreasing(&sigmas), "{schedule}: {sigmas:?}");
        }
    }
}

/// With as many steps as there are t in the range, each is visited.
#[test]
fn as_many_steps_as_t_visit_each() {
    for (schedule, beta) in [Schedule::Linear, Schedule::Cosine].into_iter().zip(BETAS) {
        for (sigma_min, sigma_max) in [(1e-3, 1e9), (0.002, 80.0), (0.1, 3.0)] {
            let mut all = inside(beta, sigma_min, sigma_max);
            all.reverse();
            let sigmas = schedule.sigmas(all.len(), sigma_min, sigma_max);
            assert_eq!(sigmas.len(), all.len() + 1);
            for (found, expected) in sigmas.iter().zip(all) {
                assert!(close(*found, expected, 1e-12), "{found}, {expected}");
            }
        }
    }
}

#[test]
fn names() {
    for schedule in Schedule::ALL {
        let name = schedule.to_string();
        assert_eq!(name.parse(), Ok(schedule));
        let json = serde_json::to_string(&schedule).unwrap();
        assert_eq!(json, format!("{name:?}"));
        assert_eq!(serde_json::from_str::<Schedule>(&json).unwrap(), schedule);
    }
    let unknown = "Karras".parse::<Schedule>();
    assert_eq!(
        unknown.unwrap_err().to_string(),
        "there is no schedule \"Karras\": choose one of karras, linear, cosine, exponential, flow, fitted"
    );
}

fn fitted(tables: &[&[f64]]) -> Result<Fitted, FittedError> {
    let by_steps = |table: &&[f64]| (table.len(), table.to_vec());
    Fitted::new(tables.iter().map(by_steps).collect(), (0.02, 20.0))
}

/// Exactly where there is a table; between two of them as far from each as the number of steps is.
#[test]
fn fitted_tables_are_as_given_and_in_between() {
    let fitted = fitted(&[&[16.0, 1.0], &[20.0, 4.0, 1.0, 0.25]]).unwrap();
    let assert_near = |steps, expected: &[f64]| {
        let sigmas = fitted.sigmas(steps);
        assert_eq!(sigmas.len(), expected.len() + 1);
        assert_eq!(sigmas[steps], 0.0);
        for (a, b) in sigmas.iter().zip(expected) {
            assert!(close(*a, *b, 1e-12), "{sigmas:?} is not {expected:?}");
        }
    };
    assert_near(2, &[16.0, 1.0]);
    assert_near(4, &[20.0, 4.0, 1.0, 0.25]);
    // The first of two is 16 and 20, the middle 4 and the mean of 4 and 1, the last 1 and 0.25.
    assert_near(3, &[320f64.sqrt(), 8f64.sqrt(), 0.5]);
    // Beyond them the nearest one's curve.
    assert_near(1, &[16.0]);
    assert_near(7, &[20.0, 80f64.sqrt(), 4.0, 2.0, 1.0, 0.5, 0.25]);
    assert_eq!(fitted.sigmas(0), [0.0]);
    assert_eq!(fitted.steps(), 2..=4);
    assert!(decreasing(&fitted.sigmas(1000)));
}

#[test]
fn tables_that_are_none_are_told() {
    for (tables, sentence) in [
        (vec![], "it has no table"),
        (
            vec![&[1.0, 2.0][..]],
            "its table for 2 steps does not decrease",
        ),
        (vec![&[1.0, 1.0]], "its table for 2 steps does not decrease"),
        (
            vec![&[9.0], &[21.0, 1.0]],
            "its table for 2 steps leaves the noise levels from 0.02 to 20",
        ),
        (
            vec![&[1.0, f64::NAN]],
            "its table for 2 steps leaves the noise levels from 0.02 to 20",
        ),
    ] {
        assert_eq!(fitted(&tables).unwrap_err().to_string(), sentence);
    }
    let short = Fitted::new([(3, vec![1.0])].into(), (0.02, 20.0));
    assert_eq!(
        short.unwrap_err().to_string(),
        "its table for 3 steps has 1 noise levels"
    );
    assert!(Fitted::new([(0, vec![])].into(), (0.02, 20.0)).is_err());
}

proptest! {
    #[test]
    fn every_table_falls_to_zero(steps in 1_usize..3000, (sigma_min, sigma_max) in range()) {
        for schedule in Schedule::ALL {
            let sigmas = schedule.sigmas(steps, sigma_min, sigma_max);
            prop_assert_eq!(sigmas.len(), steps + 1);
            prop_assert_eq!(sigmas[steps], 0.0);
            prop_assert!(decreasing(&sigmas), "{}", schedule);
            prop_assert!(sigmas.iter().all(|sigma| sigma.is_finite()));
        }
    }

    #[test]
    fn karras_is_evenly_spaced_in_its_root(
        steps in 2_usize..300, (sigma_min, sigma_max) in range(), rho in 1.0..12.0,
    ) {
        let sigmas = karras(steps, sigma_min, sigma_max, rho);
        prop_assert!(decreasing(&sigmas));
        prop_assert!(close(sigmas[0], sigma_max, 1e-12));
        prop_assert!(close(sigmas[steps - 1], sigma_min, 1e-12));
        let (low, high) = (sigma_min.powf(1.0 / rho), sigma_max.powf(1.0 / rho));
        for (i, sigma) in sigmas[..steps].iter().enumerate() {
            let part = i as f64 / (steps - 1) as f64;
            prop_assert!(close(*sigma, (high + part * (low - high)).powf(rho), 1e-11));
        }
    }

    #[test]
    fn exponential_leaves_the_same_share(
        steps in 3_usize..300, (sigma_min, sigma_max) in range(),
    ) {
        let sigmas = Schedule::Exponential.sigmas(steps, sigma_min, sigma_max);
        prop_assert_eq!((sigmas[0], sigmas[steps - 1]), (sigma_max, sigma_min));
        let share = (sigma_min / sigma_max).powf(1.0 / (steps - 1) as f64);
        for pair in sigmas[..steps].windows(2) {
            prop_assert!(close(pair[1] / pair[0], share, 1e-11));
        }
    }

    /// t is even before the shift, which takes it to shift t / (1 + (shift - 1) t).
    #[test]
    fn flow_is_evenly_spaced_in_its_t(
        steps in 3_usize..300, (sigma_min, sigma_max) in range(), shift in 0.01..100.0_f64,
    ) {
        let sigmas = flow(steps, sigma_min, sigma_max, shift);
        prop_assert!(decreasing(&sigmas));
        prop_assert_eq!((sigmas[0], sigmas[steps - 1], sigmas[steps]), (sigma_max, sigma_min, 0.0));
        let t = |sigma: f64| {
            let shifted = sigma / (1.0 + sigma);
            shifted / (shift - (shift - 1.0) * shifted)
        };
        let gap = (t(sigma_max) - t(sigma_min)) / (steps - 1) as f64;
        for (i, sigma) in sigmas[..steps].iter().enumerate() {
            prop_assert!((t(*sigma) - (t(sigma_max) - gap * i as f64)).abs() < 1e-9);
        }
    }

    #[test]
    fn spaced_tables_start_and_end_on_t_in_the_range(
        steps in 2_usize..1500, (sigma_min, sigma_max) in range(),
    ) {
        for (schedule, beta) in [Schedule::Linear, Schedule::Cosine].into_iter().zip(BETAS) {
            let inside = inside(beta, sigma_min, sigma_max);
            if inside.len() >= 2 {
                let sigmas = schedule.sigmas(steps, sigma_min, sigma_max);
                prop_assert_eq!(sigmas[0], inside[inside.len() - 1]);
                prop_assert_eq!(sigmas[steps - 1], inside[0]);
            }
        }
    }

    /// Each sigma stands where a slow search for its t finds it.
    #[test]
    fn spaced_tables_are_even_in_t(steps in 3_usize..1200) {
        for (schedule, beta) in [Schedule::Linear, Schedule::Cosine].into_iter().zip(BETAS) {
            let log: Vec<f64> = beta.sigma().iter().map(|sigma| sigma.ln()).collect();
            let t = |sigma: f64| {
                let i = (0..TRAIN_STEPS - 2).rfind(|&i| log[i] <= sigma.ln()).unwrap_or(0);
                i as f64 + (sigma.ln() - log[i]) / (log[i + 1] - log[i])
            };
            let sigmas = schedule.sigmas(steps, 0.002, 80.0);
            let (top, bottom) = (t(sigmas[0]), t(sigmas[steps - 1]));
            let gap = (top - bottom) / (steps - 1) as f64;
            for (i, sigma) in sigmas[..steps].iter().enumerate() {
                let expected = top - gap * i as f64;
                prop_assert!((t(*sigma) - expected).abs() < 1e-7, "{} of {}", i, steps);
            }
        }
    }
}
