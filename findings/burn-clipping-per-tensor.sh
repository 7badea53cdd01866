#!/usr/bin/env bash
# burn 0.22.1: an optimiser's with_grad_clipping(GradientClippingConfig::Norm(1.0)) measures and clips every parameter's
# gradient by itself. PyTorch's clip_grad_norm_, which training recipes mean, measures all of them together: there two
# gradients of norm 1 come out at 0.71 each, here they stay as they are, and a large one is shortened while a small one
# beside it is not, so that the step's direction changes. Seen by the steps that plain gradient descent takes.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
export CARGO_TARGET_DIR=${FINDINGS_TARGET:-$folder/target}
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "burn-clipping-per-tensor"
version = "0.0.0"
edition = "2024"
[dependencies]
burn = { version = "=0.22.1", default-features = false, features = ["std", "flex", "autodiff", "optim"] }
TOML
cat >src/main.rs <<'RUST'
use burn::{
    grad_clipping::GradientClippingConfig,
    module::{Module, Param},
    optim::{GradientsParams, SgdConfig},
    tensor::{Device, Tensor},
};

#[derive(Module, Debug)]
struct Two {
    steep: Param<Tensor<1>>,
    flat: Param<Tensor<1>>,
}

fn main() {
    let device = Device::flex().autodiff();
    let at = || Param::from_tensor(Tensor::<1>::zeros([1], &device).require_grad());
    let model = Two { steep: at(), flat: at() };
    // Gradients of 3 and 0.5.
    let loss = (model.steep.val() * 3.0 + model.flat.val() * 0.5).sum();
    let gradients = GradientsParams::from_grads(loss.backward(), &model);
    let mut optimiser = SgdConfig::new().init().with_grad_clipping(GradientClippingConfig::Norm(1.0).init());
    let model = optimiser.step(1.0, model, gradients);
    let step = |p: &Param<Tensor<1>>| -p.val().into_scalar::<f32>();
    println!("{:.3} {:.3}", step(&model.steep), step(&model.flat));
}
RUST
seen=$(cargo run --quiet --release)
echo "burn 0.22.1, gradients 3 and 0.5 clipped to a norm of 1: steps $seen (together: 0.986 0.164)"
[[ $seen == "1.000 0.500" ]]
