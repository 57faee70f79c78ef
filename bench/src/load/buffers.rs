//! The kernel's memory for buffers, while somebody measures.
//!
//! What one end of a veth pair sends is freed by who receives it, on another core. So the sender's
//! core never gets any of it back: the kernel takes page after page for new buffers and gives those
//! of the old ones back, for both sides of a contest alike, and the longer the worse. It says
//! nothing about servers: a network card's driver frees what was sent on the core that sent it. So
//! the kernel is told to keep what it has.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use system_tests::Setting;

/// The caches that descriptions of buffers, and short buffers, come from.
const CACHES: [&str; 2] = ["skbuff_head_cache", "skbuff_small_head"];
/// Pages, or pairs of them, of either cache that are kept though nothing in them is in use. By
/// itself the kernel keeps 5.
const KEPT: &str = "400";

/// For as long as anybody holds it, the kernel keeps them.
pub(super) struct Kept {
    _settings: Vec<Setting>,
}

impl Kept {
    /// The one that all share. Where the kernel does not tell about its caches, nothing changes.
    pub(super) fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Kept>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let file = |cache| Path::new("/sys/kernel/slab").join(cache).join("min_partial");
            let settings =
                CACHES.iter().filter_map(|cache| Setting::change(&file(cache), KEPT).ok());
            let kept = Arc::new(Self { _settings: settings.collect() });
            *shared = Arc::downgrade(&kept);
            kept
        })
    }
}
