#!/usr/bin/env bash
# rust-lld of Rust 1.96: a wasm module with constructors (the crates ctor and inventory make them, CubeCL has
# thousands) runs all of them anew before every call from outside, because each export is taken for a command's entry.
# Not so where the module names `__wasm_call_ctors` itself, and calls it once.
# Takes the target wasm32-unknown-unknown and Node; CARGO and FLAGS may name another compiler and its options.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
export CARGO_TARGET_DIR=${FINDINGS_TARGET:-$folder/target}
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "counted"
version = "0.0.0"
edition = "2024"

[features]
once = []

[lib]
crate-type = ["cdylib"]

[profile.release]
panic = "abort"
TOML
cat >src/lib.rs <<'RUST'
#![no_std]
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

static RUNS: AtomicU32 = AtomicU32::new(0);

extern "C" fn constructor() {
    RUNS.fetch_add(1, Relaxed);
}

#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = constructor;

#[unsafe(no_mangle)]
pub extern "C" fn runs() -> u32 {
    RUNS.load(Relaxed)
}

#[cfg(feature = "once")]
#[unsafe(no_mangle)]
pub extern "C" fn start() {
    unsafe extern "C" {
        fn __wasm_call_ctors();
    }
    unsafe { __wasm_call_ctors() }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
RUST

# runs FEATURE...: how often the constructor had run at each of three calls.
runs() {
  # shellcheck disable=SC2086 # several words each
  ${CARGO:-cargo} build --quiet --release ${FLAGS:-} --target wasm32-unknown-unknown --features "$*" >&2
  node -e '
    const bytes = require("node:fs").readFileSync(process.env.CARGO_TARGET_DIR + "/wasm32-unknown-unknown/release/counted.wasm");
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
    exports.start?.();
    console.log([exports.runs(), exports.runs(), exports.runs()].join(" "));
  '
}

plain=$(runs)
named=$(runs once)
echo "constructors run before three calls: $plain"
echo "and where the module calls them itself: $named"
[[ $plain == "1 2 3" && $named == "1 1 1" ]]
