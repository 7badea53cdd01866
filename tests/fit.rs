//! Schedules fitted for few steps: on data whose denoiser is known exactly, and the one that is shipped.
#![cfg(all(feature = "native", feature = "flex"))]

use std::{path::Path, rc::Rc, sync::atomic::AtomicBool};

use burn::tensor::{Device, Tensor};
use unnoise::{
    classes::Classes,
    denoiser::{Cond, Denoiser},
    generation::Settings,
    library::Generator,
    native::{
        fit::{CONVERGED, Fitting, distance, search},
        sample::{SampleError, Sampling, balanced},
        store,
    },
    schedule::Schedule,
    weights::FitTable,
};

/// Every pixel from one of two heaps, with its mean and its spread, alike likely.
const HEAPS: [(f64, f64); 2] = [(-1.0, 0.3), (0.8, 0.2)];

/// E[x0 | x], exactly.
struct Heaps;

impl Denoiser for Heaps {
    fn denoise(&self, x: Tensor<4>, sigma: &[f64], _cond: &Cond) -> Tensor<4> {
        let sigma = sigma[0]; // the same for the whole batch
        let [(log_a, a), (log_b, b)] = HEAPS.map(|(mean, spread)| {
            let variance = spread * spread + sigma * sigma;
            let log = (x.clone() - mean).powi_scalar(2) / (-2.0 * variance) - variance.ln() / 2.0;
            let d = (x.clone() * (spread * spread) + sigma * sigma * mean) / variance;
            (log, d)
        });
        let share = burn::tensor::activation::sigmoid(log_a - log_b);
        b.clone() + (a - b) * share
    }

    fn shape(&self) -> [usize; 3] {
        [1, 6, 6]
    }

    fn sigma_range(&self) -> (f64, f64) {
        (0.02, 20.0)
    }
}

fn fitting<'a>(device: &'a Device, interrupted: &'a AtomicBool) -> Fitting<'a> {
    Fitting {
        sampling: Sampling {
            denoiser: Rc::new(Heaps),
            decoder: None,
            settings: Settings {
                guidance: 1.0,
                ..Settings::default()
            },
            device,
            interrupted,
        },
        requests: balanced(10, 0, &Classes::digits()),
        held_out: balanced(10, 10, &Classes::digits()),
    }
}

/// On pictures that it was not fitted to as well.
#[test]
fn a_fitted_schedule_comes_nearer_than_karras() {
    let (device, interrupted) = (Device::flex(), AtomicBool::new(false));
    let mut found = Vec::new();
    let keep = &mut |steps, table: FitTable| {
        found.push((steps, table));
        Ok(())
    };
    fitting(&device, &interrupted)
        .tables(&[3, 5, 8].into(), keep)
        .unwrap();
    assert_eq!(found.len(), 3);
    for (steps, table) in found {
        assert_eq!(table.sigmas.len(), steps);
        assert!(table.sigmas.is_sorted_by(|a, b| a > b), "{table:?}");
        assert!(
            table.sigmas.iter().all(|s| (0.02..=20.0).contains(s)),
            "{table:?}"
        );
        for (fitted, karras) in [
            (table.fitted.fitted_to, table.karras.fitted_to),
            (table.fitted.held_out, table.karras.held_out),
        ] {
            assert!(
                fitted < 0.8 * karras,
                "{steps} steps: {fitted} and {karras}"
            );
        }
    }
}

#[test]
fn a_fit_that_is_interrupted_or_cannot_go_on_says_so() {
    let (device, interrupted) = (Device::flex(), AtomicBool::new(true));
    let fits = fitting(&device, &interrupted).tables(&[3].into(), &mut |_, _| Ok(()));
    assert!(matches!(fits, Err(SampleError::Interrupted)), "{fits:?}");

    let fails_at = |last| {
        let mut asked = 0;
        search(&[9.0, 3.0, 1.0], (0.1, 10.0), |sigmas| {
            asked += 1;
            if asked == last {
                Err(asked)
            } else {
                Ok(sigmas[0])
            }
        })
    };
    // At the first question, and later.
    assert_eq!(fails_at(1), Err(1));
    assert_eq!(fails_at(20), Err(20));
}

/// A bowl whose lowest place is known.
#[test]
fn the_search_finds_the_least_distance() {
    let lowest = [8.0, 2.0, 0.5_f64];
    let found = search::<()>(&[10.0, 1.0, 0.1], (0.1, 10.0), |sigmas| {
        let off = sigmas.iter().zip(lowest).map(|(a, b)| (a / b).ln().powi(2));
        Ok(off.sum::<f64>())
    });
    for (found, lowest) in found.unwrap().iter().zip(lowest) {
        assert!((found / lowest).ln().abs() < 0.1, "{found} is not {lowest}");
    }
}

/// What the manifest says of the shipped schedule is what its network does.
#[test]
fn the_shipped_schedule_is_as_near_as_the_manifest_says() {
    let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("weights");
    let manifest = store::manifest(&weights).unwrap();
    let (device, interrupted) = (Device::flex(), AtomicBool::new(false));
    let model = Generator::Digits;
    let fit = manifest.models["unet"]
        .fit
        .as_ref()
        .expect("a schedule is shipped");
    let library = store::exported(&weights, model.networks(), &device).unwrap();
    let requests = balanced(fit.count as usize, fit.seed + fit.count, &Classes::digits());
    let pictures = |steps, schedule| {
        let sampling = Sampling {
            denoiser: library.denoiser(model).unwrap(),
            decoder: None,
            settings: Settings {
                steps,
                sampler: fit.sampler,
                schedule: Some(schedule),
                guidance: fit.guidance,
                ..model.defaults()
            },
            device: &device,
            interrupted: &interrupted,
        };
        sampling.all(&requests).unwrap()
    };
    assert_eq!(fit.converged, CONVERGED);
    let goal = pictures(CONVERGED, Schedule::Karras);
    let table = &fit.tables[&4];
    for (schedule, said) in [
        (Schedule::Karras, table.karras.held_out),
        (Schedule::Fitted, table.fitted.held_out),
    ] {
        let measured = distance(&pictures(4, schedule), &goal);
        // Sums in another order lead a few pictures elsewhere.
        assert!(
            (measured / said - 1.0).abs() < 0.02,
            "{schedule}: {measured}, not {said}"
        );
    }
    for table in fit.tables.values() {
        assert!(table.fitted.held_out < table.karras.held_out, "{table:?}");
    }
}
