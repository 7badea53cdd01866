//! Loops that the compiler turns into the widest vectors of the machine that runs them.

use pulp::{Simd, WithSimd};

/// Calls `op` with this machine's vectors, and compiled for them.
#[cfg(not(all(feature = "relaxed-simd", target_arch = "wasm32")))]
#[inline(always)]
pub fn dispatch<Op: WithSimd>(op: Op) -> Op::Output {
    pulp::Arch::new().dispatch(op)
}

/// Calls `op` with WebAssembly's vectors, which multiply and add in one: this bundle is loaded only by browsers that can
/// (`www/unnoise/backends.js`). Only the kernels are compiled for it, since for the whole module macerator 0.5 is not.
#[cfg(all(feature = "relaxed-simd", target_arch = "wasm32"))]
#[allow(unsafe_code, reason = "the browser has been asked")]
#[inline(always)]
pub fn dispatch<Op: WithSimd>(op: Op) -> Op::Output {
    // SAFETY: a browser without these instructions refuses the module.
    let simd = unsafe { pulp::wasm::RelaxedSimd::new_unchecked() };
    Simd::vectorize(simd, op)
}

/// Calls `f`, compiled for this machine's vectors where it is `#[inline(always)]`.
///
/// pulp's `Arch::dispatch` takes closures too, but calls those that borrow through a shim, which the compiler need not
/// inline: then the loop stays what any machine could run.
pub fn vectorised(f: impl FnMut()) {
    dispatch(Loop(f));
}

struct Loop<F>(F);

impl<F: FnMut()> WithSimd for Loop<F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _: S) {
        (self.0)();
    }
}
