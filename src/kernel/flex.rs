//! The operators on Burn's CPU backend, Flex.
//!
//! A picture's channels lie side by side in memory here: tensors are [n, c, h, w] as everywhere, with the
//! strides of n × h × w × c. What comes in otherwise is laid out anew.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError, Weak},
};

use burn::{
    backend::{
        Backend, DType, Flex, TensorMetadata, backend_extension,
        flex::{FlexTensor, Layout},
        tensor::FloatTensor,
    },
    tensor::{Bytes, Shape as Dims},
};

use super::{
    attention::{Rows, attend},
    conv::{self, Padded, PictureGradient, Shape},
    maybe::Maybe,
    norm::{Affine, Norm, Statistics},
    silu::silu_slope,
    vectors::vectorised,
    way::Way,
};

/// Operators that a backend may have kernels for. See the functions of [`super`] for what they compute.
#[backend_extension(Autodiff, Flex)]
pub trait Kernels: Backend {
    /// [`super::conv2d`].
    fn conv2d_kernel(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        #[extension_type] residual: Maybe<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self>;

    /// [`super::norm`].
    fn norm_kernel(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        #[extension_type] modulation: Maybe<Self>,
        groups: usize,
        silu: bool,
    ) -> FloatTensor<Self>;

    /// [`super::norm_conv2d`]: [`Kernels::norm_kernel`], then [`Kernels::conv2d_kernel`].
    #[allow(clippy::too_many_arguments)]
    fn norm_conv2d_kernel(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        #[extension_type] modulation: Maybe<Self>,
        groups: usize,
        silu: bool,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        #[extension_type] residual: Maybe<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self>;

    /// [`super::modulate_silu`].
    fn modulate_silu_kernel(
        x: FloatTensor<Self>,
        modulation: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// [`super::conv2d_back`].
    fn conv2d_back_kernel(
        gradient: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        height: usize,
        width: usize,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self>;

    /// [`super::upsample`].
    fn upsample_kernel(
        coarse: FloatTensor<Self>,
        #[extension_type] fine: Maybe<Self>,
    ) -> FloatTensor<Self>;
}

/// Operators that have no gradient of their own.
#[backend_extension(Flex)]
pub trait UntrackedKernels: Backend {
    /// [`super::attend`].
    fn attend_kernel(
        queries: FloatTensor<Self>,
        keys_values: FloatTensor<Self>,
        heads: usize,
    ) -> FloatTensor<Self>;

    /// [`super::modulate_silu_back`].
    fn modulate_silu_back_kernel(
        gradient: FloatTensor<Self>,
        x: FloatTensor<Self>,
        modulation: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

impl Kernels for Flex {
    fn conv2d_kernel(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        residual: Maybe<Self>,
        stride: usize,
        padding: usize,
    ) -> FlexTensor {
        let job = Job::new(&x, &weight, bias, residual.option(), stride, padding);
        let pictures = Pictures::of(&x);
        job.run(&pictures, |padded, picture, _| {
            copy(&job.shape, padded, picture)
        })
    }

    fn norm_kernel(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        modulation: Maybe<Self>,
        groups: usize,
        silu: bool,
    ) -> FlexTensor {
        let parameters = NormParameters::new(&gamma, &beta, modulation.option(), groups, silu);
        let pictures = Pictures::of(&x);
        let mut out = vec![0.0; pictures.values.len()];
        each(&mut out, pictures.len(), |i, out| {
            let picture = pictures.one(i);
            let statistics = Statistics::of(picture, pictures.channels, groups);
            parameters
                .of(i)
                .affine(statistics)
                .apply(picture, silu, out);
        });
        pictures.tensor(out)
    }

    fn norm_conv2d_kernel(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        modulation: Maybe<Self>,
        groups: usize,
        silu: bool,
        weight: FlexTensor,
        bias: FlexTensor,
        residual: Maybe<Self>,
        stride: usize,
        padding: usize,
    ) -> FlexTensor {
        let job = Job::new(&x, &weight, bias, residual.option(), stride, padding);
        let parameters = NormParameters::new(&gamma, &beta, modulation.option(), groups, silu);
        let pictures = Pictures::of(&x);
        let shape = &job.shape;
        job.run(&pictures, |padded, picture, i| {
            let statistics = Statistics::of(picture, pictures.channels, groups);
            let affine = parameters.of(i).affine(statistics);
            padded.fill(picture, shape.size[1], shape.padding, |from, to| {
                affine.apply(from, silu, to);
            });
        })
    }

    fn modulate_silu_kernel(x: FlexTensor, modulation: FlexTensor) -> FlexTensor {
        let pictures = Pictures::of(&x);
        let modulation = plain(&modulation);
        let c = pictures.channels;
        let mut out = vec![0.0; pictures.values.len()];
        each(&mut out, pictures.len(), |i, out| {
            let (scale, shift) = modulation[2 * c * i..2 * c * (i + 1)].split_at(c);
            let affine = Affine::new(scale.iter().map(|s| 1.0 + s).collect(), shift.to_vec());
            affine.apply(pictures.one(i), true, out);
        });
        pictures.tensor(out)
    }

    fn conv2d_back_kernel(
        gradient: FlexTensor,
        weight: FlexTensor,
        height: usize,
        width: usize,
        stride: usize,
        padding: usize,
    ) -> FlexTensor {
        let shape = Shape::of([height, width], &weight, stride, padding);
        of_pictures(&shape, &weight, &Pictures::of(&gradient))
    }

    fn upsample_kernel(coarse: FlexTensor, fine: Maybe<Self>) -> FlexTensor {
        let coarse = Pictures::of(&coarse);
        let fine = fine.option();
        let fine = fine.as_ref().map(Pictures::of);
        let (n, channels) = (coarse.len(), coarse.channels);
        let [h, w] = coarse.size;
        let line = w * channels;
        let mut out = vec![0.0; 4 * coarse.values.len()];
        each(&mut out, n, |i, out| {
            if let Some(fine) = &fine {
                out.copy_from_slice(fine.one(i));
            }
            for (y, out) in out.chunks_exact_mut(2 * line).enumerate() {
                let coarse = &coarse.one(i)[y / 2 * line..][..line];
                let pairs = out.chunks_exact_mut(2 * channels);
                for (pair, pixel) in pairs.zip(coarse.chunks_exact(channels)) {
                    for out in pair.chunks_exact_mut(channels) {
                        for (out, value) in out.iter_mut().zip(pixel) {
                            *out += value;
                        }
                    }
                }
            }
        });
        tensor(out, [n, channels, 2 * h, 2 * w])
    }
}

impl UntrackedKernels for Flex {
    fn attend_kernel(queries: FlexTensor, keys_values: FlexTensor, heads: usize) -> FlexTensor {
        let [n, c, h, w] = queries.shape().dims();
        let (q, kv) = (Table::of(&queries), Table::of(&keys_values));
        let mut out = vec![0.0; n * c * h * w];
        each(&mut out, n, |i, out| {
            attend(q.rows(i), kv.rows(i), c, heads, out);
        });
        tensor(out, [n, c, h, w])
    }

    fn modulate_silu_back_kernel(
        gradient: FlexTensor,
        x: FlexTensor,
        modulation: FlexTensor,
    ) -> FlexTensor {
        let (pictures, answer) = (Pictures::of(&x), Pictures::of(&gradient));
        let modulation = plain(&modulation);
        let c = pictures.channels;
        let mut out = vec![0.0; pictures.values.len()];
        each(&mut out, pictures.len(), |i, out| {
            let (scale, shift) = modulation[2 * c * i..2 * c * (i + 1)].split_at(c);
            vectorised(
                #[inline(always)]
                || {
                    let rows = pictures.one(i).chunks_exact(c);
                    let rows = rows.zip(answer.one(i).chunks_exact(c));
                    for (out, (pixel, gradient)) in out.chunks_exact_mut(c).zip(rows) {
                        let values = out.iter_mut().zip(pixel.iter().zip(gradient));
                        for ((out, (x, gradient)), (scale, shift)) in
                            values.zip(scale.iter().zip(shift))
                        {
                            let factor = 1.0 + scale;
                            *out = gradient * silu_slope(x * factor + shift) * factor;
                        }
                    }
                },
            );
        });
        pictures.tensor(out)
    }
}

/// A batch of pictures, each height × width × channels.
pub(super) struct Pictures<'a> {
    pub(super) size: [usize; 2],
    pub(super) channels: usize,
    pub(super) values: Cow<'a, [f32]>,
    count: usize,
}

impl<'a> Pictures<'a> {
    /// Those of a tensor [n, c, h, w].
    pub(super) fn of(tensor: &'a FlexTensor) -> Self {
        let [n, c, h, w] = tensor.shape().dims();
        Self {
            size: [h, w],
            channels: c,
            values: side_by_side(tensor),
            count: n,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn one(&self, i: usize) -> &[f32] {
        let len = self.size[0] * self.size[1] * self.channels;
        &self.values[i * len..(i + 1) * len]
    }

    /// Values of the same shape as a tensor [n, c, h, w].
    pub(super) fn tensor(&self, values: Vec<f32>) -> FlexTensor {
        tensor(
            values,
            [self.count, self.channels, self.size[0], self.size[1]],
        )
    }
}

/// The pixels of a tensor [n, c, h, w] as rows of channels.
struct Table<'a> {
    values: Cow<'a, [f32]>,
    picture: usize,
    stride: usize,
    count: usize,
}

impl<'a> Table<'a> {
    fn of(tensor: &'a FlexTensor) -> Self {
        let [_, c, h, w] = tensor.shape().dims();
        let count = h * w;
        // A part of the channels of a wider picture is read where it lies.
        if let [picture, 1, row, stride] = *tensor.layout().strides()
            && picture > 0
            && stride > 0
            && (h == 1 || row == w as isize * stride)
        {
            return Self {
                values: Cow::Borrowed(&tensor.storage()[tensor.layout().start_offset()..]),
                picture: picture as usize,
                stride: stride as usize,
                count,
            };
        }
        Self {
            values: side_by_side(tensor),
            picture: c * count,
            stride: c,
            count,
        }
    }

    fn rows(&self, i: usize) -> Rows<'_> {
        Rows {
            values: &self.values[i * self.picture..],
            stride: self.stride,
            count: self.count,
        }
    }
}

/// n × h × w × c values as a tensor [n, c, h, w].
pub(super) fn tensor(values: Vec<f32>, [n, c, h, w]: [usize; 4]) -> FlexTensor {
    let strides = [h * w * c, 1, w * c, c].map(|s| s as isize);
    let layout = Layout::new(Dims::new([n, c, h, w]), strides.to_vec(), 0);
    FlexTensor::new(Bytes::from_elems(values), layout, DType::F32)
}

/// The values of a tensor [n, c, h, w] in the order n × h × w × c.
fn side_by_side(tensor: &FlexTensor) -> Cow<'_, [f32]> {
    let [n, c, h, w] = tensor.shape().dims();
    let len = n * c * h * w;
    let wanted = [h * w * c, 1, w * c, c];
    let layout = tensor.layout();
    let fits = |(d, (stride, wanted)): (usize, (&isize, usize))| {
        layout.shape()[d] == 1 || *stride == wanted as isize
    };
    let from = layout.start_offset();
    if layout.strides().iter().zip(wanted).enumerate().all(fits) {
        return Cow::Borrowed(&tensor.storage::<f32>()[from..from + len]);
    }
    let planes = plain(tensor);
    let mut values = vec![0.0; len];
    let pictures = values.chunks_exact_mut(h * w * c);
    for (picture, planes) in pictures.zip(planes.chunks_exact(h * w * c)) {
        for (i, plane) in planes.chunks_exact(h * w).enumerate() {
            for (slot, &value) in picture[i..].iter_mut().step_by(c).zip(plane) {
                *slot = value;
            }
        }
    }
    Cow::Owned(values)
}

/// The values of a tensor in the order of its dimensions.
pub(super) fn plain(tensor: &FlexTensor) -> Cow<'_, [f32]> {
    match tensor.as_slice() {
        Some(values) => Cow::Borrowed(values),
        None => Cow::Owned(tensor.to_contiguous().storage::<f32>().to_vec()),
    }
}

/// A convolution of a batch.
struct Job {
    shape: Shape,
    way: Arc<Way>,
    bias: FlexTensor,
    residual: Option<FlexTensor>,
}

impl Job {
    fn new(
        x: &FlexTensor,
        weight: &FlexTensor,
        bias: FlexTensor,
        residual: Option<FlexTensor>,
        stride: usize,
        padding: usize,
    ) -> Self {
        let shape = shape(x, weight, stride, padding);
        let sort = [0, 0, stride, padding];
        Self {
            shape,
            way: WAYS.of(weight, sort, |weights| Way::new(&shape, weights)),
            bias,
            residual,
        }
    }

    /// Convolves every picture; `fill` puts picture i into the padded one.
    fn run(
        &self,
        pictures: &Pictures<'_>,
        fill: impl Fn(&mut Padded, &[f32], usize) + Sync,
    ) -> FlexTensor {
        let bias = plain(&self.bias);
        let residual = self.residual.as_ref().map(Pictures::of);
        let shape = &self.shape;
        convolve(shape, &self.way, pictures, fill, Some(&bias), residual)
    }
}

/// Convolves every picture.
fn convolve(
    shape: &Shape,
    way: &Way,
    pictures: &Pictures<'_>,
    fill: impl Fn(&mut Padded, &[f32], usize) + Sync,
    bias: Option<&[f32]>,
    residual: Option<Pictures<'_>>,
) -> FlexTensor {
    let [h, w] = shape.out();
    let mut out = vec![0.0; pictures.len() * shape.output_len()];
    each_with(
        &mut out,
        pictures.len(),
        || way.room(shape),
        |room, i, out| {
            let fill = |padded: &mut Padded| fill(padded, pictures.one(i), i);
            let residual = residual.as_ref().map(|r| r.one(i));
            way.run(shape, room, fill, bias, residual, out);
        },
    );
    tensor(out, [pictures.len(), shape.output, h, w])
}

/// Puts a picture into a padded one as it is.
fn copy(shape: &Shape, padded: &mut Padded, picture: &[f32]) {
    padded.fill(picture, shape.size[1], shape.padding, |from, to| {
        to.copy_from_slice(from);
    });
}

impl Shape {
    /// The geometry of a convolution of a picture of this height and width with `weight`.
    pub(super) fn of(size: [usize; 2], weight: &FlexTensor, stride: usize, padding: usize) -> Self {
        let [output, input, kernel, _] = weight.shape().dims();
        Self {
            size,
            input,
            output,
            kernel,
            stride,
            padding,
        }
    }
}

/// The geometry of a convolution of `x` with `weight`.
pub(super) fn shape(x: &FlexTensor, weight: &FlexTensor, stride: usize, padding: usize) -> Shape {
    let [_, _, height, width] = x.shape().dims();
    Shape::of([height, width], weight, stride, padding)
}

/// What a batch of pictures is normalised with.
pub(super) struct NormParameters<'a> {
    gamma: Cow<'a, [f32]>,
    beta: Cow<'a, [f32]>,
    modulation: Option<Vec<f32>>,
    groups: usize,
    silu: bool,
}

impl<'a> NormParameters<'a> {
    pub(super) fn new(
        gamma: &'a FlexTensor,
        beta: &'a FlexTensor,
        modulation: Option<FlexTensor>,
        groups: usize,
        silu: bool,
    ) -> Self {
        Self {
            gamma: plain(gamma),
            beta: plain(beta),
            modulation: modulation.map(|m| plain(&m).into_owned()),
            groups,
            silu,
        }
    }

    /// Those of picture `i`.
    pub(super) fn of(&self, i: usize) -> Norm<'_> {
        let width = 2 * self.gamma.len();
        Norm {
            gamma: &self.gamma,
            beta: &self.beta,
            modulation: self
                .modulation
                .as_ref()
                .map(|m| &m[i * width..(i + 1) * width]),
            groups: self.groups,
            silu: self.silu,
        }
    }
}

/// What was made of a tensor, for as long as the tensor lives: the key is where its values lie and its shape,
/// and `Weak` keeps anything else from being put there.
struct Made<T>(LazyLock<Mutex<Known<T>>>);

type Known<T> = HashMap<Key, (Weak<Bytes>, Arc<T>)>;
type Key = (usize, usize, [usize; 4], [usize; 4]);

static WAYS: Made<Way> = Made::new();
static PICTURE_GRADIENTS: Made<PictureGradient> = Made::new();

impl<T> Made<T> {
    const fn new() -> Self {
        Self(LazyLock::new(Mutex::default))
    }

