//! conv(x) + bias + residual.

use burn::{
    cubecl::{self, prelude::*},
    tensor::Shape,
};
use burn_cubecl::{kernel::into_contiguous, tensor::CubeTensor};

use super::{cubes, empty, in_order};

/// Pixels side by side, and channels, that a unit computes: what it has loaded serves several sums.
const PIXELS: usize = 4;
const CHANNELS: usize = 4;

/// The sizes of a convolution.
#[derive(CubeLaunch, CubeType)]
struct Sizes {
    pictures: usize,
    input: usize,
    height: usize,
    width: usize,
    output: usize,
    out_height: usize,
    out_width: usize,
    kernel: usize,
    stride: usize,
}

/// # Shapes
/// `x` [n, input, height, width]; `weight` [output, input, kernel, kernel]; `bias` \[output\]; `residual` and
/// `out` [n, output, out height, out width].
#[cube(launch_unchecked)]
fn convolve(
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    residual: ComptimeOption<&[f32]>,
    out: &mut [f32],
    sizes: &Sizes,
) {
    let across = sizes.out_width.div_ceil(PIXELS);
    let blocks = sizes.output.div_ceil(CHANNELS);
    let first_x = (ABSOLUTE_POS % across) * PIXELS;
    let rest = ABSOLUTE_POS / across;
    let out_y = rest % sizes.out_height;
    let rest = rest / sizes.out_height;
    let first_channel = (rest % blocks) * CHANNELS;
    let picture = rest / blocks;
    if picture >= sizes.pictures {
        terminate!();
    }

    let border = sizes.kernel / 2;
    let taps = sizes.kernel * sizes.kernel;
    let mut sums = Array::<f32>::new(comptime!(PIXELS * CHANNELS));
    let mut rows = Array::<usize>::new(CHANNELS);
    #[unroll]
    for c in 0..CHANNELS {
        // Beyond the last channel the last one is computed again, and not written.
        let channel = min(first_channel + c, sizes.output - 1);
        rows[c] = channel * sizes.input * taps;
        #[unroll]
        for p in 0..PIXELS {
            sums[c * PIXELS + p] = bias[channel];
        }
    }

    for i in 0..sizes.input {
        let plane = (picture * sizes.input + i) * sizes.height * sizes.width;
        for ky in 0..sizes.kernel {
            let y = out_y * sizes.stride + ky;
            if y >= border && y < sizes.height + border {
                let line = plane + (y - border) * sizes.width;
                for kx in 0..sizes.kernel {
                    let tap = i * taps + ky * sizes.kernel + kx;
                    let mut weights = Array::<f32>::new(CHANNELS);
                    #[unroll]
                    for c in 0..CHANNELS {
                        weights[c] = weight[rows[c] + tap];
                    }
                    #[unroll]
                    for p in 0..PIXELS {
                        let column = (first_x + p) * sizes.stride + kx;
                        let inside = column >= border && column < sizes.width + border;
                        let within = min(max(column, border) - border, sizes.width - 1);
                        let value = select(inside, x[line + within], 0.0f32);
                        #[unroll]
                        for c in 0..CHANNELS {
                            sums[c * PIXELS + p] += weights[c] * value;
                        }
                    }
                }
            }
        }
    }

    #[unroll]
    for c in 0..CHANNELS {
        let channel = first_channel + c;
        let line =
            ((picture * sizes.output + channel) * sizes.out_height + out_y) * sizes.out_width;
        #[unroll]
        for p in 0..PIXELS {
            let column = first_x + p;
            if channel < sizes.output && column < sizes.out_width {
                let sum = sums[c * PIXELS + p];
                #[comptime]
                let sum = match &residual {
                    ComptimeOption::Some(residual) => sum + residual[line + column],
                    ComptimeOption::None => sum,
                };
                out[line + column] = sum;
            }
        }
    }
}

/// The shape of the answer.
pub fn output(x: &Shape, weight: &Shape, stride: usize) -> Shape {
    let [n, _, h, w] = x.dims();
    let [output, ..] = weight.dims::<4>();
    Shape::new([n, output, h.div_ceil(stride), w.div_ceil(stride)])
}

pub fn launch(
    x: CubeTensor,
    weight: CubeTensor,
    bias: CubeTensor,
    residual: Option<CubeTensor>,
    stride: usize,
) -> CubeTensor {
    let [x, weight, bias] = [x, weight, bias].map(into_contiguous);
    let residual = in_order(residual);
    let shape = output(x.meta.shape(), weight.meta.shape(), stride);
    let [n, output, out_h, out_w] = shape.dims();
    let [_, input, h, w] = x.meta.shape().dims();
    let [.., kernel] = weight.meta.shape().dims::<4>();
    let out = empty(&x, shape);
    let (count, dim) = cubes(n * output.div_ceil(CHANNELS) * out_h * out_w.div_ceil(PIXELS));
    let sizes = SizesLaunch::new(n, input, h, w, output, out_h, out_w, kernel, stride);
    let client = x.client.clone();
    // SAFETY: every index is below the product of the sizes, which are those of the buffers.
    #[allow(unsafe_code, reason = "a check at every load is half of the time")]
    unsafe {
        convolve::launch_unchecked(
            &client,
            count,
            dim,
            x.into_buffer_arg(),
            weight.into_buffer_arg(),
            bias.into_buffer_arg(),
            residual.map(CubeTensor::into_buffer_arg).into(),
            out.clone().into_buffer_arg(),
            sizes,
        );
    }
    out
}
