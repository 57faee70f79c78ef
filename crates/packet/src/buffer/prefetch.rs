//! Asking the processor to load memory before it is needed.
//!
//! Neither of these changes anything that a program can see, whatever the address. They are here
//! because the instructions can be reached only through unsafe code, which crates that want them
//! (drivers, the demuxer, the key-value table) do without.

/// Asks the processor to load the cache line in which `what` begins.
#[inline(always)]
pub fn prefetch<T>(what: *const T) {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch has no effect that a program can see, whatever the address.
        unsafe { _mm_prefetch(what.cast(), _MM_HINT_T0) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = what;
}

/// Asks the processor to load the cache line in which `what` begins, and to take it away from
/// whichever core wrote it last, because it will be written here: it would else be fetched twice,
/// once to read and once to write.
#[inline]
pub fn prefetch_for_writing<T>(what: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch has no effect that a program can see, and processors that do not know
    // this one take it for a `nop`. (The intrinsic would fall back to a plain prefetch where the
    // build does not promise the instruction.)
    unsafe {
        core::arch::asm!("prefetchw [{}]", in(reg) what, options(nostack, preserves_flags));
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = what;
}
