//! The blocks of [`crate::nn`] and the operators of [`crate::kernel`] as nodes of a graph. A block's `path` is
//! the name of its module in the network, of which its weights' names begin.

use super::graph::{Attribute, Graph, Value};
use crate::nn::{GroupNormConfig, sinusoidal_frequencies};

/// What the norms add to the variance.
const EPSILON: f32 = 1e-5;

/// [`crate::nn::Preconditioning`].
pub struct Preconditioning {
    pub c_skip: Value,
    pub c_out: Value,
    pub c_in: Value,
    /// \[n\].
    pub c_noise: Value,
}

impl Graph {
    /// a + b, of the shape of `a`.
    pub fn add(&mut self, a: &Value, b: &Value) -> Value {
        self.node("Add", &[a, b], &[], &a.shape)
    }

    /// a − b.
    pub fn sub(&mut self, a: &Value, b: &Value) -> Value {
        self.node("Sub", &[a, b], &[], &a.shape)
    }

    /// a·b.
    pub fn mul(&mut self, a: &Value, b: &Value) -> Value {
        self.node("Mul", &[a, b], &[], &a.shape)
    }

    /// a / b.
    pub fn div(&mut self, a: &Value, b: &Value) -> Value {
        self.node("Div", &[a, b], &[], &a.shape)
    }

    /// x + number.
    pub fn plus(&mut self, x: &Value, number: f64) -> Value {
        let number = self.number(number);
        self.add(x, &number)
    }

    /// x·number.
    pub fn times(&mut self, x: &Value, number: f64) -> Value {
        let number = self.number(number);
        self.mul(x, &number)
    }

    /// A function of each number.
    pub fn each(&mut self, op: &str, x: &Value) -> Value {
        self.node(op, &[x], &[], &x.shape)
    }

    /// x·sigmoid(x).
    pub fn silu(&mut self, x: &Value) -> Value {
        let sigmoid = self.each("Sigmoid", x);
        self.mul(x, &sigmoid)
    }

    /// The same numbers in another shape, the batch as it was.
    pub fn reshape(&mut self, x: &Value, shape: &[usize]) -> Value {
        let sizes: Vec<i64> = shape.iter().map(|&d| d as i64).collect();
        // The first is what the others leave.
        let sizes = self.ints(&[&[-1], &sizes[..]].concat());
        self.node("Reshape", &[x, &sizes], &[], shape)
    }

    /// Dimensions in another order, counted with the batch, which stays the first.
    pub fn transpose(&mut self, x: &Value, order: &[usize]) -> Value {
        let shape: Vec<usize> = order[1..].iter().map(|&d| x.shape[d - 1]).collect();
        let order: Vec<i64> = order.iter().map(|&d| d as i64).collect();
        self.node(
            "Transpose",
            &[x],
            &[("perm", Attribute::Ints(&order))],
            &shape,
        )
    }

    /// The first dimension after the batch in N equal parts.
    pub fn split<const N: usize>(&mut self, x: &Value) -> [Value; N] {
        let part = x.shape[0] / N;
        let sizes = self.ints(&[part as i64; N]);
        let mut shape = x.shape.clone();
        shape[0] = part;
        let axis = ("axis", Attribute::Int(1));
        self.nodes("Split", &[x, &sizes], &[axis], [&shape[..]; N])
    }

    /// One after another along the first dimension after the batch.
    pub fn concat(&mut self, parts: &[Value]) -> Value {
        let mut shape = parts[0].shape.clone();
        shape[0] = parts.iter().map(|part| part.shape[0]).sum();
        let parts: Vec<&Value> = parts.iter().collect();
        self.node("Concat", &parts, &[("axis", Attribute::Int(1))], &shape)
    }

    /// The mean over dimensions, counted with the batch; of each is left one.
    pub fn mean(&mut self, x: &Value, axes: &[usize]) -> Value {
        let mut shape = x.shape.clone();
        axes.iter().for_each(|&axis| shape[axis - 1] = 1);
        let axes: Vec<i64> = axes.iter().map(|&axis| axis as i64).collect();
        self.node(
            "ReduceMean",
            &[x],
            &[("axes", Attribute::Ints(&axes))],
            &shape,
        )
    }

    /// A number for each picture, \[n\], as a map of one pixel.
    pub fn per_picture(&mut self, x: &Value) -> Value {
        self.reshape(x, &[1, 1, 1])
    }

