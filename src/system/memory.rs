//! How the allocator of the C library keeps memory.

/// Keeps little more memory than is used. Call it before the first thread of a program that runs for long.
///
/// glibc gives every thread a heap of its own, and what one thread freed stays in its heap: a station's dozen threads hand pictures
/// to each other, and held half as much again as they used. So there is one heap, and pictures of two megapixels and more (their bytes,
/// and what a network makes of them) come straight from the kernel and go back there. Smaller ones stay in the heap: fetching them anew
/// for every frame would cost more time than it saves memory.
pub fn keep_little() {
    #[cfg(target_env = "gnu")]
    for (parameter, value) in [
        (libc::M_ARENA_MAX, 1),
        (libc::M_MMAP_THRESHOLD, 4 << 20),
        // By default it follows the one before, but not any more once that is set.
        (libc::M_TRIM_THRESHOLD, 8 << 20),
    ] {
        #[expect(unsafe_code, reason = "a call to the C library")]
        // SAFETY: it takes two numbers and sets one parameter of the allocator.
        unsafe {
            libc::mallopt(parameter, value);
        }
    }
}
