#!/usr/bin/env bash
# serde 1.0.228: deny_unknown_fields of a struct has no effect where another one flattens it: a field that nobody knows
# is passed over, and what was misspelt has its default. By itself the same struct refuses it.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
export CARGO_TARGET_DIR=${FINDINGS_TARGET:-$folder/target}
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "serde-flatten-unknown"
version = "0.0.0"
edition = "2024"
[dependencies]
serde = { version = "=1.0.228", features = ["derive"] }
serde_json = "1"
TOML
cat >src/main.rs <<'RUST'
use serde::Deserialize;

#[derive(Deserialize, Debug)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    steps: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { steps: 20 }
    }
}

#[derive(Deserialize, Debug)]
struct Start {
    #[serde(flatten)]
    settings: Settings,
}

fn main() {
    let misspelt = r#"{ "stepz": 5 }"#;
    let alone = serde_json::from_str::<Settings>(misspelt).map(|settings| settings.steps);
    let flattened = serde_json::from_str::<Start>(misspelt).map(|start| start.settings.steps);
    println!("serde 1.0.228: alone {alone:?}, flattened {flattened:?}");
    assert!(alone.is_err() && flattened.is_ok_and(|steps| steps == 20));
}
RUST
cargo run --quiet --release
