#!/usr/bin/env bash
# pulp 0.22.3, rustc 1.95, x86-64: a closure that only borrows, handed to Arch::dispatch, is called through the
# compiler's shim (FnOnce::call_once), which is not inlined once the loop is long, not even where the closure is
# #[inline(always)]. The loop is then compiled for any x86-64, with SSE's registers (xmm) in place of AVX's (ymm), and
# nothing says so. In a struct's own call the same loop is compiled for the machine.
set -euo pipefail
[[ $(uname -m) == x86_64 ]] || { echo "this one is about x86-64"; exit 1; }
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
export CARGO_TARGET_DIR=${FINDINGS_TARGET:-$folder/target}
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "pulp-closure-shim"
version = "0.0.0"
edition = "2024"
[lib]
crate-type = ["lib"]
[features]
closure = []
[dependencies]
pulp = { version = "=0.22.3", default-features = false, features = ["std", "x86-v3"] }
[profile.release]
codegen-units = 1
TOML
cat >src/lib.rs <<'RUST'
use pulp::Arch;

#[inline(always)]
fn wave(x: f32) -> f32 {
    (1..12).fold(x, |sum, k| sum - sum * sum * sum / (k as f32 + 5.0) + x / (1.0 + sum * sum))
}

/// Σ of three waves of each column, and the rows changed, twice.
#[inline(always)]
fn columns(x: &[f32], sums: [&mut [f32]; 3], out: &mut [f32]) {
    let [a, b, c] = sums;
    let n = a.len();
    for round in [1.0, 2.0] {
        for (row, out) in x.chunks_exact(n).zip(out.chunks_exact_mut(n)) {
            for ((((x, out), a), b), c) in row.iter().zip(out).zip(&mut *a).zip(&mut *b).zip(&mut *c) {
                *a += wave(x * round);
                *b += wave(x + round);
                *c += wave(x - round);
                *out = x / (1.0 + wave(x / round));
            }
        }
    }
}

#[cfg(feature = "closure")]
pub fn run(x: &[f32], a: &mut [f32], b: &mut [f32], c: &mut [f32], out: &mut [f32]) {
    Arch::new().dispatch(
        #[inline(always)]
        || columns(x, [&mut *a, &mut *b, &mut *c], &mut *out),
    );
}

#[cfg(not(feature = "closure"))]
pub fn run(x: &[f32], a: &mut [f32], b: &mut [f32], c: &mut [f32], out: &mut [f32]) {
    struct Columns<'a>(&'a [f32], [&'a mut [f32]; 3], &'a mut [f32]);
    impl pulp::NullaryFnOnce for Columns<'_> {
        type Output = ();
        #[inline(always)]
        fn call(self) {
            columns(self.0, self.1, self.2);
        }
    }
    Arch::new().dispatch(Columns(x, [a, b, c], out));
}
RUST
# Wide registers in the assembly of the crate.
wide() {
  rm -f "$CARGO_TARGET_DIR"/release/deps/pulp_closure_shim*.s
  cargo rustc --quiet --release "$@" -- --emit asm
  cat "$CARGO_TARGET_DIR"/release/deps/pulp_closure_shim*.s | grep -c ymm || true
}
closure=$(wide --features closure) own=$(wide)
echo "pulp 0.22.3, instructions with ymm registers: by a closure $closure, by a struct's own call $own"
[[ $closure -eq 0 && $own -gt 0 ]]
