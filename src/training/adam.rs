//! Adam for a page. That of Burn brings tensors of every rank and type, and costs 50 kB of the download.

use std::collections::HashMap;

use burn::{
    module::{Module, ModuleMapper, Param, ParamId},
    optim::GradientsParams,
    tensor::Tensor,
};

/// The shares of the moments that stay in a step, what is added to the root of the second, and the length that a
/// parameter's gradient has at most: as in [`super::optimizer`].
const BETAS: [f64; 2] = [0.9, 0.99];
const EPSILON: f64 = 1e-8;
const LONGEST: f64 = 1.0;

/// Adam (Kingma & Ba 2014, <https://arxiv.org/abs/1412.6980>): the running means of each number's gradient and of its
/// square.
#[derive(Default)]
pub struct Adam {
    moments: HashMap<ParamId, [Tensor<1>; 2]>,
    steps: i32,
}

impl Adam {
    /// The module after a step against its gradients.
    pub fn step<M: Module>(&mut self, rate: f64, module: M, gradients: GradientsParams) -> M {
        self.steps += 1;
        module.map(&mut Step {
            adam: self,
            rate,
            gradients,
        })
    }
}

struct Step<'a> {
    adam: &'a mut Adam,
    rate: f64,
    gradients: GradientsParams,
}

impl ModuleMapper for Step<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = self.gradients.remove::<D>(param.id) else {
            return param;
        };
        let gradient: Tensor<1> = gradient.reshape([-1]);
        let length = gradient.clone().square().sum().sqrt();
        let gradient = gradient / (length / LONGEST).clamp_min(1.0);
        let zeros = || [gradient.zeros_like(), gradient.zeros_like()];
        let moments = self.adam.moments.remove(&param.id);
        let [mean, square] = moments.unwrap_or_else(zeros);
        let mean = mean * BETAS[0] + gradient.clone() * (1.0 - BETAS[0]);
        let square = square * BETAS[1] + gradient.square() * (1.0 - BETAS[1]);
        self.adam
            .moments
            .insert(param.id, [mean.clone(), square.clone()]);
        // Both begin at 0, which is made up for.
        let [mean_share, square_share] = BETAS.map(|beta| 1.0 - beta.powi(self.adam.steps));
        let way = (mean / mean_share) / ((square / square_share).sqrt() + EPSILON) * self.rate;
        param.map(|tensor| {
            let dims = tensor.dims();
            let moved = tensor.inner() - way.reshape(dims);
            Tensor::from_inner(moved).require_grad()
        })
    }
}
