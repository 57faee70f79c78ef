//! Asking the processor to load memory before it is needed.

/// Asks the processor to load the cache line in which `what` begins; changes nothing.
///
/// Here because the instruction can be reached only through unsafe code, which crates that want
/// it (the key-value table, the demuxer) do without.
#[inline(always)]
pub fn prefetch<T>(what: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch has no effect that a program can see, whatever the address.
        unsafe { _mm_prefetch(core::ptr::from_ref(what).cast(), _MM_HINT_T0) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = what;
}
