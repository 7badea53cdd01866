//! softmax(q kᵀ / √d) v.

use burn::cubecl::{self, prelude::*};
use burn_cubecl::{kernel::into_contiguous, tensor::CubeTensor};

use super::{cubes, empty};

/// Channels of a head, at most: a unit holds two numbers for each, and WebGPU gives it 8 KiB.
pub const WIDEST_HEAD: usize = 256;

/// A unit for each query of each head. The softmax's largest term is not known before the last key: what was
/// summed until then is scaled anew where a larger one comes (Milakov & Gimelshein 2018,
/// <https://arxiv.org/abs/1805.02867>).
///
/// # Shapes
/// `queries` and `out` [n, heads·d, `count`]; `keys_values` [n, 2·heads·d, `keys`].
#[cube(launch)]
fn look(
    queries: &[f32],
    keys_values: &[f32],
    out: &mut [f32],
    heads: usize,
    count: usize,
    keys: usize,
    #[comptime] d: usize,
) {
    let query = ABSOLUTE_POS % count;
    let head = ABSOLUTE_POS / count;
    // Heads of all pictures, one after another.
    let start = head * d * count + query;
    if start >= out.len() {
        terminate!();
    }
    let picture = head / heads;
    let first_key = (head + picture * heads) * d * keys;
    let first_value = first_key + heads * d * keys;
    let scale = 1.0f32 / (d as f32).sqrt();

    let mut own = Array::<f32>::new(d);
    let mut sums = Array::<f32>::new(d);
    for i in 0..d {
        own[i] = queries[start + i * count] * scale;
        sums[i] = 0.0f32;
    }
    let mut largest = f32::new(-1.0e30);
    let mut weights = 0.0f32;
    for key in 0..keys {
        let mut score = 0.0f32;
        for i in 0..d {
            score += own[i] * keys_values[first_key + i * keys + key];
        }
        let above = max(largest, score);
        let keep = (largest - above).exp();
        let weight = (score - above).exp();
        largest = above;
        weights = weights * keep + weight;
        for i in 0..d {
            sums[i] = sums[i] * keep + weight * keys_values[first_value + i * keys + key];
        }
    }
    for i in 0..d {
        out[start + i * count] = sums[i] / weights;
    }
}

pub fn launch(queries: CubeTensor, keys_values: CubeTensor, heads: usize) -> CubeTensor {
    let [queries, keys_values] = [queries, keys_values].map(into_contiguous);
    let [n, c, h, w] = queries.meta.shape().dims();
    let [_, _, key_h, key_w] = keys_values.meta.shape().dims();
    let out = empty(&queries, queries.meta.shape().clone());
    let (count, dim) = cubes(n * heads * h * w);
    look::launch(
        &queries.client.clone(),
        count,
        dim,
        queries.into_buffer_arg(),
        keys_values.into_buffer_arg(),
        out.clone().into_buffer_arg(),
        heads,
        h * w,
        key_h * key_w,
        c / heads,
    );
    out
}
