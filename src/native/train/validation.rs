//! What a model loses on held-out data, by the amount of noise where there is any.

/// A mean loss, and what it is made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Validation {
    /// Over all samples.
    pub loss: f64,
    /// σ, rising, and the mean loss at it; empty where the loss is not a denoiser's.
    pub by_sigma: Vec<(f64, f64)>,
}

impl From<f64> for Validation {
    fn from(loss: f64) -> Self {
        Self {
            loss,
            by_sigma: Vec::new(),
        }
    }
}

/// From σ and the loss of each sample.
impl FromIterator<(f64, f64)> for Validation {
    fn from_iter<I: IntoIterator<Item = (f64, f64)>>(samples: I) -> Self {
        let mut samples: Vec<(f64, f64)> = samples.into_iter().collect();
        samples.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mean = |samples: &[(f64, f64)]| {
            samples.iter().map(|sample| sample.1).sum::<f64>() / samples.len() as f64
        };
        let at_one = samples.chunk_by(|a, b| a.0 == b.0);
        Self {
            loss: mean(&samples),
            by_sigma: at_one.map(|chunk| (chunk[0].0, mean(chunk))).collect(),
        }
    }
}
