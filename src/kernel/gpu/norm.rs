//! Group normalisation, modulation and SiLU.

use burn::cubecl::{self, prelude::*};
use burn_cubecl::{kernel::into_contiguous, tensor::CubeTensor};

use super::{empty, in_order};
use crate::kernel::EPSILON;

/// Units that share a group, in rows of [`ROW`].
const UNITS: usize = ROW * ROW;
const ROW: usize = 16;

/// A cube for each group of each picture. Mean and variance are those of x less the group's first pixel, the
/// variance of the differences from the mean: a picture may be bright.
///
/// # Shapes
/// `x` and `out` [n, channels, h, w]; `gamma` and `beta` \[channels\]; `modulation` [n, 2·channels];
/// `own` channels in a group, `pixels` h·w.
#[cube(launch)]
fn normalise(
    x: &[f32],
    gamma: &[f32],
    beta: &[f32],
    modulation: ComptimeOption<&[f32]>,
    out: &mut [f32],
    channels: usize,
    own: usize,
    pixels: usize,
    epsilon: f32,
    silu: u32,
) {
    let unit = UNIT_POS as usize;
    let group = CUBE_POS;
    let len = own * pixels;
    let start = group * len;
    let first = x[start];

    let mut sum = 0.0f32;
    for i in range_stepped(unit, len, UNITS) {
        sum += x[start + i] - first;
    }
    let mean = total(sum) / len as f32;
    let mut squares = 0.0f32;
    for i in range_stepped(unit, len, UNITS) {
        let off = x[start + i] - first - mean;
        squares += off * off;
    }
    let variance = total(squares) / len as f32;
    let inverse_std = 1.0f32 / (variance + epsilon).sqrt();

    let picture = group * own / channels;
    for i in range_stepped(unit, len, UNITS) {
        let channel = (group * own + i / pixels) % channels;
        let z = (x[start + i] - first - mean) * inverse_std * gamma[channel] + beta[channel];
        #[comptime]
        let z = match &modulation {
            ComptimeOption::Some(modulation) => {
                let scale = modulation[picture * 2 * channels + channel];
                let shift = modulation[(picture * 2 + 1) * channels + channel];
                z * (1.0f32 + scale) + shift
            }
            ComptimeOption::None => z,
        };
        out[start + i] = select(silu == 1, z / (1.0f32 + (-z).exp()), z);
    }
}

/// The sum of all units' values.
#[cube]
fn total(value: f32) -> f32 {
    let mut values = Shared::<[f32]>::new_slice(UNITS);
    let mut rows = Shared::<[f32]>::new_slice(ROW);
    let unit = UNIT_POS as usize;
    values[unit] = value;
    sync_cube();
    if unit < ROW {
        let mut row = 0.0f32;
        for i in 0..ROW {
            row += values[unit * ROW + i];
        }
        rows[unit] = row;
    }
    sync_cube();
    let mut sum = 0.0f32;
    for i in 0..ROW {
        sum += rows[i];
    }
    sum
}

pub fn launch(
    x: CubeTensor,
    gamma: CubeTensor,
    beta: CubeTensor,
    modulation: Option<CubeTensor>,
    groups: usize,
    silu: bool,
) -> CubeTensor {
    let [x, gamma, beta] = [x, gamma, beta].map(into_contiguous);
    let modulation = in_order(modulation);
    let [n, c, h, w] = x.meta.shape().dims();
    let out = empty(&x, x.meta.shape().clone());
    normalise::launch(
        &x.client.clone(),
        CubeCount::Static(groups as u32, n as u32, 1),
        CubeDim::new_1d(UNITS as u32),
        x.into_buffer_arg(),
        gamma.into_buffer_arg(),
        beta.into_buffer_arg(),
        modulation.map(CubeTensor::into_buffer_arg).into(),
        out.clone().into_buffer_arg(),
        c,
        c / groups,
        h * w,
        EPSILON as f32,
        u32::from(silu),
    );
    out
}
