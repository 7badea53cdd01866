//! Cosines and sines at some frequencies.

use burn::{
    cubecl::{self, prelude::*},
    tensor::Shape,
};
use burn_cubecl::{kernel::into_contiguous, tensor::CubeTensor};

use super::{cubes, empty};

/// # Shapes
/// `x` \[n\]; `out` [n, 2·frequencies].
#[cube(launch)]
fn swing(x: &[f32], out: &mut [f32], frequencies: Sequence<f32>) {
    if ABSOLUTE_POS >= x.len() {
        terminate!();
    }
    let count = frequencies.len();
    let start = ABSOLUTE_POS * 2 * count;
    #[unroll]
    for i in 0..count {
        let angle = x[ABSOLUTE_POS] * frequencies[i];
        out[start + i] = angle.cos();
        out[start + count + i] = angle.sin();
    }
}

/// The shape of the answer.
pub fn output(x: &Shape, frequencies: usize) -> Shape {
    let [n] = x.dims();
    Shape::new([n, 2 * frequencies])
}

pub fn launch(x: CubeTensor, frequencies: &[f32]) -> CubeTensor {
    let x = into_contiguous(x);
    let shape = output(x.meta.shape(), frequencies.len());
    let [n] = x.meta.shape().dims();
    let out = empty(&x, shape);
    let (count, dim) = cubes(n);
    let mut scalars = SequenceArg::new();
    for frequency in frequencies {
        scalars.push(*frequency);
    }
    swing::launch(
        &x.client.clone(),
        count,
        dim,
        x.into_buffer_arg(),
        out.clone().into_buffer_arg(),
        scalars,
    );
    out
}
