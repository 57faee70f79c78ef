//! The processor's tick counter.
//!
//! **Why unsafe is allowed here:** the counter is read by one instruction that the compiler has
//! only as an unsafe intrinsic or as assembly; it touches no memory.
#![allow(unsafe_code)]

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The counter now. It counts at a constant rate, the same on all cores; see [`tick_rate`].
#[inline]
pub fn ticks() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 processor has the instruction, and it only writes two registers.
    unsafe {
        core::arch::x86_64::_rdtsc()
    }
    #[cfg(target_arch = "aarch64")]
    {
        let ticks: u64;
        // SAFETY: the virtual counter is readable by user programs on Linux; no memory is used.
        unsafe {
            core::arch::asm!("mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack));
        }
        ticks
    }
}

/// Ticks in a second, measured once against the clock.
pub fn tick_rate() -> f64 {
    static RATE: OnceLock<f64> = OnceLock::new();
    *RATE.get_or_init(|| {
        // The longest of three: being interrupted between the two readings only ever shortens one.
        (0..3).map(|_| rate_over(Duration::from_millis(20))).fold(0.0, f64::max)
    })
}

fn rate_over(span: Duration) -> f64 {
    let (clock, counter) = (Instant::now(), ticks());
    while clock.elapsed() < span {
        std::hint::spin_loop();
    }
    let counted = ticks().wrapping_sub(counter);
    counted as f64 / clock.elapsed().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_runs_at_its_rate() {
        let before = ticks();
        std::thread::sleep(Duration::from_millis(50));
        let seconds = ticks().wrapping_sub(before) as f64 / tick_rate();
        assert!((0.045..5.0).contains(&seconds), "50 ms were {seconds} s");
    }
}
