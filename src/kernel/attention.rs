//! Attention of the rows of one table to those of another.

use super::{silu::exp, vectors::vectorised};

/// Rows of numbers that lie `stride` apart.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// From the first row's first number on.
    pub values: &'a [f32],
    /// Numbers from one row to the next.
    pub stride: usize,
    /// Rows.
    pub count: usize,
}

impl<'a> Rows<'a> {
    fn row(&self, i: usize, from: usize, len: usize) -> &'a [f32] {
        &self.values[i * self.stride + from..][..len]
    }
}

/// softmax(q kᵀ / √d) v for each head, d being the channels of one.
///
/// # Shapes
/// `queries` rows of `channels`; `keys_values` rows of `channels` keys, then as many values; `out`
/// queries × channels.
pub fn attend(
    queries: Rows<'_>,
    keys_values: Rows<'_>,
    channels: usize,
    heads: usize,
    out: &mut [f32],
) {
    vectorised(
        #[inline(always)]
        || {
            let d = channels / heads;
            let count = keys_values.count;
            let scale = 1.0 / (d as f32).sqrt();
            let mut keys = vec![0.0f32; d * count];
            let mut weights = vec![0.0f32; count];
            for head in 0..heads {
                let from = head * d;
                for k in 0..count {
                    let column = keys[k..].iter_mut().step_by(count);
                    for (slot, key) in column.zip(keys_values.row(k, from, d)) {
                        *slot = key * scale;
                    }
                }
                for q in 0..queries.count {
                    weights.fill(0.0);
                    let query = queries.row(q, from, d);
                    for (&x, keys) in query.iter().zip(keys.chunks_exact(count)) {
                        for (weight, key) in weights.iter_mut().zip(keys) {
                            *weight += x * key;
                        }
                    }
                    let largest = weights.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
                    for weight in &mut weights {
                        *weight = exp(*weight - largest);
                    }
                    let total: f32 = weights.iter().sum();
                    let out = &mut out[q * channels + from..][..d];
                    out.fill(0.0);
                    for (k, weight) in weights.iter().enumerate() {
                        let weight = weight / total;
                        let values = keys_values.row(k, channels + from, d);
                        for (out, value) in out.iter_mut().zip(values) {
                            *out += weight * value;
                        }
                    }
                }
            }
        },
    );
}
