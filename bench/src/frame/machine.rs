//! What the figures were measured on.

use serde::{Deserialize, Serialize};
use std::fs;

/// The machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// Its model.
    pub cpu: String,
    /// Cores this process may use.
    pub cores: usize,
    /// The operating system.
    pub kernel: String,
    /// All of it.
    pub memory_bytes: u64,
    /// Ticks of the counter in a second.
    pub tick_rate: f64,
}

impl Machine {
    /// This machine.
    pub fn this() -> Self {
        let name = rustix::system::uname();
        Self {
            cpu: cpu().unwrap_or_else(|| std::env::consts::ARCH.into()),
            cores: std::thread::available_parallelism().map_or(1, Into::into),
            kernel: format!(
                "{} {}",
                name.sysname().to_string_lossy(),
                name.release().to_string_lossy()
            ),
            memory_bytes: memory().unwrap_or(0),
            tick_rate: super::tick_rate(),
        }
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}, {} cores, {:.1} GiB, {}, {:.0} MHz ticks",
            self.cpu,
            self.cores,
            self.memory_bytes as f64 / f64::from(1 << 30),
            self.kernel,
            self.tick_rate / 1e6,
        )
    }
}

fn cpu() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().into())
}

fn memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}
