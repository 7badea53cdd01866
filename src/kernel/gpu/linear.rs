//! x·W + bias + residual, and SiLU.

use burn::{
    cubecl::{self, prelude::*},
    tensor::Shape,
};
use burn_cubecl::{kernel::into_contiguous, tensor::CubeTensor};

use super::{cubes, empty, in_order};

/// # Shapes
/// `x` [rows, `input`]; `weight` [`input`, `output`]; `bias` \[`output`\]; `residual` and `out` [rows, `output`].
#[cube(launch)]
fn map(
    x: &[f32],
    weight: &[f32],
    bias: ComptimeOption<&[f32]>,
    residual: ComptimeOption<&[f32]>,
    out: &mut [f32],
    input: usize,
    output: usize,
    silu: u32,
) {
    if ABSOLUTE_POS >= out.len() {
        terminate!();
    }
    let row = ABSOLUTE_POS / output * input;
    let column = ABSOLUTE_POS % output;
    let mut sum = 0.0f32;
    for i in 0..input {
        sum += x[row + i] * weight[i * output + column];
    }
    #[comptime]
    let sum = match bias {
        ComptimeOption::Some(bias) => sum + bias[column],
        ComptimeOption::None => sum,
    };
    #[comptime]
    let sum = match residual {
        ComptimeOption::Some(residual) => sum + residual[ABSOLUTE_POS],
        ComptimeOption::None => sum,
    };
    out[ABSOLUTE_POS] = select(silu == 1, sum / (1.0f32 + (-sum).exp()), sum);
}

/// The shape of the answer.
pub fn output(x: &Shape, weight: &Shape) -> Shape {
    let [rows, _] = x.dims();
    let [_, output] = weight.dims();
    Shape::new([rows, output])
}

pub fn launch(
    x: CubeTensor,
    weight: CubeTensor,
    bias: Option<CubeTensor>,
    residual: Option<CubeTensor>,
    silu: bool,
) -> CubeTensor {
    let [x, weight] = [x, weight].map(into_contiguous);
    let [bias, residual] = [bias, residual].map(in_order);
    let shape = output(x.meta.shape(), weight.meta.shape());
    let [input, output] = weight.meta.shape().dims();
    let (count, dim) = cubes(shape.num_elements());
    let out = empty(&x, shape);
    map::launch(
        &x.client.clone(),
        count,
        dim,
        x.into_buffer_arg(),
        weight.into_buffer_arg(),
        bias.map(CubeTensor::into_buffer_arg).into(),
        residual.map(CubeTensor::into_buffer_arg).into(),
        out.clone().into_buffer_arg(),
        input,
        output,
        u32::from(silu),
    );
    out
}
