#!/usr/bin/env bash
# argmin 0.11.0: an error of the cost function comes back from Executor::run, but not one at the first corners of
# NelderMead's simplex: there it is unwrapped, and the program panics.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
export CARGO_TARGET_DIR=${FINDINGS_TARGET:-$folder/target}
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "argmin-first-error"
version = "0.0.0"
edition = "2024"
[dependencies]
argmin = { version = "=0.11.0", default-features = false }
argmin-math = { version = "=0.5.1", default-features = false, features = ["vec"] }
TOML
cat >src/main.rs <<'RUST'
use std::{cell::Cell, panic};

use argmin::{
    core::{CostFunction, Error, Executor},
    solver::neldermead::NelderMead,
};

/// A bowl that fails at one question.
struct Bowl {
    asked: Cell<usize>,
    fails_at: usize,
}

impl CostFunction for Bowl {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, x: &Vec<f64>) -> Result<f64, Error> {
        self.asked.set(self.asked.get() + 1);
        if self.asked.get() == self.fails_at {
            return Err(Error::msg("no answer"));
        }
        Ok(x.iter().map(|v| v * v).sum())
    }
}

/// None where it panics, or else whether it returns an error.
fn fails(fails_at: usize) -> Option<bool> {
    let run = move || {
        let bowl = Bowl { asked: Cell::new(0), fails_at };
        let corners = vec![vec![1.0, 2.0], vec![2.0, 1.0], vec![3.0, 3.0]];
        let executor = Executor::new(bowl, NelderMead::new(corners));
        executor.configure(|state| state.max_iters(9)).run().is_err()
    };
    panic::catch_unwind(run).ok()
}

fn main() {
    panic::set_hook(Box::new(|_| ()));
    let (first, later) = (fails(1), fails(5));
    println!("argmin 0.11.0: an error at the first question: {first:?}, at the fifth: {later:?}");
    assert_eq!((first, later), (None, Some(true)));
}
RUST
cargo run --quiet --release
