//! The shipped weights, from noise to a PNG with sixteen threes.
//!
//! ```text
//! cargo run --release --example sample -- threes.png
//! ```

use std::{env, error::Error, path::Path};

use pollster::block_on;
use unnoise::{
    generation::{Frame, Generation, Request},
    library::Generator,
    native::{device::DeviceKind, picture, store},
};

fn main() -> Result<(), Box<dyn Error>> {
    let png = env::args_os().nth(1).ok_or("name the PNG to write")?;
    let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("weights");
    let device = DeviceKind::Auto.open()?;
    let generator = Generator::Digits;
    let library = store::exported(&weights, generator.networks(), &device)?;

    // The seed decides the noise, and with it the digit.
    let request = |seed| Request {
        digit: Some(3),
        seed,
        ..Request::default()
    };
    let requests: Vec<Request> = (0..16).map(request).collect();
    let denoiser = library.denoiser(generator)?;
    let mut run = Generation::new(denoiser, &generator.defaults(), &requests, &device)?;

    // The caller owns the loop: it may draw each frame, pause or stop.
    while let Some(frame) = block_on(run.next())? {
        let Frame {
            step,
            steps,
            sigma,
            nfe,
            ..
        } = frame;
        println!("step {step} of {steps}: σ = {sigma:.3} after {nfe} network calls");
    }

    let Frame {
        x,
        width,
        height,
        channels,
        ..
    } = run.frame();
    let each = x.chunks(width * height * channels);
    let pictures: Vec<Vec<f32>> = each.map(<[f32]>::to_vec).collect();
    let sheet = picture::grid(&pictures, width, height, channels, 4, 2)?;
    picture::save_png(Path::new(&png), &sheet)?;
    Ok(())
}
