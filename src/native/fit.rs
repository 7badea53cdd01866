//! A schedule for few steps, fitted to one network whose weights stay as they are: the noise levels at which a sampler
//! that asks so few times comes nearest to where it goes, from the same noise, in many steps.

use std::{cell::RefCell, collections::BTreeSet, io, iter, ops::RangeInclusive, rc::Rc};

use argmin::{
    core::{CostFunction, Error, Executor},
    solver::neldermead::NelderMead,
};
use burn::tensor::Tensor;

use super::sample::{SampleError, Sampling};
use crate::{
    denoiser::{Cond, Denoiser, Wanted},
    generation::{Request, Settings},
    schedule::{Fitted, Schedule},
    weights::{Distances, FitTable},
};

/// Steps after which a picture changes no more.
pub const CONVERGED: usize = 100;

/// Moves of the simplex for each noise level, at most.
const MOVES: u64 = 12;

/// The descent ends where the corners of its simplex lie so near one another.
const TOLERANCE: f64 = 2e-4;

/// The table at which `distance` is least, as far as a descent from `start` finds it: Nelder and Mead's over ln sigma,
/// which needs no gradient. It has as many noise levels within `range` as `start`, without the 0 at the end.
///
/// # Errors
/// The first error of `distance`.
pub fn search<E>(
    start: &[f64],
    (sigma_min, sigma_max): (f64, f64),
    distance: impl FnMut(&[f64]) -> Result<f64, E>,
) -> Result<Vec<f64>, E> {
    let (distance, failed) = (RefCell::new(distance), RefCell::new(None));
    let problem = Problem {
        inside: sigma_min.ln()..=sigma_max.ln(),
        distance: &distance,
        failed: &failed,
    };
    let logs: Vec<f64> = start.iter().map(|sigma| sigma.ln()).collect();
    // One corner is the start; in each of the others a level has moved towards the next one, the last one back.
    let corner = |i: usize| {
        let mut corner = logs.clone();
        let beside = if i + 1 < logs.len() {
            i + 1
        } else {
            i.saturating_sub(1)
        };
        corner[i] += 0.3 * (logs[beside] - logs[i]);
        corner
    };
    let corners = iter::once(logs.clone()).chain((0..logs.len()).map(corner));
    let simplex = NelderMead::new(corners.collect()).with_sd_tolerance(TOLERANCE);
    let found = simplex.and_then(|simplex| {
        Executor::new(problem, simplex)
            .configure(|state| state.max_iters(MOVES * start.len() as u64))
            .run()
    });
    let best = found.ok().and_then(|found| found.state.best_param);
    if let Some(error) = failed.into_inner() {
        return Err(error);
    }
    let sigma = |log: f64| log.exp().clamp(sigma_min, sigma_max);
    Ok(best.unwrap_or(logs).into_iter().map(sigma).collect())
}

/// What the simplex descends. An error is kept aside: the solver would end the program at one of its first questions.
struct Problem<'a, F, E> {
    inside: RangeInclusive<f64>,
    distance: &'a RefCell<F>,
    failed: &'a RefCell<Option<E>>,
}

impl<E, F: FnMut(&[f64]) -> Result<f64, E>> CostFunction for Problem<'_, F, E> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, logs: &Vec<f64>) -> Result<f64, Error> {
        let inside = logs.iter().all(|log| self.inside.contains(log));
        let decreasing = logs.is_sorted_by(|a, b| a > b);
        if !inside || !decreasing || self.failed.borrow().is_some() {
            return Ok(f64::INFINITY);
        }
        let sigmas: Vec<f64> = logs.iter().map(|log| log.exp()).collect();
        let distance = (self.distance.borrow_mut())(&sigmas);
        Ok(distance.unwrap_or_else(|error| {
            *self.failed.borrow_mut() = Some(error);
            f64::INFINITY
        }))
    }
}

/// What a schedule is fitted to.
pub struct Fitting<'a> {
    /// What draws. Its steps and its schedule are chosen here.
    pub sampling: Sampling<'a>,
    /// The pictures to fit to.
    pub requests: Vec<Request>,
    /// Others, to measure by.
    pub held_out: Vec<Request>,
}