    /// What `make` makes of a tensor's values; `sort` tells apart what is made of the same ones.
    fn of(&self, tensor: &FlexTensor, sort: [usize; 4], make: impl Fn(&[f32]) -> T) -> Arc<T> {
        let make = || Arc::new(make(&plain(tensor)));
        if !tensor.is_contiguous() {
            return make();
        }
        let data = tensor.data_arc();
        let from = tensor.layout().start_offset();
        let key = (Arc::as_ptr(&data).addr(), from, tensor.shape().dims(), sort);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, made)) = known.get(&key) {
            return made.clone();
        }
        known.retain(|_, (tensor, _)| tensor.strong_count() > 0);
        let made = make();
        known.insert(key, (Arc::downgrade(&data), made.clone()));
        made
    }
}

/// The gradients of a convolution with respect to its pictures, given those of its answer.
pub(super) fn of_pictures(shape: &Shape, weight: &FlexTensor, answer: &Pictures<'_>) -> FlexTensor {
    let &Shape {
        size: [h, w],
        input,
        output,
        kernel,
        stride,
        padding,
    } = shape;
    if stride == 1 && 2 * padding + 1 == kernel {
        // A convolution with the kernel turned around.
        let turned = Shape {
            input: output,
            output: input,
            ..*shape
        };
        let sort = [1, 0, stride, padding];
        let way = WAYS.of(weight, sort, |weights| {
            Way::new(&turned, &conv::turned(weights, [output, input], kernel))
        });
        let fill = |padded: &mut Padded, picture: &[f32], _| copy(&turned, padded, picture);
        return convolve(&turned, &way, answer, fill, None, None);
    }
    let sort = [h, w, stride, padding];
    let back = PICTURE_GRADIENTS.of(weight, sort, |weights| PictureGradient::new(shape, weights));
    let mut out = vec![0.0; answer.len() * shape.input_len()];
    each_with(
        &mut out,
        answer.len(),
        || back.padded(),
        |padded, i, out| back.run(answer.one(i), padded, out),
    );
    tensor(out, [answer.len(), input, h, w])
}

