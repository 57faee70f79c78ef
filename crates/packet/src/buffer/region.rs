//! Memory that a device can be told about as a whole.

use super::PAGE;
use alloc::alloc::{Layout, alloc_zeroed, dealloc};
use core::ptr::NonNull;

/// A contiguous stretch of memory that a pool cuts into pages.
///
/// # Safety
///
/// `base` must point to `pages() * PAGE` initialised bytes, aligned to [`PAGE`], that stay valid
/// and at the same place until the region is dropped, and that nothing else in this process
/// reads or writes except through packets of the pool that owns the region. `pages` and `base` must
/// not change. If there is a `file`, it must stay open as long as the region, and its first byte be
/// the region's first.
///
/// A device, or another process that maps the same memory, may write to pages that were lent to
/// it; a hostile one writes to any page at any time. That is outside what Rust's rules know of.
/// What is relied on instead: no pointer, index or length that this process acts on is kept in a
/// page (records and slots lie elsewhere); a number out of a page is copied out before it is
/// checked where it is used to reach other memory; and all reaching into a page is by slices whose
/// bounds come from the record. So what changes under a reader is bytes, and what these mean.
pub unsafe trait Region: Send + Sync {
    /// Where it begins.
    fn base(&self) -> NonNull<u8>;
    /// How many whole pages it holds.
    fn pages(&self) -> usize;
    /// The descriptor by which another process can map the same memory, where there is one. It
    /// stays the region's: whoever wants to keep it makes a duplicate.
    fn file(&self) -> Option<i32> {
        None
    }
}

/// A region from the global allocator: for tests, and for machines without an operating system.
pub struct Contiguous {
    base: NonNull<u8>,
    layout: Layout,
}

impl Contiguous {
    /// Allocates `pages` zeroed pages next to each other; `None` if there is no memory for them.
    pub fn new(pages: usize) -> Option<Self> {
        let bytes = pages.max(1).checked_mul(PAGE)?;
        let layout = Layout::from_size_align(bytes, PAGE).ok()?;
        // SAFETY: the layout's size is not zero (at least one page).
        let base = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        Some(Self { base, layout })
    }
}

// SAFETY: the allocation is exclusively this value's, aligned and sized by its layout, and freed
// only when the value is dropped.
unsafe impl Region for Contiguous {
    fn base(&self) -> NonNull<u8> {
        self.base
    }

    fn pages(&self) -> usize {
        self.layout.size() / PAGE
    }
}

// SAFETY: plain memory, reached only through the pool's packets; nothing in it knows a thread.
unsafe impl Send for Contiguous {}
// SAFETY: as above; the value itself hands out nothing but its address.
unsafe impl Sync for Contiguous {}

impl Drop for Contiguous {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with the same layout, and freed once.
        unsafe { dealloc(self.base.as_ptr(), self.layout) };
    }
}
