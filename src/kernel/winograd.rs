//! 3×3 convolutions with fewer multiplications (Winograd's minimal filtering F(2×2, 3×3); Lavin & Gray 2016,
//! <https://arxiv.org/abs/1509.09308>): four pixels of an answer at once, from 16 numbers in place of 36.
//!
//! Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A, with d 4×4 pixels, g the kernel and Y 2×2 pixels of the answer. What is
//! multiplied is a matrix product over the channels for each of the 16 numbers.

use pulp::{Simd, WithSimd};

use super::{
    conv::{Grid, Padded, Panels, Shape, Sweep},
    vectors::dispatch,
};

/// Numbers of a transformed tile.
const NUMBERS: usize = 16;

/// Fewer channels than these do not pay for the transforms, measured in a browser.
const CHANNELS: usize = 32;

/// The transformed weights of a 3×3 convolution.
#[derive(Clone, Debug)]
pub struct Winograd {
    panels: Vec<Panels>,
}

/// What a picture is convolved in.
pub struct Room {
    padded: Padded,
    /// Numbers × tiles × input channels.
    tiles: Vec<f32>,
    /// Numbers × tiles × output channels.
    products: Vec<f32>,
}

impl Winograd {
    /// Whether it is the better way.
    pub fn suits(shape: &Shape) -> bool {
        let Shape {
            input,
            output,
            kernel,
            stride,
            padding,
            ..
        } = *shape;
        // The transforms take whole vectors of channels.
        (kernel, stride, padding) == (3, 1, 1)
            && [input, output]
                .iter()
                .all(|c| *c >= CHANNELS && c.is_multiple_of(16))
    }

    /// Transforms weights, output × input × 3 × 3.
    pub fn new(weights: &[f32], [output, input]: [usize; 2]) -> Self {
        // G, of which the kernel's columns, then its rows are multiplied.
        let spread = |[a, b, c]: [f32; 3]| [a, (a + b + c) / 2.0, (a - b + c) / 2.0, c];
        let mut transformed = vec![0.0; weights.len() / 9 * NUMBERS];
        let kernels = weights.as_chunks::<9>().0.iter();
        for (to, g) in transformed
            .as_chunks_mut::<NUMBERS>()
            .0
            .iter_mut()
            .zip(kernels)
        {
            let columns: [[f32; 4]; 3] =
                std::array::from_fn(|x| spread([g[x], g[3 + x], g[6 + x]]));
            for y in 0..4 {
                let row = spread([columns[0][y], columns[1][y], columns[2][y]]);
                to[4 * y..4 * y + 4].copy_from_slice(&row);
            }
        }
        let panels = (0..NUMBERS).map(|number| {
            Panels::new(input, output, |i, o| {
                transformed[(o * input + i) * NUMBERS + number]
            })
        });
        Self {
            panels: panels.collect(),
        }
    }

    /// Room for a picture.
    pub fn room(shape: &Shape) -> Room {
        let [h, w] = tiles(shape);
        Room {
            padded: Padded::new([2 * h + 2, 2 * w + 2], shape.input),
            tiles: vec![0.0; NUMBERS * h * w * shape.input],
            products: vec![0.0; NUMBERS * h * w * shape.output],
        }
    }

    /// Convolves a picture, which `fill` puts into the padded one.
    pub fn run(
        &self,
        shape: &Shape,
        room: &mut Room,
        fill: impl FnOnce(&mut Padded),
        bias: Option<&[f32]>,
        residual: Option<&[f32]>,
        out: &mut [f32],
    ) {
        fill(&mut room.padded);
        dispatch(TransformTiles {
            shape,
            padded: &room.padded,
            to: &mut room.tiles,
        });
        let count: usize = tiles(shape).iter().product();
        let products = room.products.chunks_exact_mut(count * shape.output);
        let inputs = room.tiles.chunks_exact(count * shape.input);
        for ((weights, input), out) in self.panels.iter().zip(inputs).zip(products) {
            let row = |step| Grid {
                from: 0,
                line: 0,
                step,
            };
            let product = Sweep {
                size: [1, count],
                weights,
                rows: 1,
                line: 0,
                input,
                read: row(shape.input),
                bias: None,
                residual: None,
                out,
                write: row(shape.output),
            };
            product.run();
        }
        dispatch(TransformProducts {
            shape,
            products: &room.products,
            bias,
            residual,
            out,
        });
    }
}

