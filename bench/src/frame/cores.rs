//! Threads on cores of their own.

use rustix::thread::{CpuSet, Pid, sched_getaffinity, sched_setaffinity};
use std::marker::PhantomData;

/// The calling thread stays on one core until this is dropped; then it may use those from before.
/// Threads and processes it starts meanwhile stay there too, so pin after starting them.
#[must_use = "the thread is free again when this is dropped"]
pub struct Pinned {
    before: CpuSet,
    /// Which core it is.
    pub core: usize,
    /// Of one thread only.
    thread: PhantomData<*const ()>,
}

/// Keeps the calling thread on the `index`th of the cores it may use, counted round: on a machine
/// with fewer cores, threads share them.
pub fn pin(index: usize) -> Result<Pinned, String> {
    let reason = |error| format!("a thread could not be kept on one core: {error}");
    let before = sched_getaffinity(None).map_err(reason)?;
    let (core, only) = among(&before, index)?;
    sched_setaffinity(None, &only).map_err(reason)?;
    Ok(Pinned { before, core, thread: PhantomData })
}

/// Keeps another thread, by its number, on the `index`th of the cores that this process's first
/// thread may use.
pub fn keep_on_core(thread: i32, index: usize) -> Result<(), String> {
    let reason = |error| format!("thread {thread} could not be kept on one core: {error}");
    let thread = Pid::from_raw(thread).ok_or("threads have numbers above 0")?;
    // All that we may use: the thread may be kept on another core already.
    let allowed = sched_getaffinity(Some(rustix::process::getpid())).map_err(reason)?;
    let (_, only) = among(&allowed, index)?;
    sched_setaffinity(Some(thread), &only).map_err(reason)
}

/// The `index`th of some cores, counted round, and the set of it alone.
fn among(allowed: &CpuSet, index: usize) -> Result<(usize, CpuSet), String> {
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect();
    let core = *cores.get(index % cores.len().max(1)).ok_or("no core is allowed")?;
    let mut only = CpuSet::new();
    only.set(core);
    Ok((core, only))
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // It may use these cores already; should the kernel refuse, it stays where it is.
        let _ = sched_setaffinity(None, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_thread_is_free_again_afterwards() {
        let before = sched_getaffinity(None).unwrap();
        let pinned = pin(0).unwrap();
        let during = sched_getaffinity(None).unwrap();
        assert_eq!((during.count(), during.is_set(pinned.core)), (1, true));
        drop(pinned);
        assert_eq!(sched_getaffinity(None).unwrap(), before);
    }
}
