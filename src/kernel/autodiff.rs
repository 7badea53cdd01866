//! The gradients of the operators on Flex.

use burn::backend::{
    Autodiff, Flex,
    autodiff::{
        NodeId,
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    flex::FlexTensor,
    tensor::FloatTensor,
};

use super::{
    conv::{Padded, Shape, WeightGradient},
    flex::{
        Kernels, NormParameters, Pictures, each, each_two, each_with, of_answer, of_pictures,
        plain, shape, tensor,
    },
    maybe::Maybe,
    silu::silu_slope,
    vectors::vectorised,
};

type Tracked<C> = FloatTensor<Autodiff<Flex, C>>;

impl<C: CheckpointStrategy> Kernels for Autodiff<Flex, C> {
    fn conv2d_kernel(
        x: Tracked<C>,
        weight: Tracked<C>,
        bias: Tracked<C>,
        residual: Maybe<Self>,
        stride: usize,
        padding: usize,
    ) -> Tracked<C> {
        let inputs = (x.primitive().clone(), weight.primitive().clone());
        let answer = |residual: Option<FlexTensor>| {
            let (x, weight) = inputs.clone();
            Flex::conv2d_kernel(
                x,
                weight,
                bias.primitive().clone(),
                residual.into(),
                stride,
                padding,
            )
        };
        let state = (inputs.clone(), stride, padding);
        match residual.option() {
            Some(residual) => {
                let out = answer(Some(residual.primitive().clone()));
                let nodes = [x.node(), weight.node(), bias.node(), residual.node()];
                match Convolved.prepare::<C>(nodes).compute_bound().stateful() {
                    OpsKind::Tracked(prep) => prep.finish(state, out),
                    OpsKind::UnTracked(prep) => prep.finish(out),
                }
            }
            None => {
                let out = answer(None);
                let nodes = [x.node(), weight.node(), bias.node()];
                match Convolved.prepare::<C>(nodes).compute_bound().stateful() {
                    OpsKind::Tracked(prep) => prep.finish(state, out),
                    OpsKind::UnTracked(prep) => prep.finish(out),
                }
            }
        }
    }

    fn norm_kernel(
        x: Tracked<C>,
        gamma: Tracked<C>,
        beta: Tracked<C>,
        modulation: Maybe<Self>,
        groups: usize,
        silu: bool,
    ) -> Tracked<C> {
        let inputs = [&x, &gamma, &beta].map(|input| input.primitive().clone());
        let answer = |modulation: Option<FlexTensor>| {
            let [x, gamma, beta] = inputs.clone();
            Flex::norm_kernel(x, gamma, beta, modulation.into(), groups, silu)
        };
        match modulation.option() {
            Some(modulation) => {
                let numbers = modulation.primitive().clone();
                let out = answer(Some(numbers.clone()));
                let nodes = [x.node(), gamma.node(), beta.node(), modulation.node()];
                match Normed.prepare::<C>(nodes).compute_bound().stateful() {
                    OpsKind::Tracked(prep) => {
                        prep.finish((inputs, Some(numbers), groups, silu), out)
                    }
                    OpsKind::UnTracked(prep) => prep.finish(out),
                }
            }
            None => {
                let out = answer(None);
                let nodes = [x.node(), gamma.node(), beta.node()];
                match Normed.prepare::<C>(nodes).compute_bound().stateful() {
                    OpsKind::Tracked(prep) => prep.finish((inputs, None, groups, silu), out),
                    OpsKind::UnTracked(prep) => prep.finish(out),
                }
            }
        }
    }

    fn norm_conv2d_kernel(
        x: Tracked<C>,
        gamma: Tracked<C>,
        beta: Tracked<C>,
        modulation: Maybe<Self>,
        groups: usize,
        silu: bool,
        weight: Tracked<C>,
        bias: Tracked<C>,
        residual: Maybe<Self>,
        stride: usize,
        padding: usize,
    ) -> Tracked<C> {
        let x = Self::norm_kernel(x, gamma, beta, modulation, groups, silu);
        Self::conv2d_kernel(x, weight, bias, residual, stride, padding)
    }

    fn modulate_silu_kernel(x: Tracked<C>, modulation: Tracked<C>) -> Tracked<C> {
        let inputs = [&x, &modulation].map(|input| input.primitive().clone());
        let [numbers, by] = inputs.clone();
        let out = Flex::modulate_silu_kernel(numbers, by);
        let nodes = [x.node(), modulation.node()];
        match Modulated.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(inputs, out),
            OpsKind::UnTracked(prep) => prep.finish(out),
        }
    }

    fn conv2d_back_kernel(
        gradient: Tracked<C>,
        weight: Tracked<C>,
        height: usize,
        width: usize,
        stride: usize,
        padding: usize,
    ) -> Tracked<C> {
        let inputs = [&gradient, &weight].map(|input| input.primitive().clone());
        let [numbers, by] = inputs.clone();
        let out = Flex::conv2d_back_kernel(numbers, by, height, width, stride, padding);
        let nodes = [gradient.node(), weight.node()];
        match PulledBack.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let shape = Shape::of([height, width], &inputs[1], stride, padding);
                prep.finish((inputs, shape), out)
            }
            OpsKind::UnTracked(prep) => prep.finish(out),
        }
    }

    fn upsample_kernel(coarse: Tracked<C>, fine: Maybe<Self>) -> Tracked<C> {
        let numbers = coarse.primitive().clone();
        match fine.option() {
            Some(fine) => {
                let out = Flex::upsample_kernel(numbers, Maybe::Some(fine.primitive().clone()));
                let prep = Upsampled.prepare::<C>([coarse.node(), fine.node()]);
                prep.compute_bound().stateless(out)
            }
            None => {
                let out = Flex::upsample_kernel(numbers, Maybe::None);
                let prep = Upsampled.prepare::<C>([coarse.node()]);
                prep.compute_bound().stateless(out)
            }
        }
    }
}

