//! Direct convolution of pictures whose channels lie side by side.

use pulp::{Simd, WithSimd};

use super::vectors::dispatch;

/// Vectors of output channels that a tile computes.
const VECTORS: usize = 2;

/// Fewer output channels than these are computed one by one: a tile would be mostly empty.
const NARROW: usize = 4;

/// What is convolved, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Height and width of a picture.
    pub size: [usize; 2],
    /// Channels of a picture.
    pub input: usize,
    /// Channels of the answer.
    pub output: usize,
    /// Height and width of the kernel.
    pub kernel: usize,
    /// Pixels from one place of the kernel to the next.
    pub stride: usize,
    /// Pixels of zeros around the picture.
    pub padding: usize,
}

impl Shape {
    /// Height and width of the answer.
    pub fn out(&self) -> [usize; 2] {
        self.size
            .map(|s| (s + 2 * self.padding - self.kernel) / self.stride + 1)
    }

    /// Numbers of a picture.
    pub fn input_len(&self) -> usize {
        self.size[0] * self.size[1] * self.input
    }

    /// Numbers of a picture's answer.
    pub fn output_len(&self) -> usize {
        let [h, w] = self.out();
        h * w * self.output
    }
}

/// A kernel's weights in the order in which tiles read them: panels of as many output channels as a tile
/// has, each taps × output channel. What is missing of the last panel is zero. Of few output channels, one
/// after another.
#[derive(Clone, Debug)]
pub struct Panels {
    taps: usize,
    output: usize,
    values: Vec<f32>,
}

impl Panels {
    /// Packs the weight of each tap and output channel.
    pub fn new(taps: usize, output: usize, weight: impl Fn(usize, usize) -> f32) -> Self {
        let panel = if output < NARROW { 1 } else { panel() };
        let mut values = vec![0.0; output.div_ceil(panel) * taps * panel];
        for o in 0..output {
            let at = o / panel * taps * panel + o % panel;
            let slots = values[at..].iter_mut().step_by(panel);
            for (tap, slot) in slots.take(taps).enumerate() {
                *slot = weight(tap, o);
            }
        }
        Self {
            taps,
            output,
            values,
        }
    }
}

/// Output channels that a tile computes on this machine.
fn panel() -> usize {
    struct Width;
    impl WithSimd for Width {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES * VECTORS
        }
    }
    dispatch(Width)
}

/// Where the pixels of a grid lie in memory: at `from + y·line + x·step`.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    /// The first pixel.
    pub from: usize,
    /// From one row to the next.
    pub line: usize,
    /// From one pixel to the next.
    pub step: usize,
}

/// Every pixel of an answer = the weights × the numbers that it looks at: `rows` runs of numbers, each `line`
/// behind the one before.
pub struct Sweep<'a> {
    /// Height and width of the answer.
    pub size: [usize; 2],
    /// The weights; their taps are those of all runs.
    pub weights: &'a Panels,
    /// Runs that a pixel looks at.
    pub rows: usize,
    /// From one run to the next.
    pub line: usize,
    /// What is looked at.
    pub input: &'a [f32],
    /// Where the first run of each pixel begins.
    pub read: Grid,
    /// Added to each output channel.
    pub bias: Option<&'a [f32]>,
    /// Added to the answer, laid out like it.
    pub residual: Option<&'a [f32]>,
    /// The answer.
    pub out: &'a mut [f32],
    /// Where each pixel of the answer lies.
    pub write: Grid,
}

impl Sweep<'_> {
    /// Computes it.
    pub fn run(self) {
        dispatch(self);
    }
}

impl WithSimd for Sweep<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if self.weights.output < NARROW {
            return narrow(simd, self);
        }
        // As many accumulators as leave room for the weights and a pixel. (A wasm module is compiled for a
        // machine of 16 registers, whatever it may run on.)
        if cfg!(target_arch = "wasm32") {
            wide::<S, 4>(simd, self);
        } else if S::REGISTER_COUNT >= 32 {
            wide::<S, 8>(simd, self);
        } else {
            wide::<S, 6>(simd, self);
        }
    }
}

