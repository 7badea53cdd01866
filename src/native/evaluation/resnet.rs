//! The second judge: a residual network, which looks in another way than LeNet-5, since a Fréchet distance hangs on the
//! network that looks.

use burn::{
    module::Module,
    nn::{Linear, LinearConfig},
    tensor::{Device, Tensor},
};

use serde_json::Map;

use super::classifier::Reader;
use crate::{
    native::{data::About, train::Recipe},
    nn::{Pyramid, PyramidConfig},
};

/// Residual blocks (He et al. 2016, <https://arxiv.org/abs/1512.03385>) at a half and a quarter of the size, the mean over the
/// pixels, and a linear map.
#[derive(Module, Debug)]
pub struct ResNet {
    pyramid: Pyramid,
    linear: Linear,
}

impl Reader for ResNet {
    const NAME: &'static str = "resnet";
    const FEATURES: usize = 48;

    fn fresh(about: &About, device: &Device) -> Self {
        let channels = vec![16, Self::FEATURES];
        Self {
            pyramid: PyramidConfig::new(about.size, 1, channels, vec![1, 2]).init(device),
            linear: LinearConfig::new(Self::FEATURES, about.classes.len()).init(device),
        }
    }

    fn recipe() -> Recipe {
        Recipe {
            epochs: 4,
            batch: 100,
            accumulate: 1,
            learning_rate: 2e-3,
            warmup: 200,
            ema_decay: 0.995,
            seed: 5,
            lock_text: false,
            budget: Map::new(),
        }
    }

    fn features(&self, images: Tensor<4>) -> Tensor<2> {
        let features = self.pyramid.forward(images);
        let [n, c, h, w] = features.dims();
        features.reshape([n, c, h * w]).mean_dim(2).reshape([n, c])
    }

    fn logits(&self, features: Tensor<2>) -> Tensor<2> {
        self.linear.forward(features)
    }
}
