//! What threads meet at: atomics, the cells that they hand to each other with them, and the memory
//! of pages.
//!
//! Core's own; or, where `pool::tests` tries every order in which threads can meet, those of loom,
//! which see each access, know what may be read of what others wrote, and miss nothing that is
//! not given back.

#[cfg(not(all(test, loom)))]
pub(super) use alloc::alloc::{alloc_zeroed, dealloc};
#[cfg(not(all(test, loom)))]
pub(super) use core::cell::UnsafeCell;
#[cfg(not(all(test, loom)))]
pub(super) use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, fence};

#[cfg(all(test, loom))]
pub(super) use loom::alloc::{alloc_zeroed, dealloc};
#[cfg(all(test, loom))]
pub(super) use loom::sync::atomic::{AtomicU32, AtomicUsize, fence};
#[cfg(all(test, loom))]
pub(super) use watched::{AtomicU64, UnsafeCell};

#[cfg(all(test, loom))]
mod watched {
    /// A cell with one owner, whoever that is: each use of it must come after all others, by what
    /// threads told each other with atomics, or loom ends the test.
    pub(in crate::buffer) struct UnsafeCell<T> {
        value: core::cell::UnsafeCell<T>,
        uses: loom::cell::UnsafeCell<()>,
    }

    impl<T> UnsafeCell<T> {
        pub(in crate::buffer) fn new(value: T) -> Self {
            Self {
                value: core::cell::UnsafeCell::new(value),
                uses: loom::cell::UnsafeCell::new(()),
            }
        }

        /// Every use counts as one that writes: two that only read are in order too.
        #[track_caller]
        pub(in crate::buffer) fn get(&self) -> *mut T {
            self.uses.with_mut(|_| ());
            self.value.get()
        }
    }

    /// An atomic that nobody uses any more, or will, when it is freed. (Loom's own may be used
    /// after that, and nobody would know.)
    pub(in crate::buffer) struct AtomicU64(loom::sync::atomic::AtomicU64);

    impl AtomicU64 {
        pub(in crate::buffer) fn new(value: u64) -> Self {
            Self(loom::sync::atomic::AtomicU64::new(value))
        }
    }

    impl core::ops::Deref for AtomicU64 {
        type Target = loom::sync::atomic::AtomicU64;

        fn deref(&self) -> &Self::Target {
            &self.0
        }
    }

    impl Drop for AtomicU64 {
        fn drop(&mut self) {
            self.0.with_mut(|_| ());
        }
    }
}