/// What a convolution without bias answers.
pub(super) fn of_answer(shape: &Shape, weight: &FlexTensor, pictures: &Pictures<'_>) -> FlexTensor {
    let sort = [0, 0, shape.stride, shape.padding];
    let way = WAYS.of(weight, sort, |weights| Way::new(shape, weights));
    let fill = |padded: &mut Padded, picture: &[f32], _| copy(shape, padded, picture);
    convolve(shape, &way, pictures, fill, None, None)
}

/// Calls `f` for each of the `n` equal parts of `out`.
pub(super) fn each(out: &mut [f32], n: usize, f: impl Fn(usize, &mut [f32]) + Sync) {
    each_with(out, n, || (), |(), i, out| f(i, out));
}

/// [`each`] with something that parts which are computed one after another share.
pub(super) fn each_with<T>(
    out: &mut [f32],
    n: usize,
    init: impl Fn() -> T + Sync + Send,
    f: impl Fn(&mut T, usize, &mut [f32]) + Sync,
) {
    let len = out.len() / n.max(1);
    if len == 0 {
        return;
    }
    #[cfg(feature = "rayon")]
    if n > 1 {
        use rayon::prelude::*;
        let parts = out.par_chunks_exact_mut(len).enumerate();
        parts.for_each_init(init, |shared, (i, out)| f(shared, i, out));
        return;
    }
    let mut shared = init();
    for (i, out) in out.chunks_exact_mut(len).enumerate() {
        f(&mut shared, i, out);
    }
}

/// [`each`] of two at once.
pub(super) fn each_two(
    [a, b]: [&mut [f32]; 2],
    n: usize,
    f: impl Fn(usize, [&mut [f32]; 2]) + Sync,
) {
    let [len_a, len_b] = [a.len(), b.len()].map(|len| len / n.max(1));
    if len_a == 0 || len_b == 0 {
        return;
    }
    #[cfg(feature = "rayon")]
    if n > 1 {
        use rayon::prelude::*;
        let parts = a.par_chunks_exact_mut(len_a);
        let parts = parts.zip(b.par_chunks_exact_mut(len_b)).enumerate();
        parts.for_each(|(i, (a, b))| f(i, [a, b]));
        return;
    }
    let parts = a.chunks_exact_mut(len_a).zip(b.chunks_exact_mut(len_b));
    for (i, (a, b)) in parts.enumerate() {
        f(i, [a, b]);
    }
}
