//! What the command line asks of the allocator.

/// Lets freed memory stay with the process. A network call allocates and frees activations of megabytes; glibc gives
/// such blocks back to the system at once, which clears them page by page when they come again: an eighth of the
/// processor time of sampling, measured. To be called before anything is computed; elsewhere it does nothing.
pub fn keep() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[allow(unsafe_code, reason = "the C library's own setting")]
    // SAFETY: two parameters of the allocator, set to values that it takes; no other thread is there yet.
    unsafe {
        // The most that glibc takes: larger blocks are given back as ever.
        libc::mallopt(libc::M_MMAP_THRESHOLD, 32 << 20);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
    }
}
