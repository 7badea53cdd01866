//! Every kernel beside its slow twin of Burn's own operators, on every shape that a model uses and some that
//! none does; and their gradients.

#![cfg(feature = "flex")]

use burn::{
    module::Param,
    nn::{
        PaddingConfig2d,
        conv::{Conv2d, Conv2dConfig},
    },
    tensor::{Device, Distribution, Tensor},
};
use unnoise::kernel::{self, Norm, plain};

const TOLERANCE: f32 = 1e-4;

/// Height and width, channels in and out, kernel, stride.
const CONVOLUTIONS: [([usize; 2], [usize; 2], usize, usize); 26] = [
    // The U-Net.
    ([28, 28], [1, 16], 3, 1),
    ([28, 28], [16, 16], 3, 1),
    ([28, 28], [16, 48], 3, 2),
    ([14, 14], [48, 48], 3, 1),
    ([14, 14], [48, 96], 3, 2),
    ([7, 7], [96, 96], 3, 1),
    ([7, 7], [96, 288], 1, 1),
    ([7, 7], [96, 48], 1, 1),
    ([14, 14], [48, 16], 1, 1),
    ([28, 28], [16, 1], 3, 1),
    // The scorer and the predictor of the noise level.
    ([28, 28], [1, 32], 5, 1),
    ([28, 28], [32, 48], 3, 2),
    ([7, 7], [96, 112], 3, 1),
    // The autoencoder.
    ([64, 64], [3, 32], 3, 2),
    ([32, 32], [32, 64], 3, 2),
    ([8, 8], [96, 8], 3, 1),
    ([8, 8], [4, 96], 3, 1),
    ([32, 32], [32, 12], 3, 1),
    // The text model and CLIP.
    ([8, 8], [4, 64], 3, 1),
    ([8, 8], [64, 152], 3, 2),
    ([4, 4], [152, 152], 3, 1),
    ([64, 64], [4, 16], 3, 2),
    // None.
    ([1, 1], [8, 8], 3, 1),
    ([5, 3], [7, 5], 3, 1),
    ([6, 9], [3, 17], 5, 2),
    ([2, 2], [1, 1], 1, 1),
];

fn random<const D: usize>(dims: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(dims, Distribution::Uniform(-1.0, 1.0), device)
}

fn convolution([input, output]: [usize; 2], k: usize, stride: usize, device: &Device) -> Conv2d {
    let border = k / 2;
    let mut conv = Conv2dConfig::new([input, output], [k, k])
        .with_stride([stride, stride])
        .with_padding(PaddingConfig2d::Explicit(border, border, border, border))
        .init(device);
    conv.bias = Some(Param::from_tensor(random([output], device)));
    conv
}

fn normalisation(n: usize, c: usize, modulated: bool, silu: bool, device: &Device) -> Norm {
    Norm {
        gamma: random([c], device) + 1.0,
        beta: random([c], device),
        modulation: modulated.then(|| random([n, 2 * c], device)),
        groups: groups(c),
        silu,
    }
}

/// As many as a model would have, or one.
fn groups(c: usize) -> usize {
    if c.is_multiple_of(8) { c / 8 } else { 1 }
}

fn close<const D: usize>(ours: Tensor<D>, theirs: Tensor<D>, what: &str) {
    assert_eq!(ours.dims(), theirs.dims(), "{what}");
    let largest = theirs.clone().abs().max().into_scalar::<f32>().max(1.0);
    let difference = (ours - theirs).abs().max().into_scalar::<f32>();
    assert!(difference <= TOLERANCE * largest, "{what}: {difference}");
}

#[test]
fn convolutions_agree() {
    let device = Device::flex();
    for (size @ [h, w], channels, k, stride) in CONVOLUTIONS {
        for n in [1, 3] {
            let what = format!("{size:?} {channels:?} k{k} s{stride} n{n}");
            let conv = convolution(channels, k, stride, &device);
            let x = random([n, channels[0], h, w], &device);
            let theirs = plain::conv2d(x.clone(), &conv, None);
            close(
                kernel::conv2d(x.clone(), &conv, None),
                theirs.clone(),
                &what,
            );
            let residual = random(theirs.dims(), &device);
            let theirs = plain::conv2d(x.clone(), &conv, Some(residual.clone()));
            close(
                kernel::conv2d(x.clone(), &conv, Some(residual.clone())),
                theirs,
                &what,
            );
            for (modulated, silu) in [(false, true), (true, true), (false, false)] {
                let norm = normalisation(n, channels[0], modulated, silu, &device);
                let theirs = plain::conv2d(plain::norm(x.clone(), norm.clone()), &conv, None);
                let ours = kernel::norm_conv2d(x.clone(), norm.clone(), &conv, None);
                close(ours, theirs, &what);
                let theirs = plain::norm(x.clone(), norm.clone());
                close(kernel::norm(x.clone(), norm), theirs, &what);
            }
        }
    }
}

