//! A coloured picture → the digit in it as MNIST would have it, for whoever reads such digits.

use super::{Measured, SIZE};
use crate::image::{DIGIT_PIXELS, DIGIT_SIZE};

/// Width and height of the box that MNIST's digits are made to fit.
const BOX: f64 = 20.0;

/// What counts as ink where the digit's box is measured, of 0 to 1.
const INK: f32 = 0.3;

/// Samples of a pixel, each way.
const SAMPLES: usize = 4;

impl Measured {
    /// White on black, upright, 20 pixels in its longer side, its middle of mass in the middle of 28 × 28
    /// pixels: as MNIST's digits are.
    ///
    /// # Shapes
    /// Returns [`DIGIT_PIXELS`] values in [-1, 1].
    pub fn as_digit(&self) -> Vec<f32> {
        let size = SIZE;
        let cover = |x: f64, y: f64| -> f64 {
            let at = |x: f64, y: f64| {
                let inside = (0.0..size as f64).contains(&x) && (0.0..size as f64).contains(&y);
                match inside {
                    true => f64::from(self.cover[y as usize * size + x as usize]),
                    false => 0.0,
                }
            };
            let (left, top) = (x.floor(), y.floor());
            let (fx, fy) = (x - left, y - top);
            let row = |y: f64| at(left, y) * (1.0 - fx) + at(left + 1.0, y) * fx;
            row(top) * (1.0 - fy) + row(top + 1.0) * fy
        };
        // Upright: x is measured from where the slant leads at its height.
        let middle = size as f64 / 2.0;
        let upright = |x: f64, y: f64| x + self.slant * (y - middle);
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for (i, &share) in self.cover.iter().enumerate() {
            if share > INK {
                let (x, y) = ((i % size) as f64, (i / size) as f64);
                for (axis, value) in [upright(x, y), y].into_iter().enumerate() {
                    low[axis] = low[axis].min(value);
                    high[axis] = high[axis].max(value);
                }
            }
        }
        let extent = (high[0] - low[0]).max(high[1] - low[1]) + 1.0;
        let scale = extent.max(1.0) / BOX;
        let render = |[cx, cy]: [f64; 2]| -> Vec<f64> {
            let half = DIGIT_SIZE as f64 / 2.0;
            let sample = |i: usize, k: usize| i as f64 + (k as f64 + 0.5) / SAMPLES as f64 - half;
            let mut pixels = vec![0.0; DIGIT_PIXELS];
            for (i, pixel) in pixels.iter_mut().enumerate() {
                for k in 0..SAMPLES * SAMPLES {
                    let x = cx + scale * sample(i % DIGIT_SIZE, k % SAMPLES);
                    let y = cy + scale * sample(i / DIGIT_SIZE, k / SAMPLES);
                    *pixel += cover(x - self.slant * (y - middle), y);
                }
                *pixel /= (SAMPLES * SAMPLES) as f64;
            }
            pixels
        };
        let centre = [(low[0] + high[0]) / 2.0, (low[1] + high[1]) / 2.0];
        let roughly = render(centre);
        let mass: f64 = roughly.iter().sum::<f64>().max(1e-9);
        let moment = |axis: usize| {
            let place = |i: usize| [i % DIGIT_SIZE, i / DIGIT_SIZE][axis] as f64 + 0.5;
            let sum: f64 = roughly.iter().enumerate().map(|(i, v)| v * place(i)).sum();
            scale * (sum / mass - DIGIT_SIZE as f64 / 2.0)
        };
        let pixels = render([centre[0] + moment(0), centre[1] + moment(1)]);
        pixels.iter().map(|v| (2.0 * v - 1.0) as f32).collect()
    }
}
