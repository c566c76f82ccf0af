//! How the allocator of the C library keeps memory.

/// Keeps all memory in one heap. The C library gives every thread a heap of its own, and what one thread freed stays in its heap:
/// a station's dozen threads take turns with pictures, and held a fifth more than they used. Call it before the first thread.
pub fn one_heap() {
    #[cfg(target_env = "gnu")]
    #[expect(unsafe_code, reason = "a call to the C library")]
    // SAFETY: it takes two numbers and sets one of the allocator's parameters.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}