#[test]
fn what_comes_in_may_lie_in_any_order() {
    let device = Device::flex();
    let conv = convolution([8, 16], 3, 1, &device);
    // As the kernels leave it, turned, a part of a larger one.
    let pictures = [
        kernel::conv2d(
            random([2, 3, 6, 5], &device),
            &convolution([3, 8], 3, 1, &device),
            None,
        ),
        random([2, 8, 5, 6], &device).swap_dims(2, 3),
        random([2, 20, 6, 5], &device).narrow(1, 3, 8),
        random([4, 8, 6, 5], &device).narrow(0, 1, 2),
        random([2, 8, 9, 5], &device).narrow(2, 2, 6),
    ];
    for (i, x) in pictures.into_iter().enumerate() {
        let theirs = plain::conv2d(x.clone(), &conv, None);
        close(
            kernel::conv2d(x.clone(), &conv, None),
            theirs,
            &format!("picture {i}"),
        );
        let modulation = random([2, 16], &device);
        let theirs = plain::modulate_silu(x.clone(), modulation.clone());
        close(
            kernel::modulate_silu(x, Some(modulation)),
            theirs,
            &format!("picture {i}"),
        );
    }
}

#[test]
fn weights_that_changed_are_packed_anew() {
    let device = Device::flex();
    let mut conv = convolution([8, 8], 3, 1, &device);
    let x = random([1, 8, 6, 6], &device);
    for _ in 0..3 {
        let theirs = plain::conv2d(x.clone(), &conv, None);
        close(kernel::conv2d(x.clone(), &conv, None), theirs, "before");
        conv.weight = conv.weight.map(|weight| weight * 2.0);
    }
}

#[test]
fn enlarging_agrees() {
    let device = Device::flex();
    for [n, c, h, w] in [[1, 48, 7, 7], [2, 16, 14, 14], [3, 5, 1, 2]] {
        let coarse = random([n, c, h, w], &device);
        let fine = random([n, c, 2 * h, 2 * w], &device);
        let theirs = plain::upsample(coarse.clone(), Some(fine.clone()));
        close(
            kernel::upsample(coarse.clone(), Some(fine)),
            theirs,
            "with a fine picture",
        );
        let theirs = plain::upsample(coarse.clone(), None);
        close(kernel::upsample(coarse, None), theirs, "alone");
    }
}

#[test]
fn pulling_back_agrees() {
    let device = Device::flex();
    for (size @ [h, w], channels @ [input, _], k, stride) in CONVOLUTIONS {
        for n in [1, 3] {
            let what = format!("{size:?} {channels:?} k{k} s{stride} n{n}");
            let conv = convolution(channels, k, stride, &device);
            let x = random([n, input, h, w], &device);
            let gradient = random(kernel::conv2d(x.clone(), &conv, None).dims(), &device);
            close(
                kernel::conv2d_back(gradient.clone(), &conv, size),
                plain::conv2d_back(gradient, &conv, size),
                &what,
            );
            let modulation = random([n, 2 * input], &device);
            let gradient = random(x.dims(), &device);
            close(
                kernel::modulate_silu_back(gradient.clone(), x.clone(), Some(modulation.clone())),
                plain::modulate_silu_back(gradient, x, modulation),
                &what,
            );
        }
    }
}

#[test]
fn attention_agrees() {
    let device = Device::flex();
    for (n, c, [h, w], keys, heads) in [
        (1, 96, [7, 7], 49, 4),
        (2, 152, [4, 4], 24, 4),
        (1, 6, [1, 3], 1, 2),
    ] {
        // Queries, keys and values as one convolution leaves them.
        let qkv = kernel::conv2d(
            random([n, c, h, w], &device),
            &convolution([c, 3 * c], 1, 1, &device),
            None,
        );
        let parts = || (qkv.clone().narrow(1, 0, c), qkv.clone().narrow(1, c, 2 * c));
        let theirs = plain::attend(parts().0, parts().1, heads);
        close(
            kernel::attend(parts().0, parts().1, heads),
            theirs,
            "to each other",
        );
        let tokens = random([n, keys, 2 * c], &device)
            .swap_dims(1, 2)
            .unsqueeze_dim(3);
        let theirs = plain::attend(parts().0, tokens.clone(), heads);
        close(
            kernel::attend(parts().0, tokens, heads),
            theirs,
            "to tokens",
        );
    }
}