/// Registers a gradient where somebody wants it.
fn register(grads: &mut Gradients, node: Option<NodeId>, gradient: impl FnOnce() -> FlexTensor) {
    if let Some(node) = node {
        grads.register::<Flex>(node, gradient());
    }
}

#[derive(Debug)]
struct Convolved;

/// The picture and the weights, the stride and the padding.
type ConvolvedState = ((FlexTensor, FlexTensor), usize, usize);

impl Convolved {
    /// For the picture, the weights, the bias and, where there is one, the residual.
    fn pull_back<const N: usize>(ops: Ops<ConvolvedState, N>, grads: &mut Gradients) {
        let gradient = grads.consume::<Flex>(&ops.node);
        let ((x, weight), stride, padding) = ops.state;
        let wanted = ops.parents.map(|parent| parent.map(|node| node.id));
        let shape = shape(&x, &weight, stride, padding);
        let answer = Pictures::of(&gradient);
        register(grads, wanted[0], || of_pictures(&shape, &weight, &answer));
        register(grads, wanted[1], || of_weights(&shape, &x, &answer));
        register(grads, wanted[2], || of_bias(&answer));
        if let Some(&residual) = wanted.get(3) {
            register(grads, residual, || gradient.clone());
        }
    }
}

impl Backward<Flex, 3> for Convolved {
    type State = ConvolvedState;

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        Self::pull_back(ops, grads);
    }
}

impl Backward<Flex, 4> for Convolved {
    type State = ConvolvedState;

    fn backward(self, ops: Ops<Self::State, 4>, grads: &mut Gradients, _: &mut Checkpointer) {
        Self::pull_back(ops, grads);
    }
}

/// Parts of a batch that are summed on their own: a fixed number, so that the sum is the same on any
/// number of threads.
const PARTS: usize = 4;