    /// Rows of length 1: a vector over the root of its square.
    pub fn unit(&mut self, rows: &Value) -> Value {
        let width = rows.shape[0];
        let square = self.mul(rows, rows);
        let mean = self.mean(&square, &[1]);
        let sum = self.times(&mean, width as f64);
        let sum = self.plus(&sum, 1e-12);
        let length = self.each("Sqrt", &sum);
        self.div(rows, &length)
    }

    /// x·W + b over the last dimension; b where there is one.
    pub fn linear(&mut self, x: &Value, path: &str) -> Value {
        let weight = self.weight(&format!("{path}.weight"));
        let mut shape = x.shape.clone();
        *shape.last_mut().expect("a vector") = weight.shape[1];
        let product = self.node("MatMul", &[x, &weight], &[], &shape);
        let bias = format!("{path}.bias");
        if !self.has(&bias) {
            return product;
        }
        let bias = self.weight(&bias);
        self.add(&product, &bias)
    }

    /// [`crate::kernel::conv2d`].
    pub fn conv2d(&mut self, x: &Value, path: &str, stride: usize) -> Value {
        let weight = self.weight(&format!("{path}.weight"));
        let bias = self.weight(&format!("{path}.bias"));
        let (output, kernel) = (weight.shape[0], weight.shape[2]);
        let halved = |size: usize| size.div_ceil(stride);
        let shape = [output, halved(x.shape[1]), halved(x.shape[2])];
        let (kernel, stride) = (kernel as i64, stride as i64);
        let attributes = [
            ("kernel_shape", Attribute::Ints(&[kernel; 2])),
            ("strides", Attribute::Ints(&[stride; 2])),
            ("pads", Attribute::Ints(&[kernel / 2; 4])),
        ];
        self.node("Conv", &[x, &weight, &bias], &attributes, &shape)
    }

    /// [`crate::kernel::norm`]. As there, the norm's own scale and shift and those of the modulation, [2c],
    /// become one multiplication and one addition a pixel.
    pub fn norm(&mut self, x: &Value, path: &str, modulation: Option<&Value>) -> Value {
        let channels = x.shape[0];
        let pixels: usize = x.shape[1..].iter().product();
        let groups = GroupNormConfig::new(channels).groups();
        let ones = self.floats(&vec![1.0; groups], &[groups]);
        let zeros = self.floats(&vec![0.0; groups], &[groups]);
        let grouped = self.reshape(x, &[groups, channels / groups * pixels]);
        let epsilon = ("epsilon", Attribute::Float(EPSILON));
        let inputs = [&grouped, &ones, &zeros];
        let normed = self.node("InstanceNormalization", &inputs, &[epsilon], &grouped.shape);
        let normed = self.reshape(&normed, &x.shape);

        let mut gamma = self.weight(&format!("{path}.gamma"));
        let mut beta = self.weight(&format!("{path}.beta"));
        if let Some(modulation) = modulation {
            let [scale, shift] = self.split(modulation);
            let scale = self.plus(&scale, 1.0);
            beta = self.mul(&scale, &beta);
            beta = self.add(&beta, &shift);
            gamma = self.mul(&scale, &gamma);
        }
        let gamma = self.reshape(&gamma, &[channels, 1, 1]);
        let beta = self.reshape(&beta, &[channels, 1, 1]);
        let scaled = self.mul(&normed, &gamma);
        self.add(&scaled, &beta)
    }

    /// SiLU of [`Graph::norm`].
    pub fn norm_silu(&mut self, x: &Value, path: &str, modulation: Option<&Value>) -> Value {
        let z = self.norm(x, path, modulation);
        self.silu(&z)
    }

    /// [`crate::nn::ResidualBlock`].
    pub fn residual(&mut self, x: &Value, path: &str, embedding: Option<&Value>) -> Value {
        let modulation = format!("{path}.modulation");
        let modulation = embedding.map(|embedding| self.linear(embedding, &modulation));
        let skip = format!("{path}.skip");
        let skip = if self.has(&format!("{skip}.weight")) {
            self.conv2d(x, &skip, 1)
        } else {
            x.clone()
        };
        let h = self.norm_silu(x, &format!("{path}.norm1"), None);
        let h = self.conv2d(&h, &format!("{path}.conv1"), 1);
        let h = self.norm_silu(&h, &format!("{path}.norm2"), modulation.as_ref());
        let h = self.conv2d(&h, &format!("{path}.conv2"), 1);
        self.add(&skip, &h)
    }

    /// `count` residual blocks.
    pub fn residuals(
        &mut self,
        x: &Value,
        path: &str,
        count: usize,
        embedding: Option<&Value>,
    ) -> Value {
        (0..count).fold(x.clone(), |h, i| {
            self.residual(&h, &format!("{path}.{i}"), embedding)
        })
    }

