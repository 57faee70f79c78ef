//! The machine: kernel and memory.

use super::finding::Finding;
use super::privileges::{Capability, Privileges};
use rustix::process::{Resource, getrlimit};
use serde::Serialize;
use std::fs;

/// Oldest kernel with everything the drivers ask for: `AF_XDP` with need-wakeup and bound rings,
/// `SO_PREFER_BUSY_POLL`, sockets in namespaces of threads.
const OLDEST_KERNEL: (u32, u32) = (5, 11);
/// What a pool of the usual size (`--buffers`) locks when a device is told about it.
const POOL_BYTES: u64 = 4096 * packet::PAGE as u64;

/// What the machine is.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Machine {
    pub(super) architecture: &'static str,
    pub(super) kernel: String,
    /// Cores this process may use.
    pub(super) cores: usize,
    pub(super) memory_bytes: u64,
}

impl Machine {
    /// This one.
    pub(super) fn this() -> Self {
        Self {
            architecture: std::env::consts::ARCH,
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            cores: std::thread::available_parallelism().map_or(1, Into::into),
            memory_bytes: memory().unwrap_or(0),
        }
    }

    /// Whether the kernel is new enough.
    pub(super) fn kernel(&self) -> Finding {
        let (name, purpose) = ("kernel", "all drivers");
        let (major, minor) = OLDEST_KERNEL;
        match version(&self.kernel) {
            Some(found) if found < OLDEST_KERNEL => Finding::partly(
                name,
                purpose,
                format!("Linux {}", self.kernel),
                format!("drivers are made for Linux {major}.{minor} and newer; update the kernel"),
            ),
            _ => Finding::yes(name, purpose, format!("Linux {}", self.kernel)),
        }
    }
}

/// `6.18.44-x` is 6.18.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// How much memory may be locked, which is what a device that is told about a pool does.
pub(super) fn locked_memory(privileges: &Privileges) -> Finding {
    let (name, purpose) = ("locked memory", "pools that AF_XDP is told about");
    if privileges.has(Capability::IpcLock) {
        return Finding::yes(name, purpose, "no limit, by CAP_IPC_LOCK");
    }
    let limit = getrlimit(Resource::Memlock).current;
    match limit {
        None => Finding::yes(name, purpose, "no limit"),
        Some(bytes) if bytes >= POOL_BYTES => Finding::yes(name, purpose, size(bytes)),
        Some(bytes) => Finding::partly(
            name,
            purpose,
            format!("{}, which is {} buffers", size(bytes), bytes / packet::PAGE as u64),
            "raise it in this shell: ulimit -l unlimited; or give --buffers less",
        ),
    }
}

/// Huge pages that somebody has set aside.
pub(super) fn huge_pages() -> Finding {
    let (name, purpose) = ("huge pages", "regions of huge pages, for `bench pages` and DPDK");
    let way = "set some aside: sudo sysctl vm.nr_hugepages=1024";
    let folder = "/sys/kernel/mm/hugepages/hugepages-2048kB";
    let number = |file: &str| -> Option<u64> {
        fs::read_to_string(format!("{folder}/{file}")).ok()?.trim().parse().ok()
    };
    match (number("free_hugepages"), number("nr_hugepages")) {
        (Some(0), Some(0)) => Finding::no(name, purpose, "none are set aside", way),
        (Some(free), Some(all)) if free > 0 => {
            Finding::yes(name, purpose, format!("{free} of {all} are free, of 2 MiB each"))
        }
        (Some(_), Some(all)) => {
            Finding::partly(name, purpose, format!("all {all} are in use"), way)
        }
        _ => Finding::no(
            name,
            purpose,
            format!("{folder} is not there"),
            "the kernel must be built with CONFIG_HUGETLBFS; nothing needs it",
        ),
    }
}

/// Bytes, for people.
pub(super) fn size(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match units.iter().find(|(_, shift)| bytes >> shift > 0) {
        Some((unit, shift)) => format!("{:.1} {unit}", bytes as f64 / f64::from(1 << shift)),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_have_versions() {
        assert_eq!(version("6.18.44-fc-v657"), Some((6, 18)));
        assert_eq!(version("5.4"), Some((5, 4)));
        assert_eq!(version("odd"), None);
        let old = Machine { kernel: "4.19.0-amd64".into(), ..Machine::this() };
        assert!(old.kernel().way.is_some_and(|way| way.contains("5.11")));
    }

    #[test]
    fn sizes() {
        assert_eq!(size(8 << 20), "8.0 MiB");
        assert_eq!(size(512), "512 bytes");
    }
}
