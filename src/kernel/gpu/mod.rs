//! The operators on a GPU: WebGPU, and by the same source Vulkan, Metal, DX12 and CUDA.
//!
//! What a call costs there is the number of its dispatches, and before the first one the number of different
//! pipelines to compile. So each operator is one dispatch, and sizes are arguments, not part of the code: one
//! pipeline serves all layers.

mod attention;
mod conv;
mod linear;
mod norm;
mod upsample;
mod waves;

use burn::{
    backend::{Backend, backend_extension, tensor::FloatTensor},
    cubecl::prelude::{CubeCount, CubeDim},
    tensor::Shape,
};
use burn_cubecl::{
    CubeBackend, kernel::into_contiguous, ops::numeric::empty_device_contiguous_dtype,
    tensor::CubeTensor,
};

pub use attention::WIDEST_HEAD;

use super::maybe::Maybe;

/// Operators that a GPU has kernels for. See the functions of [`super`] for what they compute.
#[backend_extension(Cube, Fusion)]
pub trait GpuKernels: Backend {
    /// [`super::conv2d`].
    #[fusion(dtype = x, shape = conv::output(x, weight, *stride))]
    fn conv2d_gpu(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        #[extension_type] residual: Maybe<Self>,
        stride: usize,
    ) -> FloatTensor<Self>;

    /// [`super::norm`].
    #[fusion(dtype = x, shape = x)]
    fn norm_gpu(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        #[extension_type] modulation: Maybe<Self>,
        groups: usize,
        silu: bool,
    ) -> FloatTensor<Self>;

    /// [`super::upsample`].
    #[fusion(dtype = coarse, shape = upsample::output(coarse))]
    fn upsample_gpu(
        coarse: FloatTensor<Self>,
        #[extension_type] fine: Maybe<Self>,
    ) -> FloatTensor<Self>;

    /// [`super::attend`].
    #[fusion(dtype = queries, shape = queries)]
    fn attend_gpu(
        queries: FloatTensor<Self>,
        keys_values: FloatTensor<Self>,
        heads: usize,
    ) -> FloatTensor<Self>;

    /// [`super::linear`].
    #[fusion(dtype = x, shape = linear::output(x, weight))]
    fn linear_gpu(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        #[extension_type] bias: Maybe<Self>,
        #[extension_type] residual: Maybe<Self>,
        silu: bool,
    ) -> FloatTensor<Self>;

    /// [`super::waves`].
    #[fusion(dtype = x, shape = waves::output(x, frequencies.len()))]
    fn waves_gpu(x: FloatTensor<Self>, frequencies: Vec<f32>) -> FloatTensor<Self>;
}

impl GpuKernels for CubeBackend {
    fn conv2d_gpu(
        x: CubeTensor,
        weight: CubeTensor,
        bias: CubeTensor,
        residual: Maybe<Self>,
        stride: usize,
    ) -> CubeTensor {
        conv::launch(x, weight, bias, residual.option(), stride)
    }

    fn norm_gpu(
        x: CubeTensor,
        gamma: CubeTensor,
        beta: CubeTensor,
        modulation: Maybe<Self>,
        groups: usize,
        silu: bool,
    ) -> CubeTensor {
        norm::launch(x, gamma, beta, modulation.option(), groups, silu)
    }

    fn upsample_gpu(coarse: CubeTensor, fine: Maybe<Self>) -> CubeTensor {
        upsample::launch(coarse, fine.option())
    }

    fn attend_gpu(queries: CubeTensor, keys_values: CubeTensor, heads: usize) -> CubeTensor {
        attention::launch(queries, keys_values, heads)
    }

    fn linear_gpu(
        x: CubeTensor,
        weight: CubeTensor,
        bias: Maybe<Self>,
        residual: Maybe<Self>,
        silu: bool,
    ) -> CubeTensor {
        linear::launch(x, weight, bias.option(), residual.option(), silu)
    }

    fn waves_gpu(x: CubeTensor, frequencies: Vec<f32>) -> CubeTensor {
        waves::launch(x, &frequencies)
    }
}

/// Units of a cube where each computes an answer of its own.
const UNITS: u32 = 64;

/// As many cubes as `units` need, each with [`UNITS`].
fn cubes(units: usize) -> (CubeCount, CubeDim) {
    // A dimension may have 65,535.
    let cubes = units.div_ceil(UNITS as usize) as u32;
    let rows = cubes.div_ceil(1 << 15);
    let count = CubeCount::Static(cubes.div_ceil(rows.max(1)), rows, 1);
    (count, CubeDim::new_1d(UNITS))
}

/// A tensor beside `like`, its numbers yet to be written.
fn empty(like: &CubeTensor, shape: Shape) -> CubeTensor {
    let (client, device) = (like.client.clone(), like.device.clone());
    empty_device_contiguous_dtype(client, device, shape, like.dtype)
}

/// The numbers in the order of their dimensions.
fn in_order(tensor: Option<CubeTensor>) -> Option<CubeTensor> {
    tensor.map(into_contiguous)
}