fn of_weights(shape: &Shape, x: &FlexTensor, answer: &Pictures<'_>) -> FlexTensor {
    let &Shape {
        input,
        output,
        kernel,
        ..
    } = shape;
    let pictures = Pictures::of(x);
    let n = pictures.len();
    let len = kernel * kernel * input * output;
    let parts = PARTS.min(n).max(1);
    let mut sums = vec![0.0; parts * len];
    each_with(
        &mut sums,
        parts,
        || Padded::of(shape),
        |padded, part, sum| {
            for i in part * n / parts..(part + 1) * n / parts {
                padded.fill(pictures.one(i), shape.size[1], shape.padding, |from, to| {
                    to.copy_from_slice(from);
                });
                let gradient = WeightGradient {
                    shape,
                    padded,
                    gradient: answer.one(i),
                    sum,
                };
                gradient.run();
            }
        },
    );
    let sum = added(&sums, len);
    // kernel × kernel × input × output → output × input × kernel × kernel
    let taps = kernel * kernel;
    let mut weights = vec![0.0; len];
    for (k, row) in sum.chunks_exact(output).enumerate() {
        let (tap, i) = (k / input, k % input);
        for (o, value) in row.iter().enumerate() {
            weights[(o * input + i) * taps + tap] = *value;
        }
    }
    numbers(weights, &[output, input, kernel, kernel])
}

fn of_bias(answer: &Pictures<'_>) -> FlexTensor {
    numbers(added(&answer.values, answer.channels), &[answer.channels])
}

/// The sum of rows of `len` numbers.
fn added(rows: &[f32], len: usize) -> Vec<f32> {
    let mut sum = vec![0.0; len];
    for row in rows.chunks_exact(len) {
        for (sum, value) in sum.iter_mut().zip(row) {
            *sum += value;
        }
    }
    sum
}

/// Of rows of `width` numbers, `len` of each.
fn rows(values: &[f32], width: usize, from: usize, len: usize) -> Vec<f32> {
    let rows = values.chunks_exact(width);
    rows.flat_map(|row| &row[from..from + len])
        .copied()
        .collect()
}

/// Values in the order of their dimensions.
fn numbers(values: Vec<f32>, dims: &[usize]) -> FlexTensor {
    let data = burn::tensor::TensorData::new(values, dims.to_vec());
    FlexTensor::from_data(data)
}

#[derive(Debug)]
struct PulledBack;

impl Backward<Flex, 2> for PulledBack {
    /// The gradient that was pulled back, and the weights.
    type State = ([FlexTensor; 2], Shape);

    /// ⟨v, Jᵀ·g⟩ = ⟨J·v, g⟩: with v for a picture, the convolution's own answer and weight gradients.
    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let v = grads.consume::<Flex>(&ops.node);
        let ([gradient, weight], shape) = ops.state;
        let wanted = ops.parents.map(|parent| parent.map(|node| node.id));
        register(grads, wanted[0], || {
            of_answer(&shape, &weight, &Pictures::of(&v))
        });
        register(grads, wanted[1], || {
            of_weights(&shape, &v, &Pictures::of(&gradient))
        });
    }
}

#[derive(Debug)]
struct Normed;

/// The picture, γ and β, the modulation, the number of groups and whether SiLU follows.
type NormedState = ([FlexTensor; 3], Option<FlexTensor>, usize, bool);

impl Normed {
    /// For the picture, γ, β and, where there is one, the modulation.
    fn pull_back<const N: usize>(ops: Ops<NormedState, N>, grads: &mut Gradients) {
        let gradient = grads.consume::<Flex>(&ops.node);
        let ([x, gamma, beta], modulation, groups, silu) = ops.state;
        let pictures = Pictures::of(&x);
        let answer = Pictures::of(&gradient);
        let parameters = NormParameters::new(&gamma, &beta, modulation, groups, silu);
        let (n, c) = (pictures.len(), pictures.channels);
        let mut of_x = vec![0.0; pictures.values.len()];
        // Of each picture: γ, β and the modulation.
        let mut of_parameters = vec![0.0; n * 4 * c];
        each_two([&mut of_x, &mut of_parameters], n, |i, [x, own]| {
            let norm = parameters.of(i);
            norm.gradient(pictures.one(i), answer.one(i), x, own);
        });
        let rows = |from: usize, len: usize| rows(&of_parameters, 4 * c, from, len);
        let wanted = ops.parents.map(|parent| parent.map(|node| node.id));
        register(grads, wanted[0], || pictures.tensor(of_x));
        register(grads, wanted[1], || numbers(added(&rows(0, c), c), &[c]));
        register(grads, wanted[2], || numbers(added(&rows(c, c), c), &[c]));
        if let Some(&modulation) = wanted.get(3) {
            register(grads, modulation, || {
                numbers(rows(2 * c, 2 * c), &[n, 2 * c])
            });
        }
    }
}