#[test]
fn a_bright_picture_is_normalised() {
    let device = Device::flex();
    let given = normalisation(1, 16, false, false, &device);
    let noise: Tensor<4> = random([1, 16, 8, 8], &device);
    let flat = Tensor::<4>::full([1, 16, 8, 8], 10_000.3, &device);
    let beta = given.beta.clone().reshape([1, 16, 1, 1]);
    type Way = fn(Tensor<4>, Norm) -> Tensor<4>;
    let ways: [(&str, Way); 2] = [("the kernel", kernel::norm), ("its twin", plain::norm)];
    for (which, norm) in ways {
        let dark = norm(noise.clone(), given.clone());
        // A picture of a thousand has few digits left for the noise.
        let difference = (norm(noise.clone() + 1000.0, given.clone()) - dark).abs();
        assert!(difference.max().into_scalar::<f32>() < 1e-3, "{which}");
        let answer = norm(flat.clone(), given.clone());
        let beta = beta.clone().expand([1, 16, 8, 8]);
        close(answer, beta, &format!("{which}: one brightness"));
    }
}

/// The gradients of Σ answer·weights with respect to the inputs, by the kernels and by Burn's operators.
fn gradients_agree<const D: usize>(
    inputs: Vec<Tensor<4>>,
    ours: impl Fn(&[Tensor<4>]) -> Tensor<D>,
    theirs: impl Fn(&[Tensor<4>]) -> Tensor<D>,
    what: &str,
) {
    let gradients = |f: &dyn Fn(&[Tensor<4>]) -> Tensor<D>| -> Vec<Tensor<4>> {
        let inputs: Vec<_> = inputs.iter().map(|x| x.clone().require_grad()).collect();
        let answer = f(&inputs);
        let count = answer.dims().iter().product::<usize>() as i64;
        let device = answer.device();
        let weights = Tensor::<1, burn::tensor::Int>::arange(0..count, &device).float();
        let weights = (weights * 0.7).sin().reshape(answer.dims());
        let of = (answer * weights).sum().backward();
        inputs
            .iter()
            .map(|x| Tensor::from_inner(x.grad(&of).expect("a gradient")))
            .collect()
    };
    let (ours, theirs) = (gradients(&ours), gradients(&theirs));
    for (i, (ours, theirs)) in ours.into_iter().zip(theirs).enumerate() {
        close(ours.inner(), theirs.inner(), &format!("{what}, input {i}"));
    }
}

/// A convolution whose parameters are [.., .., k, k] and [1, output, 1, 1] tensors.
fn with(conv: &Conv2d, weight: &Tensor<4>, bias: &Tensor<4>) -> Conv2d {
    let [output, ..] = weight.dims();
    let mut conv = conv.clone();
    conv.weight = Param::initialized(conv.weight.id, weight.clone());
    conv.bias = Some(Param::initialized(
        conv.bias.as_ref().expect("a bias").id,
        bias.clone().reshape([output]),
    ));
    conv
}

#[test]
fn gradients_of_convolutions_agree() {
    let device = Device::flex().autodiff();
    for (size @ [h, w], channels @ [input, output], k, stride) in CONVOLUTIONS {
        let what = format!("{size:?} {channels:?} k{k} s{stride}");
        let conv = convolution(channels, k, stride, &device);
        let n = 5;
        let out = |s: usize| (s + 2 * (k / 2) - k) / stride + 1;
        let inputs = vec![
            random([n, input, h, w], &device),
            random([output, input, k, k], &device),
            random([1, output, 1, 1], &device),
            random([n, output, out(h), out(w)], &device),
        ];
        gradients_agree(
            inputs.clone(),
            |t| kernel::conv2d(t[0].clone(), &with(&conv, &t[1], &t[2]), Some(t[3].clone())),
            |t| plain::conv2d(t[0].clone(), &with(&conv, &t[1], &t[2]), Some(t[3].clone())),
            &what,
        );
        gradients_agree(
            inputs[..3].to_vec(),
            |t| kernel::conv2d(t[0].clone(), &with(&conv, &t[1], &t[2]), None),
            |t| plain::conv2d(t[0].clone(), &with(&conv, &t[1], &t[2]), None),
            &what,
        );
        let bias = &inputs[2];
        gradients_agree(
            vec![inputs[3].clone(), inputs[1].clone()],
            |t| kernel::conv2d_back(t[0].clone(), &with(&conv, &t[1], bias), size),
            |t| plain::conv2d_back(t[0].clone(), &with(&conv, &t[1], bias), size),
            &format!("{what}, pulled back"),
        );
    }
}