#[inline(always)]
fn wide<S: Simd, const ROWS: usize>(simd: S, sweep: Sweep<'_>) {
    let Sweep {
        size: [h, w],
        weights,
        rows: runs,
        line,
        input,
        read,
        bias,
        residual,
        out,
        write,
    } = sweep;
    let pixels = h * w;
    let run = weights.taps / runs;
    let width = S::F32_LANES * VECTORS;
    let panels = weights.values.chunks_exact(weights.taps * width);
    for (p, panel) in panels.enumerate() {
        let from = p * width;
        let columns = width.min(weights.output - from);
        let bias = bias.map(|bias| &bias[from..from + columns]);
        let (mut y, mut x) = (0, 0);
        let mut pixel = 0;
        while pixel < pixels {
            let rows = ROWS.min(pixels - pixel);
            let mut reads = [0; ROWS];
            let mut writes = [0; ROWS];
            for i in 0..ROWS {
                // What is missing of the last tile is computed like its last pixel, and left out.
                reads[i] = read.from + y * read.line + x * read.step;
                writes[i] = write.from + y * write.line + x * write.step + from;
                if pixel + i + 1 < pixels {
                    x += 1;
                    if x == w {
                        (y, x) = (y + 1, 0);
                    }
                }
            }
            let mut tile = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
            for (k, taps) in panel.chunks_exact(run * width).enumerate() {
                let pictures = reads.map(|at| &input[at + k * line..][..run]);
                tile = accumulate::<S, ROWS>(simd, tile, pictures, taps);
            }
            for (sums, &at) in tile.iter().zip(&writes).take(rows) {
                let out = &mut out[at..at + columns];
                let added = residual.map(|r| &r[at..at + columns]);
                store::<S>(simd, sums, [bias, added], out);
            }
            pixel += rows;
        }
    }
}

/// tile + pictures × taps, over one run.
#[inline(always)]
fn accumulate<S: Simd, const ROWS: usize>(
    simd: S,
    mut tile: [[S::f32s; VECTORS]; ROWS],
    pictures: [&[f32]; ROWS],
    taps: &[f32],
) -> [[S::f32s; VECTORS]; ROWS] {
    let (taps, _) = S::as_simd_f32s(taps).0.as_chunks::<VECTORS>();
    let pictures = pictures.map(|p| &p[..taps.len()]);
    for (k, tap) in taps.iter().enumerate() {
        for i in 0..ROWS {
            let x = simd.splat_f32s(pictures[i][k]);
            for j in 0..VECTORS {
                tile[i][j] = simd.mul_add_e_f32s(x, tap[j], tile[i][j]);
            }
        }
    }
    tile
}

/// out = sums + whatever is added.
#[inline(always)]
fn store<S: Simd>(simd: S, sums: &[S::f32s; VECTORS], added: [Option<&[f32]>; 2], out: &mut [f32]) {
    if out.len() == VECTORS * S::F32_LANES {
        let (vectors, _) = S::as_mut_simd_f32s(out);
        for (j, slot) in vectors.iter_mut().enumerate() {
            *slot = added.iter().flatten().fold(sums[j], |sum, added| {
                simd.add_f32s(sum, S::as_simd_f32s(added).0[j])
            });
        }
    } else {
        let mut numbers = [0.0f32; 32];
        S::as_mut_simd_f32s(&mut numbers).0[..VECTORS].copy_from_slice(sums);
        for (k, slot) in out.iter_mut().enumerate() {
            *slot = added
                .iter()
                .flatten()
                .fold(numbers[k], |sum, added| sum + added[k]);
        }
    }
}