    /// [`crate::nn::SelfAttention`].
    pub fn self_attention(&mut self, x: &Value, path: &str, heads: usize) -> Value {
        let h = self.norm(x, &format!("{path}.norm"), None);
        let qkv = self.conv2d(&h, &format!("{path}.qkv"), 1);
        let [q, k, v] = self.split(&qkv);
        let mixed = self.attend([&q, &k, &v], heads, None);
        let mixed = self.reshape(&mixed, &x.shape);
        let out = self.conv2d(&mixed, &format!("{path}.out"), 1);
        self.add(x, &out)
    }

    /// [`crate::nn::CrossAttention`]; `context` [tokens, width].
    pub fn cross_attention(
        &mut self,
        x: &Value,
        path: &str,
        heads: usize,
        context: &Value,
    ) -> Value {
        let h = self.norm(x, &format!("{path}.norm"), None);
        let q = self.conv2d(&h, &format!("{path}.queries"), 1);
        let keys_values = self.linear(context, &format!("{path}.keys_values"));
        let keys_values = self.transpose(&keys_values, &[0, 2, 1]);
        let [k, v] = self.split(&keys_values);
        let mixed = self.attend([&q, &k, &v], heads, None);
        let mixed = self.reshape(&mixed, &x.shape);
        let out = self.conv2d(&mixed, &format!("{path}.out"), 1);
        self.add(x, &out)
    }

    /// [`crate::kernel::attend`] over queries, keys and values, [c, ..] each. Where `hidden`, [1, 1, keys],
    /// is true, nothing looks. Returns [heads, d, queries].
    pub fn attend(
        &mut self,
        queries_keys_values: [&Value; 3],
        heads: usize,
        hidden: Option<&Value>,
    ) -> Value {
        /// What takes the place of the score of what is hidden: burn-nn's own.
        const LEAST: f64 = -1e4;
        let [q, k, v] = queries_keys_values.map(|part| {
            let d = part.shape[0] / heads;
            let numbers: usize = part.shape[1..].iter().product();
            self.reshape(part, &[heads, d, numbers])
        });
        let [_, d, queries] = q.shape[..] else {
            unreachable!("it was made so")
        };
        let keys = k.shape[2];
        let q = self.times(&q, 1.0 / (d as f64).sqrt());
        let q = self.transpose(&q, &[0, 1, 3, 2]);
        let mut scores = self.node("MatMul", &[&q, &k], &[], &[heads, queries, keys]);
        if let Some(hidden) = hidden {
            let least = self.number(LEAST);
            let shape = scores.shape.clone();
            scores = self.node("Where", &[hidden, &least, &scores], &[], &shape);
        }
        let last = ("axis", Attribute::Int(-1));
        let weights = self.node("Softmax", &[&scores], &[last], &scores.shape);
        let weights = self.transpose(&weights, &[0, 1, 3, 2]);
        self.node("MatMul", &[&v, &weights], &[], &[heads, d, queries])
    }

    /// [`crate::kernel::upsample`].
    pub fn upsample(&mut self, coarse: &Value, fine: Option<&Value>) -> Value {
        let [c, h, w] = coarse.shape[..] else {
            unreachable!("a feature map has three dimensions")
        };
        let none = self.floats(&[], &[0]);
        let scales = self.floats(&[1.0, 1.0, 2.0, 2.0], &[4]);
        let attributes = [
            ("mode", Attribute::Text("nearest")),
            ("nearest_mode", Attribute::Text("floor")),
            (
                "coordinate_transformation_mode",
                Attribute::Text("asymmetric"),
            ),
        ];
        let inputs = [coarse, &none, &scales];
        let large = self.node("Resize", &inputs, &attributes, &[c, 2 * h, 2 * w]);
        match fine {
            Some(fine) => self.add(&large, fine),
            None => large,
        }
    }

    /// Four channels of a pixel → one of four pixels, as [`crate::model::vae`] ends.
    pub fn depth_to_space(&mut self, x: &Value) -> Value {
        let shape = [x.shape[0] / 4, 2 * x.shape[1], 2 * x.shape[2]];
        let attributes = [
            ("blocksize", Attribute::Int(2)),
            ("mode", Attribute::Text("CRD")),
        ];
        self.node("DepthToSpace", &[x], &attributes, &shape)
    }

    /// [`crate::nn::Pyramid`] with so many residual blocks at each level.
    pub fn pyramid(&mut self, x: &Value, path: &str, blocks: &[usize]) -> Value {
        let mut h = x.clone();
        for (level, &count) in blocks.iter().enumerate() {
            let level = format!("{path}.levels.{level}");
            h = self.conv2d(&h, &format!("{level}.halve"), 2);
            h = self.residuals(&h, &format!("{level}.blocks"), count, None);
        }
        self.norm_silu(&h, &format!("{path}.norm"), None)
    }

