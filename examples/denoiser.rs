//! A denoiser of one's own, without a network or any training: the exact one of a distribution that is known, white
//! discs of ten sizes wherever they fit. "Digit" d is a disc of radius d + 2. All samplers, guidance and the command
//! line's sheets work with it as with the shipped ones.
//!
//! ```text
//! cargo run --release --example denoiser -- discs.png
//! ```

use std::{env, error::Error, path::Path, rc::Rc, sync::atomic::AtomicBool};

use unnoise::{
    burn::tensor::{Device, Tensor, TensorData, activation::softmax},
    classes::Classes,
    denoiser::{Cond, Denoiser, SIGMA_MAX, SIGMA_MIN, Wanted},
    generation::Settings,
    image::{DIGIT_PIXELS, DIGIT_SIZE},
    native::{
        device::DeviceKind,
        output::Output,
        sample::{Sampling, balanced},
    },
};

/// Every picture there is, each as likely as any other.
struct Discs {
    /// [count, pixels].
    pictures: Tensor<2>,
    /// A half of each one's sum of squares, [1, count].
    half_squares: Tensor<2>,
    /// What each shows.
    digits: Vec<u8>,
}

impl Discs {
    fn new(device: &Device) -> Self {
        let (mut values, mut digits) = (Vec::new(), Vec::new());
        for digit in 0..10u8 {
            let radius = usize::from(digit) + 2;
            let centres = radius..DIGIT_SIZE - radius;
            for (cy, cx) in centres
                .clone()
                .flat_map(|y| centres.clone().map(move |x| (y, x)))
            {
                let inside = |i: usize| {
                    let (y, x) = (i / DIGIT_SIZE, i % DIGIT_SIZE);
                    y.abs_diff(cy).pow(2) + x.abs_diff(cx).pow(2) <= radius * radius
                };
                values.extend((0..DIGIT_PIXELS).map(|i| if inside(i) { 1f32 } else { -1.0 }));
                digits.push(digit);
            }
        }
        let data = TensorData::new(values, [digits.len(), DIGIT_PIXELS]);
        let pictures = Tensor::<2>::from_data(data, device);
        let half_squares = pictures.clone().powi_scalar(2).sum_dim(1).transpose() / 2.0;
        Self {
            pictures,
            half_squares,
            digits,
        }
    }
}

impl Denoiser for Discs {
    /// The mean of all pictures, each weighted by how likely it led to x: exp(-|x - picture|² / 2σ²).
    fn denoise(&self, x: Tensor<4>, sigma: &[f64], cond: &Cond) -> Tensor<4> {
        let (dims, device) = (x.dims(), x.device());
        let (n, count) = (dims[0], self.digits.len());
        let variance: Vec<f32> = sigma.iter().map(|&s| (s * s) as f32).collect();
        let variance = Tensor::<2>::from_data(TensorData::new(variance, [n, 1]), &device);
        // |x|² is the same for all pictures, and softmax takes it out.
        let x = x.reshape([n, DIGIT_PIXELS]);
        let likely =
            (x.matmul(self.pictures.clone().transpose()) - self.half_squares.clone()) / variance;

        // Those that were not asked for are ruled out.
        let ruled_out =
            |wanted: &Wanted, digit: u8| matches!(wanted, Wanted::Digit(d) if *d != digit);
        let rows = cond.0.iter();
        let mask: Vec<f32> = rows
            .flat_map(|wanted| {
                self.digits
                    .iter()
                    .map(move |&digit| if ruled_out(wanted, digit) { -1e30 } else { 0.0 })
            })
            .collect();
        let mask = Tensor::<2>::from_data(TensorData::new(mask, [n, count]), &device);
        softmax(likely + mask, 1)
            .matmul(self.pictures.clone())
            .reshape(dims)
    }

    fn shape(&self) -> [usize; 3] {
        [1, DIGIT_SIZE, DIGIT_SIZE]
    }

    fn sigma_range(&self) -> (f64, f64) {
        (SIGMA_MIN, SIGMA_MAX)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let png = env::args_os().nth(1).ok_or("name the PNG to write")?;
    let device = DeviceKind::Auto.open()?;
    let sampling = Sampling {
        denoiser: Rc::new(Discs::new(&device)),
        decoder: None,
        // Without guidance, which would insist on what is exact already.
        settings: Settings {
            guidance: 1.0,
            ..Settings::default()
        },
        device: &device,
        interrupted: &AtomicBool::new(false),
    };
    let requests = balanced(10, 1, &Classes::digits());
    let mut sheet = Output::sheet(Path::new(&png), requests.len(), sampling.shape())?;
    sampling.each(&requests, &mut |request, picture| {
        sheet.add(request, picture)
    })?;
    sheet.keep()?;
    Ok(())
}