/// Each output channel by itself, the taps in vectors.
#[inline(always)]
fn narrow<S: Simd>(simd: S, sweep: Sweep<'_>) {
    let Sweep {
        size: [h, w],
        weights,
        rows,
        line,
        input,
        read,
        bias,
        residual,
        out,
        write,
    } = sweep;
    let run = weights.taps / rows;
    for (o, weights) in weights.values.chunks_exact(weights.taps).enumerate() {
        let bias = bias.map_or(0.0, |bias| bias[o]);
        for y in 0..h {
            for x in 0..w {
                let from = read.from + y * read.line + x * read.step;
                let mut sums = simd.splat_f32s(0.0);
                let mut sum = bias;
                for (k, weights) in weights.chunks_exact(run).enumerate() {
                    let numbers = &input[from + k * line..][..run];
                    let (numbers, numbers_rest) = S::as_simd_f32s(numbers);
                    let (weights, weights_rest) = S::as_simd_f32s(weights);
                    for (&a, &b) in numbers.iter().zip(weights) {
                        sums = simd.mul_add_e_f32s(a, b, sums);
                    }
                    for (a, b) in numbers_rest.iter().zip(weights_rest) {
                        sum += a * b;
                    }
                }
                let at = write.from + y * write.line + x * write.step + o;
                let added = residual.map_or(0.0, |residual| residual[at]);
                out[at] = sum + simd.reduce_sum_f32s(sums) + added;
            }
        }
    }
}

/// A picture with zeros around it.
#[derive(Clone, Debug)]
pub struct Padded {
    width: usize,
    channels: usize,
    values: Vec<f32>,
}

impl Padded {
    /// Room for a picture of `channels` whose height and width are `size`, zeros included.
    pub fn new([height, width]: [usize; 2], channels: usize) -> Self {
        Self {
            width,
            channels,
            values: vec![0.0; height * width * channels],
        }
    }

    /// Room for what a convolution reads.
    pub fn of(shape: &Shape) -> Self {
        Self::new(shape.size.map(|s| s + 2 * shape.padding), shape.input)
    }

    /// The numbers, height × width × channels.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// From one row to the next.
    pub fn line(&self) -> usize {
        self.width * self.channels
    }

    /// Puts a picture, of rows of `width` pixels, into the middle: `border` pixels from the top and from the
    /// left. `copy` writes a row, which may change it on the way.
    pub fn fill(
        &mut self,
        picture: &[f32],
        width: usize,
        border: usize,
        mut copy: impl FnMut(&[f32], &mut [f32]),
    ) {
        let line = width * self.channels;
        let from = border * self.channels;
        let rows = self.values.chunks_exact_mut(self.width * self.channels);
        for (row, picture) in rows.skip(border).zip(picture.chunks_exact(line)) {
            copy(picture, &mut row[from..from + line]);
        }
    }
}

/// The convolution of one padded picture.
pub struct Conv<'a> {
    /// The geometry.
    pub shape: &'a Shape,
    /// The weights, by kernel row × kernel column × input channel.
    pub weights: &'a Panels,
    /// Added to each output channel.
    pub bias: Option<&'a [f32]>,
    /// Added to the answer, of its shape.
    pub residual: Option<&'a [f32]>,
    /// The picture.
    pub padded: &'a Padded,
    /// Where the answer goes.
    pub out: &'a mut [f32],
}

impl Conv<'_> {
    /// Weights, output × input × kernel × kernel, as it needs them.
    pub fn pack(weights: &[f32], [output, input]: [usize; 2], kernel: usize) -> Panels {
        Panels::new(kernel * kernel * input, output, |tap, o| {
            let (at, i) = (tap / input, tap % input);
            weights[(o * input + i) * kernel * kernel + at]
        })
    }

    /// Computes it.
    pub fn run(self) {
        let shape = self.shape;
        let [h, w] = shape.out();
        let line = self.padded.line();
        let sweep = Sweep {
            size: [h, w],
            weights: self.weights,
            rows: shape.kernel,
            line,
            input: self.padded.values(),
            read: Grid {
                from: 0,
                line: shape.stride * line,
                step: shape.stride * shape.input,
            },
            bias: self.bias,
            residual: self.residual,
            out: self.out,
            write: Grid {
                from: 0,
                line: w * shape.output,
                step: shape.output,
            },
        };
        sweep.run();
    }
}

