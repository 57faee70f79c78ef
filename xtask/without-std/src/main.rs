//! A program without std on top of `packet`, `netstack`, `kv`, `store` and `rules`.
//!
//! It has a panic handler and an allocator of its own, and so cannot be built if anything below
//! it uses std: the compiler would find two panic handlers. It also runs, so that what needs
//! std only at the end of a chain of generic code is found as well.
//!
//! Where panics unwind (as when the whole workspace is built for its tests) it is an ordinary
//! program; the profile `without-std` makes it what it is for.
//!
//! **Why unsafe is allowed here:** without std, somebody has to ask libc for memory.
#![cfg_attr(panic = "abort", no_std, no_main)]
#![allow(unsafe_code)]

extern crate alloc;

mod private_files;

use kv as _;
use netstack as _;
use packet::header::ethernet::{EtherType, Ethernet, Mac};
use packet::{Batch, Pool};

/// Uses a little of each crate; says whether what came out is right.
fn exercise() -> bool {
    let mut pool = Pool::plain(8);
    let mut batch = Batch::new();
    if pool.allocate_batch(&mut batch, 9) != 8 {
        return false;
    }
    for packet in &mut batch {
        let Some(bytes) = packet.push_back(Ethernet::LEN) else { return false };
        let Ok((ethernet, _)) = Ethernet::read_mut(bytes) else { return false };
        *ethernet = Ethernet {
            destination: Mac::BROADCAST,
            source: Mac([2; 6]),
            ethertype: EtherType::ARP,
        };
        ethernet.flip();
    }
    let flipped = batch.iter().all(|packet| packet.bytes().starts_with(&[2; 6]));
    pool.recycle_batch(&mut batch);
    flipped && pool.statistics().away == 0 && private_files::exercise() && decides()
}

/// Whether a rule decides about a file.
fn decides() -> bool {
    let (rules, mistakes) = rules::parse("DISK: (\"/private/**\", priv_fs)");
    let Some(rules) = rules.filter(|_| mistakes.is_empty()) else { return false };
    let rule = |name: &[u8]| rules.decide(&rules::Subject::File(name)).rule;
    rule(b"/private/note") == Some(0) && rule(b"/public").is_none()
}

#[cfg(not(panic = "abort"))]
fn main() -> std::process::ExitCode {
    if exercise() { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
}

#[cfg(panic = "abort")]
mod freestanding {
    use core::alloc::{GlobalAlloc, Layout};
    use core::ffi::{c_int, c_void};

    #[link(name = "c")]
    unsafe extern "C" {
        fn aligned_alloc(alignment: usize, bytes: usize) -> *mut c_void;
        fn free(memory: *mut c_void);
        fn abort() -> !;
    }

    struct Libc;

    #[global_allocator]
    static ALLOCATOR: Libc = Libc;

    // SAFETY: libc's allocator gives memory of the size and alignment asked for (the size rounded
    // up to a multiple of the alignment, as `aligned_alloc` wants), or null.
    unsafe impl GlobalAlloc for Libc {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            let layout = layout.pad_to_align();
            // SAFETY: an alignment that `Layout` allows is a power of two.
            unsafe { aligned_alloc(layout.align().max(16), layout.size()).cast() }
        }

        unsafe fn dealloc(&self, memory: *mut u8, _: Layout) {
            // SAFETY: the caller got it from `alloc`.
            unsafe { free(memory.cast()) }
        }
    }

    #[panic_handler]
    fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
        end()
    }

    fn end() -> ! {
        // SAFETY: `abort` may be called at any time.
        unsafe { abort() }
    }

    /// The compiled `alloc` names it in tables for unwinding, which nobody walks here.
    // SAFETY: no other crate below defines it, as std is not there.
    #[unsafe(no_mangle)]
    extern "C" fn rust_eh_personality() {}

    /// The compiled `alloc` names this one as well.
    // SAFETY: as above; it is never called, as nothing unwinds.
    #[unsafe(no_mangle)]
    extern "C" fn _Unwind_Resume() -> ! {
        end()
    }

    /// Where libc's start-up code goes.
    // SAFETY: the program has no other `main`, and this one has the signature that C expects.
    #[unsafe(no_mangle)]
    extern "C" fn main(_: c_int, _: *const *const u8) -> c_int {
        c_int::from(!super::exercise())
    }
}
