//! Operators of our own, where Burn's take several passes over memory.
//!
//! Models call the functions here. On a device that has kernels for them (the CPU backend Flex, with and
//! without automatic differentiation; a GPU without) those compute; elsewhere [`plain`] does, the same in
//! Burn's own operators, which is also what the tests compare with.

#[cfg(feature = "flex")]
mod attention;
#[cfg(feature = "flex")]
mod autodiff;
#[cfg(feature = "flex")]
mod conv;
#[cfg(feature = "flex")]
mod flex;
#[cfg(feature = "cube")]
mod gpu;
#[cfg(any(feature = "flex", feature = "cube"))]
mod maybe;
#[cfg(feature = "flex")]
mod norm;
pub mod plain;
#[cfg(feature = "flex")]
mod silu;
#[cfg(feature = "flex")]
mod vectors;
#[cfg(feature = "flex")]
mod way;
#[cfg(feature = "flex")]
mod winograd;

#[cfg(any(feature = "flex", feature = "cube"))]
use burn::{
    backend::{Dispatch, DispatchDevice},
    tensor::Device,
};
use burn::{
    nn::{Linear, conv::Conv2d},
    tensor::Tensor,
};
#[cfg(feature = "flex")]
use flex::{Kernels, UntrackedKernels};
#[cfg(feature = "cube")]
use gpu::GpuKernels;

/// What a norm adds to the variance.
const EPSILON: f64 = 1e-5;

/// Group normalisation of the groups' mean and variance, scaled and shifted: z = norm(x)·γ + β; with a
/// modulation z·(1 + scale) + shift; with SiLU z·sigmoid(z).
#[derive(Clone, Debug)]
pub struct Norm {
    /// γ, \[c\].
    pub gamma: Tensor<1>,
    /// β, \[c\].
    pub beta: Tensor<1>,
    /// The channels' scales, then their shifts, [n, 2c].
    pub modulation: Option<Tensor<2>>,
    /// Groups of channels that share a mean and a variance; divides c.
    pub groups: usize,
    /// Whether SiLU follows.
    pub silu: bool,
}

/// Whether a device has the kernels of [`flex`].
#[cfg(feature = "flex")]
fn has_kernels(device: &Device) -> bool {
    let inner = device.clone().inner();
    matches!(inner.as_dispatch(), DispatchDevice::Flex(_))
}

/// Whether tensors on these devices can go to the kernels of [`gpu`], which have no gradients.
#[cfg(feature = "cube")]
fn on_gpu(devices: [Device; 2]) -> bool {
    devices.into_iter().all(|device| {
        !device.is_autodiff() && matches!(device.as_dispatch(), DispatchDevice::Cube(_))
    })
}

/// conv(x) + residual.
///
/// # Shapes
/// `x` [n, c_in, h, w]; `residual` that of the answer, [n, c_out, h / stride, w / stride]. The kernel is odd,
/// the border half of it, and there is a bias: see [`crate::nn::conv3x3`].
pub fn conv2d(x: Tensor<4>, conv: &Conv2d, residual: Option<Tensor<4>>) -> Tensor<4> {
    #[cfg(feature = "flex")]
    if let (true, Some(bias)) = (has_kernels(&x.device()), &conv.bias) {
        return Tensor::from_dispatch(Dispatch::conv2d_kernel(
            x.into_dispatch(),
            conv.weight.val().into_dispatch(),
            bias.val().into_dispatch(),
            residual.map(Tensor::into_dispatch).into(),
            conv.stride[0],
            conv.kernel_size[0] / 2,
        ));
    }
    #[cfg(feature = "cube")]
    if let (true, Some(bias)) = (on_gpu([x.device(), conv.weight.device()]), &conv.bias) {
        return Tensor::from_dispatch(Dispatch::conv2d_gpu(
            x.into_dispatch(),
            conv.weight.val().into_dispatch(),
            bias.val().into_dispatch(),
            residual.map(Tensor::into_dispatch).into(),
            conv.stride[0],
        ));
    }
    plain::conv2d(x, conv, residual)
}