#[test]
fn gradients_of_norms_agree() {
    let device = Device::flex().autodiff();
    for [n, c, h, w] in [[3, 16, 7, 5], [2, 48, 3, 3], [1, 5, 2, 2], [2, 8, 1, 9]] {
        let inputs = [
            random([n, c, h, w], &device),
            random([1, c, 1, 1], &device) + 1.0,
            random([1, c, 1, 1], &device),
            random([n, 2 * c, 1, 1], &device),
        ];
        for (modulated, silu) in [(false, true), (true, true), (false, false)] {
            let norm = |t: &[Tensor<4>]| Norm {
                gamma: t[1].clone().reshape([c]),
                beta: t[2].clone().reshape([c]),
                modulation: modulated.then(|| t[3].clone().reshape([n, 2 * c])),
                groups: groups(c),
                silu,
            };
            gradients_agree(
                inputs[..if modulated { 4 } else { 3 }].to_vec(),
                |t| kernel::norm(t[0].clone(), norm(t)),
                |t| plain::norm(t[0].clone(), norm(t)),
                &format!("{n} {c} {h} {w}, modulated {modulated}, SiLU {silu}"),
            );
        }
        gradients_agree(
            vec![inputs[0].clone(), inputs[3].clone()],
            |t| kernel::modulate_silu(t[0].clone(), Some(t[1].clone().reshape([n, 2 * c]))),
            |t| plain::modulate_silu(t[0].clone(), t[1].clone().reshape([n, 2 * c])),
            "scaled and shifted",
        );
        gradients_agree(
            vec![inputs[0].clone(), random([n, c, 2 * h, 2 * w], &device)],
            |t| kernel::upsample(t[0].clone(), Some(t[1].clone())),
            |t| plain::upsample(t[0].clone(), Some(t[1].clone())),
            "enlarged and added",
        );
        gradients_agree(
            vec![inputs[0].clone()],
            |t| kernel::upsample(t[0].clone(), None),
            |t| plain::upsample(t[0].clone(), None),
            "enlarged",
        );
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let device = Device::flex();
    let conv = convolution([8, 8], 3, 1, &device);
    let norm = normalisation(1, 8, true, true, &device);
    let x: Tensor<4> = random([1, 8, 5, 5], &device);
    let f = |x: Tensor<4>| {
        kernel::norm_conv2d(x.clone(), norm.clone(), &conv, Some(x))
            .powi_scalar(2)
            .sum()
    };

    let tracked = Tensor::from_inner(x.clone()).require_grad();
    let lift = |t: Tensor<1>| Tensor::from_inner(t);
    let autodiff = Norm {
        gamma: lift(norm.gamma.clone()),
        beta: lift(norm.beta.clone()),
        modulation: norm.modulation.clone().map(Tensor::from_inner),
        ..norm.clone()
    };
    let mut lifted = conv.clone();
    lifted.weight = Param::from_tensor(Tensor::from_inner(conv.weight.val()));
    lifted.bias = Some(Param::from_tensor(lift(
        conv.bias.as_ref().expect("a bias").val(),
    )));
    let answer = kernel::norm_conv2d(tracked.clone(), autodiff, &lifted, Some(tracked.clone()));
    let gradients = answer.powi_scalar(2).sum().backward();
    let gradient: Vec<f32> = tracked
        .grad(&gradients)
        .expect("a gradient")
        .into_data()
        .iter()
        .collect();

    let values: Vec<f32> = x.into_data().iter().collect();
    let h = 1e-2;
    for i in (0..values.len()).step_by(13) {
        let at = |by: f32| {
            let mut moved = values.clone();
            moved[i] += by;
            let x = Tensor::<1>::from_floats(moved.as_slice(), &device).reshape([1, 8, 5, 5]);
            f(x).into_scalar::<f32>()
        };
        let slope = (at(h) - at(-h)) / (2.0 * h);
        let scale = gradient[i].abs().max(1.0);
        assert!(
            (slope - gradient[i]).abs() < 2e-2 * scale,
            "{i}: {slope}, {}",
            gradient[i]
        );
    }
}