    /// [`crate::nn::Encoder::activations`]: the output of each layer.
    pub fn encoder(
        &mut self,
        x: &Value,
        path: &str,
        strides: &[usize],
        embedding: Option<&Value>,
    ) -> Vec<Value> {
        let mut outputs: Vec<Value> = Vec::with_capacity(strides.len());
        for (layer, &stride) in strides.iter().enumerate() {
            let layer = format!("{path}.layers.{layer}");
            let x = outputs.last().unwrap_or(x).clone();
            let mut h = self.conv2d(&x, &format!("{layer}.conv"), stride);
            if let Some(embedding) = embedding {
                let both = self.linear(embedding, &format!("{layer}.modulation"));
                let both = self.reshape(&both, &[2 * h.shape[0], 1, 1]);
                let [scale, shift] = self.split(&both);
                let scale = self.plus(&scale, 1.0);
                h = self.mul(&h, &scale);
                h = self.add(&h, &shift);
            }
            outputs.push(self.silu(&h));
        }
        outputs
    }

    /// [`crate::nn::sinusoidal_features`]; `x` \[n\].
    pub fn sinusoidal_features(&mut self, x: &Value, features: usize) -> Value {
        let half = features / 2;
        let frequencies = self.floats(&sinusoidal_frequencies(features), &[half]);
        let column = self.reshape(x, &[1]);
        let angles = self.node("Mul", &[&column, &frequencies], &[], &[half]);
        let waves = ["Cos", "Sin"].map(|op| self.each(op, &angles));
        self.concat(&waves)
    }

    /// [`crate::nn::Preconditioning::at`]; `sigma` \[n\].
    pub fn preconditioning(&mut self, sigma: &Value, sigma_data: f64) -> Preconditioning {
        let square = self.mul(sigma, sigma);
        let total = self.plus(&square, sigma_data * sigma_data);
        let total = self.each("Sqrt", &total);
        let inverse = self.each("Reciprocal", &total);
        let share = self.times(&inverse, sigma_data);
        let c_skip = self.mul(&share, &share);
        let c_out = self.mul(sigma, &share);
        let log = self.each("Log", sigma);
        Preconditioning {
            c_skip: self.per_picture(&c_skip),
            c_out: self.per_picture(&c_out),
            c_in: self.per_picture(&inverse),
            c_noise: self.times(&log, 0.25),
        }
    }

    /// A layer of burn-nn's `TransformerEncoder` with the norms first; `x` [tokens, width].
    pub fn transformer_layer(
        &mut self,
        x: &Value,
        path: &str,
        heads: usize,
        hidden: &Value,
    ) -> Value {
        let h = self.layer_norm(x, &format!("{path}.norm_2"));
        let [q, k, v] = ["query", "key", "value"].map(|part| {
            let part = self.linear(&h, &format!("{path}.mha.{part}"));
            self.transpose(&part, &[0, 2, 1])
        });
        let mixed = self.attend([&q, &k, &v], heads, Some(hidden));
        let mixed = self.reshape(&mixed, &q.shape);
        let mixed = self.transpose(&mixed, &[0, 2, 1]);
        let mixed = self.linear(&mixed, &format!("{path}.mha.output"));
        let x = self.add(x, &mixed);
        let h = self.layer_norm(&x, &format!("{path}.norm_1"));
        let h = self.linear(&h, &format!("{path}.pwff.linear_inner"));
        let h = self.gelu(&h);
        let h = self.linear(&h, &format!("{path}.pwff.linear_outer"));
        self.add(&x, &h)
    }

    fn layer_norm(&mut self, x: &Value, path: &str) -> Value {
        let gamma = self.weight(&format!("{path}.gamma"));
        let beta = self.weight(&format!("{path}.beta"));
        let epsilon = ("epsilon", Attribute::Float(EPSILON));
        let inputs = [x, &gamma, &beta];
        self.node("LayerNormalization", &inputs, &[epsilon], &x.shape)
    }

    /// x·(1 + erf(x / √2)) / 2.
    fn gelu(&mut self, x: &Value) -> Value {
        let scaled = self.times(x, std::f64::consts::FRAC_1_SQRT_2);
        let erf = self.each("Erf", &scaled);
        let gate = self.plus(&erf, 1.0);
        let gate = self.times(&gate, 0.5);
        self.mul(x, &gate)
    }
}