impl Fitting<'_> {
    /// Fits a table for each of `steps`, and hands it to `found` as soon as it is there.
    ///
    /// # Errors
    /// [`SampleError`], and those of `found`.
    pub fn tables(
        &self,
        steps: &BTreeSet<usize>,
        found: &mut dyn FnMut(usize, FitTable) -> io::Result<()>,
    ) -> Result<(), SampleError> {
        let range = self.sampling.denoiser.sigma_range();
        let karras = |steps| {
            let mut sigmas = Schedule::Karras.sigmas(steps, range.0, range.1);
            sigmas.pop(); // the 0
            sigmas
        };
        let converged = |requests| self.pictures(&karras(CONVERGED), requests);
        let goal = converged(&self.requests)?;
        let held_out_goal = converged(&self.held_out)?;
        let to_goal = |sigmas: &[f64]| -> Result<f64, SampleError> {
            Ok(distance(&self.pictures(sigmas, &self.requests)?, &goal))
        };
        let measure = |sigmas: &[f64]| -> Result<Distances, SampleError> {
            let held_out = self.pictures(sigmas, &self.held_out)?;
            Ok(Distances {
                fitted_to: to_goal(sigmas)?,
                held_out: distance(&held_out, &held_out_goal),
            })
        };
        let mut fewer: Option<Fitted> = None;
        for &steps in steps {
            let (karras, mut start) = (karras(steps), karras(steps));
            let distances = measure(&karras)?;
            if let Some(fewer) = fewer {
                let mut sigmas = fewer.sigmas(steps);
                sigmas.pop();
                if to_goal(&sigmas)? < distances.fitted_to {
                    start = sigmas;
                }
            }
            let sigmas = search(&start, range, to_goal)?;
            let table = FitTable {
                karras: distances,
                fitted: measure(&sigmas)?,
                sigmas: sigmas.clone(),
            };
            fewer = Some(fitted(sigmas, range));
            found(steps, table)?;
        }
        Ok(())
    }

    /// What is drawn along a table, without the 0 at its end.
    fn pictures(&self, sigmas: &[f64], requests: &[Request]) -> Result<Vec<Vec<f32>>, SampleError> {
        let Sampling {
            denoiser,
            decoder,
            settings,
            device,
            interrupted,
        } = &self.sampling;
        let range = denoiser.sigma_range();
        Sampling {
            denoiser: Rc::new(Along {
                denoiser: denoiser.clone(),
                fitted: fitted(sigmas.to_vec(), range),
            }),
            decoder: decoder.clone(),
            settings: Settings {
                steps: sigmas.len(),
                schedule: Some(Schedule::Fitted),
                ..settings.clone()
            },
            device,
            interrupted,
        }
        .all(requests)
    }
}

/// One table as a schedule.
fn fitted(sigmas: Vec<f64>, range: (f64, f64)) -> Fitted {
    let clamped = sigmas.iter().map(|sigma| sigma.clamp(range.0, range.1));
    Fitted::new([(sigmas.len(), clamped.collect())].into(), range)
        .expect("a table that decreases within the range")
}

/// How far pictures are from others: the root mean square over the pixels, its mean over the pictures.
pub fn distance(pictures: &[Vec<f32>], others: &[Vec<f32>]) -> f64 {
    let apart = |(a, b): (&Vec<f32>, &Vec<f32>)| {
        let squares = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2));
        (squares.sum::<f64>() / a.len() as f64).sqrt()
    };
    pictures.iter().zip(others).map(apart).sum::<f64>() / pictures.len() as f64
}

/// A denoiser with a table to walk.
struct Along {
    denoiser: Rc<dyn Denoiser>,
    fitted: Fitted,
}

impl Denoiser for Along {
    fn denoise(&self, x: Tensor<4>, sigma: &[f64], cond: &Cond) -> Tensor<4> {
        self.denoiser.denoise(x, sigma, cond)
    }

    fn shape(&self) -> [usize; 3] {
        self.denoiser.shape()
    }

    fn sigma_range(&self) -> (f64, f64) {
        self.denoiser.sigma_range()
    }

    fn fitted(&self) -> Option<&Fitted> {
        Some(&self.fitted)
    }

    fn calls(&self, cond: &Cond, sigma: f64) -> usize {
        self.denoiser.calls(cond, sigma)
    }

    fn settle(&self, wanted: Wanted, negative: &Wanted, seed: u64) -> Wanted {
        self.denoiser.settle(wanted, negative, seed)
    }
}
