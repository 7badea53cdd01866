//! The exponential moving average of the weights, which samples better than the weights themselves.

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    optim::GradientsParams,
    tensor::Tensor,
};

/// average ← d·average + (1 − d)·weights, with d rising from 0.1 to `decay`, so that the random start
/// is forgotten: d = min(decay, (1 + step) / (10 + step)).
pub fn averaged<M: Module>(average: M, model: &M, step: u64, decay: f64) -> M {
    let decay = decay.min((1.0 + step as f64) / (10.0 + step as f64));
    let mut weights = Weights(GradientsParams::new());
    model.visit(&mut weights);
    average.map(&mut Blend {
        weights: weights.0,
        decay,
    })
}

/// The tensors of a module by parameter; `GradientsParams` is Burn's map for that.
struct Weights(GradientsParams);

impl ModuleVisitor for Weights {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.register(param.id, param.val());
    }
}

struct Blend {
    weights: GradientsParams,
    decay: f64,
}

impl ModuleMapper for Blend {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let weight = self.weights.remove::<D>(param.id);
        param.map(|average| match weight {
            // What does not change stays the same to the last bit.
            Some(weight) => average.clone() + (weight - average) * (1.0 - self.decay),
            None => average,
        })
    }
}