/// The norm alone.
///
/// # Shapes
/// `x` [n, c, h, w]; returns the same.
pub fn norm(x: Tensor<4>, norm: Norm) -> Tensor<4> {
    #[cfg(feature = "flex")]
    if has_kernels(&x.device()) {
        return Tensor::from_dispatch(Dispatch::norm_kernel(
            x.into_dispatch(),
            norm.gamma.into_dispatch(),
            norm.beta.into_dispatch(),
            norm.modulation.map(Tensor::into_dispatch).into(),
            norm.groups,
            norm.silu,
        ));
    }
    #[cfg(feature = "cube")]
    if on_gpu([x.device(), norm.gamma.device()]) {
        return Tensor::from_dispatch(Dispatch::norm_gpu(
            x.into_dispatch(),
            norm.gamma.into_dispatch(),
            norm.beta.into_dispatch(),
            norm.modulation.map(Tensor::into_dispatch).into(),
            norm.groups,
            norm.silu,
        ));
    }
    plain::norm(x, norm)
}

/// conv(norm(x)) + residual: [`norm`] and [`conv2d`], on the CPU in one pass.
///
/// # Shapes
/// As for those.
pub fn norm_conv2d(
    x: Tensor<4>,
    norm: Norm,
    conv: &Conv2d,
    residual: Option<Tensor<4>>,
) -> Tensor<4> {
    #[cfg(feature = "flex")]
    if let (true, Some(bias)) = (has_kernels(&x.device()), &conv.bias) {
        return Tensor::from_dispatch(Dispatch::norm_conv2d_kernel(
            x.into_dispatch(),
            norm.gamma.into_dispatch(),
            norm.beta.into_dispatch(),
            norm.modulation.map(Tensor::into_dispatch).into(),
            norm.groups,
            norm.silu,
            conv.weight.val().into_dispatch(),
            bias.val().into_dispatch(),
            residual.map(Tensor::into_dispatch).into(),
            conv.stride[0],
            conv.kernel_size[0] / 2,
        ));
    }
    conv2d(self::norm(x, norm), conv, residual)
}

/// SiLU(x·(1 + scale) + shift).
///
/// # Shapes
/// `x` [n, c, h, w]; `modulation` the channels' scales, then their shifts, [n, 2c], none for zeros; returns the
/// shape of `x`.
pub fn modulate_silu(x: Tensor<4>, modulation: Option<Tensor<2>>) -> Tensor<4> {
    let [n, c, ..] = x.dims();
    let modulation = modulation.unwrap_or_else(|| Tensor::zeros([n, 2 * c], &x.device()));
    #[cfg(feature = "flex")]
    if has_kernels(&x.device()) {
        return Tensor::from_dispatch(Dispatch::modulate_silu_kernel(
            x.into_dispatch(),
            modulation.into_dispatch(),
        ));
    }
    plain::modulate_silu(x, modulation)
}

/// The gradient with respect to x of whatever has the gradients `gradient` with respect to
/// [`modulate_silu`]'s answer.
///
/// # Shapes
/// As there; `gradient` that of `x`.
pub fn modulate_silu_back(
    gradient: Tensor<4>,
    x: Tensor<4>,
    modulation: Option<Tensor<2>>,
) -> Tensor<4> {
    let [n, c, ..] = x.dims();
    let modulation = modulation.unwrap_or_else(|| Tensor::zeros([n, 2 * c], &x.device()));
    #[cfg(feature = "flex")]
    {
        let device = x.device();
        if has_kernels(&device) && !device.is_autodiff() {
            return Tensor::from_dispatch(Dispatch::modulate_silu_back_kernel(
                gradient.into_dispatch(),
                x.into_dispatch(),
                modulation.into_dispatch(),
            ));
        }
    }
    plain::modulate_silu_back(gradient, x, modulation)
}