/// Weights, output × input × kernel × kernel, with input and output exchanged and the kernel turned around.
pub fn turned(weights: &[f32], [output, input]: [usize; 2], kernel: usize) -> Vec<f32> {
    let taps = kernel * kernel;
    (0..weights.len())
        .map(|at| {
            let (i, o, tap) = (at / (output * taps), at / taps % output, at % taps);
            weights[(o * input + i) * taps + taps - 1 - tap]
        })
        .collect()
}

/// The gradients of a convolution with respect to its picture: a convolution of the answer's gradients, with
/// the kernel turned around. Pixels that lie differently between the places of the kernel see different
/// taps of it, so there is one such convolution for each of stride × stride kinds of pixels.
pub struct PictureGradient {
    shape: Shape,
    /// Of rows, and of columns likewise.
    phases: Vec<Phase>,
    /// For each kind of row, each kind of column.
    weights: Vec<Panels>,
}

/// The pixels of a row or column that lie `first` behind a place of the kernel.
struct Phase {
    first: usize,
    /// The kernel's taps that they see, the last one first: `taps`, each a stride from the next.
    last: usize,
    taps: usize,
    /// The place in the padded gradients where the first one begins to look.
    from: usize,
}

impl PictureGradient {
    /// Of a convolution with `weights`, output × input × kernel × kernel.
    pub fn new(shape: &Shape, weights: &[f32]) -> Self {
        let &Shape {
            input,
            output,
            kernel,
            stride,
            padding,
            ..
        } = shape;
        let border = Self::border(shape);
        let phases: Vec<Phase> = (0..stride)
            .map(|first| {
                // Pixel first + stride·m is seen by tap k at the place m + (first + padding − k) / stride.
                let least = (first + padding) % stride;
                let taps = (kernel - least.min(kernel)).div_ceil(stride);
                let last = least + stride * taps.saturating_sub(1);
                let behind = (last as isize - (first + padding) as isize) / stride as isize;
                Phase {
                    first,
                    last,
                    taps,
                    from: (border as isize - behind) as usize,
                }
            })
            .collect();
        let pairs = phases
            .iter()
            .flat_map(|y| phases.iter().map(move |x| (y, x)));
        let weights = pairs
            .map(|(rows, columns)| {
                let width = columns.taps * output;
                Panels::new(rows.taps * width, input, |tap, i| {
                    let y = rows.last - stride * (tap / width.max(1));
                    let x = columns.last - stride * (tap % width / output);
                    let o = tap % output;
                    weights[((o * input + i) * kernel + y) * kernel + x]
                })
            })
            .collect();
        Self {
            shape: *shape,
            phases,
            weights,
        }
    }

    /// Zeros that the gradients need around them.
    fn border(shape: &Shape) -> usize {
        shape.kernel.div_ceil(shape.stride)
    }

    /// Room for the answer's gradients.
    pub fn padded(&self) -> Padded {
        let border = Self::border(&self.shape);
        Padded::new(self.shape.out().map(|s| s + 2 * border), self.shape.output)
    }

    /// Computes those of a picture, in order height × width × input.
    pub fn run(&self, gradient: &[f32], padded: &mut Padded, out: &mut [f32]) {
        let shape = &self.shape;
        let [h, w] = shape.size;
        padded.fill(gradient, shape.out()[1], Self::border(shape), |from, to| {
            to.copy_from_slice(from);
        });
        let kinds = self.phases.iter();
        let kinds = kinds.flat_map(|rows| self.phases.iter().map(move |columns| (rows, columns)));
        for ((rows, columns), weights) in kinds.zip(&self.weights) {
            let count =
                |size: usize, phase: &Phase| (size - phase.first.min(size)).div_ceil(shape.stride);
            let write = Grid {
                from: (rows.first * w + columns.first) * shape.input,
                line: shape.stride * w * shape.input,
                step: shape.stride * shape.input,
            };
            if rows.taps * columns.taps == 0 {
                // Nothing has seen these pixels: their gradient is the zero that is there.
                continue;
            }
            let line = padded.line();
            let sweep = Sweep {
                size: [count(h, rows), count(w, columns)],
                weights,
                rows: rows.taps,
                line,
                input: padded.values(),
                read: Grid {
                    from: rows.from * line + columns.from * shape.output,
                    line,
                    step: shape.output,
                },
                bias: None,
                residual: None,
                out,
                write,
            };
            sweep.run();
        }
    }
}

