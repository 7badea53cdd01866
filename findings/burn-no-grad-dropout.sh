#!/usr/bin/env bash
# burn 0.22.1: Module::no_grad() takes a part of a model out of training, but on the training device its dropout goes on
# dropping: asked the same thing twice, it gives two answers. Module::freeze() stops both. (In PyTorch these are two
# switches as well, requires_grad_ and eval; but here a module has no eval, and no_grad sounds like the one for a part
# that is only to be read.)
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
export CARGO_TARGET_DIR=${FINDINGS_TARGET:-$folder/target}
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "burn-no-grad-dropout"
version = "0.0.0"
edition = "2024"
[dependencies]
burn = { version = "=0.22.1", default-features = false, features = ["std", "flex", "autodiff"] }
TOML
cat >src/main.rs <<'RUST'
use burn::{
    module::Module,
    nn::{Dropout, DropoutConfig, Linear, LinearConfig},
    tensor::{Device, Tensor},
};

#[derive(Module, Debug)]
struct Part {
    linear: Linear,
    dropout: Dropout,
}

impl Part {
    /// Whether the same input has the same answer twice.
    fn agrees(&self, x: &Tensor<2>) -> bool {
        let [a, b] = [(); 2].map(|()| self.dropout.forward(self.linear.forward(x.clone())));
        (a - b).abs().max().into_scalar::<f32>() == 0.0
    }
}

fn main() {
    let device = Device::flex().autodiff();
    let part = Part {
        linear: LinearConfig::new(4, 64).init(&device),
        dropout: DropoutConfig::new(0.5).init(),
    };
    let x = Tensor::<2>::ones([8, 4], &device);
    println!("no_grad {} freeze {}", part.clone().no_grad().agrees(&x), part.freeze().agrees(&x));
}
RUST
seen=$(cargo run --quiet --release)
echo "burn 0.22.1, one part of a model asked twice gives the same answer: $seen"
[[ $seen == "no_grad false freeze true" ]]