/// The gradient with respect to its picture, of this height and width, of whatever has the gradients
/// `gradient` with respect to [`conv2d`]'s answer.
///
/// # Shapes
/// `gradient` [n, c_out, height / stride, width / stride]; returns [n, c_in, height, width].
pub fn conv2d_back(gradient: Tensor<4>, conv: &Conv2d, [height, width]: [usize; 2]) -> Tensor<4> {
    #[cfg(feature = "flex")]
    if has_kernels(&gradient.device()) {
        return Tensor::from_dispatch(Dispatch::conv2d_back_kernel(
            gradient.into_dispatch(),
            conv.weight.val().into_dispatch(),
            height,
            width,
            conv.stride[0],
            conv.kernel_size[0] / 2,
        ));
    }
    plain::conv2d_back(gradient, conv, [height, width])
}

/// Each pixel of `coarse` four times, added to `fine`, where there is one.
///
/// # Shapes
/// `coarse` [n, c, h, w]; `fine` and what is returned [n, c, 2h, 2w].
pub fn upsample(coarse: Tensor<4>, fine: Option<Tensor<4>>) -> Tensor<4> {
    #[cfg(feature = "flex")]
    if has_kernels(&coarse.device()) {
        return Tensor::from_dispatch(Dispatch::upsample_kernel(
            coarse.into_dispatch(),
            fine.map(Tensor::into_dispatch).into(),
        ));
    }
    #[cfg(feature = "cube")]
    if on_gpu([coarse.device(), fine.as_ref().unwrap_or(&coarse).device()]) {
        return Tensor::from_dispatch(Dispatch::upsample_gpu(
            coarse.into_dispatch(),
            fine.map(Tensor::into_dispatch).into(),
        ));
    }
    plain::upsample(coarse, fine)
}

/// softmax(q kᵀ / √d) v for each head, d being the channels of one (Vaswani et al. 2017,
/// <https://arxiv.org/abs/1706.03762>).
///
/// # Shapes
/// `queries` [n, c, h, w]; `keys_values` [n, 2c, h', w'], the keys' channels first; returns the shape of
/// `queries`. `heads` divides c.
pub fn attend(queries: Tensor<4>, keys_values: Tensor<4>, heads: usize) -> Tensor<4> {
    #[cfg(feature = "flex")]
    {
        let device = queries.device();
        if has_kernels(&device) && !device.is_autodiff() {
            return Tensor::from_dispatch(Dispatch::attend_kernel(
                queries.into_dispatch(),
                keys_values.into_dispatch(),
                heads,
            ));
        }
    }
    #[cfg(feature = "cube")]
    if on_gpu([queries.device(), keys_values.device()])
        && queries.dims()[1] / heads <= gpu::WIDEST_HEAD
    {
        return Tensor::from_dispatch(Dispatch::attend_gpu(
            queries.into_dispatch(),
            keys_values.into_dispatch(),
            heads,
        ));
    }
    plain::attend(queries, keys_values, heads)
}

/// x·W + bias + residual; with SiLU z·sigmoid(z) of that.
///
/// # Shapes
/// `x` [n, input]; `residual` that of the answer, [n, output].
pub fn linear(x: Tensor<2>, linear: &Linear, residual: Option<Tensor<2>>, silu: bool) -> Tensor<2> {
    #[cfg(feature = "cube")]
    if on_gpu([x.device(), linear.weight.device()]) {
        let bias = linear.bias.as_ref().map(|bias| bias.val().into_dispatch());
        return Tensor::from_dispatch(Dispatch::linear_gpu(
            x.into_dispatch(),
            linear.weight.val().into_dispatch(),
            bias.into(),
            residual.map(Tensor::into_dispatch).into(),
            silu,
        ));
    }
    plain::linear(x, linear, residual, silu)
}

/// Cosines, then sines, of each x times each of the frequencies.
///
/// # Shapes
/// `x` \[n\]; returns [n, 2·frequencies].
pub fn waves(x: Tensor<1>, frequencies: Vec<f32>) -> Tensor<2> {
    #[cfg(feature = "cube")]
    if on_gpu([x.device(), x.device()]) {
        return Tensor::from_dispatch(Dispatch::waves_gpu(x.into_dispatch(), frequencies));
    }
    plain::waves(x, frequencies)
}
