//! What a call of a network costs.

use std::{iter::Sum, ops::Add};

/// What a call of a network costs, counted from its configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Trained numbers.
    pub parameters: usize,
    /// Multiply–accumulates of one call on one sample, in convolutions, linear maps and attention.
    pub macs: usize,
}

impl Cost {
    /// Millions of floating-point operations a call; a multiply–accumulate is two.
    pub fn mflop(self) -> f64 {
        2.0 * self.macs as f64 / 1e6
    }

    /// A `k`×`k` convolution with bias whose output has `pixels` pixels (a linear map: k = pixels = 1).
    pub fn conv(k: usize, [input, output]: [usize; 2], pixels: usize) -> Self {
        let weights = k * k * input * output;
        Self {
            parameters: weights + output,
            macs: weights * pixels,
        }
    }

    /// A group norm over `channels`; its arithmetic is not counted.
    pub fn norm(channels: usize) -> Self {
        Self {
            parameters: 2 * channels,
            macs: 0,
        }
    }
}

impl Add for Cost {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            parameters: self.parameters + other.parameters,
            macs: self.macs + other.macs,
        }
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::default(), Add::add)
    }
}