/// Tiles of 2×2 pixels, down and across.
fn tiles(shape: &Shape) -> [usize; 2] {
    shape.size.map(|s| s.div_ceil(2))
}

/// Bᵀ d B of every tile.
struct TransformTiles<'a> {
    shape: &'a Shape,
    padded: &'a Padded,
    to: &'a mut [f32],
}

impl WithSimd for TransformTiles<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let [down, across] = tiles(self.shape);
        let channels = self.shape.input / S::F32_LANES;
        let (pixels, _) = S::as_simd_f32s(self.padded.values());
        let (to, _) = S::as_mut_simd_f32s(self.to);
        let line = self.padded.line() / S::F32_LANES;
        let apart = down * across * channels;
        let add = |a, b| simd.add_f32s(a, b);
        let sub = |a, b| simd.sub_f32s(a, b);
        let mix = |[a, b, c, d]: [S::f32s; 4]| [sub(a, c), add(b, c), sub(c, b), sub(b, d)];
        for y in 0..down {
            for x in 0..across {
                let from = 2 * y * line + 2 * x * channels;
                let at = (y * across + x) * channels;
                let rows: [&[S::f32s]; 4] =
                    std::array::from_fn(|i| &pixels[from + i * line..][..4 * channels]);
                for c in 0..channels {
                    let columns: [[S::f32s; 4]; 4] =
                        std::array::from_fn(|j| mix(rows.map(|row| row[j * channels + c])));
                    for i in 0..4 {
                        let numbers = mix(columns.map(|column| column[i]));
                        for (j, number) in numbers.into_iter().enumerate() {
                            to[(4 * i + j) * apart + at + c] = number;
                        }
                    }
                }
            }
        }
    }
}

/// Aᵀ m A of every tile, the bias and what is added.
struct TransformProducts<'a> {
    shape: &'a Shape,
    products: &'a [f32],
    bias: Option<&'a [f32]>,
    residual: Option<&'a [f32]>,
    out: &'a mut [f32],
}

impl WithSimd for TransformProducts<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let [down, across] = tiles(self.shape);
        let [h, w] = self.shape.size;
        let channels = self.shape.output / S::F32_LANES;
        let (products, _) = S::as_simd_f32s(self.products);
        let bias = self.bias.map(|bias| S::as_simd_f32s(bias).0);
        let residual = self.residual.map(|residual| S::as_simd_f32s(residual).0);
        let (out, _) = S::as_mut_simd_f32s(self.out);
        let apart = down * across * channels;
        let add = |a, b| simd.add_f32s(a, b);
        let sub = |a, b| simd.sub_f32s(a, b);
        let mix = |[a, b, c, d]: [S::f32s; 4]| [add(add(a, b), c), sub(sub(b, c), d)];
        for y in 0..down {
            for x in 0..across {
                let at = (y * across + x) * channels;
                for c in 0..channels {
                    let number = |k: usize| products[k * apart + at + c];
                    let columns: [[S::f32s; 2]; 4] = std::array::from_fn(|j| {
                        mix([number(j), number(4 + j), number(8 + j), number(12 + j)])
                    });
                    for i in 0..2.min(h - 2 * y) {
                        let pixels = mix(columns.map(|column| column[i]));
                        for (j, pixel) in pixels.into_iter().enumerate().take(w - 2 * x) {
                            let at = ((2 * y + i) * w + 2 * x + j) * channels + c;
                            let pixel = bias.map_or(pixel, |bias| add(pixel, bias[c]));
                            out[at] = residual.map_or(pixel, |more| add(pixel, more[at]));
                        }
                    }
                }
            }
        }
    }
}
