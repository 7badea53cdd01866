//! The binding that the page calls: thin, no mathematics. One bundle is built for the CPU (feature
//! `flex`) and one for WebGPU (feature `webgpu`); both have the same face.
//!
//! | module | job |
//! | --- | --- |
//! | `engine` | the device, the networks on it, questions to them |
//! | `run` | a run from noise to a picture, a step at a time |
//! | `trainer` | a network that is trained in the page (feature `training`) |
//! | `painter` | scenes, pictures painted and measured, noise and schedules: no network |
//! | `info` | what the bundle is, can do and takes |
//! | `convert` | JavaScript's values ↔ the crate's |

mod convert;
mod engine;
mod info;
mod painter;
mod run;
#[cfg(feature = "training")]
mod trainer;

pub use engine::Engine;
use info::{MAX_PICTURES, MAX_TEXTS};
pub use run::Run;
#[cfg(feature = "training")]
pub use trainer::Trainer;
use wasm_bindgen::prelude::*;

#[cfg(all(feature = "flex", feature = "webgpu"))]
compile_error!("a bundle computes on one backend: choose `flex` or `webgpu`");
#[cfg(not(any(feature = "flex", feature = "webgpu")))]
compile_error!("a bundle needs a backend: choose `flex` or `webgpu`");

#[wasm_bindgen]
extern "C" {
    /// Milliseconds.
    #[wasm_bindgen(js_namespace = performance)]
    fn now() -> f64;
}

/// Makes a Rust panic readable in the console, and lets crates register what they have.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
    #[cfg(all(feature = "webgpu", target_arch = "wasm32"))]
    construct();
}

/// Runs the constructors by which CubeCL registers its thousands of operations. A module in which nothing names
/// them has the linker run all of them anew before every call from JavaScript (`findings/wasm-constructors.sh`):
/// 650 of the 940 ms of a call of the U-Net.
#[cfg(all(feature = "webgpu", target_arch = "wasm32"))]
#[allow(unsafe_code, reason = "the linker's own function")]
fn construct() {
    unsafe extern "C" {
        fn __wasm_call_ctors();
    }
    // SAFETY: called once, before anything that asks for what is registered.
    unsafe { __wasm_call_ctors() }
}
