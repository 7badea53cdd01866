//! The operators in Burn's own: for devices without kernels, and as the second opinion of the tests.

use burn::{
    nn::{Linear, conv::Conv2d},
    tensor::{
        Tensor,
        activation::{self, softmax},
        module::{conv_transpose2d, interpolate},
        ops::{ConvTransposeOptions, InterpolateMode, InterpolateOptions},
    },
};

use super::{EPSILON, Norm};

/// [`super::conv2d`].
pub fn conv2d(x: Tensor<4>, conv: &Conv2d, residual: Option<Tensor<4>>) -> Tensor<4> {
    let answer = conv.forward(x);
    match residual {
        Some(residual) => residual + answer,
        None => answer,
    }
}

/// [`super::norm`].
pub fn norm(x: Tensor<4>, norm: Norm) -> Tensor<4> {
    let dims @ [n, c, h, w] = x.dims();
    let groups = x.reshape([n, norm.groups, c / norm.groups * h * w]);
    // Differences from a value of the group: of a bright picture's mean too little is left in an f32.
    let groups = groups.clone() - groups.narrow(2, 0, 1);
    let centred = groups.clone() - groups.mean_dim(2);
    let variance = centred.clone().square().mean_dim(2);
    let normalised = (centred / (variance + EPSILON).sqrt()).reshape(dims);
    let of_channels = |t: Tensor<1>| t.reshape([1, c, 1, 1]);
    let z = normalised * of_channels(norm.gamma) + of_channels(norm.beta);
    let z = match norm.modulation {
        Some(modulation) => modulate(z, modulation),
        None => z,
    };
    if norm.silu { activation::silu(z) } else { z }
}

/// z·(1 + scale) + shift.
fn modulate(z: Tensor<4>, modulation: Tensor<2>) -> Tensor<4> {
    let [n, c, ..] = z.dims();
    let both = modulation.reshape([n, 2 * c, 1, 1]);
    z * (both.clone().narrow(1, 0, c) + 1.0) + both.narrow(1, c, c)
}

/// [`super::modulate_silu`].
pub fn modulate_silu(x: Tensor<4>, modulation: Tensor<2>) -> Tensor<4> {
    activation::silu(modulate(x, modulation))
}

/// [`super::modulate_silu_back`].
pub fn modulate_silu_back(gradient: Tensor<4>, x: Tensor<4>, modulation: Tensor<2>) -> Tensor<4> {
    let [n, c, ..] = x.dims();
    let scale = modulation.clone().narrow(1, 0, c).reshape([n, c, 1, 1]) + 1.0;
    let z = modulate(x, modulation);
    let s = activation::sigmoid(z.clone());
    // SiLU' = s + z·s·(1 − s)
    let slope = s.clone() + z * s.clone() * (-s + 1.0);
    gradient * slope * scale
}

/// [`super::conv2d_back`].
pub fn conv2d_back(gradient: Tensor<4>, conv: &Conv2d, size: [usize; 2]) -> Tensor<4> {
    let [_, _, h, w] = gradient.dims();
    let padding = conv.kernel_size.map(|k| k / 2);
    // Of several sizes that a stride makes the same, the one that is wanted.
    let left = std::array::from_fn(|i| {
        size[i] + 2 * padding[i] - (([h, w][i] - 1) * conv.stride[i] + conv.kernel_size[i])
    });
    let options = ConvTransposeOptions::new(conv.stride, padding, left, [1, 1], 1);
    conv_transpose2d(gradient, conv.weight.val(), None, options)
}

/// [`super::upsample`].
pub fn upsample(coarse: Tensor<4>, fine: Option<Tensor<4>>) -> Tensor<4> {
    let [_, _, h, w] = coarse.dims();
    let nearest =
        InterpolateOptions::new(InterpolateMode::Nearest).with_output_size([2 * h, 2 * w]);
    let large = interpolate(coarse, nearest);
    match fine {
        Some(fine) => large + fine,
        None => large,
    }
}

/// [`super::attend`].
pub fn attend(queries: Tensor<4>, keys_values: Tensor<4>, heads: usize) -> Tensor<4> {
    let [n, c, h, w] = queries.dims();
    let [_, _, keys, across] = keys_values.dims();
    let d = c / heads;
    let part = |from: usize| -> Tensor<4> {
        let part = keys_values.clone().narrow(1, from, c);
        part.reshape([n, heads, d, keys * across])
    };
    let q: Tensor<4> = queries.reshape([n, heads, d, h * w]);
    let scores = (q / (d as f64).sqrt()).swap_dims(2, 3).matmul(part(0));
    // [.., d, keys] × [.., keys, queries]
    let mixed = part(c).matmul(softmax(scores, 3).swap_dims(2, 3));
    mixed.reshape([n, c, h, w])
}

/// [`super::linear`].
pub fn linear(x: Tensor<2>, linear: &Linear, residual: Option<Tensor<2>>, silu: bool) -> Tensor<2> {
    let answer = linear.forward(x);
    let answer = match residual {
        Some(residual) => answer + residual,
        None => answer,
    };
    if silu {
        activation::silu(answer)
    } else {
        answer
    }
}

/// [`super::waves`].
pub fn waves(x: Tensor<1>, frequencies: Vec<f32>) -> Tensor<2> {
    let row = Tensor::<1>::from_floats(frequencies.as_slice(), &x.device());
    let angles = x.unsqueeze_dim::<2>(1) * row.unsqueeze_dim(0);
    Tensor::cat(vec![angles.clone().cos(), angles.sin()], 1)
}
