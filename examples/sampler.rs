//! A sampler of one's own, the midpoint rule: half-way down, then the whole way along the slope that is found there. Of
//! second order, so that as many network calls as Euler's lead nearer to the digits that many more calls converge to.
//!
//! ```text
//! cargo run --release --example sampler
//! ```

use std::{error::Error, path::Path, rc::Rc};

use pollster::block_on;
use unnoise::{
    burn::tensor::Device,
    denoiser::Denoiser,
    generation::{Frame, Generation, Request, Settings},
    library::Generator,
    native::{device::DeviceKind, store},
    sampler::{Evaluation, Interval, Next, Sampler, SamplerKind},
};

struct Midpoint;

impl Sampler for Midpoint {
    /// Asked again with one evaluation more until it says where the step has led.
    fn step(
        &self,
        Interval { from, to }: Interval,
        evaluations: &[Evaluation],
        _history: &[Evaluation],
        _noise: &dyn Fn() -> Vec<f64>,
    ) -> Next {
        let start = &evaluations[0].x;
        // From the start to a noise level, along the slope (x - denoised) / σ of an evaluation.
        let follow = |slope: &Evaluation, sigma: f64| {
            let pairs = slope.x.iter().zip(&slope.denoised);
            let slopes = pairs.map(|(x, denoised)| (x - denoised) / slope.sigma);
            let ends = start.iter().zip(slopes);
            ends.map(|(x, slope)| x + (sigma - from) * slope).collect()
        };
        match evaluations {
            // The last step, to no noise at all, is Euler's: there is no slope at 0.
            [first] if to > 0.0 => {
                let sigma = (from * to).sqrt();
                let x = follow(first, sigma);
                Next::Evaluate { x, sigma }
            }
            [.., last] => Next::Reached(follow(last, to)),
            [] => unreachable!("the first evaluation is made before a sampler is asked"),
        }
    }
}

/// Draws the same ten digits in any way.
struct Experiment {
    denoiser: Rc<dyn Denoiser>,
    device: Device,
}

impl Experiment {
    fn start(
        &self,
        kind: SamplerKind,
        steps: usize,
    ) -> Result<Generation<Rc<dyn Denoiser>>, Box<dyn Error>> {
        let settings = Settings {
            sampler: kind,
            steps,
            guidance: 1.0,
            ..Settings::default()
        };
        let request = |digit| Request {
            digit: Some(digit),
            ..Request::default()
        };
        let requests: Vec<Request> = (0..10).map(request).collect();
        Ok(Generation::new(
            self.denoiser.clone(),
            &settings,
            &requests,
            &self.device,
        )?)
    }
}

fn finish(mut run: Generation<Rc<dyn Denoiser>>) -> Result<Frame, Box<dyn Error>> {
    while block_on(run.next())?.is_some() {}
    Ok(run.frame())
}

fn main() -> Result<(), Box<dyn Error>> {
    let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("weights");
    let device = DeviceKind::Auto.open()?;
    let library = store::exported(&weights, Generator::Digits.networks(), &device)?;
    let denoiser = library.denoiser(Generator::Digits)?;
    let experiment = Experiment { denoiser, device };

    let converged = finish(experiment.start(SamplerKind::Dpmpp3m, 100)?)?.x;
    let report = |name: &str, frame: Frame| {
        let pairs = frame.x.iter().zip(&converged);
        let squares: f32 = pairs.map(|(a, b)| (a - b) * (a - b)).sum();
        let apart = (squares / converged.len() as f32).sqrt();
        println!("{name}: {} network calls, {apart:.4} away", frame.nfe);
    };
    report("euler", finish(experiment.start(SamplerKind::Euler, 19)?)?);
    // On Euler's table, which asks for ten steps of two calls, the last one of one.
    let midpoint = experiment
        .start(SamplerKind::Euler, 10)?
        .sampled_by(Box::new(Midpoint));
    report("midpoint", finish(midpoint)?);
    Ok(())
}