/// Adds what a picture and the gradients of its answer say of the weights.
pub struct WeightGradient<'a> {
    /// The geometry of the convolution.
    pub shape: &'a Shape,
    /// The picture with zeros around it.
    pub padded: &'a Padded,
    /// The gradients, out height × out width × output.
    pub gradient: &'a [f32],
    /// The sum so far, kernel × kernel × input × output.
    pub sum: &'a mut [f32],
}

impl WeightGradient<'_> {
    /// Computes it.
    pub fn run(self) {
        dispatch(self);
    }
}

impl WithSimd for WeightGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if cfg!(target_arch = "wasm32") {
            correlate::<S, 4>(simd, self);
        } else if S::REGISTER_COUNT >= 32 {
            correlate::<S, 8>(simd, self);
        } else {
            correlate::<S, 6>(simd, self);
        }
    }
}

#[inline(always)]
fn correlate<S: Simd, const ROWS: usize>(simd: S, of: WeightGradient<'_>) {
    let WeightGradient {
        shape,
        padded,
        gradient,
        sum,
    } = of;
    let [_, w] = shape.out();
    let line = padded.line();
    let padded = padded.values();
    let run = shape.kernel * shape.input;
    let step = shape.stride * shape.input;
    let panel = S::F32_LANES * VECTORS;
    let whole_panels = shape.output / panel;
    for (y, sum) in sum.chunks_exact_mut(run * shape.output).enumerate() {
        for first in (0..run).step_by(ROWS) {
            let rows = ROWS.min(run - first);
            for p in 0..whole_panels {
                let from = p * panel;
                let mut tile = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
                for (oy, answers) in gradient.chunks_exact(w * shape.output).enumerate() {
                    let at = (oy * shape.stride + y) * line + first;
                    let pixels = &padded[at..(at + (w - 1) * step + ROWS).min(padded.len())];
                    for (ox, answer) in answers.chunks_exact(shape.output).enumerate() {
                        let (g, _) = S::as_simd_f32s(&answer[from..from + panel]);
                        let (g, _) = g.as_chunks::<VECTORS>();
                        let pixel = &pixels[ox * step..];
                        // At the very end of the picture a tile may reach beyond it.
                        let pixel: [f32; ROWS] = match pixel.first_chunk() {
                            Some(pixel) => *pixel,
                            None => std::array::from_fn(|i| pixel.get(i).copied().unwrap_or(0.0)),
                        };
                        for (sums, x) in tile.iter_mut().zip(pixel) {
                            let x = simd.splat_f32s(x);
                            for (sum, &g) in sums.iter_mut().zip(&g[0]) {
                                *sum = simd.mul_add_e_f32s(x, g, *sum);
                            }
                        }
                    }
                }
                for (i, sums) in tile.iter().enumerate().take(rows) {
                    let at = (first + i) * shape.output + from;
                    let (out, _) = S::as_mut_simd_f32s(&mut sum[at..at + panel]);
                    for (out, &sum) in out.iter_mut().zip(sums) {
                        *out = simd.add_f32s(*out, sum);
                    }
                }
            }
        }
        // The output channels that fill no panel.
        for from in whole_panels * panel..shape.output {
            for (oy, answers) in gradient.chunks_exact(w * shape.output).enumerate() {
                let at = (oy * shape.stride + y) * line;
                for (ox, answer) in answers.chunks_exact(shape.output).enumerate() {
                    let g = answer[from];
                    let pixels = &padded[at + ox * step..at + ox * step + run];
                    let sums = sum[from..].iter_mut().step_by(shape.output);
                    for (sum, x) in sums.zip(pixels) {
                        *sum += g * x;
                    }
                }
            }
        }
    }
}
