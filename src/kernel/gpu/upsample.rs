//! Each pixel four times, added to a finer picture.

use burn::{
    cubecl::{self, prelude::*},
    tensor::Shape,
};
use burn_cubecl::{kernel::into_contiguous, tensor::CubeTensor};

use super::{cubes, empty, in_order};

/// # Shapes
/// `coarse` [planes, h, `width`]; `fine` and `out` [planes, 2h, 2·`width`].
#[cube(launch)]
fn enlarge(coarse: &[f32], fine: ComptimeOption<&[f32]>, out: &mut [f32], width: usize) {
    if ABSOLUTE_POS >= out.len() {
        terminate!();
    }
    // An even height halves to whole lines, also where planes follow each other.
    let line = ABSOLUTE_POS / (2 * width);
    let column = ABSOLUTE_POS % (2 * width);
    let value = coarse[line / 2 * width + column / 2];
    #[comptime]
    let value = match fine {
        ComptimeOption::Some(fine) => value + fine[ABSOLUTE_POS],
        ComptimeOption::None => value,
    };
    out[ABSOLUTE_POS] = value;
}

/// The shape of the answer.
pub fn output(coarse: &Shape) -> Shape {
    let [n, c, h, w] = coarse.dims();
    Shape::new([n, c, 2 * h, 2 * w])
}

pub fn launch(coarse: CubeTensor, fine: Option<CubeTensor>) -> CubeTensor {
    let coarse = into_contiguous(coarse);
    let fine = in_order(fine);
    let shape = output(coarse.meta.shape());
    let [.., width] = coarse.meta.shape().dims::<4>();
    let (count, dim) = cubes(shape.num_elements());
    let out = empty(&coarse, shape);
    enlarge::launch(
        &coarse.client.clone(),
        count,
        dim,
        coarse.into_buffer_arg(),
        fine.map(CubeTensor::into_buffer_arg).into(),
        out.clone().into_buffer_arg(),
        width,
    );
    out
}