impl Backward<Flex, 3> for Normed {
    type State = NormedState;

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        Self::pull_back(ops, grads);
    }
}

impl Backward<Flex, 4> for Normed {
    type State = NormedState;

    fn backward(self, ops: Ops<Self::State, 4>, grads: &mut Gradients, _: &mut Checkpointer) {
        Self::pull_back(ops, grads);
    }
}

#[derive(Debug)]
struct Modulated;

impl Backward<Flex, 2> for Modulated {
    /// The picture and the modulation.
    type State = [FlexTensor; 2];

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<Flex>(&ops.node);
        let [x, modulation] = ops.state;
        let (pictures, answer) = (Pictures::of(&x), Pictures::of(&gradient));
        let modulation = plain(&modulation);
        let (n, c) = (pictures.len(), pictures.channels);
        let mut of_x = vec![0.0; pictures.values.len()];
        // Of each picture: the scales, then the shifts.
        let mut of_modulation = vec![0.0; n * 2 * c];
        each_two([&mut of_x, &mut of_modulation], n, |i, [x, own]| {
            let (of_scale, of_shift) = own.split_at_mut(c);
            let (scale, shift) = modulation[2 * c * i..2 * c * (i + 1)].split_at(c);
            vectorised(
                #[inline(always)]
                || {
                    let rows = pictures.one(i).chunks_exact(c);
                    let rows = rows.zip(answer.one(i).chunks_exact(c));
                    for (x, (pixel, gradient)) in x.chunks_exact_mut(c).zip(rows) {
                        let values = x.iter_mut().zip(pixel.iter().zip(gradient));
                        let factors = scale.iter().zip(shift);
                        let sums = of_scale.iter_mut().zip(&mut *of_shift);
                        for (((x, (value, gradient)), (scale, shift)), (of_scale, of_shift)) in
                            values.zip(factors).zip(sums)
                        {
                            let factor = 1.0 + scale;
                            let before = gradient * silu_slope(value * factor + shift);
                            *of_scale += before * value;
                            *of_shift += before;
                            *x = before * factor;
                        }
                    }
                },
            );
        });
        let wanted = ops.parents.map(|parent| parent.map(|node| node.id));
        register(grads, wanted[0], || pictures.tensor(of_x));
        register(grads, wanted[1], || numbers(of_modulation, &[n, 2 * c]));
    }
}

#[derive(Debug)]
struct Upsampled;

impl Upsampled {
    /// For the coarse picture and, where there is one, the fine one.
    fn pull_back<const N: usize>(ops: Ops<(), N>, grads: &mut Gradients) {
        let gradient = grads.consume::<Flex>(&ops.node);
        let answer = Pictures::of(&gradient);
        let wanted = ops.parents.map(|parent| parent.map(|node| node.id));
        let [h, w] = answer.size.map(|s| s / 2);
        let (n, c) = (answer.len(), answer.channels);
        register(grads, wanted[0], || {
            let mut out = vec![0.0; n * h * w * c];
            each(&mut out, n, |i, out| {
                let rows = answer.one(i).chunks_exact(2 * w * c).enumerate();
                for (y, row) in rows {
                    let out = &mut out[y / 2 * w * c..][..w * c];
                    let pairs = row.chunks_exact(2 * c).zip(out.chunks_exact_mut(c));
                    for (pair, out) in pairs {
                        let (left, right) = pair.split_at(c);
                        for ((out, left), right) in out.iter_mut().zip(left).zip(right) {
                            *out += left + right;
                        }
                    }
                }
            });
            tensor(out, [n, c, h, w])
        });
        if let Some(&fine) = wanted.get(1) {
            register(grads, fine, || gradient.clone());
        }
    }
}

impl Backward<Flex, 1> for Upsampled {
    type State = ();

    fn backward(self, ops: Ops<(), 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        Self::pull_back(ops, grads);
    }
}

impl Backward<Flex, 2> for Upsampled {
    type State = ();

    fn backward(self, ops: Ops<(), 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        Self::pull_back(ops, grads);
    }
}
